package bus

import (
	"bytes"
	"fmt"
)

// ReadRegisters fills p from register reg of the chip at the slot, and from
// those after it, in one transaction: write the register's number, repeated
// start, read. On error p holds nothing of use.
func (s *Slot) ReadRegisters(reg byte, p []byte) error {
	if err := s.I2C.Tx(s.Addr, []byte{reg}, p); err != nil {
		return fmt.Errorf("read register 0x%02X: %w", reg, err)
	}
	return nil
}

// ReadRegistersTwice is ReadRegisters for a chip that sends no checksum: it
// reads twice, and refuses what differs, and what is all 0x00 or all 0xFF, as a
// bus shows that nobody drives. It is for registers that do not change
// meanwhile and are never all alike: calibration, the result of a measurement
// that has ended.
func (s *Slot) ReadRegistersTwice(reg byte, p []byte) error {
	if err := s.ReadRegistersSame(reg, p); err != nil {
		return err
	}
	for _, v := range []byte{0x00, 0xFF} {
		if bytes.Count(p, []byte{v}) == len(p) {
			return fmt.Errorf("registers from 0x%02X are all 0x%02X: nothing drives the bus", reg, v)
		}
	}
	return nil
}

// ReadRegistersSame is ReadRegistersTwice for what may be all zeros or ones, as
// light is in the dark: it only refuses what differs. That somebody drives the
// bus has to be known from another register.
func (s *Slot) ReadRegistersSame(reg byte, p []byte) error {
	if err := s.ReadRegisters(reg, p); err != nil {
		return err
	}
	again := make([]byte, len(p))
	if err := s.ReadRegisters(reg, again); err != nil {
		return err
	}
	if !bytes.Equal(p, again) {
		return fmt.Errorf("registers from 0x%02X are % X and then % X: the transmission is disturbed", reg, p, again)
	}
	return nil
}

// ReadWord returns registers reg and reg+1, the first most significant; of a
// chip with registers of 16 bits, register reg.
func (s *Slot) ReadWord(reg byte) (uint16, error) {
	var b [2]byte
	if err := s.ReadRegisters(reg, b[:]); err != nil {
		return 0, err
	}
	return uint16(b[0])<<8 | uint16(b[1]), nil
}

// ReadWordTwice is ReadWord for a chip that sends no checksum and a register
// that does not change meanwhile: it reads twice and refuses what differs. Any
// number may be a result, 0x0000 and 0xFFFF, too: that somebody drives the bus
// has to be known from another register.
func (s *Slot) ReadWordTwice(reg byte) (uint16, error) {
	v, err := s.ReadWord(reg)
	if err != nil {
		return 0, err
	}
	again, err := s.ReadWord(reg)
	if err != nil {
		return 0, err
	}
	if v != again {
		return 0, fmt.Errorf("register 0x%02X is 0x%04X and then 0x%04X: the transmission is disturbed", reg, v, again)
	}
	return v, nil
}

// WriteWord writes v to register reg of a chip with registers of 16 bits, most
// significant byte first.
func (s *Slot) WriteWord(reg byte, v uint16) error {
	if err := s.I2C.Tx(s.Addr, []byte{reg, byte(v >> 8), byte(v)}, nil); err != nil {
		return fmt.Errorf("write 0x%04X to register 0x%02X: %w", v, reg, err)
	}
	return nil
}

// WriteRegister writes v to register reg of the chip at the slot.
func (s *Slot) WriteRegister(reg, v byte) error {
	if err := s.I2C.Tx(s.Addr, []byte{reg, v}, nil); err != nil {
		return fmt.Errorf("write 0x%02X to register 0x%02X: %w", v, reg, err)
	}
	return nil
}

// WriteRegisters writes p to register reg of the chip at the slot, and to
// those after it, in one transaction.
func (s *Slot) WriteRegisters(reg byte, p []byte) error {
	if err := s.I2C.Tx(s.Addr, append([]byte{reg}, p...), nil); err != nil {
		return fmt.Errorf("write % X to registers from 0x%02X: %w", p, reg, err)
	}
	return nil
}

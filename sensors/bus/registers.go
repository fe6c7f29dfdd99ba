package bus

import "fmt"

// ReadRegisters fills p from register reg of the chip at the slot, and from
// those after it, in one transaction: write the register's number, repeated
// start, read. On error p holds nothing of use.
func (s *Slot) ReadRegisters(reg byte, p []byte) error {
	if err := s.I2C.Tx(s.Addr, []byte{reg}, p); err != nil {
		return fmt.Errorf("read register 0x%02X: %w", reg, err)
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

// Vishay VEML7700: illuminance.
//
//	chip       VEML7700; the VEML6030 is the same in another package
//	bus        I²C up to 400 kHz
//	addresses  0x10; the VEML6030 has 0x48, too
//	datasheet  Vishay 84286, rev. 1.7 of 29-Nov-2023; application note 84323
//	checksum   none
//
// Registers have 16 bits, the least significant byte first. The chip is woken
// for a measurement and read twice in the middle of its third integration, when
// the result does not change. After one integration alone, some still show the
// result of before.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, datasheet table 1.
const (
	veml7700Conf = 0x00
	veml7700Save = 0x03 // power saving mode
	veml7700ALS  = 0x04
	veml7700ID   = 0x07 // in newer datasheets only
)

const (
	veml7700ShutDown = 1 << 0 // ALS_CONF: SD
	veml7700IsVEML   = 0x81   // lower byte of ID
	veml7700At10     = 0xC4   // upper byte of ID, of a chip with address 0x10
	veml7700At48     = 0xD4   // and with address 0x48
)

// veml7700Range is how sensitive the chip is.
type veml7700Range struct {
	conf      uint16        // ALS_CONF: ALS_GAIN in bits 12 and 11, ALS_IT in 9 to 6
	integrate time.Duration // what ALS_IT means
	lux       float64       // of one count: 0.0042 lx with gain 2 and 800 ms, else more in proportion
	few, many int           // counts that another range is better for
}

// veml7700Ranges are chosen from, the most sensitive first: up to 84, 1344,
// 5376 and 23 900 lx, corrected 137 800. Gains of 1 and 2 are for less than 100 lx, and with
// 10 000 counts or more another range is better. Application note, section
// "Resolution and gain settings". One is left for the next if that would have
// less than 5000.
var veml7700Ranges = []veml7700Range{
	{1<<11 | 2<<6, 400 * time.Millisecond, 0.0084, 0, 10000},    // gain 2
	{3<<11 | 1<<6, 200 * time.Millisecond, 0.1344, 312, 10000},  // gain 1/4
	{2<<11 | 0<<6, 100 * time.Millisecond, 0.5376, 1250, 10000}, // gain 1/8
	{2<<11 | 12<<6, 25 * time.Millisecond, 2.1504, 1250, 11100}, // gain 1/8
}

// veml7700Wake is how long the chip takes from shut-down to its first
// integration: 2.5 ms.
const veml7700Wake = 4 * time.Millisecond

var _ = register(Driver{
	Name:      "veml7700",
	Aliases:   []string{"veml6030"},
	Title:     "Vishay VEML7700 illuminance",
	Datasheet: "Vishay 84286, rev. 1.7, and application note 84323",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x10, 0x48},
	MinPeriod: 2 * time.Second, // in the dark a measurement takes almost as long
	Channels: []Channel{
		{Quantity: reading.Illuminance, Min: 0, Max: 140000, Decimals: 2},
	},
	Wiring: "VCC to 3.3 V, not 5 V: the chip bears 3.6 V at most.",
	Notes: "Above 1000 lx the chip shows too little, which is corrected by its maker's formula. " +
		"Below 1000 lx, other software shows one seventh less if it was written from datasheets of before November 2023, which were wrong.",
	Open:  openVEML7700,
	Probe: probeVEML7700,
})

type veml7700 struct {
	slot *bus.Slot
	at   int // the range that was used last
}

// openVEML7700 shuts the chip down, without saving power, which would make it
// slower. It has no identity that all of its kind show, so it is known by
// keeping what is written to it.
func openVEML7700(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &veml7700{slot, 2}
	if err := s.write(veml7700Save, 0); err != nil {
		return nil, fmt.Errorf("veml7700: %w", err)
	}
	if err := s.configure(veml7700Ranges[s.at].conf | veml7700ShutDown); err != nil {
		return nil, fmt.Errorf("veml7700: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is the illuminance in lx.
func (s *veml7700) Measure(ctx context.Context, out []float64) error {
	var lux float64
	at, err := autorange(s.at, len(veml7700Ranges), func(at int) (int, error) {
		r := veml7700Ranges[at]
		count, err := s.convert(ctx, r)
		lux = r.illuminance(count)
		return betterRange(int(count), r.few, r.many), err
	})
	s.at = at
	if err != nil {
		return fmt.Errorf("veml7700: measurement of register 0x%02X (ALS): %w", veml7700ALS, err)
	}
	out[0] = lux
	return nil
}

// convert takes one measurement. The settings are looked at once more after it:
// a chip that has lost its power by then shows the dark.
func (s *veml7700) convert(ctx context.Context, r veml7700Range) (uint16, error) {
	if err := s.configure(r.conf); err != nil {
		return 0, err
	}
	if err := bus.Wait(ctx, veml7700Wake+r.integrate*5/2); err != nil {
		return 0, fmt.Errorf("wait for register 0x%02X (ALS): %w", veml7700ALS, err)
	}
	var als [2]byte
	if err := s.slot.ReadRegistersSame(veml7700ALS, als[:]); err != nil {
		return 0, err
	}
	if err := s.configured(r.conf); err != nil {
		return 0, err
	}
	if err := s.write(veml7700Conf, r.conf|veml7700ShutDown); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(als[:]), nil
}

// configure writes ALS_CONF, and reads it: with another setting than it
// should have, the chip would be believed.
func (s *veml7700) configure(conf uint16) error {
	if err := s.write(veml7700Conf, conf); err != nil {
		return err
	}
	return s.configured(conf)
}

// configured makes sure that ALS_CONF is as it was written.
func (s *veml7700) configured(conf uint16) error {
	var b [2]byte
	if err := s.slot.ReadRegisters(veml7700Conf, b[:]); err != nil {
		return err
	}
	if got := binary.LittleEndian.Uint16(b[:]); got != conf {
		return fmt.Errorf("register 0x%02X (ALS_CONF) is 0x%04X, where 0x%04X was written: %s", veml7700Conf, got, conf, lostSettings)
	}
	return nil
}

func (s *veml7700) write(reg byte, v uint16) error {
	return s.slot.WriteRegisters(reg, []byte{byte(v), byte(v >> 8)})
}

// illuminance returns the illuminance in lx of a count. With low gain the chip
// is not linear above 1000 lx: application note, section "Calculating the lux
// level".
func (r veml7700Range) illuminance(count uint16) float64 {
	x := float64(count) * r.lux
	if lowGain := r.conf>>12&1 == 1; !lowGain || x <= 1000 {
		return x
	}
	return veml7700Correct(x)
}

// veml7700Correct is the application note's polynomial. It makes 137 800 lx of
// 23 900, and soon nonsense of more: there the range ends.
func veml7700Correct(x float64) float64 {
	return x * (1.0023 + x*(8.1488e-5+x*(-9.3924e-9+x*6.0135e-13)))
}

// probeVEML7700 reads the identity, which older chips may not have. It holds
// the address, too.
func probeVEML7700(ctx context.Context, slot *bus.Slot) (Found, error) {
	var id [2]byte
	if err := slot.ReadRegistersTwice(veml7700ID, id[:]); err != nil {
		return Found{}, err
	}
	if id[0] != veml7700IsVEML {
		return Found{}, fmt.Errorf("register 0x%02X (ID) is 0x%02X in place of 0x%02X: this is another chip", veml7700ID, id[0], veml7700IsVEML)
	}
	if id[1] != veml7700At10 && id[1] != veml7700At48 {
		return Found{Model: "VEML7700", Note: fmt.Sprintf("its ID is 0x%02X%02X, which is new to the gateway", id[1], id[0])}, nil
	}
	return Found{Model: "VEML7700", Certain: true}, nil
}

// Texas Instruments INA260: voltage, current and power of a direct current,
// with its shunt inside.
//
//	chip       INA260
//	bus        I²C up to 400 kHz and more
//	addresses  0x40 to 0x4F (A0, A1)
//	datasheet  Texas Instruments INA260, SBOS656
//	checksum   none
//
// Like an INA226, see there; register 1 holds the current. The chip's own
// power is without a sign and in steps of 10 mW, so it is calculated here.

package driver

import (
	"context"
	"fmt"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Identity, section 8.6, and scales.
const (
	ina260Chip  = 0x2270
	ina260Fixed = 6 << 12 // config: always 1

	ina260CurrentStep = 1.25e-3 // A
	ina260BusStep     = 1.25e-3 // V
)

var _ = register(Driver{
	Name:      "ina260",
	Title:     "Texas Instruments INA260 voltage, current and power",
	Datasheet: "Texas Instruments INA260, SBOS656C (registers confirmed, steps from memory)",
	Bus:       bus.I2C,
	Addrs: []uint16{
		0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
	},
	Channels: []Channel{ // section 7.1: 15 A continuously
		{Quantity: reading.Voltage, Min: 0, Max: 36, Decimals: 3},
		{Quantity: reading.Current, Min: -15, Max: 15, Decimals: 3},
		{Quantity: reading.Power, Min: -540, Max: 540, Decimals: 3},
	},
	Wiring: "The current flows from IN+ to IN−; the voltage is that of VBUS against GND, to be joined to the load's side, IN−. At most 36 V and 15 A.",
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		s := &ina260{inaChip{slot: slot, name: "ina260", fixed: ina260Fixed, die: ina260Chip}}
		if err := s.open(ctx); err != nil {
			return nil, err
		}
		return s, nil
	},
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := identifyINA(slot, ina260Chip); err != nil {
			return Found{}, err
		}
		return Found{Model: "INA260", Certain: true}, nil
	},
})

type ina260 struct{ inaChip }

// Measure implements [Sensor]: out is the bus voltage in V, current in A,
// power in W.
func (s *ina260) Measure(ctx context.Context, out []float64) error {
	current, volts, err := s.convert(ctx)
	if err != nil {
		return fmt.Errorf("ina260: %w", err)
	}
	u, i := ina260Values(current, volts)
	out[0], out[1], out[2] = u, i, u*i
	return nil
}

// ina260Values returns the voltage in V and the current in A, of the registers
// 1 and 2. Sections 8.6.2 and 8.6.3.
func ina260Values(current, volts uint16) (u, i float64) {
	return float64(int16(volts)) * ina260BusStep, float64(int16(current)) * ina260CurrentStep
}

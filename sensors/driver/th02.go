// HopeRF TH02 and Silicon Labs Si7005: temperature and relative humidity.
//
//	chip       TH02, which is a Si7005; on Grove's "Temperature & Humidity Sensor (High-Accuracy) v1.0"
//	bus        I²C up to 400 kHz
//	address    0x40
//	datasheet  Silicon Labs Si7005, rev. 1.2; HopeRF TH02, V1.1
//	checksum   none
//
// Without a checksum a result is read twice: it stays until the next
// conversion.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, Si7005 section 4.
const (
	th02Status = 0x00
	th02Data   = 0x01 // two of them
	th02Config = 0x03
	th02ID     = 0x11

	th02NotReady = 1 << 0 // status
	th02Start    = 1 << 0 // config
	th02Celsius  = 1 << 4 // config: temperature in place of humidity
	th02IsSi7005 = 0x50   // id

	th02Convert = 40 * time.Millisecond // section 2, table 2: at most
)

var _ = register(Driver{
	Name:      "th02",
	Aliases:   []string{"si7005"},
	Title:     "HopeRF TH02, Silicon Labs Si7005 temperature and humidity",
	Datasheet: "Silicon Labs Si7005, rev. 1.2; HopeRF TH02, V1.1 (registers, values and coefficients confirmed, longest times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x40},
	MinPeriod: 2 * time.Second, // else it warms itself
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Notes: "Its datasheet wants it without power while other chips of its bus are spoken to, which it disturbs: give it a bus of its own.",
	Open:  openTH02,
	Probe: probeTH02,
})

type th02 struct{ slot *bus.Slot }

func openTH02(_ context.Context, slot *bus.Slot) (Sensor, error) {
	if err := identifyTH02(slot); err != nil {
		return nil, fmt.Errorf("th02: %w", err)
	}
	return &th02{slot}, nil
}

func identifyTH02(slot *bus.Slot) error {
	var id [1]byte
	if err := slot.ReadRegisters(th02ID, id[:]); err != nil {
		return err
	}
	if id[0] != th02IsSi7005 {
		return fmt.Errorf("register 0x%02X (id) is 0x%02X in place of 0x%02X: this is another chip", th02ID, id[0], th02IsSi7005)
	}
	return nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *th02) Measure(ctx context.Context, out []float64) error {
	t, err := s.convert(ctx, th02Start|th02Celsius)
	if err != nil {
		return fmt.Errorf("th02: temperature: %w", err)
	}
	h, err := s.convert(ctx, th02Start)
	if err != nil {
		return fmt.Errorf("th02: humidity: %w", err)
	}
	out[0] = th02Temperature(t >> 2)
	out[1] = min(max(th02Linear(th02Humidity(h>>4), out[0]), 0), 100)
	return nil
}

// convert returns the data registers after a conversion.
func (s *th02) convert(ctx context.Context, config byte) (uint16, error) {
	if err := s.slot.WriteRegister(th02Config, config); err != nil {
		return 0, err
	}
	done := func(status byte) bool { return status&th02NotReady == 0 }
	if err := awaitRegister(ctx, s.slot, th02Convert, th02Status, "status", done); err != nil {
		return 0, err
	}
	var b [2]byte
	if err := s.slot.ReadRegistersTwice(th02Data, b[:]); err != nil {
		return 0, err
	}
	return uint16(b[0])<<8 | uint16(b[1]), nil
}

// th02Temperature returns the temperature in °C of a value of 14 bits. Si7005
// section 2.1.2.
func th02Temperature(v uint16) float64 { return float64(v)/32 - 50 }

// th02Humidity returns the relative humidity in % of a value of 12 bits,
// before linearization. Si7005 section 2.1.1.
func th02Humidity(v uint16) float64 { return float64(v)/16 - 24 }

// th02Linear corrects a humidity in % for the curve of the sensor, and for the
// temperature in °C. Si7005 sections 2.2 and 2.3, with the coefficients of
// tables 5 and 6.
func th02Linear(rh, t float64) float64 {
	const (
		a0, a1, a2 = -4.7844, 0.4008, -0.00393
		q0, q1     = 0.1973, 0.00237
	)
	linear := rh - (rh*rh*a2 + rh*a1 + a0)
	return linear + (t-30)*(linear*q1+q0)
}

func probeTH02(_ context.Context, slot *bus.Slot) (Found, error) {
	if err := identifyTH02(slot); err != nil {
		return Found{}, err
	}
	return Found{Model: "TH02 or Si7005", Certain: true}, nil
}

// HTU21D, SHT20, SHT21, SHT25, Si7021 and HTU20D: temperature and relative
// humidity.
//
//	chip       TE HTU21D, Sensirion SHT2x, Silicon Labs Si7021: one set of commands
//	bus        I²C up to 400 kHz; the commands that hold no clock
//	address    0x40
//	datasheet  TE HTU21D(F) HPC199_6; Sensirion SHT21, version 4; Silicon Labs Si7021-A20, rev. 1.2
//	checksum   CRC-8 of a value, with initial value 0
//
// With that initial value a bus held low has a right checksum: a frame of
// zeros is refused.

package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, SHT21 section 5.3.
const (
	htu21dTemperature = 0xF3 // without holding the clock
	htu21dHumidity    = 0xF5
	htu21dReadUser    = 0xE7
	htu21dWriteUser   = 0xE6
	htu21dReset       = 0xFE // does not turn off the heater

	// User register, SHT21 section 5.6.
	htu21dUserResolution = 1<<7 | 1<<0 // both 0 is the best
	htu21dUserHeater     = 1 << 2
)

// Times: those of the SHT21, section 5.4, which is the slowest, with a
// reserve.
const (
	htu21dConvertT  = 90 * time.Millisecond // 85 ms
	htu21dConvertRH = 32 * time.Millisecond // 29 ms
	htu21dResetTime = 16 * time.Millisecond // 15 ms
)

var _ = register(Driver{
	Name:      "htu21d",
	Aliases:   []string{"htu20d", "sht20", "sht21", "sht25", "si7020", "si7021"},
	Title:     "HTU21D/SHT20/SHT21/SHT25/Si7021 temperature and humidity",
	Datasheet: "TE HTU21D(F) HPC199_6; Sensirion SHT21, version 4; Silicon Labs Si7021-A20 (user register, formulas and times of HTU21D and Si7021 confirmed; times of the SHT21 from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x40},
	MinPeriod: time.Second, // SHT21 section 1.3: else it warms itself by 0.1 °C
	Channels: []Channel{
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Notes: "An HTU21D shows up to 0.15 % of humidity too much for each °C below 25 °C, and too little above: " +
		"its datasheet's compensation is left out, because the other chips need none.",
	Open:  openHTU21D,
	Probe: probeHTU21D,
})

type htu21d struct{ slot *bus.Slot }

// openHTU21D resets the chip, which gives it its best resolution, and turns
// off a heater that someone else has turned on.
func openHTU21D(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &htu21d{slot}
	if err := sendCommand(ctx, slot, htu21dResetTime, htu21dReset); err != nil {
		return nil, fmt.Errorf("htu21d: soft reset: %w", err)
	}
	var user [1]byte
	if err := slot.ReadRegistersSame(htu21dReadUser, user[:]); err != nil { // it has no checksum
		return nil, fmt.Errorf("htu21d: user register: %w", err)
	}
	// Its other bits are reserved, and are to be written as they were read.
	wanted := user[0] &^ (htu21dUserResolution | htu21dUserHeater)
	if wanted != user[0] {
		if err := slot.WriteRegister(htu21dWriteUser, wanted); err != nil {
			return nil, fmt.Errorf("htu21d: user register: %w", err)
		}
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *htu21d) Measure(ctx context.Context, out []float64) error {
	st, err := s.value(ctx, htu21dTemperature, htu21dConvertT)
	if err != nil {
		return fmt.Errorf("htu21d: temperature: %w", err)
	}
	srh, err := s.value(ctx, htu21dHumidity, htu21dConvertRH)
	if err != nil {
		return fmt.Errorf("htu21d: humidity: %w", err)
	}
	out[0], out[1] = htu21dCelsius(st), htu21dPercent(srh)
	return nil
}

// value takes a measurement with cmd.
func (s *htu21d) value(ctx context.Context, cmd byte, wait time.Duration) (uint16, error) {
	var frame [3]byte
	if err := askCommand(ctx, s.slot, wait, cmd, frame[:]); err != nil {
		return 0, err
	}
	v, err := parseHTU21D(frame)
	if err != nil {
		return 0, fmt.Errorf("answer to command 0x%02X: %w", cmd, err)
	}
	return v, nil
}

// parseHTU21D returns the signal in an answer, the two bits of status at its
// end set to 0. SHT21 sections 5.4 and 5.7.
func parseHTU21D(frame [3]byte) (uint16, error) {
	if frame == [3]byte{} {
		return 0, errors.New("00 00 00: the bus is held low")
	}
	if want := crc8From(0, frame[:2]); frame[2] != want {
		return 0, fmt.Errorf("% X has CRC 0x%02X in place of 0x%02X: the transmission is disturbed", frame, frame[2], want)
	}
	return (uint16(frame[0])<<8 | uint16(frame[1])) &^ 3, nil
}

// htu21dCelsius returns the temperature in °C of a signal. SHT21 section 6.2.
func htu21dCelsius(st uint16) float64 { return -46.85 + 175.72*float64(st)/65536 }

// htu21dPercent returns the relative humidity in % of a signal, which can
// leave what is possible a little. SHT21 section 6.1.
func htu21dPercent(srh uint16) float64 {
	return min(max(-6+125*float64(srh)/65536, 0), 100)
}

// probeHTU21D takes a measurement of each kind: with two CRCs that hold it is
// one of the family. The serial number's commands have two bytes, which would
// be a write to other chips at the address: the PCA9685 of a servo board.
//
// Chips of Texas Instruments at the address have their maker in register 0xFE.
// Who has just looked for one has sent a soft reset to this chip.
func probeHTU21D(ctx context.Context, slot *bus.Slot) (Found, error) {
	s := &htu21d{slot}
	if err := bus.Wait(ctx, htu21dResetTime); err != nil {
		return Found{}, fmt.Errorf("wait for command 0x%02X: %w", htu21dReset, err)
	}
	st, err := s.value(ctx, htu21dTemperature, htu21dConvertT)
	if err != nil {
		return Found{}, err
	}
	if _, err := s.value(ctx, htu21dHumidity, htu21dConvertRH); err != nil {
		return Found{}, err
	}
	if t := htu21dCelsius(st); t < -40 || t > 125 {
		return Found{}, fmt.Errorf("the answer to command 0x%02X is %.2f °C: another chip", htu21dTemperature, t)
	}
	return Found{Model: "HTU21D, SHT21 or Si7021", Certain: true}, nil
}

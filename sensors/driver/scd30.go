// Sensirion SCD30: CO₂, temperature and relative humidity.
//
//	chip       SCD30, calibrated by its maker, and by itself (ASC)
//	bus        I²C up to 100 kHz; it holds the clock for up to 30 ms, once a day for 150 ms
//	address    0x61
//	datasheet  Sensirion SCD30 interface description, version 1.0
//	checksum   CRC-8 after every 16-bit word
//
// The chip measures by itself. Its settings are in a memory that wears out,
// and stay without power: it is asked for them, and told only what differs.
// An answer is read 3 ms after its command, in a transaction of its own, as
// the interface description wants it.

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 1.4. Those that set something ask for it without an
// argument.
const (
	scd30Start       = 0x0010 // with the air pressure in mbar, 0 if it is not known
	scd30Interval    = 0x4600 // s
	scd30Ready       = 0x0202
	scd30Read        = 0x0300
	scd30ASC         = 0x5306
	scd30Recalibrate = 0x5204 // with a reference in ppm
	scd30Offset      = 0x5403 // temperature offset, 0.01 °C
	scd30Altitude    = 0x5102 // m
	scd30Firmware    = 0xD100
)

const (
	scd30Pause = 5 * time.Millisecond // section 1.1: more than 3 ms
	scd30Warm  = 2 * time.Minute      // section 1.4.6: before a recalibration
	scd30Step  = 2                    // mbar: how far the pressure changes before it is told
)

var _ = register(Driver{
	Name:      "scd30",
	Title:     "Sensirion SCD30 CO₂, temperature and humidity",
	Datasheet: "Sensirion SCD30 interface description, version 1.0 (commands, values and bus confirmed; ranges and what a loss of power does from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x61},
	MinPeriod: 2 * time.Second,
	Channels: []Channel{ // datasheet section 1: output range; repeatability of 10 ppm, 0.1 °C and 0.1 %
		{Quantity: reading.CarbonDioxide, Min: 1, Max: 40000, Decimals: 0},
		{Quantity: reading.Temperature, Min: -40, Max: 70, Decimals: 1},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Options: []Option{
		{Name: "every", Type: Duration, Default: "2s", Min: 2, Max: 1800,
			Doc: "Time between two measurements of the chip, in whole seconds; longer saves power."},
		{Name: "asc", Type: Truth, Default: "true",
			Doc: "Whether the chip calibrates itself, for which it has to see fresh air for an hour a day."},
		{Name: "altitude", Type: Whole, Default: "0", Min: 0, Max: 3000,
			Doc: "Altitude in m, by which CO₂ is corrected as long as no sensor of air pressure is named."},
		{Name: "temperature_offset", Type: Number, Default: "0", Min: 0, Max: 20,
			Doc: "By how many °C the chip is warmer than the air, because of itself and its surroundings."},
	},
	Settings: []Setting{
		{Name: "reference", Min: 400, Max: 2000,
			Doc: "CO₂ in ppm of the air around the chip, in which it has measured for 2 minutes; it is calibrated by that for good."},
	},
	Wiring: "SEL stays open. On a Raspberry Pi, whose I²C copes badly with a held clock, set dtparam=i2c_arm_baudrate=50000 " +
		"in /boot/firmware/config.txt.",
	Notes: "With asc on, the lowest CO₂ of some days is taken for the 400 ppm of fresh air: switch it off where windows stay shut, " +
		"or readings become too low. Name a sensor of air pressure to compensate by, or give the altitude: 100 m are about 1 % of the reading.",
	Open:  openSCD30,
	Probe: probeSCD30,
})

type scd30 struct {
	slot  *bus.Slot
	every time.Duration
	began time.Time // of measuring
	last  time.Time // something new was measured, or measuring began

	airPressure // of which CO₂ depends
}

func openSCD30(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	s := &scd30{slot: slot, every: o.duration("every").Truncate(time.Second), airPressure: unknownPressure()}
	if _, err := s.words(ctx, scd30Firmware, 1); err != nil {
		return nil, fmt.Errorf("scd30: firmware: %w", err)
	}
	if err := s.configure(ctx, o); err != nil {
		return nil, fmt.Errorf("scd30: configure: %w", err)
	}
	if err := sensirionCommand(ctx, slot, scd30Start, scd30Pause, 0); err != nil {
		return nil, fmt.Errorf("scd30: start measuring: %w", err)
	}
	s.began = time.Now()
	s.last = s.began
	return s, nil
}

// words sends cmd and reads n words of the answer.
func (s *scd30) words(ctx context.Context, cmd uint16, n int) ([]uint16, error) {
	return sensirionWords(ctx, s.slot, cmd, scd30Pause, n)
}

// configure sets what the options say, where it is not so already.
func (s *scd30) configure(ctx context.Context, o options) error {
	asc := uint16(0)
	if o.truth("asc") {
		asc = 1
	}
	for _, set := range []struct{ cmd, word uint16 }{
		{scd30Interval, uint16(s.every / time.Second)},
		{scd30ASC, asc},
		{scd30Altitude, uint16(o.whole("altitude"))},
		{scd30Offset, uint16(math.Round(100 * o.number("temperature_offset")))},
	} {
		is, err := s.words(ctx, set.cmd, 1)
		if err != nil {
			return err
		}
		if is[0] == set.word {
			continue
		}
		if err := sensirionCommand(ctx, s.slot, set.cmd, scd30Pause, set.word); err != nil {
			return err
		}
	}
	return nil
}

// Measure implements [Sensor]: out is CO₂ in ppm, temperature in °C, humidity
// in %. There is nothing new until the chip has measured again.
func (s *scd30) Measure(ctx context.Context, out []float64) error {
	if err := s.tellPressure(ctx); err != nil {
		return fmt.Errorf("scd30: air pressure: %w", err)
	}
	ready, err := s.words(ctx, scd30Ready, 1)
	if err != nil {
		return fmt.Errorf("scd30: %w", err)
	}
	if ready[0] != 1 {
		return s.nothing()
	}
	w, err := s.words(ctx, scd30Read, 6)
	if err != nil {
		return fmt.Errorf("scd30: measurement: %w", err)
	}
	co2, t, h, err := scd30Values(w)
	if err != nil {
		return fmt.Errorf("scd30: answer to command 0x%04X: %w", scd30Read, err)
	}
	if co2 == 0 {
		// Its first answers after power-on. It measures on by itself then, but
		// nothing says that it still knows the air pressure.
		s.told = math.NaN()
		return s.nothing()
	}
	s.last = time.Now()
	out[0], out[1], out[2] = co2, t, h
	return nil
}

// nothing is the error about a measurement that there is not. A chip that
// measures nothing for long is to be started anew.
func (s *scd30) nothing() error {
	if since := time.Since(s.last); since > 4*s.every+10*time.Second {
		return fmt.Errorf("scd30: by command 0x%04X nothing was measured for %v: it has stopped, or is broken",
			scd30Ready, since.Round(time.Second))
	}
	return ErrNothingNew
}

// tellPressure tells the chip the air pressure. Starting while it measures does
// nothing else. Section 1.4.1.
func (s *scd30) tellPressure(ctx context.Context) error {
	return s.tell(scd30Step, 700, 1400, func(mbar uint16) error {
		return sensirionCommand(ctx, s.slot, scd30Start, scd30Pause, mbar)
	})
}

// Set implements [Setter]: forced recalibration, section 1.4.6.
func (s *scd30) Set(ctx context.Context, _ string, ppm float64) error {
	if err := checkWarm(scd30Recalibrate, s.began, scd30Warm); err != nil {
		return fmt.Errorf("scd30: %w", err)
	}
	if err := sensirionCommand(ctx, s.slot, scd30Recalibrate, scd30Pause, uint16(math.Round(ppm))); err != nil {
		return fmt.Errorf("scd30: recalibrate: %w", err)
	}
	return nil
}

// scd30Values returns what six words mean: ppm, °C and %, each a float of 32
// bits, the upper half first. Section 1.5.
func scd30Values(w []uint16) (co2, t, h float64, err error) {
	var x [3]float64
	for i := range x {
		x[i] = float64(math.Float32frombits(uint32(w[2*i])<<16 | uint32(w[2*i+1])))
		if math.IsNaN(x[i]) || math.IsInf(x[i], 0) {
			return 0, 0, 0, errors.New("it is no number: the chip has not measured")
		}
	}
	return x[0], x[1], x[2], nil
}

func probeSCD30(ctx context.Context, slot *bus.Slot) (Found, error) {
	w, err := sensirionWords(ctx, slot, scd30Firmware, scd30Pause, 1)
	if err != nil {
		return Found{}, err
	}
	return Found{Model: "SCD30", Certain: true, Note: fmt.Sprintf("firmware %d.%d", w[0]>>8, w[0]&0xFF)}, nil
}

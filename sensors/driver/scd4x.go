// Sensirion SCD40, SCD41 and SCD43: CO₂, temperature and relative humidity.
//
//	chip       SCD4x, calibrated by its maker, and by itself (ASC)
//	bus        I²C up to 100 kHz
//	address    0x62
//	datasheet  Sensirion SCD4x, version 1.7
//	checksum   CRC-8 after every 16-bit word
//
// The chip measures by itself every 5 s. Meanwhile it can be told the air
// pressure; for every other setting it is stopped first. Settings live until
// the power goes: they are not written to its memory, which wears out.

package driver

import (
	"context"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 3.
const (
	scd4xStart       = 0x21B1 // periodic measurement
	scd4xStop        = 0x3F86
	scd4xReady       = 0xE4B8
	scd4xRead        = 0xEC05
	scd4xPressure    = 0xE000 // hPa, while it measures
	scd4xOffset      = 0x241D // temperature offset
	scd4xAltitude    = 0x2427 // m
	scd4xASC         = 0x2416
	scd4xRecalibrate = 0x362F // with a reference in ppm
	scd4xSerial      = 0x3682
	scd4xVariant     = 0x202F

	scd4xFailed = 0xFFFF // in answer to a recalibration
)

// Times, section 3.
const (
	scd4xShort           = 2 * time.Millisecond   // 1 ms
	scd4xStopTime        = 500 * time.Millisecond // section 3.5.3
	scd4xRecalibrateTime = 400 * time.Millisecond // section 3.7.1
	scd4xPeriod          = 5 * time.Second        // section 3.5.1
	scd4xLost            = 4 * scd4xPeriod        // without a measurement it has stopped
	scd4xWarm            = 3 * time.Minute        // section 3.7.1: before a recalibration
)

var _ = register(Driver{
	Name:      "scd4x",
	Aliases:   []string{"scd40", "scd41", "scd43"},
	Title:     "Sensirion SCD40/41/43 CO₂, temperature and humidity",
	Datasheet: "Sensirion SCD4x, version 1.7 (commands, times and values confirmed; SCD43 and ranges from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x62},
	MinPeriod: scd4xPeriod,
	Channels: []Channel{ // section 1: output range; repeatability of 10 ppm, 0.1 °C and 0.4 %
		{Quantity: reading.CarbonDioxide, Min: 1, Max: 40000, Decimals: 0},
		{Quantity: reading.Temperature, Min: -10, Max: 60, Decimals: 1},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Options: []Option{
		{Name: "asc", Type: Truth, Default: "true",
			Doc: "Whether the chip calibrates itself, for which it has to see fresh air once a week."},
		{Name: "altitude", Type: Whole, Default: "0", Min: 0, Max: 3000,
			Doc: "Altitude in m, by which CO₂ is corrected as long as no sensor of air pressure is named."},
		{Name: "temperature_offset", Type: Number, Default: "4", Min: 0, Max: 20,
			Doc: "By how many °C the chip is warmer than the air, because of itself and its surroundings."},
	},
	Settings: []Setting{
		{Name: "reference", Min: 400, Max: 2000,
			Doc: "CO₂ in ppm of the air around the chip, in which it has measured for 3 minutes; it is calibrated by that for good."},
	},
	Notes: "With asc on, the lowest CO₂ of each week is taken for the 400 ppm of fresh air: switch it off where windows stay shut, " +
		"or readings become too low. Name a sensor of air pressure to compensate by, or give the altitude: 100 m are about 1 % of the reading. " +
		"The chip warms itself; temperature_offset corrects that, and the humidity with it.",
	Open:  openSCD4x,
	Probe: probeSCD4x,
})

type scd4x struct {
	slot    *bus.Slot
	options options
	began   time.Time // of measuring
	last    time.Time // something new was measured, or measuring began

	airPressure // of which CO₂ depends
}

func openSCD4x(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &scd4x{slot: slot, options: slot.Options, airPressure: unknownPressure()}
	if err := sensirionCommand(ctx, slot, scd4xStop, scd4xStopTime); err != nil {
		return nil, fmt.Errorf("scd4x: stop measuring: %w", err)
	}
	if _, err := sensirionWords(ctx, slot, scd4xSerial, scd4xShort, 3); err != nil {
		return nil, fmt.Errorf("scd4x: serial number: %w", err)
	}
	if err := s.configure(ctx); err != nil {
		return nil, fmt.Errorf("scd4x: configure: %w", err)
	}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("scd4x: %w", err)
	}
	return s, nil
}

// configure sets what the options say, while the chip does not measure.
func (s *scd4x) configure(ctx context.Context) error {
	asc := uint16(0)
	if s.options.truth("asc") {
		asc = 1
	}
	for _, set := range []struct{ cmd, word uint16 }{
		{scd4xOffset, scd4xOffsetWord(s.options.number("temperature_offset"))},
		{scd4xAltitude, uint16(s.options.whole("altitude"))},
		{scd4xASC, asc},
	} {
		if err := sensirionCommand(ctx, s.slot, set.cmd, scd4xShort, set.word); err != nil {
			return err
		}
	}
	return nil
}

func (s *scd4x) start(ctx context.Context) error {
	if err := sensirionCommand(ctx, s.slot, scd4xStart, scd4xShort); err != nil {
		return fmt.Errorf("start measuring: %w", err)
	}
	s.began = time.Now()
	s.last = s.began
	return nil
}

// Measure implements [Sensor]: out is CO₂ in ppm, temperature in °C, humidity
// in %. There is nothing new until the chip has measured again.
func (s *scd4x) Measure(ctx context.Context, out []float64) error {
	if err := s.tellPressure(ctx); err != nil {
		return fmt.Errorf("scd4x: air pressure: %w", err)
	}
	ready, err := sensirionWords(ctx, s.slot, scd4xReady, scd4xShort, 1)
	if err != nil {
		return fmt.Errorf("scd4x: %w", err)
	}
	if ready[0]&0x07FF == 0 { // section 3.8.2
		return s.nothing()
	}
	w, err := sensirionWords(ctx, s.slot, scd4xRead, scd4xShort, 3)
	if err != nil {
		return fmt.Errorf("scd4x: measurement: %w", err)
	}
	if w[0] == 0 { // no air has none; the chip has not settled
		return s.nothing()
	}
	s.last = time.Now()
	out[0], out[1], out[2] = float64(w[0]), scd4xTemperature(w[1]), scd4xHumidity(w[2])
	return nil
}

// nothing is the error about a measurement that there is not: a chip that was
// without power for a moment measures nothing any more, and says so forever.
func (s *scd4x) nothing() error {
	if since := time.Since(s.last); since > scd4xLost {
		return fmt.Errorf("scd4x: by command 0x%04X nothing was measured for %v: it has lost its power, or is broken",
			scd4xReady, since.Round(time.Second))
	}
	return ErrNothingNew
}

// tellPressure tells the chip the air pressure. 1 hPa is 0.1 % of the reading.
// Section 3.6.5.
func (s *scd4x) tellPressure(ctx context.Context) error {
	return s.tell(1, 700, 1200, func(hPa uint16) error {
		return sensirionCommand(ctx, s.slot, scd4xPressure, scd4xShort, hPa)
	})
}

// Set implements [Setter]: forced recalibration, section 3.7.1. Whatever
// becomes of it, the chip measures afterwards.
func (s *scd4x) Set(ctx context.Context, _ string, ppm float64) error {
	if err := checkWarm(scd4xRecalibrate, s.began, scd4xWarm); err != nil {
		return fmt.Errorf("scd4x: %w", err)
	}
	if err := sensirionCommand(ctx, s.slot, scd4xStop, scd4xStopTime); err != nil {
		return fmt.Errorf("scd4x: stop measuring: %w", err)
	}
	w, err := sensirionWords(ctx, s.slot, scd4xRecalibrate, scd4xRecalibrateTime, 1, uint16(math.Round(ppm)))
	if err == nil && w[0] == scd4xFailed {
		err = fmt.Errorf("the answer to command 0x%04X is 0x%04X: the chip refuses", scd4xRecalibrate, w[0])
	}
	if again := s.start(ctx); again != nil && err == nil {
		err = again
	}
	if err != nil {
		return fmt.Errorf("scd4x: recalibrate: %w", err)
	}
	return nil
}

// scd4xTemperature returns the temperature in °C of a word. Section 3.5.2.
func scd4xTemperature(w uint16) float64 { return -45 + 175*float64(w)/65535 }

// scd4xHumidity returns the relative humidity in % of a word. Section 3.5.2.
func scd4xHumidity(w uint16) float64 { return 100 * float64(w) / 65535 }

// scd4xOffsetWord is an offset of temperature in °C as a word. Section 3.6.1.
func scd4xOffsetWord(t float64) uint16 { return uint16(math.Round(t * 65535 / 175)) }

// probeSCD4x reads the serial number, and what is possible while the chip
// measures for someone: whether it has.
func probeSCD4x(ctx context.Context, slot *bus.Slot) (Found, error) {
	if _, err := sensirionWords(ctx, slot, scd4xReady, scd4xShort, 1); err != nil {
		return Found{}, err
	}
	f := Found{Model: "SCD4x", Certain: true}
	w, err := sensirionWords(ctx, slot, scd4xSerial, scd4xShort, 3)
	if err != nil {
		f.Note = "it is measuring already"
		return f, nil
	}
	f.Serial = fmt.Sprintf("%04x%04x%04x", w[0], w[1], w[2])
	// The first SCD40 and SCD41 do not know this command.
	if w, err = sensirionWords(ctx, slot, scd4xVariant, scd4xShort, 1); err == nil {
		switch w[0] >> 12 {
		case 0:
			f.Model = "SCD40"
		case 1:
			f.Model = "SCD41"
		case 5:
			f.Model = "SCD43"
		}
	}
	return f, nil
}

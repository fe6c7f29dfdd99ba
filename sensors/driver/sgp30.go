// Sensirion SGP30: total volatile organic compounds, and the CO₂ equivalent
// that is estimated from hydrogen.
//
//	chip       SGP30
//	bus        I²C up to 400 kHz, no clock stretching
//	address    0x58
//	datasheet  Sensirion SGP30, version 0.93
//	checksum   CRC-8 after every 16-bit word
//
// What is published comes of an algorithm inside the chip, which has to be
// asked every second, and which learns its baseline in 12 hours. The baseline
// is kept here over restarts, for as long as the datasheet lets it count: 7
// days. The self-test is for the chip's maker: it ends the algorithm.

package driver

import (
	"context"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, table 10.
const (
	sgp30Init        = 0x2003 // begins the algorithm anew, without a baseline
	sgp30Measure     = 0x2008 // CO₂ equivalent, TVOC
	sgp30Baseline    = 0x2015 // CO₂ equivalent, TVOC
	sgp30SetBaseline = 0x201E // TVOC, CO₂ equivalent: the other way round
	sgp30Humidity    = 0x2061 // absolute humidity, 1/256 g/m³, 0 for none
	sgp30Features    = 0x202F
	sgp30Serial      = 0x3682
)

// Times, table 10 and section 6.3.
const (
	sgp30Short   = 12 * time.Millisecond // 10 ms
	sgp30Convert = 14 * time.Millisecond // 12 ms
	sgp30Warm    = 15 * time.Second      // it answers 400 ppm and 0 ppb meanwhile
	sgp30Learn   = 12 * time.Hour        // before a baseline of its own counts
	sgp30Look    = time.Minute           // how often the baseline is looked at
	sgp30Save    = time.Hour             // and how often saved
	sgp30Old     = 7 * 24 * time.Hour    // an older baseline does not count
	// A Raspberry Pi without a clock begins with the time that it saved last,
	// hourly, so a baseline can seem to be from the near future.
	sgp30Future = 2 * time.Hour
)

// sgp30Idle is what a chip answers while it is not warm, and without having
// been told to begin: 400 ppm and 0 ppb. Section 6.3.
var sgp30Idle = [2]uint16{400, 0}

var _ = register(Driver{
	Name:      "sgp30",
	Title:     "Sensirion SGP30 volatile organic compounds",
	Datasheet: "Sensirion SGP30, version 0.93 (commands and the first 15 s confirmed; ranges and what a loss of power does from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x58},
	// No MinPeriod: one of 1 s would skip a second whenever a measurement
	// begins a little late.
	Sample: time.Second, // section 6.3: or its baseline is wrong
	Channels: []Channel{ // table 1: output range
		{Quantity: reading.ECO2, Min: 400, Max: 60000, Decimals: 0},
		{Quantity: reading.VOCParts, Min: 0, Max: 60000, Decimals: 0},
	},
	Notes: "Nothing is measured in the first 15 s. Without a baseline that was saved in the last 7 days, values are rough for 12 hours, " +
		"in which it should see fresh air. The CO₂ equivalent is an estimate for rooms with people, not a measurement of CO₂. " +
		"Name a sensor of temperature and humidity to compensate by.",
	Open:  openSGP30,
	Probe: probeSGP30,
})

// sgp30State is what is kept over restarts.
type sgp30State struct {
	ECO2 uint16    `json:"eco2"`
	TVOC uint16    `json:"tvoc"`
	Time time.Time `json:"time"`
}

type sgp30 struct {
	slot   *bus.Slot
	began  time.Time // of the algorithm
	learnt bool      // its baseline counts, and is to be saved
	looked time.Time // at the baseline
	saved  time.Time

	baseline bool    // it has had one
	humidity float64 // g/m³, of the air; NaN is not known
	told     uint16  // what the chip was told of it
}

func openSGP30(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &sgp30{slot: slot, humidity: math.NaN()}
	if err := identifySGP30(ctx, slot); err != nil {
		return nil, fmt.Errorf("sgp30: %w", err)
	}
	if err := sensirionCommand(ctx, slot, sgp30Init, sgp30Short); err != nil {
		return nil, fmt.Errorf("sgp30: begin: %w", err)
	}
	s.began = time.Now()
	s.looked, s.saved = s.began, s.began
	if err := s.restore(ctx); err != nil {
		return nil, fmt.Errorf("sgp30: restore the baseline: %w", err)
	}
	return s, nil
}

// identifySGP30 refuses another product. Section 6.4: the upper four bits.
func identifySGP30(ctx context.Context, slot *bus.Slot) error {
	w, err := sensirionWords(ctx, slot, sgp30Features, sgp30Short, 1)
	if err != nil {
		return fmt.Errorf("feature set: %w", err)
	}
	if product := w[0] >> 12; product != 0 {
		return fmt.Errorf("the answer to command 0x%04X (feature set) is 0x%04X: product type %d in place of 0, this is another chip",
			sgp30Features, w[0], product)
	}
	return nil
}

// restore gives the chip the baseline that was saved, if that still counts.
// One that cannot be read is none: the chip learns another.
func (s *sgp30) restore(ctx context.Context) error {
	var was sgp30State
	if ok, err := s.slot.State.Load(&was); err != nil || !ok || was.ECO2 == 0 || was.TVOC == 0 {
		return nil
	}
	if age := time.Since(was.Time); age >= sgp30Old || age < -sgp30Future {
		return nil
	}
	s.learnt, s.baseline = true, true
	return sensirionCommand(ctx, s.slot, sgp30SetBaseline, sgp30Short, was.TVOC, was.ECO2)
}

// Compensate implements [Compensated].
func (s *sgp30) Compensate(a Ambient) { s.humidity = absoluteHumidity(a.Temperature, a.Humidity) }

// Measure implements [Sensor]: out is CO₂ equivalent in ppm, TVOC in ppb.
// There is nothing new until the chip is warm.
func (s *sgp30) Measure(ctx context.Context, out []float64) error {
	if err := s.tellHumidity(ctx); err != nil {
		return fmt.Errorf("sgp30: humidity: %w", err)
	}
	w, err := sensirionWords(ctx, s.slot, sgp30Measure, sgp30Convert, 2)
	if err != nil {
		return fmt.Errorf("sgp30: measurement: %w", err)
	}
	warm := time.Since(s.began) > sgp30Warm
	if warm && w[0] == sgp30Idle[0] && w[1] == sgp30Idle[1] {
		s.looked = time.Time{}
	}
	if err := s.keep(ctx); err != nil {
		return fmt.Errorf("sgp30: baseline: %w", err)
	}
	if !warm {
		return ErrNothingNew
	}
	out[0], out[1] = float64(w[0]), float64(w[1])
	return nil
}

// tellHumidity tells the chip the absolute humidity, if that is another by
// more than 0.2 g/m³, 2 % at 20 °C, or not known any more.
func (s *sgp30) tellHumidity(ctx context.Context) error {
	word := sgp30HumidityWord(s.humidity)
	if difference := math.Abs(float64(word) - float64(s.told)); difference < 0.2*256 && (word == 0) == (s.told == 0) {
		return nil
	}
	if err := sensirionCommand(ctx, s.slot, sgp30Humidity, sgp30Short, word); err != nil {
		return err
	}
	s.told = word
	return nil
}

// keep looks at the baseline from time to time, and saves it. A chip that has
// none any more has lost its power, and answers with sgp30Idle forever: with
// such an answer, which is also that of fresh air, it is looked at at once.
func (s *sgp30) keep(ctx context.Context) error {
	now := time.Now()
	if now.Sub(s.looked) < sgp30Look {
		return nil
	}
	w, err := sensirionWords(ctx, s.slot, sgp30Baseline, sgp30Short, 2)
	if err != nil {
		return err
	}
	s.looked = now
	if w[0] == 0 || w[1] == 0 {
		if s.baseline {
			return fmt.Errorf("the answer to command 0x%04X is %04X %04X: the chip has lost its power", sgp30Baseline, w[0], w[1])
		}
		return nil
	}
	s.baseline = true
	s.learnt = s.learnt || now.Sub(s.began) >= sgp30Learn
	if !s.learnt || now.Sub(s.saved) < sgp30Save {
		return nil
	}
	if err := s.slot.State.Save(sgp30State{ECO2: w[0], TVOC: w[1], Time: now.UTC()}); err != nil {
		return fmt.Errorf("save the answer to command 0x%04X: %w", sgp30Baseline, err)
	}
	s.saved = now
	return nil
}

// absoluteHumidity returns the absolute humidity in g/m³ of air with a
// temperature in °C and a relative humidity in %. Section 6.5, formula 1.
func absoluteHumidity(t, rh float64) float64 {
	return 216.7 * (rh / 100 * 6.112 * math.Exp(17.62*t/(243.12+t)) / (273.15 + t))
}

// sgp30HumidityWord returns an absolute humidity in g/m³ as a word, with 8
// bits after the point; 0, which means none, only if it is not known. Section
// 6.5.
func sgp30HumidityWord(x float64) uint16 {
	if math.IsNaN(x) {
		return 0
	}
	return uint16(min(max(math.Round(x*256), 1), 0xFFFF))
}

func probeSGP30(ctx context.Context, slot *bus.Slot) (Found, error) {
	if err := identifySGP30(ctx, slot); err != nil {
		return Found{}, err
	}
	w, err := sensirionWords(ctx, slot, sgp30Serial, sgp30Short, 3)
	if err != nil {
		return Found{}, err
	}
	return Found{Model: "SGP30", Serial: fmt.Sprintf("%04x%04x%04x", w[0], w[1], w[2]), Certain: true}, nil
}

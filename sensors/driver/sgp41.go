// Sensirion SGP41: volatile organic compounds and nitrogen oxides, as indices.
//
//	chip       SGP41, two heated metal oxides
//	bus        I²C up to 400 kHz, no clock stretching
//	addresses  0x59
//	datasheet  Sensirion SGP41, version 1.0
//	checksum   CRC-8 after every 16-bit word
//
// See sgp40.go for what it has in common with the SGP40. The NOx pixel is
// conditioned after power-up, for ten seconds and no longer: more would damage
// it. So whoever stops the program in these seconds has the heater turned off
// by the next Open, and Close does it, too.

package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, table 8: arguments as the SGP40's.
const (
	sgp41Condition = 0x2612 // one word: SRAW_VOC
	sgp41Measure   = 0x2619 // two words: SRAW_VOC and SRAW_NOX
)

const (
	sgp41Convert = 50 * time.Millisecond // table 8, of both
	// Conditioning lasts from the first command for it to the first of another
	// kind. This is half a second less than the ten it may last, for a clock
	// that ticks not quite every second.
	sgp41Conditioning = 9500 * time.Millisecond
)

var _ = register(Driver{
	Name:      "sgp41",
	Title:     "Sensirion SGP41 air quality (VOC and NOx index)",
	Datasheet: "Sensirion SGP41, version 1.0 (commands confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x59},
	Sample:    time.Second,
	Channels: []Channel{
		{Quantity: reading.VOCIndex, Min: 1, Max: 500},
		{Quantity: reading.NOxIndex, Min: 1, Max: 500},
		{Quantity: reading.Raw.Of("voc"), Min: 0, Max: 65535},
		{Quantity: reading.Raw.Of("nox"), Min: 0, Max: 65535},
	},
	Notes: sgp4xNotes + " The NOx index of usual air is 1; it takes some hours to learn what that is.",
	Open:  openSGP41,
	Probe: func(ctx context.Context, slot *bus.Slot) (Found, error) {
		return probeSGP4x(ctx, slot, "SGP41", sgp41Features)
	},
})

type sgp41 struct {
	sgp4x
	conditioned time.Time // when conditioning ends; zero if it has not begun
}

func openSGP41(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &sgp41{sgp4x: newSGP4x(slot, "sgp41")}
	s.nox = newGasIndex(&noxIndex)
	if err := s.begin(ctx, sgp41Features); err != nil {
		return nil, fmt.Errorf("sgp41: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is VOC index, NOx index and the raw signals
// they are of. There is nothing new as long as there are no indices.
func (s *sgp41) Measure(ctx context.Context, out []float64) error {
	if s.conditioned.IsZero() {
		s.conditioned = time.Now().Add(sgp41Conditioning)
	}
	if time.Now().Before(s.conditioned) {
		return s.condition(ctx)
	}
	w, err := sensirionWords(ctx, s.slot, sgp41Measure, sgp41Convert, 2, s.around()...)
	if err != nil {
		return fmt.Errorf("sgp41: measurement: %w", err)
	}
	voc, nox := s.voc.next(w[0]), s.nox.next(w[1])
	if voc == 0 || nox == 0 {
		return fmt.Errorf("sgp41: the first %d s after the heaters were turned on mean nothing: %w", gasIndexBlackout, ErrNothingNew)
	}
	if err := s.save(); err != nil {
		return err
	}
	out[0], out[1], out[2], out[3] = float64(voc), float64(nox), float64(w[0]), float64(w[1])
	return nil
}

// condition conditions the NOx pixel for another second. To both algorithms it
// is a second of their blackout.
func (s *sgp41) condition(ctx context.Context) error {
	w, err := sensirionWords(ctx, s.slot, sgp41Condition, sgp41Convert, 1, s.around()...)
	if err != nil {
		return fmt.Errorf("sgp41: conditioning: %w", err)
	}
	s.voc.next(w[0])
	s.nox.next(0)
	return fmt.Errorf("sgp41: it is being conditioned: %w", ErrNothingNew)
}

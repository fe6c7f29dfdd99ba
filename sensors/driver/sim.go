// Simulated sensors for people without hardware and for tests.
//
//	chip       none: a house that exists as a function of time
//	bus        none
//	values     a function of wall time, seed and profile, nothing else
//
// Two gateways with the same configuration show the same house, and one that
// was restarted goes on where time has gone on: its energy meter does not
// begin again. What a profile measures is in sim_profiles.go, the house it
// measures in sim_house.go.

package driver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gateway/sensors/bus"
)

var _ = register(Driver{
	Name:      "sim",
	Title:     "Simulated sensor",
	Datasheet: "none, its values are made up",
	Bus:       bus.None,
	Channels:  simChannels(simProfiles),
	Simulated: true,
	Options: []Option{
		{
			Name:    "profile",
			Doc:     "What it measures, and in what kind of room.",
			Default: "climate",
			Allowed: simProfileNames(simProfiles),
		},
		{
			Name:    "seed",
			Doc:     "A whole number from 0 that tells apart sensors of one profile.",
			Default: "0",
		},
		{
			Name:    "fail",
			Doc:     "When measuring fails: never, sometimes (1 to 2 min in every 10 min), always, or silent (it has nothing new for 3 to 4 min in every 10 min).",
			Default: "never",
			Allowed: []string{simFailNever, simFailSometimes, simFailAlways, simFailSilent},
		},
	},
	Open: openSim,
})

// The values of the option fail.
const (
	simFailNever     = "never"
	simFailSometimes = "sometimes"
	simFailAlways    = "always"
	simFailSilent    = "silent"
)

type sim struct {
	profile simProfile
	seed    simSeed
	fail    string
	offset  float64 // local standard time minus UTC, s
	heard   bool    // it was measured once
}

// openSim never fails but for options that Driver.Options does not allow: a
// sensor that will fail is there, and does not answer.
func openSim(_ context.Context, slot *bus.Slot) (Sensor, error) {
	profile, ok := simLookup(slot.Options["profile"])
	if !ok {
		return nil, fmt.Errorf("option profile %q: not one of %s",
			slot.Options["profile"], strings.Join(simProfileNames(simProfiles), ", "))
	}
	seed, err := strconv.ParseUint(slot.Options["seed"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("option seed %q: not a whole number from 0", slot.Options["seed"])
	}
	fail := slot.Options["fail"]
	switch fail {
	case simFailNever, simFailSometimes, simFailAlways, simFailSilent:
	default:
		return nil, fmt.Errorf("option fail %q: not one of %s, %s, %s, %s",
			fail, simFailNever, simFailSometimes, simFailAlways, simFailSilent)
	}
	return &sim{profile: profile, seed: simSeed(seed), fail: fail, offset: simOffset(time.Local)}, nil
}

// simOffset is what the zone adds to UTC in the winter of 2026, s. Taking one
// day for all keeps summer time out: twice a year it would move the house by
// an hour, and the energy meter backwards.
func simOffset(zone *time.Location) float64 {
	_, offset := time.Date(2026, time.January, 1, 0, 0, 0, 0, zone).Zone()
	return float64(offset)
}

// Channels implements [Channeler]: a profile has few of the driver's channels.
func (s *sim) Channels() []Channel { return s.profile.channels }

// Measure implements [Sensor]. It does not wait. One that fails or falls silent at
// times is heard first, so that it is there.
func (s *sim) Measure(_ context.Context, out []float64) error {
	err := s.MeasureAt(time.Now(), out)
	if err != nil && !s.heard && s.fail != simFailAlways {
		err = s.measure(simAt(s.seed, time.Now(), s.offset), out)
	}
	s.heard = s.heard || err == nil
	return err
}

// MeasureAt implements [Past].
func (s *sim) MeasureAt(t time.Time, out []float64) error {
	now := simAt(s.seed, t, s.offset)
	switch {
	case s.fail == simFailAlways, s.fail == simFailSometimes && now.within(60, 120):
		return errors.New("read measurement: no acknowledgement (simulated)")
	case s.fail == simFailSilent && now.within(180, 240):
		return ErrNothingNew
	}
	return s.measure(now, out)
}

func (s *sim) measure(now simMoment, out []float64) error {
	s.profile.measure(now, out)
	for i, c := range s.profile.channels {
		// The sum of everything that varies may leave what a chip can measure.
		out[i] = min(max(out[i], c.Min), c.Max)
	}
	return nil
}

// within reports whether m lies in an episode of failure. There is one of so many
// seconds in every ten minutes.
func (m simMoment) within(shortest, longest float64) bool {
	const slot = 600
	i, in := m.slot(slot)
	length := shortest + (longest-shortest)*m.seed.unit(simFailLength, i)
	start := (slot - longest) * m.seed.unit(simFailStart, i)
	return start <= in && in < start+length
}

package main

import (
	"context"
	"time"

	"gateway/cmd/gateway/internal/history"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// The simulated house has a past of a week, so that every page has something to
// show within seconds. It is what its sensors would have read, which go on with it,
// but for two things that charts are for: an outage, and a spike of one sample.

const (
	demoPast = 7 * 24 * time.Hour
	// demoRecent is for how long there is each reading; what is before that has one
	// every demoStep. It is what is made before the first live reading comes.
	demoRecent = 2 * time.Hour
	demoStep   = 30 * time.Second
	demoChunk  = 24 * time.Hour
)

// furnish makes the past of the house, unless there is one. It returns when the
// newest hours are there; the rest follows. The caller holds changing.
func (h *demoHouse) furnish() {
	if h.history == nil || h.hasPast() {
		return
	}
	ctx, cancel := context.WithCancel(h.ctx)
	h.mu.Lock()
	h.stop = cancel
	h.mu.Unlock()
	now := time.Now()
	recent := now.Add(-demoRecent)
	h.notePast()
	h.make(ctx, recent, now, 0)
	h.past.Go(func() {
		defer cancel()
		began := time.Now()
		for to := recent; to.After(now.Add(-demoPast)) && ctx.Err() == nil; to = to.Add(-demoChunk) {
			h.make(ctx, later(to.Add(-demoChunk), now.Add(-demoPast)), to, demoStep)
		}
		if ctx.Err() == nil {
			h.log.Info("the simulated house has a past of a week", "took", time.Since(began).Round(time.Millisecond).String())
		}
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// make makes a part of the past, with readings as often as the sensors have them,
// but not more often than step.
func (h *demoHouse) make(ctx context.Context, from, to time.Time, step time.Duration) {
	for _, c := range sensors.Demo().Sensors {
		if ctx.Err() != nil {
			return
		}
		if err := h.history.Remember(demoReadings(c, from, to, max(step, c.Interval))); err != nil {
			h.log.Warn("the simulated house has no past", "sensor", c.Name, "error", err)
			return
		}
	}
	if err := h.history.Flush(); err != nil {
		h.log.Warn("the past of the simulated house is not on disk", "error", err)
	}
}

// demoReadings is what a sensor of the house would have read.
func demoReadings(c sensors.SensorConfig, from, to time.Time, every time.Duration) func(yield func(reading.Reading) bool) {
	return func(yield func(reading.Reading) bool) {
		past, err := sensors.Past(history.Simulated, c, from, to, every)
		if err != nil {
			panic(err) // of the house, which a test holds
		}
		for r := range past {
			if demoOutage(r) {
				continue
			}
			demoSpike(&r, every)
			if !yield(r) {
				return
			}
		}
	}
}

// demoDay is the day, in UTC, on which something happens: the second of every three.
func demoDay(t time.Time) bool { return t.Unix()/86400%3 == 1 }

// demoOutage tells whether a reading is missing: nothing was heard of the bedroom
// for three hours.
func demoOutage(r reading.Reading) bool {
	hour := r.Time.UTC().Hour()
	return r.Path.Sensor() == "climate" && r.Path.Room() == "bedroom" && demoDay(r.Time) && hour >= 9 && hour < 12
}

// demoSpike makes one reading of the meter stand out: something large was switched
// on, for a moment.
func demoSpike(r *reading.Reading, every time.Duration) {
	t := r.Time.UTC()
	if r.Path.Sensor() != "power" || !demoDay(t) || t.Hour() != 18 || t.Minute() != 30 || time.Duration(t.Second())*time.Second >= every {
		return
	}
	for i, v := range r.Values {
		if v.Quantity == reading.Power {
			r.Values[i].Number = 11_340
		}
	}
}

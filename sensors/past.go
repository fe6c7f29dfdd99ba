package sensors

import (
	"context"
	"fmt"
	"iter"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// Past returns what a simulated sensor of a configuration would have published from
// a time on until before another one, so often: a house that is a function of time
// has a past, which goes on in what is read now. What it could not have read is
// missing. It is an error if the sensor is not one that is made up.
func Past(site string, c SensorConfig, from, to time.Time, every time.Duration) (iter.Seq[reading.Reading], error) {
	path, err := reading.NewPath(site, c.Room, c.Name)
	if err != nil {
		return nil, err
	}
	d, ok := driver.Lookup(c.Driver)
	if !ok || !d.Simulated || every <= 0 {
		return nil, fmt.Errorf("%s: driver %q has no past", path, c.Driver)
	}
	s, err := d.Open(context.Background(), &bus.Slot{Options: d.WithDefaults(c.Options)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	past, ok := s.(driver.Past)
	if !ok {
		return nil, fmt.Errorf("%s: driver %q has no past", path, c.Driver)
	}
	channels := d.Channels
	if own, ok := s.(driver.Channeler); ok {
		channels = own.Channels()
	}
	c.StaleAfter = 0 // its filters do not begin anew between two readings
	p, err := newPipeline(c, channels, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func(yield func(reading.Reading) bool) {
		out := make([]float64, len(channels))
		for t := from.Truncate(every); t.Before(to); t = t.Add(every) {
			if t.Before(from) || past.MeasureAt(t, out) != nil {
				continue
			}
			if values := p.run(out, t); len(values) > 0 && !yield(reading.Reading{Path: path, Time: t, Values: values, Simulated: true}) {
				return
			}
		}
	}, nil
}

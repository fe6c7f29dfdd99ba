package sensors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// SetRead is the name that every sensor has among what can be set: it is read
// at once, or as soon as its chip can measure again, whatever the value.
const SetRead = "read"

// UnknownSensorError is the error about a path that is no sensor of ours.
type UnknownSensorError struct{ Path reading.Path }

func (e *UnknownSensorError) Error() string { return fmt.Sprintf("there is no sensor %s", e.Path) }

// Set sets something of a sensor while it runs: one of its driver's Settings,
// or [SetRead]. It waits until that is done, which is when the bus is free.
// The sensor has to be one that can be read. Before Run it waits for that. It may
// be called concurrently.
func (s *Sensors) Set(ctx context.Context, path reading.Path, name string, value float64) error {
	all := s.all()
	i := slices.IndexFunc(all, func(d *device) bool { return d.path == path })
	if i < 0 {
		return &UnknownSensorError{path}
	}
	d := all[i]
	if err := d.settable(name, value); err != nil {
		return fmt.Errorf("set %s of %s: %w", name, path, err)
	}
	done := make(chan error, 1)
	d.line.ask(func(run context.Context) {
		d.whenIdle(func() {
			if ctx.Err() == nil { // or nobody waits for it any more, and has been told so
				done <- d.set(run, name, value)
			}
		})
	})
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-d.line.ended:
		select {
		case err = <-done:
		default:
			err = errStopped
		}
	}
	if err == nil {
		if err = d.state.write(); err != nil {
			err = fmt.Errorf("it is set, but would not outlive a power cut: %w", err)
		}
	}
	if err != nil {
		return fmt.Errorf("set %s of %s: %w", name, path, err)
	}
	return nil
}

var errStopped = errors.New("the sensors are not read any more")

// settable tells what is wrong with setting name to value.
func (d *device) settable(name string, value float64) error {
	if name == SetRead {
		return nil
	}
	names := []string{SetRead}
	for _, o := range d.driver.Settings {
		if o.Name != name {
			names = append(names, o.Name)
			continue
		}
		if !(o.Min <= value && value <= o.Max) {
			return fmt.Errorf("%v is out of range, %v to %v", value, o.Min, o.Max)
		}
		return nil
	}
	return fmt.Errorf("%s has no such thing; it has %s", d.driver.Name, strings.Join(names, ", "))
}

// set is Set on the line's goroutine.
func (d *device) set(ctx context.Context, name string, value float64) error {
	if name == SetRead {
		d.readNow()
		return nil
	}
	if d.sensor == nil {
		return errors.New("the sensor cannot be read now, so nothing can be set")
	}
	s, ok := d.sensor.(driver.Setter)
	if !ok {
		return fmt.Errorf("driver %s does not keep what its table says", d.driver.Name) // a programmer's error
	}
	if err := contain(d.driver.Name, func() error { return s.Set(ctx, name, value) }); err != nil {
		return err
	}
	d.log.Info("setting changed", "setting", name, "value", value)
	d.readNow() // so that people see it
	return nil
}

// readNow makes the device due as soon as its chip can measure again, and its
// reading one that is published.
func (d *device) readNow() {
	d.next, d.policy.published = time.Now(), nil
	if earliest := d.began.Add(d.driver.MinPeriod); d.next.Before(earliest) {
		d.next = earliest
	}
	d.line.due(d)
}

// whenIdle calls f now, or when the tick ends that the device is in.
func (d *device) whenIdle(f func()) {
	if d.busy {
		d.waiting = append(d.waiting, f)
		return
	}
	f()
}

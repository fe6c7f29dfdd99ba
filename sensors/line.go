package sensors

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// How often a failed measurement is tried within one tick, and the pause in
// between. One that took long, a timeout most likely, is not: others wait for
// the bus.
const (
	attempts     = 3
	attemptPause = 50 * time.Millisecond
	slowAttempt  = time.Second
)

// line is a physical bus and what is attached to it. Everything here belongs
// to the goroutine that runs it.
type line struct {
	kind    bus.Kind
	name    string // "i2c-1", "" for no bus
	deps    Deps
	devices []*device

	i2c i2c.BusCloser // nil while closed
}

// run reads the devices when they are due until ctx ends.
func (l *line) run(ctx context.Context) {
	defer l.close()
	for {
		d := slices.MinFunc(l.devices, func(a, b *device) int { return a.next.Compare(b.next) })
		if bus.Wait(ctx, time.Until(d.next)) != nil {
			return
		}
		r, err := l.read(ctx, d)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.failed(err)
			l.reopenIfDead()
			continue
		}
		d.succeeded(r)
	}
}

// reopenIfDead closes the bus when every device on it fails: the kernel's
// adapter may have to be opened anew.
func (l *line) reopenIfDead() {
	for _, d := range l.devices {
		if d.failures == 0 {
			return
		}
	}
	l.close()
}

// close gives back what is open, devices first.
func (l *line) close() {
	for _, d := range l.devices {
		d.closeSensor()
	}
	if l.i2c != nil {
		l.i2c.Close()
		l.i2c = nil
	}
}

// read takes one reading of d, in several attempts if need be. When it fails
// the sensor is closed: the chip may have lost its settings.
func (l *line) read(ctx context.Context, d *device) (r reading.Reading, err error) {
	for i := range attempts {
		if i > 0 && bus.Wait(ctx, attemptPause) != nil {
			break
		}
		began := time.Now()
		if r, err = l.attempt(ctx, d); err == nil {
			return r, nil
		}
		d.count(err)
		if ctx.Err() != nil || d.sensor == nil || time.Since(began) >= slowAttempt {
			break
		}
	}
	d.closeSensor()
	return reading.Reading{}, err
}

// attempt opens the sensor if it is closed, and measures once.
func (l *line) attempt(ctx context.Context, d *device) (reading.Reading, error) {
	if d.sensor == nil {
		if err := l.open(ctx, d); err != nil {
			return reading.Reading{}, err
		}
	}
	for i := range d.raw {
		d.raw[i] = math.NaN() // what a driver forgets to write is not plausible
	}
	began := time.Now()
	if err := contain(d.driver.Name, func() error { return d.sensor.Measure(ctx, d.raw) }); err != nil {
		return reading.Reading{}, err
	}
	values, err := process(d.channels, d.raw)
	if err != nil {
		return reading.Reading{}, err
	}
	return reading.Reading{Path: d.path, Time: began, Values: values, Simulated: d.driver.Simulated}, nil
}

func (l *line) open(ctx context.Context, d *device) error {
	slot, err := l.slot(d)
	if err != nil {
		return err
	}
	var s driver.Sensor
	err = contain(d.driver.Name, func() (err error) {
		s, err = d.driver.Open(ctx, slot)
		return err
	})
	if err != nil {
		return err
	}
	d.opened(s)
	return nil
}

// slot is what the driver of d is told.
func (l *line) slot(d *device) (*bus.Slot, error) {
	s := &bus.Slot{Name: l.name, Options: d.options}
	switch l.kind {
	case bus.I2C:
		if l.i2c == nil {
			b, err := l.deps.OpenI2C(l.name)
			if err != nil {
				return nil, err
			}
			l.i2c = b
		}
		s.I2C, s.Addr = l.i2c, d.cfg.Address
	case bus.OneWire:
		s.Root, s.ID = l.deps.Root, d.cfg.ID
	case bus.Sysfs:
		s.Root = l.deps.Root
	}
	return s, nil
}

// PanicError is the error of a driver that panicked.
type PanicError struct {
	Driver string
	Value  any
	Stack  []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("driver %s panicked: %v", e.Driver, e.Value)
}

// contain calls f, and makes an error of a panic.
func contain(name string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{name, v, debug.Stack()}
		}
	}()
	return f()
}

package sensors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// How often a failed measurement is tried within one tick, and the pause in
// between. One that took long, a timeout most likely, is not: others wait for
// the bus.
const (
	attempts     = 3
	attemptPause = 50 * time.Millisecond
	slowAttempt  = time.Second
)

// measurement is what a driver measured, before the pipeline: raw[i] is of the
// device's channels[i]. It is the device's until its next measurement.
type measurement struct {
	time     time.Time // of the measurement
	raw      []float64
	unsynced bool
	boot     string // that time is of
}

// wrongBoot is the boot that the time is of if it is wrong, "" if it is right.
func (m measurement) wrongBoot() string {
	if m.unsynced {
		return m.boot
	}
	return ""
}

// read takes one measurement of d that is plausible, in several attempts if
// need be. When it fails the sensor is closed: the chip may have lost its
// settings.
func (l *line) read(ctx context.Context, d *device) (m measurement, err error) {
	for i := range attempts {
		if i > 0 && bus.Wait(ctx, attemptPause) != nil {
			break
		}
		began := time.Now()
		m, err = l.attempt(ctx, d)
		if err == nil || errors.Is(err, driver.ErrNothingNew) {
			return m, err
		}
		if ctx.Err() != nil {
			break // interrupted, which is nobody's failure
		}
		d.count(err)
		if d.sensor == nil || time.Since(began) >= slowAttempt {
			break
		}
	}
	d.closeSensor()
	return measurement{}, err
}

// attempt opens the sensor if it is closed, and measures once.
func (l *line) attempt(ctx context.Context, d *device) (measurement, error) {
	if d.sensor == nil {
		if err := l.open(ctx, d); err != nil {
			return measurement{}, err
		}
	}
	for i := range d.raw {
		d.raw[i] = math.NaN() // what a driver forgets to write is not plausible
	}
	boot, synced := l.owner.clock.now()
	m := measurement{time: time.Now(), raw: d.raw, unsynced: !synced, boot: boot}
	if err := contain(d.driver.Name, func() error { return d.measure(ctx, &m) }); err != nil {
		return measurement{}, err
	}
	return m, plausible(d.channels, d.raw)
}

// measure asks the sensor, which is open. It may panic.
func (d *device) measure(ctx context.Context, m *measurement) error {
	if c, ok := d.sensor.(driver.Compensated); ok && d.ambient != nil {
		c.Compensate(d.ambient.around(m.time))
	}
	if err := d.sensor.Measure(ctx, m.raw); err != nil {
		return err
	}
	if t, ok := d.sensor.(driver.Timed); ok {
		if at, now := t.Measured(), time.Now(); at.After(now) {
			m.time = now // a clock that is ahead of ours: the reading would be current for too long
		} else if !at.IsZero() {
			m.time = at
		}
	}
	return nil
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
	if err := d.opened(s); err != nil {
		d.closeSensor()
		return err
	}
	return nil
}

// PanicError is the error about a driver that panicked.
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

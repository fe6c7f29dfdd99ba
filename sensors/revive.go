package sensors

import (
	"context"
	"slices"
	"time"

	"gateway/sensors/bus"
)

// When the power of a dead bus is switched off, for how long, and how often.
const (
	powerAfter = time.Minute
	powerOff   = 2 * time.Second
	powerEvery = 10 * time.Minute
)

// revive does what can be done when every device of a line fails: what they
// share is opened anew, for the kernel's adapter may be stuck, and a bus whose
// power can be switched is switched off for a moment.
func (l *line) revive(ctx context.Context) {
	now := time.Now()
	for _, d := range l.devices {
		if d.failures == 0 {
			return
		}
	}
	if l.deadSince.IsZero() {
		l.deadSince = now
		if len(l.devices) > 1 {
			l.owner.deps.Log.Warn("no sensor of the bus can be read; the bus is opened anew until one can", "bus", l.place.name, "sensors", len(l.devices))
		}
	}
	if slices.ContainsFunc(l.devices, func(d *device) bool { return d.busy }) {
		return // in the middle of an attempt; if that fails, too, it comes here
	}
	l.close()
	l.cyclePower(ctx, now)
}

// alive notes that a device of the line could be read. The others are then
// read at once: it was the bus that they were waiting for.
func (l *line) alive() {
	if l.deadSince.IsZero() {
		return
	}
	if len(l.devices) > 1 {
		l.owner.deps.Log.Info("the bus works again", "bus", l.place.name, "after", time.Since(l.deadSince).Round(time.Second).String())
	}
	l.deadSince = time.Time{}
	for _, d := range l.devices {
		if d.failures > 0 && !d.busy {
			d.next = time.Now()
			l.due(d)
		}
	}
}

// cyclePower takes the power from the chips of the line for a moment, if there
// is a switch for it and they have been silent for long.
func (l *line) cyclePower(ctx context.Context, now time.Time) {
	b, ok := l.owner.busCalled(l.place.name)
	if !ok || now.Sub(l.deadSince) < powerAfter || now.Sub(l.cycled) < powerEvery {
		return
	}
	l.cycled = now
	log := l.owner.deps.Log.With("bus", b.Name, "pin", b.PowerPin)
	if err := l.switchOffAndOn(ctx, b); err != nil {
		log.Error("the power of the bus cannot be switched", "error", err)
		return
	}
	log.Warn("the chips of the bus were without power for a moment, because none could be read")
}

// busCalled returns what the configuration says of a bus.
func (s *Sensors) busCalled(name string) (BusConfig, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.buses, func(b BusConfig) bool { return i2cName(b.Name) == name })
	if i < 0 {
		return BusConfig{}, false
	}
	return s.buses[i], true
}

// switchOffAndOn waits without letting go of the line: there is nothing to read
// meanwhile.
func (l *line) switchOffAndOn(ctx context.Context, b BusConfig) error {
	on := !b.PowerActiveLow
	out, err := l.owner.deps.Lines.Output(b.PowerPin, !on)
	if err != nil {
		return err
	}
	defer out.Close()
	err = bus.Wait(ctx, powerOff)
	if err2 := out.Set(on); err2 != nil {
		return err2 // the chips are without power: worse than being told to stop
	}
	return err
}

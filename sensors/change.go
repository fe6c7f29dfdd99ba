package sensors

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Changes are what [Sensors.Change] did, each in the order of the
// configuration.
type Changes struct {
	Added, Changed, Removed []reading.Path
}

// leavePatience is how long a sensor may take to end what it is doing. One
// whose driver hangs goes when the driver lets it.
const leavePatience = 10 * time.Second

// Change makes the sensors that are read those of another configuration, which
// is one that [Config.Validate] finds nothing wrong with. A sensor whose
// configuration is the same goes on as if nothing had happened, also beside
// others on its bus that come or go. One that is changed begins anew, with what
// it has saved; one that is removed is told to be offline, which is all that is
// said of it: see [Sensors.Removed].
//
// It waits for Run to begin and for sensors that are measuring. On an error
// nothing has changed. It may be called concurrently.
func (s *Sensors) Change(ctx context.Context, cfg Config) (Changes, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	select {
	case <-s.begun:
	case <-ctx.Done():
		return Changes{}, ctx.Err()
	}
	cfg = cfg.WithDefaults(s.deps.Hostname)
	p, err := s.plan(cfg)
	if err != nil {
		return Changes{}, err
	}
	s.letGo(p.leaving)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return Changes{}, errStopped
	}
	s.buses = cfg.Buses
	s.devices = p.all
	s.lines = slices.DeleteFunc(slices.Clone(s.lines), func(l *line) bool { return !p.used(l) })
	now := time.Now()
	for i, d := range p.all {
		if p.isNew(d) {
			d.begin(now, (d.cfg.Interval * time.Duration(i+1) / time.Duration(len(p.all))).Truncate(together))
			s.joinLocked(d)
		}
	}
	s.states.flush()
	s.states.only(pathsOf(p.all))
	s.look()
	return p.changes(), nil
}

// plan is what a Change is going to do.
type plan struct {
	all     []*device // in the order of the configuration
	kept    []*device // those of all that go on
	leaving []*device // those that do not
}

func (p *plan) isNew(d *device) bool { return !slices.Contains(p.kept, d) }

// used tells whether a line has a device that goes on.
func (p *plan) used(l *line) bool {
	return slices.ContainsFunc(p.kept, func(d *device) bool { return d.line == l })
}

// plan compares what is read with a configuration, defaults filled in.
func (s *Sensors) plan(cfg Config) (*plan, error) {
	old := s.all()
	p := &plan{kept: s.unchanged(old, cfg)}
	byTopic := make(map[string]*device)
	for i, c := range cfg.Sensors {
		topic := cfg.Site + "/" + c.Room + "/" + c.Name
		at := slices.IndexFunc(p.kept, func(d *device) bool { return d.path.String() == topic })
		var d *device
		if at >= 0 {
			d = p.kept[at]
		} else {
			var err error
			if d, err = newDevice(s, cfg.Site, c); err != nil {
				return nil, fmt.Errorf("sensors[%d]: %w", i, err)
			}
		}
		p.all = append(p.all, d)
		byTopic[topic] = d
	}
	for i, d := range p.all {
		from := d.cfg.CompensateFrom
		if from == "" || !p.isNew(d) {
			continue
		}
		other := byTopic[absolute(cfg.Site, from)]
		if other == nil {
			return nil, fmt.Errorf("sensors[%d].compensate_from: there is no sensor %s", i, from)
		}
		d.ambient = &ambientSource{other}
	}
	for _, d := range old {
		if p.isNew(d) {
			p.leaving = append(p.leaving, d)
		}
	}
	return p, nil
}

// unchanged returns the devices whose configuration is the same, and that of
// those by which they are compensated.
func (s *Sensors) unchanged(old []*device, cfg Config) []*device {
	var same []*device
	for _, d := range old {
		if slices.ContainsFunc(cfg.Sensors, func(c SensorConfig) bool {
			return d.path.String() == cfg.Site+"/"+c.Room+"/"+c.Name && reflect.DeepEqual(d.cfg, c)
		}) {
			same = append(same, d)
		}
	}
	for n := -1; n != len(same); {
		n = len(same)
		same = slices.DeleteFunc(same, func(d *device) bool {
			return d.ambient != nil && !slices.Contains(same, d.ambient.other)
		})
	}
	return same
}

// letGo ends the lives of devices, and returns when they have, or have had the
// time to.
func (s *Sensors) letGo(leaving []*device) {
	for _, d := range leaving {
		d.line.ask(func(context.Context) {
			d.gone = true
			if !d.busy { // or it sees so at the end of its tick
				d.next = time.Now()
				d.line.due(d)
			}
		})
	}
	patience := time.NewTimer(leavePatience)
	defer patience.Stop()
	late := false
	for _, d := range leaving {
		if !late {
			select {
			case <-d.left:
			case <-patience.C:
				late = true
			}
		}
		select {
		case <-d.left:
		default:
			d.log.Error("a driver hangs: the sensor goes when it ends")
		}
	}
}

// joinLocked has a device read by the line of its place, which begins with it
// if there is none.
func (s *Sensors) joinLocked(d *device) {
	p := placeOf(d)
	if i := slices.IndexFunc(s.lines, func(l *line) bool { return l.place == p }); i >= 0 {
		l := s.lines[i]
		d.line = l
		l.ask(func(ctx context.Context) { l.join(ctx, d) })
		return
	}
	l := newLine(s, p)
	l.devices, d.line = []*device{d}, l
	s.lines = append(slices.Clone(s.lines), l)
	s.runLine(l)
}

// join takes a device into a line that runs.
func (l *line) join(ctx context.Context, d *device) {
	if l.place.kind == bus.OneWire && len(l.devices) > 0 { // one conversion serves all that are due
		d.grid.origin, d.policy.grid.origin = l.devices[0].grid.origin, l.devices[0].policy.grid.origin
	}
	l.devices = append(slices.Clone(l.devices), d)
	l.begin(d, l.life(ctx, d))
}

// changes tells what was done, and says of those that are removed that they are
// offline.
func (p *plan) changes() (c Changes) {
	was := pathsOf(p.leaving)
	for _, d := range p.all {
		switch {
		case !p.isNew(d):
		case slices.Contains(was, d.path):
			c.Changed = append(c.Changed, d.path)
		default:
			c.Added = append(c.Added, d.path)
		}
	}
	is := pathsOf(p.all)
	for _, d := range p.leaving {
		if !slices.Contains(is, d.path) {
			d.setOffline()
			c.Removed = append(c.Removed, d.path)
		}
	}
	return c
}

func pathsOf(devices []*device) (all []reading.Path) {
	for _, d := range devices {
		all = append(all, d.path)
	}
	return all
}

package machine

import (
	"time"

	"gateway/sensors"
)

// Clock is the time of day of the machine.
type Clock struct {
	Time   time.Time
	Zone   string // "Asia/Seoul", or what the system calls it
	Offset int    // seconds east of UTC
	Synced bool   // it can be believed
	Why    string // why nobody knows, "" if it is known
}

// Clock asks whether the time of day can be believed.
func (m *Machine) Clock() Clock {
	now := time.Now()
	zone, offset := now.Zone()
	if name := time.Local.String(); name != "Local" && name != "" {
		zone = name
	} else if name := m.zoneName(); name != "" {
		zone = name
	}
	c := Clock{Time: now, Zone: zone, Offset: offset}
	synced, err := sensors.ClockSynced(m.root)
	c.Synced = synced
	if err != nil {
		c.Why = err.Error()
	}
	return c
}

// zoneName is what Debian has noted as the name of the zone.
func (m *Machine) zoneName() string { return m.text("etc/timezone") }

package dashboard

import (
	"cmp"
	"slices"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// The forms of /api/v1. Ages travel, not times, except for the gateway's own.

// Snapshot is all that is known.
type Snapshot struct {
	Gateway Gateway  `json:"gateway"`
	Sensors []Sensor `json:"sensors"` // by site, room and sensor
}

// Update is what has changed since the event before.
type Update struct {
	Sensors []Sensor `json:"sensors"` // whole, but without history
	Removed []string `json:"removed,omitempty"`
	Beat
}

// Beat says that nothing has changed with the sensors, and the line is up.
type Beat struct {
	Demo       bool             `json:"demo"`                  // as in Gateway
	Alarms     []string         `json:"alarms"`                // as in Gateway
	AlarmsSaid []answer.Failure `json:"alarms_said,omitempty"` // as in Gateway
	Bridges    []Bridge         `json:"bridges,omitempty"`     // as in Gateway
}

// Gateway is what the page says of the gateway.
type Gateway struct {
	Version    string           `json:"version"`
	Host       string           `json:"host"`
	Time       time.Time        `json:"time"`
	MQTT       []string         `json:"mqtt"`      // host:port
	WebSocket  []string         `json:"websocket"` // ws://host:port
	Demo       bool             `json:"demo"`
	Alarms     []string         `json:"alarms"`                // what needs a person, in words
	AlarmsSaid []answer.Failure `json:"alarms_said,omitempty"` // the same, for a page in another language
	Bridges    []Bridge         `json:"bridges,omitempty"`
}

// Bridge is one bridge to an upstream broker. Ages are -1 for what never was.
type Bridge struct {
	Name        string          `json:"name"`
	Address     string          `json:"address"`
	Connected   bool            `json:"connected"`
	SinceMS     int64           `json:"since_ms"`
	Paused      string          `json:"paused"`                // why there is no connection by plan, "" if there is to be one
	PausedSaid  *answer.Failure `json:"paused_said,omitempty"` // the same, for a page in another language
	Waiting     int             `json:"waiting"`               // messages that the upstream has not acknowledged
	Bytes       int64           `json:"bytes"`                 // of them
	OldestMS    int64           `json:"oldest_ms"`
	LastAckMS   int64           `json:"last_ack_ms"`
	Rate        float64         `json:"rate"`            // messages a second
	DrainMS     int64           `json:"drain_ms"`        // until nothing waits; -1 if that cannot be said
	Forwarded   uint64          `json:"forwarded"`       // since the start, as all that follow
	Received    uint64          `json:"received"`        // from upstream
	Dropped     uint64          `json:"dropped"`         // for want of room, or too old
	SetAside    int             `json:"set_aside"`       // that the upstream does not take, and are kept
	Error       string          `json:"error"`           // the last one, "" for none
	Help        string          `json:"help,omitempty"`  // what that means and what to do
	ErrorAgeMS  int64           `json:"error_age_ms"`    // when that was
	RefusedSubs int             `json:"refused_filters"` // subscriptions that the upstream does not grant
}

// Sensor is one site/room/sensor.
type Sensor struct {
	Path         string  `json:"path"`
	Site         string  `json:"site"`
	Room         string  `json:"room"`
	Sensor       string  `json:"sensor"`
	State        State   `json:"state"`
	AgeMS        *int64  `json:"age_ms"`         // null: nobody knows
	StaleAfterMS int64   `json:"stale_after_ms"` // 0: never
	Simulated    bool    `json:"simulated,omitempty"`
	Unsynced     bool    `json:"unsynced,omitempty"`
	Values       []Value `json:"values"`
	Text         string  `json:"text,omitempty"`        // of a payload that is no reading
	Reason       string  `json:"reason,omitempty"`      // why it cannot be read
	Kind         string  `json:"reason_kind,omitempty"` // of that: nack, timeout …, as in the errors of a SensorDetail
}

// Value is one number and how to write it.
type Value struct {
	Quantity string       `json:"quantity"`
	Title    string       `json:"title"`
	Unit     string       `json:"unit"`
	Decimals int          `json:"decimals"` // -1: not known
	Number   float64      `json:"number"`
	Binary   bool         `json:"binary"`
	Counter  bool         `json:"counter"`
	Hour     *Hour        `json:"hour,omitempty"`    // of the last hour; nothing if nothing came
	History  [][3]float64 `json:"history,omitempty"` // age in s, low, high; oldest first; in a Snapshot only
}

// Hour is what a value was within the last hour.
type Hour struct {
	Low  float64 `json:"low"`
	Mean float64 `json:"mean"` // of all messages, each with the same weight
	High float64 `json:"high"`
}

// Sensors returns what every sensor says now, without history, by site, room and
// sensor.
func (d *Dashboard) Sensors() []Sensor {
	now := time.Now()
	d.model.mu.Lock()
	defer d.model.mu.Unlock()
	all := make([]Sensor, 0, len(d.model.sensors))
	for _, s := range d.model.sensors {
		all = append(all, s.form(now, false))
	}
	sortSensors(all)
	return all
}

// snapshot returns everything, and the version of the model it shows.
func (m *model) snapshot(now time.Time) ([]Sensor, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Sensor, 0, len(m.sensors))
	for _, s := range m.sensors {
		all = append(all, s.form(now, true))
	}
	sortSensors(all)
	return all, m.version
}

// since returns what has changed after a version, and the version now. It
// reports false if the model no longer knows.
func (m *model) since(version uint64, now time.Time) (u Update, newest uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version < m.forgotten {
		return u, 0, false
	}
	u.Sensors = []Sensor{}
	for _, s := range m.sensors {
		if s.version > version {
			u.Sensors = append(u.Sensors, s.form(now, false))
		}
	}
	sortSensors(u.Sensors)
	for _, t := range m.removed {
		if t.version > version && m.sensors[t.path] == nil {
			u.Removed = append(u.Removed, t.path.String())
		}
	}
	return u, m.version, true
}

// news returns a channel that is closed when something changes, nil if
// something has since version.
func (m *model) news(version uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != version {
		return nil
	}
	return m.changed
}

func sortSensors(all []Sensor) {
	slices.SortFunc(all, func(a, b Sensor) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Room, b.Room), cmp.Compare(a.Sensor, b.Sensor))
	})
}

// form returns s as the page gets it.
func (s *sensor) form(now time.Time, withHistory bool) Sensor {
	f := Sensor{
		Path: s.path.String(), Site: s.path.Site(), Room: s.path.Room(), Sensor: s.path.Sensor(),
		State: s.state(now), StaleAfterMS: s.staleAfter().Milliseconds(),
		Simulated: s.simulated, Unsynced: s.unsynced, Text: s.text, Reason: s.reason, Kind: s.kind,
		Values: make([]Value, len(s.values)),
	}
	if age, ok := s.age(now); ok {
		ms := age.Milliseconds()
		f.AgeMS = &ms
	}
	for i, v := range s.values {
		info, _ := v.quantity.Info()
		f.Values[i] = Value{
			Quantity: string(v.quantity), Title: info.Title, Unit: info.Unit, Decimals: info.Decimals,
			Number: v.number, Binary: info.Binary, Counter: info.Counter,
		}
		if v.history == nil {
			continue
		}
		f.Values[i].Hour = v.history.hour(now)
		if !withHistory {
			continue
		}
		for _, p := range v.history.since(now) {
			f.Values[i].History = append(f.Values[i].History, [3]float64{now.Sub(p.start).Round(time.Second).Seconds(), p.low, p.high})
		}
	}
	return f
}

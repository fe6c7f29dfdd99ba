package dashboard

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gateway/broker"
	"gateway/sensors/reading"
)

const (
	maxSensors    = 2000 // a busy broker's topics must not fill a small board
	maxValues     = 50   // of one sensor
	maxText       = 200  // characters of a payload that is no reading
	maxTombstones = 1000 // removed sensors that streams may not know of yet
)

// sensor is what is known of one site/room/sensor. Guarded by model.mu.
type sensor struct {
	path      reading.Path
	arrived   time.Time     // of the last message
	measured  time.Time     // by the last message, or its arrival; zero if nobody knows
	expires   time.Duration // how long the last message is current; 0 if it did not say
	gaps      gaps
	status    reading.Status // "" if nobody said
	values    []value
	text      string // of a payload that is no reading
	simulated bool
	unsynced  bool
	version   uint64 // of the model when it changed last
}

// value is the newest number of one quantity, and its last hour.
type value struct {
	quantity reading.Quantity
	number   float64
	history  *history
}

// model is what the page knows. All methods may be called concurrently.
type model struct {
	mu        sync.Mutex
	sensors   map[reading.Path]*sensor
	version   uint64 // grows with every change
	removed   []tombstone
	forgotten uint64        // version of the newest tombstone that was dropped
	changed   chan struct{} // closed and replaced with every change
}

// tombstone is a sensor that is no more.
type tombstone struct {
	path    reading.Path
	version uint64
}

func newModel() *model {
	return &model{sensors: make(map[reading.Path]*sensor), changed: make(chan struct{})}
}

// take notes a message of the tree, which arrived at now. It reports false if
// there is no room for its sensor.
func (m *model) take(d broker.Delivery, now time.Time) bool {
	topic, isStatus := strings.CutSuffix(d.Topic, "/status")
	if !isStatus || strings.Count(d.Topic, "/") == 2 { // a sensor may be called status
		topic, isStatus = d.Topic, false
	}
	path, err := reading.ParsePath(topic)
	if err != nil {
		return true // three levels, but none of ours: "/test/1"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(d.Payload) == 0 && d.Retain && !isStatus {
		m.remove(path)
		return true
	}
	s := m.sensors[path]
	if s == nil {
		if len(m.sensors) >= maxSensors {
			return false
		}
		s = &sensor{path: path}
		m.sensors[path] = s
	}
	if isStatus {
		s.status = reading.Status(d.Payload)
	} else {
		s.take(d, now)
	}
	m.touch()
	s.version = m.version
	return true
}

func (m *model) touch() {
	m.version++
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *model) remove(path reading.Path) {
	if m.sensors[path] == nil {
		return
	}
	delete(m.sensors, path)
	m.touch()
	m.removed = append(m.removed, tombstone{path, m.version})
	if len(m.removed) > maxTombstones {
		m.forgotten = m.removed[0].version
		m.removed = slices.Delete(m.removed, 0, 1)
	}
}

// take notes a reading, or whatever else was published there.
func (s *sensor) take(d broker.Delivery, now time.Time) {
	if !s.arrived.IsZero() && !d.Replay {
		s.gaps.add(now.Sub(s.arrived))
	}
	s.arrived = now
	r, err := parse(s.path, d.Payload)
	s.measured = r.Time
	switch {
	case !r.Time.IsZero() && r.Time.Sub(now) > clockSlack:
		s.measured = now // a clock ahead of ours does not make it fresher
	case r.Time.IsZero() && !d.Replay:
		s.measured = now
	}
	s.expires = 0
	if !d.Expires.IsZero() && !s.measured.IsZero() {
		s.expires = max(time.Second, d.Expires.Sub(s.measured))
	}
	s.simulated, s.unsynced = r.Simulated, r.Unsynced
	s.text = ""
	if err != nil {
		s.values = nil
		s.text = shorten(d.Payload)
		return
	}
	s.setValues(r.Values, now, !s.measured.IsZero())
}

// setValues replaces the values and goes on with the history of those that
// stay.
func (s *sensor) setValues(values []reading.Value, now time.Time, dated bool) {
	old := s.values
	s.values = make([]value, 0, min(len(values), maxValues))
	for _, v := range values {
		if len(s.values) == maxValues {
			break
		}
		h := new(history)
		if i := slices.IndexFunc(old, func(o value) bool { return o.quantity == v.Quantity }); i >= 0 {
			h = old[i].history
		}
		if dated {
			h.add(now, v.Number)
		}
		s.values = append(s.values, value{v.Quantity, v.Number, h})
	}
}

// parse reads a payload: the JSON of a reading, or a plain number, which is
// of the quantity that the sensor is called after.
func parse(path reading.Path, payload []byte) (reading.Reading, error) {
	r, err := reading.ParsePayload(path, payload)
	if err == nil {
		return r, nil
	}
	x, numberErr := strconv.ParseFloat(strings.TrimSpace(string(payload)), 64)
	if numberErr != nil || x-x != 0 { // NaN and infinities
		return reading.Reading{}, err
	}
	return reading.Reading{Path: path, Values: []reading.Value{{Quantity: reading.Quantity(path.Sensor()), Number: x}}}, nil
}

// shorten returns the beginning of a payload as text.
func shorten(payload []byte) string {
	text := strings.ToValidUTF8(string(payload[:min(len(payload), 4*maxText)]), "\uFFFD")
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText]) + "…"
	}
	return text
}

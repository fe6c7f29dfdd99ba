package dashboard

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gateway/broker"
	recorded "gateway/cmd/gateway/internal/history"
	"gateway/sensors/reading"
)

const (
	// A busy broker's topics must not fill a small board: full, the model has
	// about 20 MB of histories and 10 MB of the rest.
	maxSensors    = 2000
	maxHistories  = 4000 // of all sensors together; a value beyond has none
	maxValues     = 50   // of one sensor
	maxName       = 64   // bytes of a quantity's name; no longer than a level of a path
	maxText       = 200  // characters of a payload that is no reading
	maxKind       = 40   // characters of the kind of that
	maxReason     = 500  // characters of why a sensor cannot be read
	maxTombstones = 1000 // removed sensors that streams may not know of yet
)

// sensor is what is known of one site/room/sensor. Guarded by model.mu.
type sensor struct {
	path      reading.Path
	known     bool          // there was a reading, not only a status
	measured  time.Time     // by the last message, or its arrival; zero if nobody knows
	expires   time.Duration // how long the last message is current; 0 if it did not say
	gaps      gaps
	status    reading.Status // "" if nobody said
	values    []value
	text      string // of a payload that is no reading
	plain     bool   // the payload is a number, and no JSON
	payload   []byte // the last one, at most its first maxPayload bytes; shared with the broker
	simulated bool
	unsynced  bool
	reason    string // why it cannot be read, "" if it can
	kind      string // of reason, a word of ours; "" if it is none
	version   uint64 // of the model when it changed last

	payloadSize int // of all of it, bytes
}

// value is the newest number of one quantity, and its last hour.
type value struct {
	quantity reading.Quantity
	number   float64
	history  *history // nil beyond maxHistories
}

// model is what the page knows. All methods may be called concurrently.
type model struct {
	mu        sync.Mutex
	sensors   map[reading.Path]*sensor
	histories int    // of all sensors
	version   uint64 // grows with every change
	removed   []tombstone
	forgotten uint64        // version of the newest tombstone that was dropped
	changed   chan struct{} // closed and replaced with every change
	past      pastFunc      // nil: nobody knows
}

// pastFunc returns what was recorded of a key of a topic since a time, in points
// of a width; the key is "" of a topic whose payload is a number.
type pastFunc func(topic, key string, since time.Time, width time.Duration) []recorded.Point

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
	if topic, isDetail := strings.CutSuffix(d.Topic, "/status/detail"); isDetail {
		m.takeDetail(topic, d.Payload)
		return true
	}
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
	if isStatus {
		return m.takeStatus(path, statusOf(d.Payload))
	}
	if len(d.Payload) == 0 && d.Retain {
		m.remove(path)
		return true
	}
	s := m.sensor(path)
	if s == nil {
		return false
	}
	m.histories -= s.histories()
	s.take(d, now, maxHistories-m.histories, m.past)
	m.histories += s.histories()
	m.touch(s)
	return true
}

// takeStatus notes what a status topic says; "" is that it says nothing any
// more, or what we do not understand.
func (m *model) takeStatus(path reading.Path, status reading.Status) bool {
	s := m.sensors[path]
	switch {
	case status == "" && s == nil:
		return true
	case status == "" && !s.known:
		m.remove(path) // there is nothing else of it
		return true
	}
	if s = m.sensor(path); s == nil {
		return false
	}
	s.status = status
	m.touch(s)
	return true
}

// takeDetail notes why the sensor of a topic is as it is. It comes behind its
// status, so that the sensor is there.
func (m *model) takeDetail(topic string, payload []byte) {
	path, err := reading.ParsePath(topic)
	if err != nil {
		return
	}
	detail, _ := reading.ParseDetail(payload) // nothing, if it is none
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sensors[path]; s != nil {
		s.reason = shorten([]byte(detail.Reason), maxReason)
		s.kind = shorten([]byte(detail.Kind), maxKind)
		m.touch(s)
	}
}

// sensor returns the sensor at path, a new one if need be; nil if there is no
// room.
func (m *model) sensor(path reading.Path) *sensor {
	s := m.sensors[path]
	if s == nil && len(m.sensors) < maxSensors {
		s = &sensor{path: path}
		m.sensors[path] = s
	}
	return s
}

// touch makes a new version, which is that of s unless s is nil.
func (m *model) touch(s *sensor) {
	m.version++
	if s != nil {
		s.version = m.version
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *model) remove(path reading.Path) {
	s := m.sensors[path]
	if s == nil {
		return
	}
	delete(m.sensors, path)
	m.histories -= s.histories()
	m.touch(nil)
	m.removed = append(m.removed, tombstone{path, m.version})
	if len(m.removed) > maxTombstones {
		m.forgotten = m.removed[0].version
		m.removed = slices.Delete(m.removed, 0, 1)
	}
}

// statusOf returns the status that a payload is, "" if it is none.
func statusOf(payload []byte) reading.Status {
	switch s := reading.Status(payload); s {
	case reading.Online, reading.Stale, reading.Fault, reading.Offline:
		return s
	}
	return ""
}

// take notes a reading, or whatever else was published there. room is how
// many histories s may have; past is what a new one begins with.
func (s *sensor) take(d broker.Delivery, now time.Time, room int, past pastFunc) {
	if !d.Replay {
		s.gaps.arrived(now)
	}
	s.keepPayload(d.Payload)
	r, plain, err := parse(s.path, d.Payload)
	s.plain = plain
	s.known = true
	s.measured = measured(r, d.Replay, now)
	s.expires = 0
	if !d.Expires.IsZero() && !s.measured.IsZero() {
		s.expires = max(time.Second, d.Expires.Sub(s.measured))
	}
	s.simulated, s.unsynced = r.Simulated, r.Unsynced
	s.text = ""
	if err != nil {
		s.text = shorten(d.Payload, maxText)
	}
	arrived := now
	if d.Replay { // it came then, as far as anybody knows
		arrived = s.measured
	}
	s.setValues(r.Values, now, arrived, room, past)
}

// keepPayload keeps the beginning of a message, without the rest of a large one.
func (s *sensor) keepPayload(b []byte) {
	s.payloadSize = len(b)
	if len(b) > maxPayload {
		b = bytes.Clone(b[:maxPayload])
	}
	s.payload = b
}

// measured returns when r was measured, as far as can be believed: by itself,
// or by its arrival, which is also what remains when its clock is ahead of
// ours or was not set. It is zero for a retained message that does not say.
func measured(r reading.Reading, replay bool, now time.Time) time.Time {
	switch {
	case !r.Time.IsZero() && !r.Unsynced && r.Time.Sub(now) <= clockSlack:
		return r.Time
	case replay:
		return time.Time{}
	}
	return now
}

// setValues replaces the values, which arrived at a time that may be unknown, and
// goes on with the history of those that stay.
func (s *sensor) setValues(values []reading.Value, now, arrived time.Time, room int, past pastFunc) {
	old := s.values
	s.values = make([]value, 0, min(len(values), maxValues))
	for _, v := range values {
		if len(s.values) == maxValues {
			break
		}
		if len(v.Quantity) > maxName {
			continue
		}
		var h *history
		if i := slices.IndexFunc(old, func(o value) bool { return o.quantity == v.Quantity }); i >= 0 {
			h = old[i].history
		}
		if room--; room < 0 {
			h = nil
		} else if h == nil {
			h = new(history)
			if past != nil {
				h.begin(past(s.path.String(), s.keyOf(v.Quantity), now.Add(-historyLength), maxWidth))
			}
		}
		if h != nil && !arrived.IsZero() && now.Sub(arrived) <= historyLength {
			h.add(arrived, v.Number)
		}
		s.values = append(s.values, value{v.Quantity, v.Number, h})
	}
}

// keyOf returns how history calls a value of s.
func (s *sensor) keyOf(q reading.Quantity) string {
	if s.plain {
		return ""
	}
	return string(q)
}

// histories returns how many of the values have one.
func (s *sensor) histories() (n int) {
	for _, v := range s.values {
		if v.history != nil {
			n++
		}
	}
	return n
}

// parse reads a payload: the JSON of a reading, or a plain number, which is
// of the quantity that the sensor is called after.
func parse(path reading.Path, payload []byte) (r reading.Reading, plain bool, err error) {
	r, err = reading.ParsePayload(path, payload)
	if err == nil {
		return r, false, nil
	}
	x, numberErr := strconv.ParseFloat(strings.TrimSpace(string(payload)), 64)
	if numberErr != nil || x-x != 0 { // NaN and infinities
		return reading.Reading{}, false, err
	}
	return reading.Reading{Path: path, Values: []reading.Value{{Quantity: reading.Quantity(path.Sensor()), Number: x}}}, true, nil
}

// shorten returns the beginning of a payload as text, so many characters.
func shorten(payload []byte, most int) string {
	text := strings.ToValidUTF8(string(payload[:min(len(payload), 4*most)]), "\uFFFD")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return text
}

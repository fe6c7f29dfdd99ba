package dashboard

import (
	"net/http"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors/reading"
)

// maxPayload is how much of a sensor's last message is kept for its page, bytes.
const maxPayload = 1000

// SensorPage is what the page of one sensor shows beside its Sensor.
type SensorPage struct {
	Path         string        `json:"path"`          // which is its topic, too
	Driver       string        `json:"driver"`        // which reads it here, as Title and Where; "" if it is not read here
	Title        string        `json:"title"`         // of its driver
	Where        string        `json:"where"`         // what it is attached to, "i2c-1 0x76"
	Meta         *reading.Meta `json:"meta"`          // null if nobody said what it is
	Detail       *SensorDetail `json:"detail"`        // null if nobody said how it is
	Payload      string        `json:"payload"`       // of the last message, its beginning
	PayloadBytes int           `json:"payload_bytes"` // how long all of it is
}

// SensorDetail is what is behind the state of a sensor.
type SensorDetail struct {
	Status     reading.Status    `json:"status"`
	SinceMS    *int64            `json:"since_ms"` // null if not known, as LastGoodMS
	Kind       string            `json:"kind"`     // of Reason, as in Errors; "" if it is no failure
	Reason     string            `json:"reason"`
	LastGoodMS *int64            `json:"last_good_ms"`
	Errors     map[string]uint64 `json:"errors"` // failed attempts since the start, by kind
}

// Reader is what reads a sensor here.
type Reader struct {
	Driver string // its name
	Title  string // and what that is
	Where  string // what the sensor is attached to, "i2c-1 0x76"
}

// SetReaders tells how to find out what reads a sensor here; the zero Reader is
// for what nobody does. It is called before Run; of may be called by several
// goroutines at a time.
func (d *Dashboard) SetReaders(of func(reading.Path) Reader) { d.reader = of }

// sensor answers with what is known of one sensor.
func (d *Dashboard) sensor(w http.ResponseWriter, r *http.Request) {
	path, err := reading.ParsePath(r.URL.Query().Get("path"))
	if err != nil {
		answer.Fail(w, http.StatusBadRequest, answer.Say("sensor.path", "path: {why}; write site/room/sensor", err))
		return
	}
	page := SensorPage{Path: path.String()}
	if d.reader != nil {
		r := d.reader(path)
		page.Driver, page.Title, page.Where = r.Driver, r.Title, r.Where
	}
	if m := d.b.Retained(path.MetaTopic()); m != nil {
		if meta, err := reading.ParseMeta(m.Payload); err == nil { // another device may publish something else there
			page.Meta = &meta
		}
	}
	if m := d.b.Retained(path.DetailTopic()); m != nil {
		if detail, err := reading.ParseDetail(m.Payload); err == nil {
			page.Detail = detailForm(detail)
		}
	}
	payload, size, known := d.model.payload(path)
	if !known && page.Meta == nil && page.Driver == "" {
		answer.Fail(w, http.StatusNotFound, answer.Say("sensor.none", "There is no sensor {path}. Perhaps it was renamed; the page Home lists what there is.", path))
		return
	}
	page.Payload, page.PayloadBytes = payload, size
	answer.JSON(w, page)
}

func detailForm(d reading.Detail) *SensorDetail {
	errors := d.Errors
	if errors == nil {
		errors = map[string]uint64{}
	}
	return &SensorDetail{d.Status, moment(d.Since), d.Kind, d.Reason, moment(d.LastGood), errors}
}

// moment returns t in ms since 1970, nil for the zero time.
func moment(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// payload returns the beginning of a sensor's last message as text, and how many
// bytes all of it has; known is false if there is no such sensor.
func (m *model) payload(path reading.Path) (text string, size int, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sensors[path]
	if s == nil {
		return "", 0, false
	}
	return shorten(s.payload, maxPayload), s.payloadSize, true
}

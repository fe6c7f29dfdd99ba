package explorer

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"gateway/broker"
	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// maxShown is how much of a payload the page gets, bytes.
const maxShown = 1 << 20

// message is one message of a topic as the API has it.
type message struct {
	At         int64       `json:"at"`   // ms since 1970, when it came
	Size       int         `json:"size"` // of the payload, bytes
	QoS        broker.QoS  `json:"qos"`
	Retain     bool        `json:"retain"`
	Text       *string     `json:"text"`             // the payload, null if it is no UTF-8
	Base64     []byte      `json:"base64,omitempty"` // the payload, if it is no UTF-8
	Cut        bool        `json:"cut"`              // there is only the beginning of the payload
	Publisher  string      `json:"publisher"`        // id of the client, "" for the gateway itself
	Properties *properties `json:"properties,omitempty"`
}

// properties are those that a PUBLISH of MQTT 5 has, section 3.3.2.3.
type properties struct {
	PayloadFormat   *byte       `json:"payload_format,omitempty"`   // 1: UTF-8
	MessageExpiry   *int64      `json:"message_expiry,omitempty"`   // s, that are left
	ContentType     string      `json:"content_type,omitempty"`     //
	ResponseTopic   string      `json:"response_topic,omitempty"`   //
	CorrelationData []byte      `json:"correlation_data,omitempty"` // base64
	User            [][2]string `json:"user,omitempty"`             // name and value, in order
}

// details is what is known of a topic.
type details struct {
	Topic   string    `json:"topic"`
	Count   uint64    `json:"count"` // messages that have come since somebody looks
	Last    *message  `json:"last"`  // null: none has
	Before  *message  `json:"before"`
	History []message `json:"history"` // newest first, with last; from when the topic was opened
}

// topic answers with all that is known of one, and begins its history.
func (x *Explorer) topic(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("topic")
	if err := topic.CheckName(name); err != nil {
		answer.Fail(w, http.StatusBadRequest, fmt.Errorf("topic: %w", wrongTopic(err)))
		return
	}
	d := details{Topic: name, History: []message{}}
	now := time.Now()
	if t := x.current(); t != nil {
		t.details(&d, now)
	}
	if d.Last == nil {
		if m := x.b.Retained(name); m != nil {
			one := form(seen{m: m, at: m.Came(), length: len(m.Payload), retain: true}, now)
			d.Last = &one
		}
	}
	answer.JSON(w, d)
}

// details fills in what is held of a topic.
func (t *tree) details(d *details, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[d.Topic]
	if e == nil {
		return
	}
	t.watch(e, now)
	last := form(e.last, now)
	d.Count, d.Last = e.count, &last
	if e.before.m != nil {
		before := form(e.before, now)
		d.Before = &before
	}
	for i := len(e.history) - 1; i >= 0; i-- {
		d.History = append(d.History, form(e.history[i], now))
	}
}

// form returns a message as the API has it.
func form(s seen, now time.Time) message {
	f := message{At: s.at.UnixMilli(), Size: s.length, QoS: s.m.QoS, Retain: s.retain, Cut: s.cut, Publisher: s.m.Publisher(), Properties: propertiesOf(s.m, now)}
	payload := s.m.Payload
	if len(payload) > maxShown {
		payload, f.Cut = payload[:maxShown], true
	}
	if whole := trimmed(payload, f.Cut); utf8.Valid(whole) {
		text := string(whole)
		f.Text = &text
	} else {
		f.Base64 = payload
	}
	return f
}

// trimmed returns a payload without the part of a character at the end of one
// that was cut.
func trimmed(payload []byte, cut bool) []byte {
	for n := 1; cut && n < utf8.UTFMax && n <= len(payload); n++ {
		if b := payload[len(payload)-n]; utf8.RuneStart(b) {
			if !utf8.FullRune(payload[len(payload)-n:]) {
				return payload[:len(payload)-n]
			}
			break
		}
	}
	return payload
}

func propertiesOf(m *broker.Message, now time.Time) *properties {
	var f properties
	some := false
	if !m.Expires.IsZero() {
		left := max(0, int64(m.Expires.Sub(now)/time.Second)) // it may be over, and the file with it is to be taken back
		f.MessageExpiry, some = &left, true
	}
	if p := m.Properties; p != nil {
		some = true
		if p.PayloadFormat.OK {
			f.PayloadFormat = &p.PayloadFormat.V
		}
		f.ContentType, f.ResponseTopic, f.CorrelationData = p.ContentType.V, p.ResponseTopic.V, p.CorrelationData
		for _, u := range p.User {
			f.User = append(f.User, [2]string{u.Name, u.Value})
		}
	}
	if !some {
		return nil
	}
	return &f
}

// countIn writes a number for a text, as people do: 12,345.
func countIn(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package aside

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"gateway/broker"
)

// Message is a message that was set aside. In JSON the payload is "payload" if it
// is text in UTF-8, and "payload_base64" if it is not; if neither is there, it
// was too large to be kept.
type Message struct {
	// ID is its number in the file; it rises.
	ID uint64 `json:"id"`
	// Time is when it was set aside, Published when it was published here, zero if
	// that is not known; both to the millisecond, UTC.
	Time      time.Time `json:"time"`
	Published time.Time `json:"published,omitzero"`
	// Topic is where it was published here, Remote where it should have gone.
	Topic  string `json:"topic"`
	Remote string `json:"remote"`
	QoS    byte   `json:"qos"`
	Retain bool   `json:"retain"`
	// Reason is why the upstream does not take it, in words.
	Reason string `json:"reason"`
	// ContentType and UserProperties are MQTT 5 properties.
	ContentType    string         `json:"content_type,omitempty"`
	UserProperties []UserProperty `json:"user_properties,omitempty"`
	// Bytes is the length of the payload, of one that was not kept too.
	Bytes int `json:"bytes"`
	// Payload is nil if it was not kept, and empty if it was empty.
	Payload []byte `json:"-"`
}

// UserProperty is a user property of MQTT 5.
type UserProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newMessage(m *broker.Message, remote, reason string) Message {
	a := Message{
		Time:  stamp(time.Now()),
		Topic: m.Topic, Remote: remote, QoS: byte(m.QoS), Retain: m.Retain,
		Reason: reason,
		Bytes:  len(m.Payload), Payload: m.Payload,
	}
	if a.Payload == nil {
		a.Payload = []byte{}
	}
	if came := m.Came(); !came.IsZero() {
		a.Published = stamp(came)
	}
	if m.Properties != nil {
		a.ContentType = m.Properties.ContentType.V
		for _, u := range m.Properties.User {
			a.UserProperties = append(a.UserProperties, UserProperty{u.Name, u.Value})
		}
	}
	return a
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// line returns m as a line of at most limit bytes, without what makes it longer:
// that a message was set aside is worth more than what was in it.
func (m Message) line(limit int64) ([]byte, error) {
	b, err := marshal(m)
	if err == nil && int64(len(b)) > limit {
		m.Payload = nil
		b, err = marshal(m)
	}
	if err == nil && int64(len(b)) > limit {
		m.UserProperties = nil
		b, err = marshal(m)
	}
	return append(b, '\n'), err
}

// plainMessage is Message without its methods.
type plainMessage Message

type jsonMessage struct {
	plainMessage
	Text   *string `json:"payload,omitempty"`
	Base64 []byte  `json:"payload_base64,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (m Message) MarshalJSON() ([]byte, error) {
	x := jsonMessage{plainMessage: plainMessage(m)}
	switch {
	case m.Payload == nil:
	case utf8.Valid(m.Payload):
		s := string(m.Payload)
		x.Text = &s
	default:
		x.Base64 = m.Payload
	}
	return marshal(x)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Message) UnmarshalJSON(b []byte) error {
	var x jsonMessage
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	*m = Message(x.plainMessage)
	switch {
	case x.Text != nil:
		m.Payload = []byte(*x.Text)
	case x.Base64 != nil:
		m.Payload = x.Base64
	}
	return nil
}

// marshal leaves <, > and & as they are: the file is for people too.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

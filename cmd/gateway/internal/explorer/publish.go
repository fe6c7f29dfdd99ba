package explorer

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gateway/broker"
	"gateway/broker/packet"
	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	// maxPayload is the largest that the page publishes, bytes.
	maxPayload = 1 << 20
	// maxRequest is the longest request with such a payload, bytes.
	maxRequest = 8 << 20
	// maxString is what a text may have in MQTT, section 1.5.4, bytes.
	maxString = 65_535
)

// toPublish is a message that somebody wants to publish.
type toPublish struct {
	Topic      string      `json:"topic"`
	Text       *string     `json:"text"`   // the payload, or
	Base64     *string     `json:"base64"` // the same in base64; without both it is empty
	QoS        int         `json:"qos"`
	Retain     bool        `json:"retain"`
	Properties *properties `json:"properties"`
}

// publish publishes a message as a client of the broker does.
func (x *Explorer) publish(w http.ResponseWriter, r *http.Request) {
	var p toPublish
	if !answer.DecodeUpTo(w, r, maxRequest, &p) {
		return
	}
	m, err := p.message(time.Now())
	if err != nil {
		answer.Fail(w, http.StatusBadRequest, err)
		return
	}
	if err := x.b.Publish(m); err != nil {
		answer.Fail(w, http.StatusServiceUnavailable, err)
		return
	}
	answer.JSON(w, struct {
		Topic string `json:"topic"`
		Size  int    `json:"size"`
	}{m.Topic, len(m.Payload)})
}

// message makes a message, or says which field is wrong.
func (p toPublish) message(now time.Time) (*broker.Message, error) {
	if err := mayPublish(p.Topic); err != nil {
		return nil, err
	}
	if p.QoS < 0 || p.QoS > 2 {
		return nil, fmt.Errorf("qos: %w", answer.Say("publish.qos", "{n}, only 0, 1 and 2 exist", p.QoS))
	}
	payload, err := p.payload()
	if err != nil {
		return nil, err
	}
	m := &broker.Message{Topic: p.Topic, Payload: payload, QoS: broker.QoS(p.QoS), Retain: p.Retain}
	if p.Properties != nil {
		if err := p.Properties.into(m, now); err != nil {
			return nil, fmt.Errorf("properties.%w", err)
		}
	}
	return m, nil
}

// mayPublish tells whether the page publishes to a topic.
func mayPublish(name string) error {
	if err := topic.CheckName(name); err != nil {
		return fmt.Errorf("topic: %w", wrongTopic(err))
	}
	if strings.HasPrefix(name, "$") {
		return fmt.Errorf("topic: %w", answer.Say("publish.own", "\"{topic}\" begins with $, and is the broker's own", name))
	}
	return nil
}

func (p toPublish) payload() ([]byte, error) {
	switch {
	case p.Text != nil && p.Base64 != nil:
		return nil, fmt.Errorf("base64: %w", answer.Say("publish.both", "there is text, too; send one of them"))
	case p.Text != nil && len(*p.Text) > maxPayload:
		return nil, fmt.Errorf("text: %w", tooLong(maxPayload))
	case p.Text != nil:
		return []byte(*p.Text), nil
	case p.Base64 == nil:
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*p.Base64)
	if err != nil {
		return nil, fmt.Errorf("base64: %w", answer.Say("publish.nobase64", "is none: {why}", err))
	}
	if len(b) > maxPayload {
		return nil, fmt.Errorf("base64: %w", tooLong(maxPayload))
	}
	return b, nil
}

// into gives a message the properties, or says which one is wrong.
func (p *properties) into(m *broker.Message, now time.Time) error {
	var q packet.Properties
	if p.PayloadFormat != nil {
		switch {
		case *p.PayloadFormat > 1:
			return fmt.Errorf("payload_format: %d, only 0 and 1 (UTF-8) exist", *p.PayloadFormat)
		case *p.PayloadFormat == 1 && !utf8.Valid(m.Payload):
			return fmt.Errorf("payload_format: %w", answer.Say("publish.notutf8", "1 says that the payload is UTF-8, and it is not"))
		}
		q.PayloadFormat = packet.Opt[byte]{V: *p.PayloadFormat, OK: true}
	}
	if e := p.MessageExpiry; e != nil {
		if *e < 0 || *e > 1<<32-1 {
			return fmt.Errorf("message_expiry: %w", answer.Say("publish.expiry", "{n} s, 0 to 4294967295", strconv.FormatInt(*e, 10)))
		}
		m.Expires = now.Add(time.Duration(*e) * time.Second)
	}
	for _, s := range []struct{ key, value string }{{"content_type", p.ContentType}, {"response_topic", p.ResponseTopic}} {
		if err := checkText(s.value); err != nil {
			return fmt.Errorf("%s: %w", s.key, err)
		}
	}
	if p.ContentType != "" {
		q.ContentType = packet.Opt[string]{V: p.ContentType, OK: true}
	}
	if p.ResponseTopic != "" {
		if err := topic.CheckName(p.ResponseTopic); err != nil {
			return fmt.Errorf("response_topic: %w", wrongTopic(err))
		}
		q.ResponseTopic = packet.Opt[string]{V: p.ResponseTopic, OK: true}
	}
	if len(p.CorrelationData) > maxString {
		return fmt.Errorf("correlation_data: %w", tooLong(maxString))
	}
	q.CorrelationData = p.CorrelationData
	for i, u := range p.User {
		for _, s := range u {
			if err := checkText(s); err != nil {
				return fmt.Errorf("user[%d]: %w", i, err)
			}
		}
		q.User = append(q.User, packet.UserProperty{Name: u[0], Value: u[1]})
	}
	m.Properties = &q
	return nil
}

// checkText tells whether s can be a text of MQTT.
func checkText(s string) error {
	switch {
	case len(s) > maxString:
		return tooLong(maxString)
	case !utf8.ValidString(s):
		return answer.Say("publish.utf8", "is no UTF-8")
	case strings.ContainsRune(s, 0):
		return answer.Say("publish.nul", "has a character U+0000 in it")
	}
	return nil
}

// tooLong says how many bytes there may be.
func tooLong(most int) error {
	return answer.Say("publish.long", "has more than {n} bytes", countIn(most))
}

// wrongTopic says that a topic or a filter cannot be one.
func wrongTopic(err error) error { return answer.Say("topic.wrong", "{why}", err) }

package linktest

import (
	"errors"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// TestMQTT5 runs the tests of what only MQTT 5 promises.
func TestMQTT5(t *testing.T, up link.Upstream) {
	t.Run("expiry and properties go both ways", func(t *testing.T) { wholeMessage(newHouse(t, up)) })
	t.Run("the upstream says why it ends", func(t *testing.T) { takenOver(newHouse(t, up)) })
	t.Run("own messages do not come back", func(t *testing.T) { noLocal(newHouse(t, up)) })
}

func wholeMessage(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	c.subscribe("[1]", link.Subscription{Filter: "both/#", QoS: 1})
	user := []packet.UserProperty{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}, {Name: "b", Value: "3"}}
	taken(h.T, "a message", c.Publish(link.Message{
		Topic: "both/a", Payload: []byte("x"), QoS: 1, ID: 1, Expiry: time.Hour,
		Properties: &packet.Properties{
			PayloadFormat: packet.Some[byte](1), ContentType: packet.Some("text/plain"), ResponseTopic: packet.Some("r"),
			CorrelationData: []byte{0, 1}, User: user,
		},
	}))
	m := wait(h.T, "the message", s.came)
	if m.Expiry <= 59*time.Minute || m.Expiry > time.Hour {
		h.Errorf("expires in %v, want an hour or a little less", m.Expiry)
	}
	p := m.Properties
	if p == nil {
		h.Fatal("the message has no properties")
	}
	if p.PayloadFormat.V != 1 || p.ContentType.V != "text/plain" || p.ResponseTopic.V != "r" || string(p.CorrelationData) != "\x00\x01" {
		h.Errorf("properties %+v", p)
	}
	if len(p.User) != len(user) {
		h.Fatalf("user properties %v, want %v", p.User, user)
	}
	for i, u := range user {
		if p.User[i] != u {
			h.Errorf("user properties %v, want %v", p.User, user)
			break
		}
	}
}

func takenOver(h *house) {
	c := h.connect(hello(), newSession())
	r := c.Publish(link.Message{Topic: "up/a", QoS: 1, ID: 1})
	h.connect(hello(), newSession())
	wait(h.T, "the end of the connection that another took over", c.Lost())
	var no *link.Refused
	if err := c.Cause(); !errors.As(err, &no) || no.Packet != "DISCONNECT" || no.Code != link.SessionTakenOver {
		h.Errorf("cause %v", err)
	}
	if errors.As(r.Err(), &no) {
		h.Errorf("the receipt says that the message is refused: %v", r.Err())
	}
}

func noLocal(h *house) {
	s := newSession()
	c := h.connect(hello(), s)
	c.subscribe("[1]", link.Subscription{Filter: "both/#", QoS: 1, NoLocal: true})
	taken(h.T, "a message", c.Publish(link.Message{Topic: "both/own", QoS: 1, ID: 1}))
	h.publish("both/theirs", "x", 1)
	if m := wait(h.T, "a message", s.came); m.Topic != "both/theirs" {
		h.Errorf("came %q", m.Topic)
	}
}

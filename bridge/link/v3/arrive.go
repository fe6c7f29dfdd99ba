package v3

import (
	"fmt"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gateway/bridge/link"
)

// arrivals is how many messages that came may wait for the session, and how
// many may wait for stable storage. When that many wait nothing is read.
const arrivals = 64

// arrived is a message that came.
type arrived struct {
	message link.Message
	ack     func()       // sends PUBACK or PUBREC
	stable  <-chan error // when it is on stable storage; nil: it is
}

// came takes a message from Paho, in their order, and keeps up its reading no
// longer than while the session is behind by arrivals messages.
func (c *connection) came(_ mqtt.Client, m mqtt.Message) {
	a := arrived{
		message: link.Message{
			Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained(),
			Dup: m.Duplicate(), ID: m.MessageID(),
		},
		ack: m.Ack,
	}
	select {
	case c.in <- a:
	case <-c.wire.ctx.Done():
	}
}

// receive hands messages to the session. What waits for stable storage waits
// together, so that one fsync is for many.
func (c *connection) receive() {
	defer close(c.stables)
	for a := range c.in {
		if c.wire.ctx.Err() != nil {
			continue
		}
		stable, err := c.session.Received(a.message)
		if err != nil {
			c.wire.fail(fmt.Errorf("take a message of %q: %w", a.message.Topic, err))
			continue
		}
		if a.message.QoS == 0 {
			continue
		}
		if stable != nil {
			done := make(chan error, 1)
			a.stable = done
			c.wire.tasks.Go(func() { done <- stable(c.wire.ctx) })
		}
		a.message.Payload = nil
		c.stables <- a // acknowledge takes them until this is closed
	}
}

// acknowledge acknowledges messages, in their order [MQTT-4.6.0-2 v3], when
// they are on stable storage.
func (c *connection) acknowledge() {
	for a := range c.stables {
		if c.wire.ctx.Err() != nil {
			continue
		}
		if a.stable != nil {
			if err := <-a.stable; err != nil {
				c.wire.fail(fmt.Errorf("store a message of %q: %w", a.message.Topic, err))
				continue
			}
		}
		a.ack()
	}
}

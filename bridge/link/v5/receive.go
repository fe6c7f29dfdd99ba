package v5

import (
	"context"
	"fmt"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// lane is the answers that have to be given in the order of their causes. Each
// waits until something is on stable storage; that they do side by side.
type lane struct{ steps []*step }

type step struct {
	answer byte // packet type
	id     uint16
	done   bool // it may go when those before it have gone
}

// laterLocked answers with a packet when wait has returned, nil for at once, and
// what is before it in the lane has been answered. An error ends the connection.
func (c *conn) laterLocked(ctx context.Context, l *lane, answer byte, id uint16, wait func(context.Context) error) error {
	if len(l.steps) == maxAnswers {
		return errFlood
	}
	s := &step{answer: answer, id: id, done: wait == nil}
	l.steps = append(l.steps, s)
	if s.done {
		return c.flushLocked(l)
	}
	c.tasks.Go(func() {
		err := wait(ctx)
		if err == nil {
			c.mu.Lock()
			s.done = true
			err = c.flushLocked(l)
			c.mu.Unlock()
		}
		if err != nil {
			c.end(err, true, packet.ImplementationSpecificError)
		}
	})
	return nil
}

// flushLocked gives the answers that may go.
func (c *conn) flushLocked(l *lane) error {
	for len(l.steps) > 0 && l.steps[0].done {
		s := l.steps[0]
		l.steps[0] = nil
		l.steps = l.steps[1:]
		if c.err != nil {
			continue
		}
		switch s.answer {
		case packets.PUBACK, packets.PUBCOMP:
			delete(c.inbound, s.id)
		case packets.PUBREC:
			c.inbound[s.id] = true
		case packets.PUBREL:
			if f, ok := c.under[s.id]; ok {
				f.state = wantPubcomp
				c.under[s.id] = f
			}
		}
		if err := c.answerLocked(s.answer, s.id, 0); err != nil {
			return err
		}
	}
	return nil
}

// errFlood is for an upstream that makes us answer and does not read that.
var errFlood = fmt.Errorf("the upstream takes none of %d answers that it asked for", maxAnswers)

// answerLocked queues an acknowledgement without waiting.
func (c *conn) answerLocked(typ byte, id uint16, code byte) error {
	if c.err != nil {
		return nil
	}
	if c.batch.answers == maxAnswers {
		return errFlood
	}
	c.batch.answers++
	c.appendLocked(ack(typ, id, code))
	return nil
}

// message hands a message to the session.
func (c *conn) message(ctx context.Context, m link.Message) error {
	if err := c.note(m); err != nil {
		return err
	}
	topic, qos, id := m.Topic, m.QoS, m.ID // m is the session's from here
	c.busy.Store(true)
	stable, err := c.session.Received(m)
	c.bytesAt.Store(int64(c.now()))
	c.busy.Store(false)
	if err != nil {
		c.end(fmt.Errorf("message of %q: %w", topic, err), true, packet.ImplementationSpecificError)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case qos == 1:
		return c.laterLocked(ctx, &c.taken, packets.PUBACK, id, stable)
	case qos == 2:
		return c.laterLocked(ctx, &c.taken, packets.PUBREC, id, stable)
	}
	return nil
}

// note counts a message that is to be acknowledged. More than we wished for at
// once, see [link.Hello], are taken, though section 3.3.4 would have us end the
// connection: Mosquitto 2.0.11 sends again, when we come back, all that it has
// under way, and would do the same each time.
func (c *conn) note(m link.Message) error {
	if m.QoS == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if recorded, ok := c.inbound[m.ID]; ok && !recorded {
		return broken(packet.ProtocolError, "MQTT-2.2.1-4", "PUBLISH with packet identifier %d, which is not acknowledged", m.ID)
	}
	c.inbound[m.ID] = false
	return nil
}

// pubrel handles PUBREL, also for a message of an earlier connection. PUBCOMP
// goes out when the session has forgotten it.
func (c *conn) pubrel(ctx context.Context, p *packets.Pubrel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if recorded, ok := c.inbound[p.PacketID]; ok && !recorded {
		return broken(packet.ProtocolError, "MQTT-4.3.3-5", "PUBREL for packet identifier %d before its PUBREC", p.PacketID)
	}
	return c.laterLocked(ctx, &c.gone, packets.PUBCOMP, p.PacketID, func(ctx context.Context) error {
		return c.session.Forgotten(ctx, p.PacketID)
	})
}

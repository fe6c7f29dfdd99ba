package client

import (
	"context"
	"fmt"

	"gateway/broker/packet"
)

// call is a packet with an identifier that the server has to answer. It lives
// until the answer comes, even if nobody waits for it any more: until then the
// identifier is not free [MQTT-2.2.1-3].
type call struct {
	want  packet.Type        // the answer; for QoS 2 first PUBREC, then PUBCOMP
	slots chan struct{}      // holds one for the call
	reply chan packet.Packet // room for one
}

// do sends the packet that build makes of an identifier and returns the
// answer. It waits for one of slots before.
func (c *Client) do(ctx context.Context, slots chan struct{}, want packet.Type, build func(id uint16) packet.Packet) (packet.Packet, error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.quit:
		return nil, c.cause()
	}
	k := &call{want: want, slots: slots, reply: make(chan packet.Packet, 1)}
	id := c.begin(k)
	if _, err := c.send(ctx, build(id)); err != nil {
		c.forget(id)
		return nil, err
	}
	select {
	case p := <-k.reply:
		return p, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.quit:
		return k.replyOr(c.cause())
	}
}

// replyOr returns the answer if it came before the end.
func (k *call) replyOr(err error) (packet.Packet, error) {
	select {
	case p := <-k.reply:
		return p, nil
	default:
		return nil, err
	}
}

// begin gives k an identifier. There is a free one: the slots are fewer.
func (c *Client) begin(k *call) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.lastID++
		if c.lastID != 0 && c.calls[c.lastID] == nil {
			c.calls[c.lastID] = k
			return c.lastID
		}
	}
}

// forget ends a call that the server will not answer.
func (c *Client) forget(id uint16) {
	c.mu.Lock()
	k := c.calls[id]
	delete(c.calls, id)
	c.mu.Unlock()
	<-k.slots
}

// answered ends the call that waits for p.
func (c *Client) answered(id uint16, p packet.Packet) error {
	c.mu.Lock()
	k := c.calls[id]
	if k == nil || k.want != p.Type() {
		c.mu.Unlock()
		return unexpected(id, p, k)
	}
	delete(c.calls, id)
	c.mu.Unlock()
	<-k.slots
	k.reply <- p
	return nil
}

// unexpected says that p is an answer to nothing.
func unexpected(id uint16, p packet.Packet, k *call) error {
	waits := "nothing"
	if k != nil {
		waits = fmt.Sprint(k.want)
	}
	return broken(packet.ProtocolError, "", "%v for packet identifier %d, which waits for %s", p.Type(), id, waits)
}

package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gateway/broker/packet"
)

// Next returns the next message, in the order in which the server sent them,
// and acknowledges it: nobody else will get it. It waits until there is one.
//
// When the connection has ended, what had come before is still returned, and
// then the reason. Only what is QoS 2 is not, as it could not be acknowledged
// any more and would come twice in a session that is resumed.
//
// The message belongs to the caller.
func (c *Client) Next(ctx context.Context) (*packet.Publish, error) {
	if ctx.Err() != nil { // though there be messages: who reads in a loop wants it to end
		return nil, context.Cause(ctx)
	}
	// One at a time, so that acknowledgements keep the order of the messages
	// [MQTT-4.6.0-2] [MQTT-4.6.0-3].
	select {
	case c.taking <- struct{}{}:
		defer func() { <-c.taking }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for {
		p, err := c.take(ctx)
		if err != nil {
			return nil, err
		}
		if c.acknowledge(p) {
			return p, nil
		}
	}
}

// take takes a message out of the inbox.
func (c *Client) take(ctx context.Context) (*packet.Publish, error) {
	select {
	case p := <-c.inbox:
		return p, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.done: // the inbox gets no more
	}
	select {
	case p := <-c.inbox:
		return p, nil
	default:
		return nil, c.cause()
	}
}

// acknowledge acknowledges p, and tells whether p is the caller's.
func (c *Client) acknowledge(p *packet.Publish) bool {
	var err error
	c.mu.Lock()
	switch {
	case p.QoS == 1:
		c.unacked--
		err = c.answerLocked(&packet.Puback{ID: p.ID})
	case p.QoS == 2 && c.err != nil:
		c.mu.Unlock()
		return false
	case p.QoS == 2:
		c.inbound[p.ID] = true
		err = c.answerLocked(&packet.Pubrec{ID: p.ID})
	}
	c.mu.Unlock()
	if err != nil {
		c.stop(err, nil)
	}
	return true
}

// read reads packets until the connection ends.
func (c *Client) read() {
	for {
		p, err := c.readPacket()
		if err == nil {
			err = c.handle(p)
		}
		if err != nil {
			c.fail(err)
			// If a goodbye is on its way the server may first have to get
			// rid of what it writes. Otherwise this ends at once.
			_, _ = io.Copy(io.Discard, c.conn)
			return
		}
	}
}

// fail ends the connection because of err, and tells the server if it was its
// fault, section 4.13.1.
func (c *Client) fail(err error) {
	var fault *packet.Error
	switch {
	case errors.As(err, &fault) && c.version >= packet.V5:
		c.stop(fmt.Errorf("the server broke the protocol: %w", err), &packet.Disconnect{Code: fault.Code})
	case errors.As(err, &fault):
		c.stop(fmt.Errorf("the server broke the protocol: %w", err), nil)
	default:
		c.stop(err, nil)
	}
}

func (c *Client) readPacket() (packet.Packet, error) {
	first, body, err := c.reader.Next()
	if err != nil {
		var fault *packet.Error
		switch {
		case errors.As(err, &fault):
			return nil, err
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("the server closed the connection: %w", err)
		}
		return nil, fmt.Errorf("read: %w", err)
	}
	return packet.Decode(first, body, c.version)
}

// handle does what a packet from the server asks for. It blocks only for a
// message, while the inbox is full.
func (c *Client) handle(p packet.Packet) error {
	switch p := p.(type) {
	case *packet.Publish:
		return c.message(p)
	case *packet.Puback:
		return c.answered(p.ID, p)
	case *packet.Pubrec:
		return c.pubrec(p)
	case *packet.Pubrel:
		return c.pubrel(p)
	case *packet.Pubcomp:
		return c.pubcomp(p)
	case *packet.Suback:
		return c.answered(p.ID, p)
	case *packet.Unsuback:
		return c.answered(p.ID, p)
	case *packet.Pingresp:
		return nil // stamped noticed it
	case *packet.Disconnect:
		if c.version >= packet.V5 {
			reason, reference := said(p.Properties)
			return &DisconnectError{Code: p.Code, Reason: reason, ServerReference: reference}
		}
	}
	return broken(packet.ProtocolError, "", "%v from a server", p.Type())
}

// message puts p into the inbox, or waits until there is room.
func (c *Client) message(p *packet.Publish) error {
	if p.Properties != nil && p.Properties.TopicAlias.OK { // [MQTT-3.1.2-27]
		return broken(packet.TopicAliasInvalid, "MQTT-3.1.2-27", "PUBLISH with topic alias %d: no alias was allowed", p.Properties.TopicAlias.V)
	}
	if p.QoS > 0 {
		fresh, err := c.note(p)
		if err != nil || !fresh {
			return err
		}
	}
	select {
	case c.inbox <- p:
		return nil
	default:
	}
	c.blocked.Store(true)
	select {
	case c.inbox <- p:
	case <-c.quit:
	}
	c.received.Store(int64(c.now())) // the server had no chance to show that it lives
	c.blocked.Store(false)
	return nil
}

// note counts p, and tells whether it has not been received already
// [MQTT-4.3.3-10].
func (c *Client) note(p *packet.Publish) (fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.QoS == 2 {
		if taken, again := c.inbound[p.ID]; again && taken {
			return false, c.answerLocked(&packet.Pubrec{ID: p.ID})
		} else if again {
			return false, nil
		}
	}
	if c.unacked == c.receiveMax { // [MQTT-3.3.4-9]
		return false, broken(packet.ReceiveMaximumExceeded, "MQTT-3.3.4-9", "PUBLISH: %d messages are not acknowledged already", c.unacked)
	}
	c.unacked++
	if p.QoS == 2 {
		c.inbound[p.ID] = false
	}
	return true, nil
}

// pubrel handles PUBREL: the server will not send that message again
// [MQTT-4.3.3-11], and the identifier is free [MQTT-4.3.3-12].
func (c *Client) pubrel(p *packet.Pubrel) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, known := c.inbound[p.ID]
	switch {
	case !known: // of an earlier connection, section 3.7.2.1
		return c.answerLocked(&packet.Pubcomp{ID: p.ID, Code: packet.PacketIdentifierNotFound})
	case !taken:
		return broken(packet.ProtocolError, "MQTT-4.3.3-4", "PUBREL for packet identifier %d before its PUBREC", p.ID)
	}
	delete(c.inbound, p.ID)
	c.unacked--
	return c.answerLocked(&packet.Pubcomp{ID: p.ID})
}

package client

import (
	"context"
	"fmt"
	"strings"

	"gateway/broker/packet"
)

// Publish publishes p. At QoS 0 it returns when p is written, at QoS 1 when
// PUBACK has come and at QoS 2 when PUBCOMP has. It waits while as many
// messages of QoS 1 and 2 are on their way as the server takes, its Receive
// Maximum [MQTT-3.3.4-7], or 65,280.
//
// The code is the server's, Success at QoS 0. With a code from 0x80 on the
// error is a [*PublishError]. It is a [*packet.Error] if p is not what this
// server takes, and then p was not sent. When ctx ends first, p may have been
// sent or not.
//
// p is neither changed nor kept; its ID and Dup do not matter.
func (c *Client) Publish(ctx context.Context, p *packet.Publish) (packet.ReasonCode, error) {
	if err := c.checkPublish(p); err != nil {
		return 0, fmt.Errorf("publish to %q: %w", p.Topic, err)
	}
	code, reason, err := c.publish(ctx, *p)
	switch {
	case err != nil:
		return 0, fmt.Errorf("publish to %q: %w", p.Topic, err)
	case code >= 0x80:
		return code, &PublishError{Topic: p.Topic, Code: code, Reason: reason}
	}
	return code, nil
}

func (c *Client) publish(ctx context.Context, p packet.Publish) (code packet.ReasonCode, reason string, err error) {
	p.Dup = false // nothing is sent again [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
	if p.QoS == 0 {
		b, err := c.send(ctx, &p)
		if err != nil {
			return 0, "", err
		}
		return packet.Success, "", c.flushed(ctx, b)
	}
	want := packet.TypePuback
	if p.QoS == 2 {
		want = packet.TypePubrec
	}
	answer, err := c.do(ctx, c.window, want, func(id uint16) packet.Packet {
		p.ID = id
		return &p
	})
	if err != nil {
		return 0, "", err
	}
	switch a := answer.(type) {
	case *packet.Puback:
		reason, _ = said(a.Properties)
		code = a.Code
	case *packet.Pubrec:
		reason, _ = said(a.Properties)
		code = a.Code
	case *packet.Pubcomp:
		reason, _ = said(a.Properties)
		code = a.Code
	}
	return code, reason, nil
}

// checkPublish tells whether the server may be sent p. Another packet than
// one like that would end the connection.
func (c *Client) checkPublish(p *packet.Publish) error {
	var alias packet.Opt[uint16]
	if p.Properties != nil && c.version >= packet.V5 {
		alias = p.Properties.TopicAlias
	}
	switch {
	case p.QoS > 2:
		return broken(packet.MalformedPacket, "MQTT-3.3.1-4", "QoS %d: only 0, 1 and 2 exist", p.QoS)
	case p.Topic == "" && !alias.OK:
		return broken(packet.TopicNameInvalid, "MQTT-4.7.3-1", "the topic is empty")
	case strings.ContainsAny(p.Topic, "+#"):
		return broken(packet.TopicNameInvalid, "MQTT-3.3.2-2", "messages have no wildcards in their topic")
	case p.QoS > c.server.qos:
		return broken(packet.QoSNotSupported, "MQTT-3.2.2-11", "QoS %d: the server takes at most %d", p.QoS, c.server.qos)
	case p.Retain && c.server.noRetain:
		return broken(packet.RetainNotSupported, "MQTT-3.2.2-14", "the server retains nothing")
	case alias.OK && (alias.V == 0 || alias.V > c.server.aliases):
		return broken(packet.TopicAliasInvalid, "MQTT-3.3.2-9", "topic alias %d: the server takes 1 to %d", alias.V, c.server.aliases)
	}
	return nil
}

// pubrec handles PUBREC: the second half of a message of QoS 2 begins, in the
// order in which the server answered [MQTT-4.6.0-4].
func (c *Client) pubrec(p *packet.Pubrec) error {
	if p.Code >= 0x80 { // [MQTT-4.3.3-4]
		return c.answered(p.ID, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.calls[p.ID]
	switch {
	case k == nil: // section 3.6.2.1
		return c.answerLocked(&packet.Pubrel{ID: p.ID, Code: packet.PacketIdentifierNotFound})
	case k.want != packet.TypePubrec && k.want != packet.TypePubcomp:
		return unexpected(p.ID, p, k)
	}
	k.want = packet.TypePubcomp
	return c.answerLocked(&packet.Pubrel{ID: p.ID})
}

// pubcomp handles PUBCOMP. One that nobody waits for may be the answer to a
// PUBREL that pubrec sent for an identifier nobody knew.
func (c *Client) pubcomp(p *packet.Pubcomp) error {
	c.mu.Lock()
	unknown := c.calls[p.ID] == nil
	c.mu.Unlock()
	if unknown {
		return nil
	}
	return c.answered(p.ID, p)
}

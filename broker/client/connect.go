package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"gateway/broker/packet"
)

// Connect says CONNECT on conn and returns when the server has accepted. It
// reads and writes conn from then on and closes it in the end, on an error too.
//
// ctx is for connecting only. The error is a [*ConnectError] when the server
// refused.
func Connect(ctx context.Context, conn net.Conn, o Options) (*Client, error) {
	c, err := connect(ctx, conn, o)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	c.start()
	return c, nil
}

// connect returns a client whose goroutines do not run yet.
func connect(ctx context.Context, conn net.Conn, o Options) (*Client, error) {
	p, err := o.connect()
	if err != nil {
		return nil, err
	}
	c := newClient(conn, p, o)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	ack, err := c.shakeHands(p)
	if !stop() { // the connection is closed, whatever was said on it
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.accept(ack)
	return c, nil
}

// shakeHands writes p and returns the answer if it is a good one.
func (c *Client) shakeHands(p *packet.Connect) (*packet.Connack, error) {
	b, err := p.Append(nil, c.version)
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(b); err != nil {
		return nil, err
	}
	first, body, err := c.reader.Next()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the server closed the connection without an answer; is it an MQTT server, without TLS on this port, that knows MQTT %v? %w", c.version, err)
	}
	if err != nil {
		return nil, err
	}
	answer, err := packet.Decode(first, body, c.version)
	if err != nil {
		return nil, err
	}
	ack, ok := answer.(*packet.Connack)
	switch {
	case !ok: // [MQTT-3.2.0-1]
		return nil, broken(packet.ProtocolError, "MQTT-3.2.0-1", "the server answered CONNECT with %v", answer.Type())
	case ack.Code != packet.Success:
		reason, reference := said(ack.Properties)
		return nil, &ConnectError{Version: c.version, Code: ack.Code, Reason: reason, ServerReference: reference}
	case ack.SessionPresent && p.CleanStart: // [MQTT-3.2.2-2]
		return nil, broken(packet.ProtocolError, "MQTT-3.2.2-2", "CONNACK: a session is present after a clean start")
	}
	return ack, nil
}

// The packet identifiers are divided between messages and requests, so that
// neither has to wait for the other and there is always a free one.
const (
	requestIDs = 255
	messageIDs = 65535 - requestIDs
)

// accept takes over what the server set in CONNACK.
func (c *Client) accept(ack *packet.Connack) {
	c.connack = ack
	p := ack.Properties
	if p == nil {
		p = new(packet.Properties)
	}
	c.server = serverLimits{
		packetSize: min(p.MaximumPacketSize.Or(maxPacketSize), maxPacketSize),
		qos:        packet.QoS(p.MaximumQoS.Or(2)),
		noRetain:   p.RetainAvailable.Or(1) == 0,
		aliases:    p.TopicAliasMaximum.V,
	}
	c.window = make(chan struct{}, min(messageIDs, int(p.ReceiveMaximum.Or(messageIDs))))
	if p.ServerKeepAlive.OK { // [MQTT-3.2.2-21]
		c.keepAlive = time.Duration(p.ServerKeepAlive.V) * time.Second
	}
}

// serverLimits are what a server of MQTT 5.0 says that it does not take.
type serverLimits struct {
	packetSize uint32
	qos        packet.QoS // the highest
	noRetain   bool
	aliases    uint16 // the highest topic alias, 0: none
}

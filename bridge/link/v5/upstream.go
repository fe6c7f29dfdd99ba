package v5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// Upstream is MQTT 5. The zero value is ready.
type Upstream struct{}

var _ link.Upstream = Upstream{}

// Connect implements [link.Upstream]. A session that is to be kept is begun by a
// connection without a clean start, after a short one with it: Mosquitto 2.0.11 does
// not store one that a clean start has begun.
func (Upstream) Connect(ctx context.Context, nc net.Conn, h link.Hello, s link.Session) (link.Link, error) {
	if h.CleanStart && h.SessionExpiry > 0 && h.Dial != nil {
		second, err := startClean(ctx, nc, h)
		if err != nil {
			return nil, err
		}
		nc, h.CleanStart = second, false
	}
	return begin(ctx, nc, h, s)
}

// startClean ends what the upstream has of an earlier session, on nc, and returns
// another connection.
func startClean(ctx context.Context, nc net.Conn, h link.Hello) (net.Conn, error) {
	h.Will, h.SessionExpiry = nil, 0
	l, err := begin(ctx, nc, h, nobody{})
	if err != nil {
		return nil, fmt.Errorf("end the earlier session: %w", err)
	}
	l.Close()
	if nc, err = h.Dial(ctx); err != nil {
		return nil, fmt.Errorf("connect again after the earlier session was ended: %w", err)
	}
	return nc, nil
}

// nobody is the session of a connection that has none.
type nobody struct{}

func (nobody) Released(context.Context, uint16) error  { return nil }
func (nobody) Forgotten(context.Context, uint16) error { return nil }
func (nobody) Received(link.Message) (func(context.Context) error, error) {
	return nil, nil
}

// begin makes one connection. It closes nc if that fails.
func begin(ctx context.Context, nc net.Conn, h link.Hello, s link.Session) (link.Link, error) {
	c := newConn(nc, h, s)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err := c.greet(h)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	c.start()
	return c, nil
}

// greet says CONNECT and takes the answer.
func (c *conn) greet(h link.Hello) error {
	b, err := connect(h).Append(nil, packet.V5)
	if err != nil {
		return err
	}
	if _, err := c.nc.Write(b); err != nil {
		return fmt.Errorf("write CONNECT: %w", err)
	}
	first, body, err := c.reader.Next()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the upstream closed the connection in answer to CONNECT, as some do that do not know MQTT 5: %w", err)
	case err != nil:
		return fmt.Errorf("read the answer to CONNECT: %w", err)
	}
	if first>>4 == packets.CONNACK && len(body) == 2 { // that of MQTT 5 is longer
		return olderConnack(body[1])
	}
	p, err := decode(first, body)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packets.Connack:
		return c.accepted(h, p)
	case *packets.Disconnect:
		return refusedBy("DISCONNECT", p.ReasonCode, p.Properties)
	case *packets.Auth:
		return errors.New("the upstream asks for extended authentication, which the bridge does not have")
	}
	return broken(packet.ProtocolError, "MQTT-3.2.0-1", "%s in answer to CONNECT", name(first))
}

// olderConnack is for a CONNACK in the form of MQTT 3.1.1.
func olderConnack(code byte) error {
	if code == 0 {
		return broken(packet.MalformedPacket, "", "CONNACK of MQTT 3.1.1 in answer to a CONNECT of MQTT 5")
	}
	return &link.Refused{Packet: "CONNACK", Code: link.FromReturnCode(code)}
}

// connect is the CONNECT that h asks for.
func connect(h link.Hello) *packet.Connect {
	p := &packet.Connect{
		Version: packet.V5, ClientID: h.ClientID, CleanStart: h.CleanStart,
		KeepAlive: uint16(min(seconds(h.KeepAlive), math.MaxUint16)), Properties: &packet.Properties{},
	}
	if h.Username != "" {
		p.Username = packet.Some(h.Username)
	}
	if h.Password != "" {
		p.Password = []byte(h.Password)
	}
	if h.SessionExpiry > 0 {
		p.Properties.SessionExpiry = packet.Some(seconds(h.SessionExpiry))
	}
	if h.ReceiveMaximum > 0 {
		p.Properties.ReceiveMaximum = packet.Some(h.ReceiveMaximum)
	}
	if h.MaxPacketSize > 0 {
		p.Properties.MaximumPacketSize = packet.Some(h.MaxPacketSize)
	}
	if w := h.Will; w != nil {
		p.Will = &packet.Will{Topic: w.Topic, Payload: w.Payload, QoS: packet.QoS(w.QoS), Retain: w.Retain, Properties: willProperties(w)}
	}
	return p
}

func willProperties(w *link.Message) *packet.Properties {
	p := new(packet.Properties)
	if q := w.Properties; q != nil {
		*p = packet.Properties{
			PayloadFormat: q.PayloadFormat, ContentType: q.ContentType, ResponseTopic: q.ResponseTopic,
			CorrelationData: q.CorrelationData, User: q.User, WillDelay: q.WillDelay,
		}
	}
	if w.Expiry > 0 {
		p.MessageExpiry = packet.Some(seconds(w.Expiry))
	}
	return p
}

// accepted takes the limits from CONNACK, or returns why there is no
// connection.
func (c *conn) accepted(h link.Hello, p *packets.Connack) error {
	q := p.Properties
	switch {
	case p.ReasonCode != packets.ConnackSuccess:
		return refusedBy("CONNACK", p.ReasonCode, q)
	case p.SessionPresent && h.CleanStart: // section 3.2.2.1.1
		return broken(packet.ProtocolError, "MQTT-3.2.2-2", "CONNACK has a session that was to be cleared")
	case q.ReceiveMaximum != nil && *q.ReceiveMaximum == 0, q.MaximumPacketSize != nil && *q.MaximumPacketSize == 0:
		return broken(packet.ProtocolError, "", "CONNACK with a receive maximum or a maximum packet size of 0")
	}
	c.present = p.SessionPresent
	c.limits = link.Limits{
		MaxQoS:          min(or(q.MaximumQOS, 2), 2),
		NoRetain:        or(q.RetainAvailable, 1) == 0,
		NoWildcard:      or(q.WildcardSubAvailable, 1) == 0,
		ReceiveMaximum:  or(q.ReceiveMaximum, math.MaxUint16),
		MaxPacketSize:   or(q.MaximumPacketSize, 0),
		KeepAlive:       time.Duration(or(q.ServerKeepAlive, uint16(min(seconds(h.KeepAlive), math.MaxUint16)))) * time.Second,
		ClientID:        h.ClientID,
		SessionExpiry:   time.Duration(or(q.SessionExpiryInterval, seconds(h.SessionExpiry))) * time.Second,
		ServerReference: q.ServerReference,
	}
	if q.AssignedClientID != "" {
		c.limits.ClientID = q.AssignedClientID
	}
	c.quota = int(c.limits.ReceiveMaximum)
	return nil
}

// or returns what p points to, or absent if it is nil.
func or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// seconds rounds d up to what fits a property. The most stands for "never" in
// a session expiry.
func seconds(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return uint32(min(s, math.MaxUint32))
}

package scripted

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"gateway/broker/packet"
)

// conn is a connection of a client.
type conn struct {
	b       *Broker
	nc      net.Conn
	version packet.Version
	bridge  bool
	session *session // nil until CONNACK; guarded by Broker.mu
	gone    bool     // DISCONNECT was sent: what comes is not heard any more

	second time.Time // in which messages are counted
	inIt   int
}

// offence is why a connection is closed; in MQTT 5 with DISCONNECT if it has a
// code.
type offence struct {
	code packet.ReasonCode
	text string
}

func (o *offence) Error() string { return o.text }

func offended(code packet.ReasonCode, format string, args ...any) error {
	return &offence{code, fmt.Sprintf(format, args...)}
}

// serve answers a client until the connection ends.
func (c *conn) serve() {
	err := c.converse()
	c.b.mu.Lock()
	delete(c.b.conns, c)
	var o *offence
	if errors.As(err, &o) {
		c.b.offences = append(c.b.offences, o.text)
		if o.code != packet.Success {
			c.goodbyeLocked(&packet.Disconnect{Code: o.code})
		}
	}
	c.b.mu.Unlock()
	if c.gone {
		_, _ = io.Copy(io.Discard, c.nc) // else the system resets, and the client may never read DISCONNECT
	}
	c.nc.Close()
}

func (c *conn) converse() error {
	r := packet.NewReader(c.nc, 0)
	for {
		first, body, err := r.Next()
		if err != nil {
			return err
		}
		p, err := packet.Decode(first, body, c.version)
		if err != nil {
			return offended(0, "what came cannot be read: %v", err)
		}
		if limit := c.b.rules.Connack.MaximumPacketSize; c.version == packet.V5 && limit.OK && uint64(len(body)) > uint64(limit.V) {
			return offended(packet.PacketTooLarge, "%v of %d bytes", p.Type(), len(body))
		}
		if err := c.answer(p); err != nil {
			return err
		}
	}
}

// answer does what a packet asks for. It fails if the connection is to end.
func (c *conn) answer(p packet.Packet) error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.gone {
		return nil
	}
	if hello, ok := p.(*packet.Connect); ok {
		return c.connectLocked(hello)
	}
	if c.session == nil {
		return offended(0, "%v before CONNECT", p.Type())
	}
	switch p := p.(type) {
	case *packet.Publish:
		return c.publishLocked(p)
	case *packet.Pubrel:
		delete(c.session.halfway, p.ID)
		c.sendLocked(&packet.Pubcomp{ID: p.ID})
	case *packet.Subscribe:
		return c.subscribeLocked(p)
	case *packet.Unsubscribe:
		c.session.subs = slices.DeleteFunc(c.session.subs, func(s packet.Subscription) bool { return slices.Contains(p.Filters, s.Filter) })
		c.sendLocked(&packet.Unsuback{ID: p.ID, Codes: make([]packet.ReasonCode, len(p.Filters))})
	case *packet.Pingreq:
		c.sendLocked(&packet.Pingresp{})
	case *packet.Disconnect:
		return net.ErrClosed
	}
	return nil
}

func (c *conn) connectLocked(p *packet.Connect) error {
	r := &c.b.rules
	if !c.asked() {
		return offended(0, "no ALPN %q", r.ALPN)
	}
	c.version, c.bridge = p.Version, p.Bridge
	keepAlive := time.Duration(p.KeepAlive) * time.Second
	switch {
	case p.Bridge && r.BridgeBit == BitCloses:
		return offended(0, "the bridge bit")
	case len(r.ClientIDs) > 0 && !slices.Contains(r.ClientIDs, p.ClientID):
		return offended(0, "client id %q", p.ClientID)
	case r.MaxKeepAlive > 0 && (keepAlive > r.MaxKeepAlive || keepAlive == 0) && c.version < packet.V5:
		return offended(0, "keep-alive of %v", keepAlive)
	case p.Will != nil && r.NoRetain && p.Will.Retain:
		return offended(0, "a retained will")
	case p.Will != nil && r.NoQoS2 && p.Will.QoS == 2:
		return offended(0, "a will of QoS 2")
	}
	ack := &packet.Connack{}
	if c.version == packet.V5 {
		properties := r.Connack
		if r.MaxKeepAlive > 0 && (keepAlive > r.MaxKeepAlive || keepAlive == 0) {
			properties.ServerKeepAlive = packet.Some(uint16(r.MaxKeepAlive / time.Second))
		}
		ack.Properties = &properties
	}
	c.takeOverLocked(p, ack)
	c.b.count++
	c.sendLocked(ack)
	return nil
}

// asked tells whether the client has asked for the protocol that it needs: one
// that asks for none gets through the handshake.
func (c *conn) asked() bool {
	secure, ok := c.nc.(*tls.Conn)
	return c.b.rules.ALPN == "" || ok && secure.ConnectionState().NegotiatedProtocol == c.b.rules.ALPN
}

// takeOverLocked gives the client its session.
func (c *conn) takeOverLocked(p *packet.Connect, ack *packet.Connack) {
	s := c.b.sessions[p.ClientID]
	for other := range c.b.conns {
		if other != c && s != nil && other.session == s {
			other.goodbyeLocked(&packet.Disconnect{Code: packet.SessionTakenOver})
		}
	}
	ack.SessionPresent = s != nil && !p.CleanStart
	if !ack.SessionPresent {
		s = &session{halfway: map[uint16]bool{}}
		c.b.sessions[p.ClientID] = s
	}
	c.session = s
}

func (c *conn) publishLocked(m *packet.Publish) error {
	if err := c.checkLocked(m); err != nil {
		return err
	}
	if c.tooManyLocked() {
		c.b.passed++
		return nil
	}
	code := packet.Success
	if refuse := c.b.rules.Refuse; refuse != nil && c.version == packet.V5 && m.QoS > 0 {
		code = refuse(m)
	}
	known := m.QoS == 2 && c.session.halfway[m.ID]
	if code < packet.UnspecifiedError && !known {
		if m.QoS == 2 {
			c.session.halfway[m.ID] = true
		}
		c.b.takeLocked(c, m)
	}
	switch m.QoS {
	case 1:
		c.sendLocked(&packet.Puback{ID: m.ID, Code: code})
	case 2:
		c.sendLocked(&packet.Pubrec{ID: m.ID, Code: code})
	}
	return nil
}

// checkLocked holds a message to the rules.
func (c *conn) checkLocked(m *packet.Publish) error {
	r := &c.b.rules
	if c.version == packet.V5 {
		switch limits := r.Connack; {
		case m.QoS > packet.QoS(limits.MaximumQoS.Or(2)):
			return offended(packet.QoSNotSupported, "QoS %d", m.QoS)
		case m.Retain && limits.RetainAvailable.Or(1) == 0:
			return offended(packet.RetainNotSupported, "RETAIN")
		case m.QoS == 2 && !c.session.halfway[m.ID] && len(c.session.halfway) >= int(limits.ReceiveMaximum.Or(65535)):
			return offended(packet.ReceiveMaximumExceeded, "more than %d on their way", limits.ReceiveMaximum.V)
		}
	}
	switch {
	case m.QoS == 2 && r.NoQoS2:
		return offended(0, "QoS 2")
	case m.Retain && r.NoRetain:
		return offended(0, "RETAIN")
	case r.MaxSlashes > 0 && strings.Count(m.Topic, "/") > r.MaxSlashes:
		return offended(0, "a topic of %d slashes", strings.Count(m.Topic, "/"))
	case r.MaxPayload > 0 && len(m.Payload) > r.MaxPayload:
		return offended(0, "a payload of %d bytes", len(m.Payload))
	}
	return nil
}

// tooManyLocked tells whether a message is over the rate.
func (c *conn) tooManyLocked() bool {
	now := time.Now()
	if now.Sub(c.second) >= time.Second {
		c.second, c.inIt = now, 0
	}
	c.inIt++
	return c.b.rules.MaxRate > 0 && c.inIt > c.b.rules.MaxRate
}

func (c *conn) subscribeLocked(p *packet.Subscribe) error {
	r := &c.b.rules
	if r.MaxFilters > 0 && len(p.Filters) > r.MaxFilters {
		return offended(0, "SUBSCRIBE with %d filters", len(p.Filters))
	}
	ack := &packet.Suback{ID: p.ID}
	for _, f := range p.Filters {
		if r.NoQoS2 {
			f.QoS = min(f.QoS, 1)
		}
		c.session.subs = slices.DeleteFunc(c.session.subs, func(s packet.Subscription) bool { return s.Filter == f.Filter })
		c.session.subs = append(c.session.subs, f)
		ack.Codes = append(ack.Codes, packet.ReasonCode(f.QoS))
	}
	c.sendLocked(ack)
	return nil
}

// sendLocked writes a packet. A client that does not read for long is closed: the
// others wait for it.
func (c *conn) sendLocked(p packet.Packet) {
	buf, err := p.Append(nil, c.version)
	if err != nil {
		panic(fmt.Sprintf("scripted: %v", err)) // the rules of a test are wrong
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.nc.Write(buf); err != nil {
		c.nc.Close()
	}
}

// goodbyeLocked says why, where the version has that, and closes when the client
// has, or soon.
func (c *conn) goodbyeLocked(p *packet.Disconnect) {
	if c.version < packet.V5 || c.session == nil {
		c.nc.Close()
		return
	}
	c.sendLocked(p)
	c.gone, c.session = true, nil
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
}

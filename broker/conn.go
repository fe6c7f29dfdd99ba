package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"gateway/broker/packet"
)

// conn is one client's connection. The fields of the first group are set
// until CONNECT is answered and then only read; those of the second belong to
// the reading goroutine.
type conn struct {
	b          *Broker
	nc         net.Conn
	log        *slog.Logger
	version    packet.Version
	id         string
	session    *session
	keepAlive  time.Duration // 0 is none
	receiveMax int           // QoS 1 and 2 messages the client takes at once
	maxPacket  uint32        // largest packet the client takes, bytes; 0 is no bound
	problems   bool          // the client wants reason strings
	bridge     bool          // another broker's bridge: no echo, RETAIN as published

	will    *Message
	delay   time.Duration // of the will
	publish packet.Publish
	aliases []string // topic of each alias the client set, [alias-1]
	targets targetCache

	// Guarded by Broker.sessionsMu: the client has made another connection.
	taken      bool
	takenClean bool          // with a clean start
	left       chan struct{} // closed when the session is free

	mu      sync.Mutex
	control []byte         // encoded packets that wait to be written before any delivery
	writing bool           // the writing goroutine runs
	final   bool           // nothing may be added to control any more
	drained *sync.Cond     // control was taken by the writer; L is mu
	writers sync.WaitGroup // the writing goroutine
	dead    error          // why writing failed
}

// Too many acknowledgements waiting for a client that sends and does not
// read: reading from it stops until they are written.
const maxControl = 64 << 10

// How a reading loop ends besides errors of the line and of the client.
var (
	errDisconnected = errors.New("client disconnected")
	errEnded        = errors.New("ended by the broker") // disconnect was called
)

// serve runs the connection to its end and closes it.
func (b *Broker) serve(nc net.Conn) {
	c := &conn{b: b, nc: nc, problems: true, left: make(chan struct{}), log: b.log.With("remote", nc.RemoteAddr().String())}
	c.drained = sync.NewCond(&c.mu)
	b.counters.connections.Add(1)
	b.counters.connectionsTotal.Add(1)
	if b.track(c) {
		err := c.read()
		c.end(err)
		b.untrack(c)
	} else {
		nc.Close()
	}
	b.counters.connections.Add(-1)
}

// read reads packets and handles them until the connection ends, and returns
// why.
func (c *conn) read() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a packet made the broker panic; please report this", "client", c.id, "panic", p)
			err = &packet.Error{Code: packet.ImplementationSpecificError, Text: "internal error"}
		}
	}()
	if err := c.nc.SetReadDeadline(time.Now().Add(c.b.cfg.ConnectTimeout)); err != nil {
		return err
	}
	buf := make([]byte, readBuffer)
	r, w := 0, 0
	last := time.Now()
	for {
		n, need, err := c.packets(buf[r:w])
		r += n
		if err != nil {
			return err
		}
		c.wakeForControl()
		buf, r, w = makeRoom(buf, r, w, need)
		n, err = c.nc.Read(buf[w:])
		w += n
		c.b.counters.bytesReceived.Add(int64(n))
		if n > 0 {
			last = time.Now()
			if err := c.prolong(last); err != nil {
				return c.readError(err)
			}
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && c.stillAlive(last) {
				continue
			}
			return c.readError(err)
		}
	}
}

const readBuffer = 4 << 10

// packets handles all whole packets in b and returns the number of bytes they
// were, and how many bytes the next one has if that is known.
func (c *conn) packets(b []byte) (n, need int, err error) {
	for {
		first, length, header, err := packet.ParseHeader(b[n:])
		if err != nil {
			return n, 0, err
		}
		if header == 0 {
			return n, 0, nil
		}
		if c.session == nil && packet.Type(first>>4) != packet.TypeConnect { // [MQTT-3.1.0-1]
			return n, 0, fmt.Errorf("the first packet is %v, not CONNECT", packet.Type(first>>4))
		}
		size := header + length
		if size > c.b.cfg.MaxPacketSize { // [MQTT-3.2.2-15]
			return n, 0, &packet.Error{Code: packet.PacketTooLarge, Clause: "MQTT-3.2.2-15", Text: fmt.Sprintf("packet of %d bytes, at most %d are allowed", size, c.b.cfg.MaxPacketSize)}
		}
		if len(b)-n < size {
			return n, size, nil
		}
		if err := c.handle(first, b[n+header:n+size]); err != nil {
			return n, 0, err
		}
		n += size
	}
}

// makeRoom makes room to read more behind w for a packet of need bytes that
// begins at r. A claimed length alone costs nothing: the buffer doubles as
// bytes come.
func makeRoom(buf []byte, r, w, need int) ([]byte, int, int) {
	switch {
	case r == w && len(buf) > readBuffer:
		return make([]byte, readBuffer), 0, 0 // a large packet is through
	case r == w:
		return buf, 0, 0
	case w < len(buf) && (r == 0 || r+need <= len(buf)):
		return buf, r, w
	case r > 0 && need <= len(buf):
		copy(buf, buf[r:w])
		return buf, 0, w - r
	}
	grown := make([]byte, 2*len(buf))
	copy(grown, buf[r:w])
	return grown, 0, w - r
}

// stillAlive tells whether the keep-alive, which runs from the last packet
// received, has not passed yet, and then prolongs the deadline.
func (c *conn) stillAlive(last time.Time) bool {
	if c.session == nil {
		return false
	}
	if _, ok := c.nc.(*wsConn); ok {
		return false
	}
	left := time.Until(last.Add(c.keepAlive))
	if c.keepAlive == 0 || left <= 0 {
		return false
	}
	return c.readBy(time.Now().Add(left)) == nil
}

// prolong sets the deadline for the next packet on a WebSocket, whose stream
// does not survive one that passes. Elsewhere stillAlive does, and only when
// a deadline has passed.
func (c *conn) prolong(last time.Time) error {
	if _, ok := c.nc.(*wsConn); !ok || c.session == nil || c.keepAlive == 0 {
		return nil
	}
	return c.readBy(last.Add(c.keepAlive))
}

func (c *conn) readError(err error) error {
	c.mu.Lock()
	ended, dead := c.final, c.dead
	c.mu.Unlock()
	switch {
	case ended:
		return errEnded
	case dead != nil:
		return fmt.Errorf("write: %w", dead)
	case errors.Is(err, os.ErrDeadlineExceeded) && c.session == nil:
		return fmt.Errorf("no CONNECT within %v", c.b.cfg.ConnectTimeout)
	case errors.Is(err, os.ErrDeadlineExceeded): // [MQTT-3.1.2-22]
		return &packet.Error{Code: packet.KeepAliveTimeout, Clause: "MQTT-3.1.2-22", Text: "nothing received for one and a half keep-alive intervals"}
	case errors.Is(err, io.EOF):
		return errors.New("connection closed by the client without DISCONNECT")
	}
	return err
}

// handle handles one packet.
func (c *conn) handle(first byte, body []byte) error {
	typ := packet.Type(first >> 4)
	if c.session == nil {
		return c.handleConnect(first, body)
	}
	if typ == packet.TypePublish {
		if err := c.publish.Decode(first, body, c.version); err != nil {
			return err
		}
		return c.handlePublish(&c.publish)
	}
	p, err := packet.Decode(first, body, c.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packet.Puback:
		c.session.acked(p.ID, 1)
	case *packet.Pubrec:
		c.handlePubrec(p)
	case *packet.Pubrel:
		code := packet.Success
		if !c.session.release(p.ID) {
			code = packet.PacketIdentifierNotFound
		}
		return c.send(&packet.Pubcomp{ID: p.ID, Code: code}) // [MQTT-4.3.3-11]
	case *packet.Pubcomp:
		c.session.completed(p.ID)
	case *packet.Subscribe:
		return c.handleSubscribe(p)
	case *packet.Unsubscribe:
		return c.handleUnsubscribe(p)
	case *packet.Pingreq:
		return c.send(&packet.Pingresp{}) // [MQTT-3.12.4-1]
	case *packet.Disconnect:
		return c.handleDisconnect(p)
	default: // a second CONNECT [MQTT-3.1.0-2], or what only a server sends
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.1.0-2", Text: fmt.Sprintf("%v from a connected client", typ)}
	}
	return nil
}

// handlePubrec answers PUBREC with PUBREL, unless it says that the message
// was refused.
func (c *conn) handlePubrec(p *packet.Pubrec) {
	if p.Code >= packet.UnspecifiedError {
		c.session.acked(p.ID, 2)
		return
	}
	code := packet.Success
	if !c.session.recorded(p.ID) {
		code = packet.PacketIdentifierNotFound
	}
	_ = c.send(&packet.Pubrel{ID: p.ID, Code: code})
}

// handleDisconnect ends the connection as the client wishes.
func (c *conn) handleDisconnect(p *packet.Disconnect) error {
	if p.Properties != nil && p.Properties.SessionExpiry.OK {
		seconds := p.Properties.SessionExpiry.V
		if err := c.changeExpiry(seconds); err != nil {
			return err
		}
	}
	if p.Code != packet.DisconnectWithWill {
		c.will = nil // [MQTT-3.14.4-3]
	}
	return errDisconnected
}

// end closes the connection after err: the client is told, the will is
// published, and the session goes on without it or ends.
func (c *conn) end(err error) {
	var perr *packet.Error
	switch {
	case errors.Is(err, errDisconnected), errors.Is(err, errEnded):
		c.log.Debug(err.Error(), "client", c.id)
	case c.session == nil:
		c.log.Debug("connection refused", "reason", err)
	default:
		c.log.Debug("connection lost", "client", c.id, "reason", err)
	}
	if errors.As(err, &perr) {
		c.goodbye(perr.Code)
	}
	if c.session != nil {
		c.b.leave(c)
	}
	c.finish()
}

// goodbye tells a client of MQTT 5 why it is disconnected; for older ones
// there is no such packet. The reason in words goes to the log only, as with
// Mosquitto.
func (c *conn) goodbye(code packet.ReasonCode) {
	if c.session == nil || c.version < packet.V5 {
		return
	}
	_ = c.send(&packet.Disconnect{Code: code})
}

package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/packet"
)

// conn is one client's connection. The fields of the first group are set
// until CONNECT is answered and then only read; those of the second belong to
// the reading goroutine.
type conn struct {
	b         *Broker
	nc        net.Conn
	terms     *terms
	version   packet.Version
	id        string
	identity  auth.Identity
	password  bool // it logged in with one
	session   *session
	keepAlive time.Duration // 0 is none
	window    int           // QoS 1 and 2 messages the client takes at once
	maxPacket int           // largest packet the client takes, bytes; 0 is no bound
	maxAlias  uint16        // topic aliases the client takes; 0 is none
	problems  bool          // the client wants reason strings
	bridge    bool          // another broker's bridge: no echo, RETAIN as published
	since     time.Duration // when CONNECT was accepted, since Broker.started
	willTopic *string       // of the will that CONNECT had; nil without one

	proof   *proof // nil for a plain login
	socket  socket
	in      input
	will    *will
	traffic traffic
	pace    *pace    // nil if the client may publish as fast as it likes
	aliases []string // topic of each alias the client set, [alias-1]
	topics  topicCache
	last    time.Duration // when something was read, since Broker.started
	deep    bool          // the stack may have grown
	resumed bool          // the session was there before
	durable bool          // and is kept in the store, with its messages
	done    func()        // called after the end
	first   *[512]byte    // where a connection that is no socket reads while it waits

	// Guarded by Broker.sessionsMu: the client has made another connection.
	taken      bool
	takenClean bool          // with a clean start
	left       chan struct{} // closed when the session is free; nil if nobody waits

	mu        sync.Mutex
	out       *outbox           // what waits to be written; nil if nothing does
	given     map[string]uint16 // topic aliases given to the client
	writing   bool              // somebody writes
	marked    bool              // somebody will flush
	more      bool              // the session may have something to send
	backlog   bool              // QoS 0 messages wait in the session's queue
	final     bool              // nothing may be added to out any more
	ending    *ending           // why disconnect has set final; nil if it has not
	dead      error             // why writing failed
	deadlined bool              // a write deadline is set
	drained   *sync.Cond        // what waited was taken to be written; nil if nobody waits
	held      *held             // answers that wait for the store; nil before the first
}

// maxControl is how many bytes of answers may wait for a client that sends
// and does not read: reading from it stops until they are written.
const maxControl = 64 << 10

// How a reading loop ends besides errors of the line and of the client.
var (
	errDisconnected = errors.New("client disconnected")
	errEnded        = errors.New("ended by the broker") // disconnect was called
	errLost         = errors.New("connection closed by the client without DISCONNECT")
	errSilent       = errors.New("no CONNECT")
	errFirstPacket  = errors.New("the first packet is not CONNECT")
	errWrite        = errors.New("write")
)

// log returns the broker's log with what names the connection.
func (c *conn) log() *slog.Logger {
	return c.b.log.With("remote", c.nc.RemoteAddr().String(), "client", c.id)
}

// serve runs the connection to its end and closes it. It returns at once, and
// calls done after the end.
func (b *Broker) serve(nc net.Conn, t *terms, done func()) {
	c := &conn{b: b, nc: nc, terms: t, problems: true, done: done, last: b.passed()}
	if b.cfg().MaxPublishRate > 0 {
		c.pace = &pace{ended: make(chan struct{})}
	}
	if d, ok := nc.(*door.Conn); ok && d.Raw() != nil {
		c.socket.open(d.Raw(), &c.in)
	}
	b.counters.connections.Add(1)
	b.counters.connectionsTotal.Add(1)
	if !b.track(c) {
		nc.Close()
		b.counters.connections.Add(-1)
		done()
		return
	}
	if err := nc.SetReadDeadline(time.Now().Add(b.cfg().ConnectTimeout)); err != nil {
		nc.Close() // which the reader will see
	}
	go c.read()
}

// read reads packets and handles them until the connection ends.
//
// What has grown the goroutine's stack, a CONNECT say, is followed by a new
// goroutine: a thousand clients that wait should not hold a thousand stacks
// of that size.
func (c *conn) read() {
	for {
		c.deep = false
		if err := c.readSome(); err != nil {
			c.in.idle()
			c.end(err)
			c.b.untrack(c)
			c.b.counters.connections.Add(-1)
			c.done()
			return
		}
		if c.deep {
			go c.read()
			return
		}
	}
}

// readSome waits for bytes and handles the packets that are complete.
func (c *conn) readSome() error {
	n, err := c.fill()
	if n > 0 {
		c.b.counters.bytesReceived.Add(int64(n))
		c.traffic.fresh.bytes += int32(n)
		c.last = c.b.passed()
		if err := c.handleAll(); err != nil {
			return err
		}
		if err := c.prolong(c.last); err != nil {
			return c.readError(err)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && c.stillAlive(c.last):
		return nil
	default:
		return c.readError(err)
	}
	return nil
}

// recovered turns a panic of a handler into an error.
func (c *conn) recovered(err *error) {
	p := recover()
	if p == nil {
		return
	}
	stack := make([]byte, 4<<10)
	stack = stack[:runtime.Stack(stack, false)]
	c.log().Error("a packet made the broker panic; please report this", "panic", p, "stack", string(stack))
	*err = &packet.Error{Code: packet.ImplementationSpecificError, Text: "internal error"}
}

// fill waits for bytes and reads them.
func (c *conn) fill() (n int, err error) {
	switch {
	case c.socket.raw != nil:
		if n, err = c.socket.read(); n == 0 && err == nil {
			err = io.EOF
		}
	case c.in.bench != nil:
		n, err = c.nc.Read(c.in.room())
	default:
		return c.fillFirst()
	}
	c.in.n += n
	return n, err
}

// fillFirst is fill for a connection that is no socket and has no bench: it
// waits with little memory.
func (c *conn) fillFirst() (n int, err error) {
	if c.first == nil {
		c.first = new([512]byte)
	}
	n, err = c.nc.Read(c.first[:])
	for b := c.first[:n]; len(b) > 0; {
		m := copy(c.in.room(), b)
		c.in.n += m
		b = b[m:]
	}
	return n, err
}

// handleAll handles all whole packets that were read and sends what came of
// them on its way. It stops at the one that ends the connection: what follows a
// refused CONNECT is not looked at [MQTT-3.1.4-6].
func (c *conn) handleAll() (err error) {
	defer c.recovered(&err)
	n, need, err := c.packets(c.in.bytes())
	c.b.counters.packetsReceived.Add(int64(c.traffic.fresh.packets))
	c.traffic.tell(c.terms.flow)
	c.letOthersAdd()
	if w := c.in.bench; w != nil {
		w.pub.flush()
	}
	c.flush()
	if err != nil {
		return err
	}
	c.in.done(n, need)
	c.letStoreFollow()
	c.slowDown()
	if c.socket.raw == nil && c.in.n < benchSize/2 {
		c.in.idle()
	}
	return nil
}

// letOthersAdd lets whoever else has something to say say it first: what it
// adds to the same connections goes out in the same writes. Where enough waits
// for one already, or nothing does, there is no point in it.
func (c *conn) letOthersAdd() {
	w := c.in.bench
	if c.socket.raw == nil || w == nil || w.pub.plenty {
		return
	}
	if len(w.pub.dirty) > 0 || c.hasOut() {
		runtime.Gosched()
	}
}

// slowDown waits when the client publishes faster than it may.
func (c *conn) slowDown() {
	if c.pace == nil || c.pace.pause <= 0 {
		return
	}
	timer := time.NewTimer(c.pace.pause)
	defer timer.Stop()
	c.pace.pause = 0
	select {
	case <-timer.C:
	case <-c.pace.ended:
	}
	c.last = c.b.passed() // the client could not be heard meanwhile
}

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
		if c.session == nil && c.proof == nil && packet.Type(first>>4) != packet.TypeConnect { // [MQTT-3.1.0-1]
			return n, 0, fmt.Errorf("%w: %v", errFirstPacket, packet.Type(first>>4))
		}
		size := header + length
		if size > c.terms.maxPacket { // [MQTT-3.2.2-15]
			return n, 0, &packet.Error{Code: packet.PacketTooLarge, Clause: "MQTT-3.2.2-15", Text: fmt.Sprintf("packet of %d bytes, at most %d are allowed", size, c.terms.maxPacket)}
		}
		if len(b)-n < size {
			return n, size, nil
		}
		if err := c.handle(first, b[n+header:n+size]); err != nil {
			return n, 0, err
		}
		n += size
		c.traffic.fresh.packets++
	}
}

// stillAlive tells whether the keep-alive, which runs from the last packet
// received, has not passed yet, and then prolongs the deadline.
func (c *conn) stillAlive(last time.Duration) bool {
	if c.session == nil {
		return false
	}
	if _, ok := c.nc.(*wsConn); ok {
		return false
	}
	left := last + c.keepAlive - c.b.passed()
	if c.keepAlive == 0 || left <= 0 {
		return false
	}
	return c.readBy(time.Now().Add(left)) == nil
}

// prolong sets the deadline for the next packet on a WebSocket, whose stream
// does not survive one that passes. Elsewhere stillAlive does, and only when
// a deadline has passed.
func (c *conn) prolong(last time.Duration) error {
	if _, ok := c.nc.(*wsConn); !ok || c.session == nil || c.keepAlive == 0 {
		return nil
	}
	return c.readBy(time.Now().Add(last + c.keepAlive - c.b.passed()))
}

func (c *conn) readError(err error) error {
	c.mu.Lock()
	ended, dead := c.final, c.dead
	c.mu.Unlock()
	switch {
	case ended:
		return errEnded
	case dead != nil:
		return fmt.Errorf("%w: %w", errWrite, dead)
	case errors.Is(err, os.ErrDeadlineExceeded) && c.session == nil:
		return fmt.Errorf("%w within %v", errSilent, c.b.cfg().ConnectTimeout)
	case errors.Is(err, os.ErrDeadlineExceeded): // [MQTT-3.1.2-22]
		return &packet.Error{Code: packet.KeepAliveTimeout, Clause: "MQTT-3.1.2-22", Text: "nothing received for one and a half keep-alive intervals"}
	case errors.Is(err, io.EOF):
		return errLost
	}
	return err
}

// handle handles one packet.
func (c *conn) handle(first byte, body []byte) error {
	typ := packet.Type(first >> 4)
	if c.session == nil {
		c.deep = true
		if c.proof != nil {
			return c.handlePending(first, body)
		}
		return c.handleConnect(first, body)
	}
	if typ == packet.TypePublish {
		return c.handlePublish(first, body)
	}
	if id, ok := packet.ShortAck(first, body); ok { // most packets of a busy client
		return c.handleAck(typ, id, packet.Success)
	}
	c.deep = true
	p, err := packet.Decode(first, body, c.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packet.Puback:
		return c.handleAck(typ, p.ID, p.Code)
	case *packet.Pubrec:
		return c.handleAck(typ, p.ID, p.Code)
	case *packet.Pubrel:
		return c.handleAck(typ, p.ID, p.Code)
	case *packet.Pubcomp:
		return c.handleAck(typ, p.ID, p.Code)
	case *packet.Subscribe:
		return c.handleSubscribe(p)
	case *packet.Unsubscribe:
		return c.handleUnsubscribe(p)
	case *packet.Pingreq:
		return c.send(&packet.Pingresp{}) // [MQTT-3.12.4-1]
	case *packet.Disconnect:
		return c.handleDisconnect(p)
	case *packet.Auth:
		return c.handleAuth(p)
	default: // a second CONNECT [MQTT-3.1.0-2], which gets no CONNACK [MQTT-3.2.0-2], or what only a server sends
		return &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.1.0-2", Text: fmt.Sprintf("%v from a connected client", typ)}
	}
}

// handlePending handles a packet that comes while the authentication goes on:
// AUTH or DISCONNECT and no other [MQTT-3.1.2-30].
func (c *conn) handlePending(first byte, body []byte) error {
	p, err := packet.Decode(first, body, c.version)
	if err == nil {
		switch p := p.(type) {
		case *packet.Auth:
			err = c.handleAuth(p)
		case *packet.Disconnect:
			return errDisconnected
		default:
			err = &packet.Error{Code: packet.ProtocolError, Clause: "MQTT-3.1.2-30", Text: p.Type().String() + " before the authentication was complete"}
		}
	}
	var perr *packet.Error
	if errors.As(err, &perr) && c.session == nil {
		return c.refuse(perr.Code, perr.Text)
	}
	return err
}

// handleAck handles PUBACK, PUBREC, PUBREL and PUBCOMP. It asks for no send
// quota: they are handled when that is 0, too [MQTT-4.9.0-3]. As packets are
// handled one after the other, PUBREL goes out in the order of PUBREC
// [MQTT-4.6.0-4 v3].
func (c *conn) handleAck(typ packet.Type, id uint16, code packet.ReasonCode) error {
	switch typ {
	case packet.TypePuback:
		c.session.acked(id, 1)
	case packet.TypePubrec:
		if code >= packet.UnspecifiedError { // the client does not want it
			c.session.acked(id, 2)
			return nil
		}
		code = packet.Success
		known, mark := c.session.recorded(id)
		if !known {
			code = packet.PacketIdentifierNotFound
		}
		return c.answer(packet.TypePubrel, id, code, mark)
	case packet.TypePubrel:
		code = packet.Success
		if !c.session.release(id) && !c.resumed { // who comes back may not know yet that it is complete
			code = packet.PacketIdentifierNotFound
		}
		return c.answer(packet.TypePubcomp, id, code, c.session.noted) // [MQTT-4.3.3-11]
	case packet.TypePubcomp:
		c.session.completed(id)
	}
	return nil
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
// published, and the session goes on without it or ends. Whether the client could
// be told does not matter [MQTT-4.13.2-1].
func (c *conn) end(err error) {
	var perr *packet.Error
	switch {
	case errors.Is(err, errDisconnected), errors.Is(err, errEnded):
		c.log().Debug(err.Error())
	case c.session == nil:
		c.log().Debug("connection refused", "reason", err)
	default:
		c.log().Debug("connection lost", "reason", err)
	}
	if errors.As(err, &perr) {
		c.goodbye(perr.Code, perr.Text)
	}
	e := c.noteEnd(err)
	if c.session != nil {
		c.b.leave(c, e)
	}
	c.finish()
}

// goodbye tells a client of MQTT 5 why it is disconnected, if it was let in
// [MQTT-3.14.0-1]; for older ones there is no such packet. No session expiry goes
// with it [MQTT-3.14.2-2].
func (c *conn) goodbye(code packet.ReasonCode, why string) {
	if c.session == nil || c.version < packet.V5 {
		return
	}
	_ = c.send(&packet.Disconnect{Code: code, Properties: c.explain(why)}) // [MQTT-4.13.1-1]
}

// explain returns the properties of a packet that says why something failed,
// nil if the client is not told in words.
func (c *conn) explain(why string) *packet.Properties {
	if !c.b.cfg().ReasonStrings || why == "" {
		return nil
	}
	why = why[:min(len(why), 200)]
	if c.maxPacket > 0 && len(why)+32 > c.maxPacket { // [MQTT-3.2.2-19] [MQTT-3.14.2-3]
		return nil
	}
	return &packet.Properties{ReasonString: packet.Some(strings.ToValidUTF8(why, ""))}
}

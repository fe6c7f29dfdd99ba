package broker

import (
	"io"
	"net"
	"sync"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

const (
	// highWater is how many bytes may wait encoded for one connection. What is
	// more waits in the session's queues, as messages, which have bounds of
	// their own.
	highWater = 256 << 10
	// plenty is how many make a write worth its cost.
	plenty = 32 << 10
	// lowWater is how many may wait even if max_queue_memory is reached.
	lowWater = 1 << 10
	// shareFrom is the payload size from which a payload is not copied to each
	// subscriber.
	shareFrom = outBlockSize - 512
)

// send queues a packet that is no PUBLISH. It waits while too many of them
// wait for a client that does not read.
func (c *conn) send(p packet.Packet) error {
	b, err := p.Append(nil, c.version)
	if err != nil {
		return err
	}
	c.sendBytes(b)
	return nil
}

// answer queues PUBACK, PUBREC, PUBREL or PUBCOMP, with the identifier that came
// [MQTT-2.2.1-5], to be sent when everything up to mark is stable. Packets are
// handled one after the other, so answers go out in their order
// [MQTT-4.6.0-2 v3] [MQTT-4.6.0-3 v3].
func (c *conn) answer(typ packet.Type, id uint16, code packet.ReasonCode, mark store.Mark) error {
	var b [8]byte
	c.answerAfter(mark, packet.AppendAck(b[:0], typ, id, code, c.version))
	return nil
}

func (c *conn) sendBytes(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && c.out.control > maxControl {
		c.makeWayLocked()
	}
	c.appendLocked(b)
}

// sendNow queues an encoded packet, however many wait.
func (c *conn) sendNow(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.appendLocked(b)
}

func (c *conn) appendLocked(b []byte) {
	if c.final || c.dead != nil {
		return
	}
	if c.out == nil {
		c.out = newOutbox(&c.b.queued)
	}
	c.out.add(b)
	c.out.control += len(b)
	c.out.packets++
}

// makeWay waits until the client has read its answers.
func (c *conn) makeWay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && c.out.control > maxControl {
		c.makeWayLocked()
	}
}

// makeWayLocked waits until the client has read its answers. Messages that
// the client has published meanwhile do not wait with it.
func (c *conn) makeWayLocked() {
	c.mu.Unlock()
	if w := c.in.bench; w != nil {
		w.pub.flush()
	}
	c.mu.Lock()
	for c.out != nil && c.out.control > maxControl && c.dead == nil && !c.final {
		c.wakeLocked()
		c.waitLocked()
	}
}

// waitLocked waits until something was taken to be written, or nothing will be.
func (c *conn) waitLocked() {
	if c.drained == nil {
		c.drained = sync.NewCond(&c.mu)
	}
	c.drained.Wait()
}

func (c *conn) drainedLocked() {
	if c.drained != nil {
		c.drained.Broadcast()
	}
}

// copied says how one copy of a publication is sent.
type copied struct {
	qos    QoS
	retain bool
	dup    bool
	id     uint16
	ids    []uint32
}

// fits tells whether a PUBLISH is not larger than what the client takes
// [MQTT-3.1.2-24].
func (c *conn) fits(p *publication, o copied) bool {
	if c.maxPacket == 0 {
		return true
	}
	f := packet.PublishHead{QoS: o.qos, Topic: c.terms.unmount(p.m.Topic), SubscriptionIDs: o.ids, PayloadSize: len(p.m.Payload)}
	if c.version == packet.V5 {
		f.Properties = p.properties()
	}
	return f.Size(c.version) <= c.maxPacket
}

// canPutLocked tells whether a message may be put in the outbox.
func (c *conn) canPutLocked() bool {
	if c.final || c.dead != nil {
		return false
	}
	if c.out == nil || c.out.size < lowWater {
		return true
	}
	limit := c.b.cfg().MaxQueueMemory
	return c.out.size < highWater && (limit == 0 || c.b.queued.Load() < limit)
}

// putLocked appends a PUBLISH to the outbox.
func (c *conn) putLocked(p *publication, o copied) {
	var h *head
	if len(o.ids) == 0 && c.maxAlias == 0 && c.terms.mountPoint == "" {
		h = p.head(c.version, o.qos)
	} else {
		h = c.customLocked(p, o)
	}
	if c.out == nil {
		c.out = newOutbox(&c.b.queued)
	}
	payload := p.m.Payload
	var b []byte
	if len(payload) >= shareFrom {
		b = c.out.room(len(h.b))
		copy(b, h.b)
		c.out.share(p.keep().Payload)
	} else {
		b = c.out.room(len(h.b) + len(payload))
		copy(b[copy(b, h.b):], payload)
	}
	f := packet.PublishHead{Dup: o.dup, QoS: o.qos, Retain: o.retain}
	b[0] = f.First()
	if h.idAt > 0 {
		b[h.idAt], b[h.idAt+1] = byte(o.id>>8), byte(o.id)
	}
	c.out.packets++
	c.out.messages++
	c.out.payload += int64(len(payload))
	if c.out.size >= plenty {
		// Whoever is to flush may be waiting for others: p does it at once.
		p.plenty = true
		c.marked = c.marked && c.out.size-len(h.b)-len(payload) >= plenty
	}
}

// customLocked makes the head of a PUBLISH that only this client gets: with
// its subscription identifiers, or with a topic alias.
func (c *conn) customLocked(p *publication, o copied) *head {
	f := packet.PublishHead{QoS: o.qos, Topic: c.terms.unmount(p.m.Topic), SubscriptionIDs: o.ids, PayloadSize: len(p.m.Payload)}
	if c.version == packet.V5 {
		f.Properties = p.properties()
	}
	if c.maxAlias > 0 {
		c.aliasLocked(&f)
	}
	p.custom.b, p.custom.idAt = f.Append(p.custom.b[:0], c.version)
	return &p.custom
}

// aliasLocked replaces the topic by its alias, or gives it one; they count up
// from 1 until the client's maximum [MQTT-3.1.2-26] [MQTT-3.1.2-27].
func (c *conn) aliasLocked(f *packet.PublishHead) {
	alias, known := c.given[f.Topic]
	switch {
	case known:
		f.Alias, f.Topic = alias, ""
	case len(c.given) < int(c.maxAlias):
		f.Alias = uint16(len(c.given) + 1)
		if c.maxPacket > 0 && f.Size(c.version) > c.maxPacket {
			f.Alias = 0 // it would be too large only for the alias
			return
		}
		if c.given == nil {
			c.given = make(map[string]uint16)
		}
		c.given[f.Topic] = f.Alias
	}
}

// markLocked makes sure that somebody flushes c: who writes already, or p's
// publisher when it is done with what it has read.
func (c *conn) markLocked(p *publication) {
	if !c.marked && !c.writing {
		c.marked = true
		p.dirty = append(p.dirty, c)
	}
}

// flush sends what p's message, and others before it, left to be sent.
func (p *publication) flush() {
	for i, c := range p.dirty {
		c.flush()
		p.dirty[i] = nil
	}
	p.dirty = p.dirty[:0]
	p.plenty = false
}

// wakeLocked makes sure that somebody writes, without waiting for it.
func (c *conn) wakeLocked() {
	if c.writing || c.dead != nil || c.out == nil && !c.more {
		return
	}
	c.writing = true
	go c.write(nil)
}

// hasOut tells whether something waits to be written.
func (c *conn) hasOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out != nil
}

// flush writes what waits as far as the socket takes it at once. What is left
// is written by a goroutine that waits.
func (c *conn) flush() {
	c.mu.Lock()
	c.marked = false
	if c.writing || c.dead != nil || c.out == nil && !c.more {
		c.mu.Unlock()
		return
	}
	c.writing = true
	if c.socket.raw == nil {
		go c.write(nil)
		c.mu.Unlock()
		return
	}
	if c.deadlined {
		c.deadlined = false
		_ = c.nc.SetWriteDeadline(time.Time{})
	}
	c.mu.Unlock()
	for range 2 { // and no more, lest others keep this goroutine from its own work
		out := c.take()
		if out == nil {
			return
		}
		n, err := c.socket.write(out.chunks)
		c.b.counters.bytesSent.Add(int64(n))
		if err != nil {
			out.release()
			c.kill(err)
			return
		}
		if !out.written(n) {
			go c.write(out)
			return
		}
		out.release()
	}
	go c.write(nil)
}

// take takes what is to be written. If there is nothing nobody writes any
// more, as anybody who queues something sees.
func (c *conn) take() *outbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out == nil && c.more && c.dead == nil && !c.final {
		c.more = false
		c.mu.Unlock()
		c.session.fetch()
		c.session.refill(c)
		c.mu.Lock()
	}
	out := c.out
	c.out = nil
	if out != nil && c.dead != nil {
		out.release()
		out = nil
	}
	if out == nil {
		c.writing = false
	} else {
		c.b.counters.countSent(out)
		c.traffic.sentLocked(out, c.terms.flow)
	}
	c.drainedLocked()
	return out
}

// write writes out, if it is not nil, and what waits after it, and waits for
// the client to take it.
func (c *conn) write(out *outbox) {
	for {
		if out == nil {
			if out = c.take(); out == nil {
				return
			}
		}
		err := c.writeAll(out)
		out.release()
		out = nil
		if err != nil {
			c.kill(err)
			return
		}
	}
}

func (c *conn) writeAll(out *outbox) error {
	c.mu.Lock()
	timeout := c.b.cfg().WriteTimeout
	if c.final {
		timeout = min(timeout, time.Second)
	}
	c.deadlined = true
	err := c.nc.SetWriteDeadline(time.Now().Add(timeout))
	c.mu.Unlock()
	if err != nil {
		return err
	}
	chunks := net.Buffers(out.chunks)
	n, err := chunks.WriteTo(c.nc)
	c.b.counters.bytesSent.Add(n)
	return err
}

// kill ends the connection from the writing side; the reader sees it closed.
func (c *conn) kill(err error) {
	c.mu.Lock()
	c.dead = err
	c.writing = false
	if c.out != nil {
		c.out.release()
		c.out = nil
	}
	c.drainedLocked()
	c.mu.Unlock()
	c.nc.Close()
}

// finish sends what waits, tells the client that nothing more comes
// [MQTT-3.14.4-1], and closes the connection [MQTT-3.14.4-2] when the client has
// closed its side or a second has passed. Closing at once would make the client's
// unread bytes reset the connection before it reads why.
func (c *conn) finish() {
	c.mu.Lock()
	c.final = true
	if c.writing {
		_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	}
	for c.writing {
		c.waitLocked()
	}
	out := c.out
	c.out = nil
	if out != nil {
		c.b.counters.countSent(out)
		c.traffic.sentLocked(out, c.terms.flow)
	}
	c.mu.Unlock()
	if out != nil {
		_ = c.writeAll(out)
		out.release()
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		if c.nc.SetReadDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = io.CopyN(io.Discard, c.nc, 1<<20)
		}
	}
	c.nc.Close()
}

// disconnect ends the connection from another goroutine: the client has made
// another one [MQTT-3.1.4-3], somebody wishes it, or the broker stops. It does not
// wait.
func (c *conn) disconnect(code packet.ReasonCode, why ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return
	}
	if c.version == packet.V5 && c.dead == nil {
		if b, err := (&packet.Disconnect{Code: code, Properties: c.explain(why.detail)}).Append(nil, c.version); err == nil {
			if c.out == nil {
				c.out = newOutbox(&c.b.queued)
			}
			c.out.add(b)
			c.out.packets++
		}
	}
	c.wakeLocked()
	c.final, c.ending = true, &why
	if c.pace != nil {
		close(c.pace.ended)
	}
	c.drainedLocked()
	// The reader wakes up, waits for the writer and closes.
	if c.nc.SetReadDeadline(time.Unix(1, 0)) != nil {
		c.nc.Close()
	}
}

// readBy sets the time by which the reader must have got something, unless
// the connection is being ended.
func (c *conn) readBy(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return errEnded
	}
	return c.nc.SetReadDeadline(t)
}

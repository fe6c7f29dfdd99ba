package broker

import (
	"io"
	"math"
	"sync"
	"time"

	"gateway/broker/packet"
)

// outgoing is one delivery of a batch.
type outgoing struct {
	delivery
	id      uint16
	dup     bool
	release bool // the message was received: send PUBREL
}

// batch is what one write takes.
type batch struct {
	out   []outgoing
	bytes int64
	buf   []byte
}

// The size of a batch: large enough that a busy connection makes few writes,
// small enough that one client's memory is bounded.
const (
	batchMessages = 256
	batchBytes    = 32 << 10
)

var batches = sync.Pool{New: func() any { return new(batch) }}

func (b *batch) full() bool { return len(b.out) >= batchMessages || b.bytes >= batchBytes }

func (b *batch) add(o outgoing) {
	b.out = append(b.out, o)
	if o.msg != nil {
		b.bytes += o.msg.size()
	}
}

func (b *batch) reset() {
	clear(b.out)
	b.out, b.bytes, b.buf = b.out[:0], 0, b.buf[:0]
	if cap(b.buf) > 4*batchBytes {
		b.buf = nil
	}
}

// send queues a packet before all deliveries.
func (c *conn) send(p packet.Packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return nil
	}
	for len(c.control) > maxControl && c.dead == nil && !c.final {
		c.wakeLocked()
		c.drained.Wait()
	}
	var err error
	c.control, err = p.Append(c.control, c.version)
	return err
}

// wake makes sure that a writer runs.
func (c *conn) wake() {
	c.mu.Lock()
	c.wakeLocked()
	c.mu.Unlock()
}

func (c *conn) wakeLocked() {
	if c.writing || c.dead != nil || c.final {
		return
	}
	c.writing = true
	c.writers.Go(c.write)
}

// wakeForControl makes sure that what send has queued is written.
func (c *conn) wakeForControl() {
	c.mu.Lock()
	if len(c.control) > 0 {
		c.wakeLocked()
	}
	c.mu.Unlock()
}

// write writes what waits until nothing does.
func (c *conn) write() {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	for c.gather(b) {
		err := c.encode(b)
		if err == nil {
			err = c.writeAll(b.buf)
		}
		b.reset()
		if err != nil {
			c.kill(err)
			return
		}
	}
}

// gather takes what waits into b. If nothing does the writer has ended, as
// anybody who queues something sees.
func (c *conn) gather(b *batch) bool {
	if s := c.session; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.take(c, b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b.buf = append(b.buf, c.control...)
	c.control = c.control[:0]
	if cap(c.control) > 4<<10 {
		c.control = nil
	}
	c.drained.Broadcast()
	if len(b.buf) == 0 && len(b.out) == 0 || c.dead != nil {
		c.writing = false
		return false
	}
	return true
}

// encode appends the deliveries of the batch to its buffer.
func (c *conn) encode(b *batch) (err error) {
	var p packet.Publish
	var props packet.Properties
	for i := range b.out {
		o := &b.out[i]
		if o.release { // [MQTT-4.3.3-7]
			rel := packet.Pubrel{ID: o.id}
			if b.buf, err = rel.Append(b.buf, c.version); err != nil {
				return err
			}
			continue
		}
		p = packet.Publish{
			Dup: o.dup, QoS: o.qos, Retain: o.retain, ID: o.id,
			Topic: o.msg.Topic, Payload: o.msg.Payload,
		}
		if c.version == packet.V5 {
			p.Properties = o.properties(&props)
		}
		if b.buf, err = p.Append(b.buf, c.version); err != nil {
			return err
		}
		c.b.counters.sent.Add(1)
	}
	return nil
}

// properties returns the properties to send with a delivery, in scratch or
// shared; nil if there are none.
func (o *outgoing) properties(scratch *packet.Properties) *packet.Properties {
	m := o.msg
	if m.Expires.IsZero() && len(o.ids) == 0 {
		return m.Properties
	}
	*scratch = packet.Properties{}
	if m.Properties != nil {
		*scratch = *m.Properties
	}
	if !m.Expires.IsZero() { // [MQTT-3.3.2-6]
		left := max(0, math.Ceil(time.Until(m.Expires).Seconds()))
		scratch.MessageExpiry = packet.Some(uint32(min(left, math.MaxUint32)))
	}
	scratch.SubscriptionIDs = o.ids
	return scratch
}

// tooLarge tells whether the client has said that it does not take packets
// as large as d becomes.
func (c *conn) tooLarge(d delivery) bool {
	if c.maxPacket == 0 || d.msg.size()+64 <= int64(c.maxPacket) && d.msg.Properties == nil {
		return false
	}
	o := outgoing{delivery: d, id: 1}
	b := batch{out: []outgoing{o}}
	if err := c.encodeForSize(&b); err != nil {
		return true
	}
	return len(b.buf) > int(c.maxPacket)
}

// encodeForSize encodes without counting what is sent.
func (c *conn) encodeForSize(b *batch) (err error) {
	var props packet.Properties
	o := &b.out[0]
	p := packet.Publish{QoS: o.qos, ID: o.id, Topic: o.msg.Topic, Payload: o.msg.Payload, Properties: o.properties(&props)}
	b.buf, err = p.Append(nil, c.version)
	return err
}

func (c *conn) writeAll(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.b.cfg.WriteTimeout)); err != nil {
		return err
	}
	n, err := c.nc.Write(b)
	c.b.counters.bytesSent.Add(int64(n))
	return err
}

// kill ends the connection from the writing side; the reader sees it closed.
func (c *conn) kill(err error) {
	c.mu.Lock()
	c.dead = err
	c.writing = false
	c.drained.Broadcast()
	c.mu.Unlock()
	c.nc.Close()
}

// finish lets the writer send what waits, tells the client that nothing more
// comes, and closes the connection when the client has closed its side or
// a second has passed. Closing at once would make the client's unread bytes
// reset the connection before it reads why.
func (c *conn) finish() {
	c.mu.Lock()
	if len(c.control) > 0 {
		c.wakeLocked()
	}
	c.final = true
	c.mu.Unlock()
	_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	c.writers.Wait()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		if c.nc.SetReadDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = io.CopyN(io.Discard, c.nc, 1<<20)
		}
	}
	c.nc.Close()
}

// disconnect ends the connection from another goroutine: the client has made
// another one [MQTT-3.1.4-3], or the broker stops. It does not wait.
func (c *conn) disconnect(code packet.ReasonCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return
	}
	if c.version == packet.V5 {
		if b, err := (&packet.Disconnect{Code: code}).Append(c.control, c.version); err == nil {
			c.control = b
		}
	}
	if len(c.control) > 0 {
		c.wakeLocked()
	}
	c.final = true
	c.drained.Broadcast()
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

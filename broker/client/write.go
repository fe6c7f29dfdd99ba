package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gateway/broker/packet"
)

const (
	// maxQueued is how many bytes wait for the writer before those who send
	// have to wait, too.
	maxQueued = 64 << 10
	// maxAnswers is how many packets wait for the writer that the server has
	// caused. One that keeps to the protocol never has as many.
	maxAnswers = 4 * 65536
	// chunk is how many bytes the server has to take within a keep-alive.
	chunk = 64 << 10
)

// batch is what one turn of the writer writes.
type batch struct {
	buf     []byte
	answers int           // packets in buf that nobody waited to send
	written chan struct{} // closed when it is
}

func newBatch(buf []byte) *batch { return &batch{buf: buf[:0], written: make(chan struct{})} }

// send queues p, and waits with it while too much is queued. On an error p is
// not sent and never will be. What it returns tells when p is written.
func (c *Client) send(ctx context.Context, p packet.Packet) (*batch, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.mu.Lock()
		b, err := c.batch, c.err
		full := len(b.buf) >= maxQueued
		if err == nil && !full {
			err = c.appendLocked(p)
		}
		c.mu.Unlock()
		if err != nil || !full {
			return b, err
		}
		if err := c.flushed(ctx, b); err != nil {
			return nil, err
		}
	}
}

// flushed waits until b is written.
func (c *Client) flushed(ctx context.Context, b *batch) error {
	select {
	case <-b.written:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done: // not quit: a last batch may be on its way
		select {
		case <-b.written:
			return nil
		default:
			return c.cause()
		}
	}
}

// answer queues p without waiting, for what the server or the clock causes.
func (c *Client) answer(p packet.Packet) (*batch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batch, c.answerLocked(p)
}

// answerLocked is answer. It does nothing once the connection ends.
func (c *Client) answerLocked(p packet.Packet) error {
	if c.err != nil {
		return nil
	}
	if c.batch.answers == maxAnswers {
		return fmt.Errorf("the server takes none of %d answers that it asked for", maxAnswers)
	}
	c.batch.answers++
	return c.appendLocked(p)
}

// appendLocked encodes p to the end of the batch.
func (c *Client) appendLocked(p packet.Packet) error {
	before := len(c.batch.buf)
	buf, err := p.Append(c.batch.buf, c.version)
	if err != nil {
		return err
	}
	if size := len(buf) - before; uint64(size) > uint64(c.server.packetSize) { // [MQTT-3.2.2-15]
		return &packet.Error{
			Code:   packet.PacketTooLarge,
			Clause: "MQTT-3.2.2-15",
			Text:   fmt.Sprintf("%v of %d bytes: the server takes %d", p.Type(), size, c.server.packetSize),
		}
	}
	c.batch.buf = buf
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// write writes batches until the connection ends.
func (c *Client) write() {
	var spare []byte
	for {
		select {
		case <-c.wake:
		case <-c.quit:
		}
		b, ends, goodbye := c.takeBatch(spare)
		if ends && !goodbye {
			return
		}
		if err := c.writeAll(b.buf); err != nil {
			c.writeFailed(err)
			return
		}
		close(b.written)
		if ends {
			c.halfClose()
			return
		}
		spare = nil
		if cap(b.buf) <= 2*maxQueued {
			spare = b.buf
		}
	}
}

// takeBatch returns what is to be written now. It ends with it when the
// connection does, and goodbye tells whether it is to be written even so.
func (c *Client) takeBatch(spare []byte) (b *batch, ends, goodbye bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b = c.batch
	c.batch = newBatch(spare)
	return b, c.err != nil, c.goodbye
}

// writeAll writes b. The server has a keep-alive for each chunk.
func (c *Client) writeAll(b []byte) error {
	for len(b) > 0 {
		c.expectProgress()
		n, err := c.conn.Write(b[:min(len(b), chunk)])
		c.written.Store(int64(c.now()))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// expectProgress sets the time for one write, unless stop did.
func (c *Client) expectProgress() {
	if c.keepAlive == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.keepAlive))
	}
}

// writeFailed ends the connection after a write that failed.
func (c *Client) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the server takes nothing any more: %w", err)
	} else {
		err = fmt.Errorf("write: %w", err)
	}
	c.stop(err, nil)
	c.mu.Lock()
	if c.goodbye {
		c.lastErr = fmt.Errorf("disconnect: %w", err)
	}
	c.mu.Unlock()
	c.conn.Close()
}

// halfClose tells the server that nothing follows, and gives the reader the
// time until it closes its side.
func (c *Client) halfClose() {
	_ = c.conn.SetReadDeadline(time.Now().Add(readGrace))
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

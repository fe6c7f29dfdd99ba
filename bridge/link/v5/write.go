package v5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"gateway/bridge/link"
)

const (
	// maxQueued is how many bytes wait to be written before Publish waits, too.
	maxQueued = 64 << 10
	// maxAnswers is how many packets wait to be written that the upstream has
	// caused. One that keeps to the protocol never has as many.
	maxAnswers = 4 * 65536
	// chunk is how many bytes the upstream has to take within three quarters of
	// the keep-alive.
	chunk = 64 << 10
	// writeGrace is the time that the upstream has to take what waits, and
	// DISCONNECT behind it.
	writeGrace = 5 * time.Second
	// readGrace is the time that it has to close the connection then. Closing it
	// ourselves at once, with bytes unread, would make TCP reset it, and the
	// upstream might never see what was written.
	readGrace = time.Second
)

// batch is what one turn of the writer writes.
type batch struct {
	buf      []byte
	answers  int             // packets that nobody waited to send
	ping     bool            // PINGREQ is among them
	receipts []*link.Receipt // of QoS 0
}

func (b *batch) settle(err error) {
	for _, r := range b.receipts {
		r.Settle(err)
	}
	b.receipts = nil
}

// appendLocked queues a packet, the parts of whose body are as paho has them.
func (c *conn) appendLocked(first byte, body net.Buffers) {
	b := append(c.batch.buf, first)
	b = binary.AppendUvarint(b, uint64(lengthOf(body))) // a variable byte integer, section 1.5.5, is the same
	for _, part := range body {
		b = append(b, part...)
	}
	c.batch.buf = b
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func lengthOf(body net.Buffers) (n int) {
	for _, part := range body {
		n += len(part)
	}
	return n
}

// sizeOf is the size of the whole packet, bytes.
func sizeOf(body net.Buffers) int {
	n := lengthOf(body)
	return 1 + len(binary.AppendUvarint(nil, uint64(n))) + n
}

// write writes batches until the connection ends.
func (c *conn) write() {
	var spare []byte
	for {
		select {
		case <-c.wake:
		case <-c.quit:
		}
		b, ends, goodbye := c.takeBatch(spare)
		if ends && !goodbye {
			b.settle(&lostError{c.err})
			return
		}
		if err := c.writeAll(b.buf); err != nil {
			c.writeFailed(err)
			b.settle(&lostError{c.err})
			return
		}
		b.settle(nil)
		c.written(b.ping)
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
func (c *conn) takeBatch(spare []byte) (b batch, ends, goodbye bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b = c.batch
	c.batch = batch{buf: spare[:0]}
	c.room.Broadcast()
	return b, c.err != nil, c.goodbye
}

// written notes that something was, and whether PINGREQ was.
func (c *conn) written(ping bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote = c.now()
	if ping && c.asked == 0 {
		c.asked = c.wrote
	}
}

func (c *conn) writeAll(b []byte) error {
	for len(b) > 0 {
		c.expectProgress()
		n, err := c.nc.Write(b[:min(len(b), chunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// expectProgress sets the time for one write, unless end did.
func (c *conn) expectProgress() {
	if c.limits.KeepAlive == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.limits.KeepAlive * 3 / 4))
	}
}

// writeFailed ends the connection, even one that is saying goodbye. An upstream
// that closes in the middle of what we write may have said why before: what has
// come is read first.
func (c *conn) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the upstream takes nothing any more: %w", err)
	} else {
		err = fmt.Errorf("write: %w", err)
		grace := time.NewTimer(readGrace)
		defer grace.Stop()
		select {
		case <-c.quit: // the reader has come to the end
		case <-grace.C:
		}
	}
	c.end(err, false, 0)
	c.nc.Close()
}

// halfClose tells the upstream that nothing follows, and gives it the time to
// close its side.
func (c *conn) halfClose() {
	_ = c.nc.SetReadDeadline(time.Now().Add(readGrace))
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

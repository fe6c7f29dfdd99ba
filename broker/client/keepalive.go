package client

import (
	"fmt"
	"time"

	"gateway/broker/packet"
)

// The server wants something written in every keep-alive [MQTT-3.1.2-20]. We
// want the same of it: a server that is gone without a word is only noticed by
// its silence.
//
// So PINGREQ goes out when nothing was written, or nothing came, for three
// quarters of the keep-alive. If then nothing at all comes within one
// keep-alive the server is taken for dead, one and three quarters after it
// died at the latest. Any byte is a sign of life, so that a large packet on a
// slow line is. While we do not read, because nobody takes messages, the
// server is not blamed for its silence.
//
// A write has its own limit: the server has a keep-alive for every 64 KiB.

// stamped reads from the connection and notes when something came.
type stamped struct{ c *Client }

// Read implements io.Reader.
func (s stamped) Read(b []byte) (int, error) {
	n, err := s.c.conn.Read(b)
	if n > 0 {
		s.c.received.Store(int64(s.c.now()))
	}
	return n, err
}

// lastReceived returns when the server showed last that it lives.
func (c *Client) lastReceived() time.Duration {
	if c.blocked.Load() {
		return c.now()
	}
	return time.Duration(c.received.Load())
}

// ping keeps the connection alive until it ends.
func (c *Client) ping() {
	idle := c.keepAlive * 3 / 4
	timer := time.NewTimer(idle)
	defer timer.Stop()
	var asked, deadline time.Duration // of the oldest PINGREQ without an answer
	asking := false
	for {
		received, now := c.lastReceived(), c.now()
		written := time.Duration(c.written.Load())
		asking = asking && received < asked
		if asking && now >= deadline {
			c.stop(fmt.Errorf("the server is silent: no PINGRESP within the keep-alive of %v", c.keepAlive), nil)
			return
		}
		if now-written >= idle || !asking && now-received >= idle {
			if !c.pingOnce() {
				return
			}
			if !asking {
				asking, asked, deadline = true, now, c.now()+c.keepAlive
			}
			continue
		}
		next := min(written, received) + idle
		if asking {
			next = min(written+idle, deadline)
		}
		timer.Reset(next - now)
		select {
		case <-timer.C:
		case <-c.quit:
			return
		}
	}
}

// pingOnce writes PINGREQ, and reports whether that was possible.
func (c *Client) pingOnce() bool {
	b, err := c.answer(new(packet.Pingreq))
	if err != nil {
		c.stop(err, nil)
		return false
	}
	select {
	case <-b.written:
		return true
	case <-c.quit:
		return false
	}
}

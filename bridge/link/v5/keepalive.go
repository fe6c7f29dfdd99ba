package v5

import (
	"fmt"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// The upstream wants something written in every keep-alive [MQTT-3.1.2-20], and
// we want to hear from it: a line that is dead without a word is noticed by its
// silence alone.
//
// So the time is looked at every eighth of the keep-alive. PINGREQ goes out when
// nothing was written, or nothing came, for five of them; if then nothing at all
// comes for five the upstream is taken for dead. With the eighth that each look
// may be late this is one and a half keep-alives after the last byte, or less.
// PINGREQ is only waited for when it has been written; what cannot be written has
// a limit of its own, see chunk.

// keepAlive looks at the time until the connection ends.
func (c *conn) keepAlive() {
	eighth := c.limits.KeepAlive / 8
	ticker := time.NewTicker(eighth)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if c.silent(5 * eighth) {
				c.end(fmt.Errorf("the upstream is silent: no answer to PINGREQ, with a keep-alive of %v", c.limits.KeepAlive), false, 0)
				return
			}
		case <-c.quit:
			return
		}
	}
}

// silent tells whether the upstream is dead, and pings it if it is time.
func (c *conn) silent(limit time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, heard := c.now(), time.Duration(c.bytesAt.Load())
	if c.busy.Load() {
		heard = now
	}
	if heard >= c.asked {
		c.asked = 0
	}
	if c.asked > 0 && now-c.asked >= limit {
		return true
	}
	if !c.batch.ping && c.err == nil && (now-c.wrote >= limit || c.asked == 0 && now-heard >= limit) {
		c.appendLocked(packets.PINGREQ<<4, nil)
		c.batch.ping = true
	}
	return false
}

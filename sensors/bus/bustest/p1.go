package bustest

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// P1 is a smart meter with a P1 port, by the P1 Companion Standard: it sends
// a telegram every so often, from its own clock, in winter.
type P1 struct {
	port  *Serial
	every time.Duration

	mu     sync.Mutex
	lines  []string
	bare   bool
	frozen time.Time // its clock stands; zero if it runs
	timer  *time.Timer
}

// NewP1 attaches one to the port. lines are those between the identification
// and the end, but for the time, which it adds.
func NewP1(port *Serial, every time.Duration, lines ...string) *P1 {
	c := &P1{port: port, every: every, lines: lines}
	c.timer = time.AfterFunc(every, c.tick)
	return c
}

// Stop takes its cable away.
func (c *P1) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
}

// Lines changes its lines.
func (c *P1) Lines(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = lines
}

// Bare makes it one of DSMR 2.2, without time and checksum.
func (c *P1) Bare() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bare = true
}

// Freeze has it send the time t from now on.
func (c *P1) Freeze(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = t
}

// P1Time is a time in a telegram.
func P1Time(t time.Time) string {
	return t.In(time.FixedZone("", 3600)).Format("060102150405") + "W"
}

func (c *P1) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.port.Send(0, []byte(c.telegramLocked())...)
	c.timer.Reset(c.every)
}

func (c *P1) telegramLocked() string {
	text := "/Ene5\\T210-D ESMR5.0\r\n\r\n"
	if !c.bare {
		now := c.frozen
		if now.IsZero() {
			now = time.Now()
		}
		text += "1-3:0.2.8(50)\r\n0-0:1.0.0(" + P1Time(now) + ")\r\n"
	}
	text += strings.Join(append(c.lines, "!"), "\r\n")
	if c.bare {
		return text + "\r\n"
	}
	crc := uint16(0) // x¹⁶+x¹⁵+x²+1, least significant bit first
	for _, v := range []byte(text) {
		crc ^= uint16(v)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return text + fmt.Sprintf("%04X\r\n", crc)
}

package bustest

import (
	"sync"
	"time"
)

// HCSR04 is an HC-SR04 on two GPIO lines, by its datasheet: after a pulse of
// at least 10 µs on trigger, echo is high for as long as sound is on its way.
type HCSR04 struct {
	lines         *Lines
	trigger, echo string

	mu   sync.Mutex
	high time.Time // since when trigger is high
	next func(n int) time.Duration
	n    int
}

// NewHCSR04 attaches one. next tells how long its nth echo is, from 0; 0 is
// none at all, not even the pulse of 38 ms that says so.
func NewHCSR04(lines *Lines, trigger, echo string, next func(n int) time.Duration) *HCSR04 {
	c := &HCSR04{lines: lines, trigger: trigger, echo: echo, next: next}
	lines.SetLevel(echo, false, time.Time{})
	lines.OnSet(trigger, c.set)
	return c
}

// Pulses returns how often it was triggered.
func (c *HCSR04) Pulses() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *HCSR04) set(high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if high {
		c.high = now
		return
	}
	if c.high.IsZero() || now.Sub(c.high) < 10*time.Microsecond {
		return
	}
	took := c.next(c.n)
	c.n++
	if took > 0 {
		begin := now.Add(450 * time.Microsecond) // 8 cycles of 40 kHz, and its own time
		c.lines.SetLevel(c.echo, true, begin)
		c.lines.SetLevel(c.echo, false, begin.Add(took))
	}
}

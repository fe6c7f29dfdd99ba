package bustest

import (
	"sync"
	"time"
)

// HX711 is an HX711 on two GPIO lines, by its datasheet: ten conversions a
// second, 24 bits shifted out by the clock, the gain of the next conversion by
// the number of pulses, power-down by a clock that is high for 60 µs.
type HX711 struct {
	lines       *Lines
	clock, data string

	// Slow, if it is set, is called on every clock pulse, while the clock is
	// high: it can take its time.
	Slow func(pulse int)

	mu      sync.Mutex
	value   func(n, gain int) int32
	n       int // conversions that were read
	gain    int
	bits    uint32
	pulses  int // since the conversion was ready
	total   int
	rose    time.Time
	ready   bool
	timer   *time.Timer
	resets  int
	dangled bool
}

// NewHX711 attaches one. value is its nth conversion, from 0, with a gain.
func NewHX711(lines *Lines, clock, data string, value func(n, gain int) int32) *HX711 {
	c := &HX711{lines: lines, clock: clock, data: data, value: value}
	lines.OnSet(clock, c.set)
	c.restartLocked()
	return c
}

// Resets returns how often it was powered down and up.
func (c *HX711) Resets() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resets
}

// Dangle takes the data wire off, which stays low then.
func (c *HX711) Dangle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dangled = true
	c.lines.SetLevel(c.data, false, time.Time{})
}

func (c *HX711) outLocked(high bool) {
	if !c.dangled {
		c.lines.SetLevel(c.data, high, time.Time{})
	}
}

func (c *HX711) restartLocked() {
	c.gain = 128
	c.convertLocked(400 * time.Millisecond)
}

// convertLocked has a conversion ready in d.
func (c *HX711) convertLocked(d time.Duration) {
	c.ready = false
	c.outLocked(true)
	if c.timer != nil {
		c.timer.Stop()
	}
	c.timer = time.AfterFunc(d, c.converted)
}

func (c *HX711) converted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready, c.pulses = true, 0
	c.bits = uint32(c.value(c.n, c.gain)) << 8
	c.n++
	c.outLocked(false)
}

func (c *HX711) set(high bool) {
	if high {
		pulse := c.rise()
		if c.Slow != nil {
			c.Slow(pulse)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.rose) > 60*time.Microsecond {
		c.resets++
		c.restartLocked()
	}
}

// rise is a rising clock. It returns how many there were.
func (c *HX711) rise() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rose = time.Now()
	c.pulses++
	c.total++
	switch {
	case c.pulses <= 24 && c.ready:
		c.outLocked(c.bits&(1<<31) != 0)
		c.bits <<= 1
	case c.pulses == 25 && c.ready:
		c.gain = 128
		c.convertLocked(100 * time.Millisecond)
	case c.pulses == 26:
		c.gain = 32
	case c.pulses == 27:
		c.gain = 64
	}
	return c.total
}

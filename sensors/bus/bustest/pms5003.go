package bustest

import (
	"encoding/binary"
	"sync"
	"time"
)

// PMS5003 is a Plantower PMS5003 on a serial port, by its data manual: it
// sends a frame a second until it is told not to, answers in passive mode, and
// hears in sleep only that it shall work.
type PMS5003 struct {
	port *Serial

	mu      sync.Mutex
	words   [13]uint16
	passive bool
	asleep  bool
	timer   *time.Timer
	sleeps  int
}

// NewPMS5003 attaches one to the port. words are those of its frames: mass of
// PM1, PM2.5 and PM10 of the factory, the same in the atmosphere, six counts,
// version and error code.
func NewPMS5003(port *Serial, words [13]uint16) *PMS5003 {
	c := &PMS5003{port: port, words: words}
	port.OnWrite(c.write)
	c.timer = time.AfterFunc(time.Second, c.tick)
	return c
}

// Stop takes its power away.
func (c *PMS5003) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
	c.port.OnWrite(nil)
}

// Sleep sends it to sleep, as another program would.
func (c *PMS5003) Sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asleep = true
}

// Sleeps returns whether it sleeps, and how often it was sent to sleep.
func (c *PMS5003) Sleeps() (asleep bool, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asleep, c.sleeps
}

func (c *PMS5003) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asleep && !c.passive {
		c.port.Send(0, c.frame()...)
	}
	c.timer.Reset(time.Second)
}

func (c *PMS5003) frame() []byte {
	b := []byte{0x42, 0x4D, 0, 28}
	for _, w := range c.words {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return pmsSum(b)
}

func pmsSum(b []byte) []byte {
	sum := uint16(0)
	for _, v := range b {
		sum += uint16(v)
	}
	return binary.BigEndian.AppendUint16(b, sum)
}

// write takes a command: 42 4D, command, two bytes of data, two of checksum.
func (c *PMS5003) write(p []byte) {
	if len(p) != 7 || p[0] != 0x42 || p[1] != 0x4D || string(pmsSum(p[:5:5])) != string(p) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd, data := p[2], p[4]
	if c.asleep {
		if cmd == 0xE4 && data == 1 {
			c.asleep, c.passive = false, false
		}
		return
	}
	switch cmd {
	case 0xE1:
		c.passive = data == 0
	case 0xE2:
		if c.passive {
			c.port.Send(50*time.Millisecond, c.frame()...)
		}
		return
	case 0xE4:
		if data == 0 {
			c.asleep = true
			c.sleeps++
		}
	}
	c.port.Send(10*time.Millisecond, pmsSum([]byte{0x42, 0x4D, 0, 4, cmd, data})...)
}

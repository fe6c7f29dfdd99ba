package bustest

import (
	"encoding/binary"
	"sync"
	"time"
)

// SDS011 is a Nova SDS011 on a serial port, by its protocol V1.3: it sends a
// frame a second unless it is told to answer only, and hears in sleep only
// that it shall work.
type SDS011 struct {
	port *Serial
	id   [2]byte

	mu         sync.Mutex
	pm25, pm10 uint16 // tenths of µg/m³
	settings   map[byte]byte
	writes     int // of settings
	timer      *time.Timer
}

// NewSDS011 attaches one, as it is from the factory, to the port.
func NewSDS011(port *Serial, pm25, pm10, id uint16) *SDS011 {
	c := &SDS011{port: port, id: [2]byte{byte(id >> 8), byte(id)}, pm25: pm25, pm10: pm10, settings: map[byte]byte{2: 0, 6: 1, 8: 0}}
	port.OnWrite(c.write)
	c.timer = time.AfterFunc(time.Second, c.tick)
	return c
}

// Stop takes its power away.
func (c *SDS011) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
	c.port.OnWrite(nil)
}

// Setting returns what is set by a command: 2 reporting, 6 working, 8 period.
// Writes is how often one was set that it keeps.
func (c *SDS011) Setting(cmd byte) (value byte, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings[cmd], c.writes
}

// Change sets what is set by a command, as another program would.
func (c *SDS011) Change(cmd, value byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings[cmd] = value
}

func (c *SDS011) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settings[2] == 0 && c.settings[6] == 1 {
		c.sendLocked(0, 0xC0, c.values())
	}
	c.timer.Reset(time.Second)
}

func (c *SDS011) values() []byte {
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, c.pm25), c.pm10)
}

func (c *SDS011) sendLocked(after time.Duration, kind byte, data []byte) {
	b := append([]byte{0xAA, kind}, data...)
	b = append(b, c.id[:]...)
	c.port.Send(after, append(b, sdsSum(b[2:]), 0xAB)...)
}

func sdsSum(b []byte) (sum byte) {
	for _, v := range b {
		sum += v
	}
	return sum
}

// write takes a command: AA B4, command, 12 bytes, id, checksum, AB.
func (c *SDS011) write(p []byte) {
	if len(p) != 19 || p[0] != 0xAA || p[1] != 0xB4 || p[18] != 0xAB || p[17] != sdsSum(p[2:17]) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := [2]byte{p[15], p[16]}; id != [2]byte{0xFF, 0xFF} && id != c.id {
		return
	}
	cmd, write, value := p[2], p[3], p[4]
	if c.settings[6] == 0 && (cmd != 6 || write != 1 || value != 1) {
		return
	}
	if cmd == 4 {
		c.sendLocked(30*time.Millisecond, 0xC0, c.values())
		return
	}
	if _, known := c.settings[cmd]; !known {
		return
	}
	if write == 1 {
		c.settings[cmd] = value
		if cmd != 6 {
			c.writes++
		}
	}
	c.sendLocked(30*time.Millisecond, 0xC5, []byte{cmd, write, c.settings[cmd], 0})
}

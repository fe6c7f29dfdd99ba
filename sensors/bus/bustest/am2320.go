package bustest

import (
	"encoding/binary"
	"time"
)

// AM2320 is Aosong's temperature and humidity sensor with Modbus on I²C. It
// sleeps, and leaves unanswered what wakes it. It measures when it is read,
// and answers with what it had measured before. A new one measures what one
// that was recorded did: 23.9 °C, 34.8 %.
type AM2320 struct {
	Next [4]byte // what the next measurement finds: humidity, temperature

	shown    [4]byte // the last measurement
	measured time.Time
	awake    bool
	woken    time.Time // it listens from then on
	answer   []byte
	ready    time.Time // it has its answer from then on
}

// NewAM2320 returns a chip that was powered on a while ago, and then saw
// another room: 10 °C, 90 %.
func NewAM2320() *AM2320 {
	return &AM2320{Next: [4]byte{0x01, 0x5C, 0x00, 0xEF}, shown: [4]byte{0x03, 0x84, 0x00, 0x64}}
}

// Write implements [Chip]. AM2320 datasheet, section 8.2: it wakes within
// 0.8 ms, and sleeps again after 3 s.
func (c *AM2320) Write(p []byte) error {
	now := time.Now()
	if !c.awake || now.Sub(c.woken) > 3*time.Second {
		c.awake, c.woken, c.answer = true, now.Add(800*time.Microsecond), nil
		return ErrNACK
	}
	if now.Before(c.woken) {
		return ErrNACK
	}
	c.ready = now.Add(1500 * time.Microsecond)
	switch {
	case len(p) != 3 || p[0] != 0x03:
		c.answer = appendCRC16([]byte{0x80 | p[0], 0x80}) // no such function
	case p[1] == 0 && p[2] == 4:
		c.answer = appendCRC16(append([]byte{0x03, 0x04}, c.shown[:]...))
		c.measure(now)
	default:
		c.answer = appendCRC16([]byte{0x83, 0x81}) // no such register
	}
	return nil
}

// measure takes a measurement, unless there was one within 2 s.
func (c *AM2320) measure(now time.Time) {
	if now.Sub(c.measured) >= 2*time.Second {
		c.measured, c.shown = now, c.Next
	}
}

// Read implements [Chip]. The chip sleeps when it has answered.
func (c *AM2320) Read(p []byte) error {
	if !c.awake || c.answer == nil || time.Now().Before(c.ready) {
		return ErrNACK
	}
	for i := range p {
		p[i] = 0xFF
		if i < len(c.answer) {
			p[i] = c.answer[i]
		}
	}
	c.awake, c.answer = false, nil
	return nil
}

// appendCRC16 appends the CRC of Modbus, least significant byte first.
func appendCRC16(b []byte) []byte { return binary.LittleEndian.AppendUint16(b, modbusCRC(b)) }

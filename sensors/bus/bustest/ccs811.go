package bustest

import (
	"encoding/binary"
	"time"
)

// CCS811 is ams's gas sensor, at the level of its mailboxes: registers of one
// or more bytes, of which a message reads or writes the first ones.
type CCS811 struct {
	HwID       byte
	ECO2, TVOC uint16
	Baseline   uint16
	Failure    byte // bits of ERROR_ID
	EnvData    [4]byte
	Resets     int
	NoFirmware bool // there is none, or a broken one

	app   bool // the application runs
	mode  byte // MEAS_MODE
	began time.Time
	shown int // results up to the one that was read
	busy  time.Time
	at    byte // the mailbox that is read
}

// NewCCS811 returns a chip that was just powered on, which finds 412 ppm and
// 86 ppb.
func NewCCS811() *CCS811 {
	c := &CCS811{HwID: 0x81, ECO2: 412, TVOC: 86}
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does: the boot loader
// runs, and what was learned is forgotten.
func (c *CCS811) PowerOn() {
	c.app, c.mode, c.shown, c.Baseline = false, 0, 0, 0x447B
	c.EnvData = [4]byte{0x64, 0x00, 0x64, 0x00}
	c.busy = time.Now()
}

// Write implements [Chip].
func (c *CCS811) Write(p []byte) error {
	if time.Now().Before(c.busy) {
		return ErrNACK
	}
	c.at = p[0]
	args := p[1:]
	switch {
	case c.at == 0xF4 && len(args) == 0: // APP_START
		c.app = c.app || !c.NoFirmware
		c.busy = time.Now().Add(time.Millisecond)
	case len(args) == 0: // to be read
	case c.at == 0xFF: // SW_RESET
		if string(args) == "\x11\xE5\x72\x8A" {
			c.PowerOn()
			c.Resets++
			c.busy = time.Now().Add(2 * time.Millisecond)
		}
	case !c.app:
		c.Failure |= 1 << 0
	case c.at == 0x01 && args[0]>>4 > 4:
		c.Failure |= 1 << 2
	case c.at == 0x01:
		c.mode, c.began, c.shown = args[0], time.Now(), 0
	case c.at == 0x05 && len(args) == 4:
		c.EnvData = [4]byte(args)
	case c.at == 0x11 && len(args) == 2:
		c.Baseline = binary.BigEndian.Uint16(args)
	default:
		c.Failure |= 1 << 0 // WRITE_REG_INVALID
	}
	return nil
}

// Read implements [Chip]. Past the end of a mailbox there are zeros.
func (c *CCS811) Read(p []byte) error {
	if time.Now().Before(c.busy) {
		return ErrNACK
	}
	clear(p)
	copy(p, c.mailbox())
	return nil
}

func (c *CCS811) mailbox() []byte {
	switch c.at {
	case 0x00:
		return []byte{c.status()}
	case 0x20:
		return []byte{c.HwID}
	case 0x21:
		return []byte{0x12}
	case 0xE0:
		b := []byte{c.Failure}
		c.Failure = 0
		return b
	}
	if !c.app {
		c.Failure |= 1 << 1 // READ_REG_INVALID
		return nil
	}
	switch c.at {
	case 0x01:
		return []byte{c.mode}
	case 0x02: // ALG_RESULT_DATA
		b := binary.BigEndian.AppendUint16(nil, 400)
		b = binary.BigEndian.AppendUint16(b, 0)
		if c.results() > 0 {
			b = binary.BigEndian.AppendUint16(nil, c.ECO2)
			b = binary.BigEndian.AppendUint16(b, c.TVOC)
		}
		b = append(b, c.status(), c.Failure, 0x11, 0x22)
		c.shown = c.results()
		return b
	case 0x11:
		return binary.BigEndian.AppendUint16(nil, c.Baseline)
	}
	c.Failure |= 1 << 1
	return nil
}

// results are those since it began to measure.
func (c *CCS811) results() int {
	period := map[byte]time.Duration{1: time.Second, 2: 10 * time.Second, 3: time.Minute}[c.mode>>4]
	if !c.app || period == 0 {
		return 0
	}
	return int(time.Since(c.began) / period)
}

func (c *CCS811) status() byte {
	status := byte(1 << 4) // APP_VALID
	if c.NoFirmware {
		status = 0
	}
	if c.app {
		status |= 1 << 7 // FW_MODE
	}
	if c.results() > c.shown {
		status |= 1 << 3 // DATA_READY
	}
	if c.Failure != 0 {
		status |= 1 << 0 // ERROR
	}
	return status
}

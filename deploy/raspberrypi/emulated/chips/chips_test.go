package chips_test

import (
	"encoding/hex"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"gateway/deploy/raspberrypi/emulated/chips"
)

// TestBME280 holds the inverse against a register dump that was published: at
// its climate the numbers are those of the dump.
func TestBME280(t *testing.T) {
	c := chips.NewBME280()
	c.Set(23.7223, 65.3061, 1009.42966)
	want := []int{0x4A52C, 0x80960, 0x7A76}
	n := c.Next
	got := []int{int(n[0])<<12 | int(n[1])<<4 | int(n[2])>>4, int(n[3])<<12 | int(n[4])<<4 | int(n[5])>>4, int(n[6])<<8 | int(n[7])}
	for i, name := range []string{"pressure", "temperature", "humidity"} {
		// The climate is published with fewer digits than the chip has.
		if d := got[i] - want[i]; d < -32 || d > 32 {
			t.Errorf("%s: %#x, recorded %#x", name, got[i], want[i])
		}
	}
}

// TestSHT4x holds the inverse and the CRC against a recording.
func TestSHT4x(t *testing.T) {
	c := chips.NewSHT4x()
	c.Set(25.379, 31.406)
	if got := hex.EncodeToString(c.Frame[:]); got[:4] != "66f4" && got[:4] != "66f3" {
		t.Errorf("frame %s, recorded 66f4c84c9b6f", got)
	}
	c.Set(42.5013, 56.5010) // 0x8000, 0x8000
	if got := hex.EncodeToString(c.Frame[:]); got != "8000a28000a2" {
		t.Errorf("frame %s", got)
	}
}

// master is a 1-Wire master on a DS2482, as its application note describes.
type master struct {
	t *testing.T
	c *chips.DS2482
}

func (m master) write(p ...byte) {
	m.t.Helper()
	if err := m.c.Write(p); err != nil {
		m.t.Fatalf("% x: %v", p, err)
	}
}

func (m master) status() byte {
	var b [1]byte
	if err := m.c.Read(b[:]); err != nil {
		m.t.Fatal(err)
	}
	return b[0]
}

func (m master) reset() bool {
	m.write(0xB4)
	return m.status()&2 != 0
}

func (m master) send(bytes ...byte) {
	for _, b := range bytes {
		m.write(0xA5, b)
	}
}

func (m master) read(n int) []byte {
	var out []byte
	for range n {
		m.write(0x96)
		m.write(0xE1, 0xE1)
		out = append(out, m.status())
	}
	return out
}

// search is the algorithm of Maxim's application note 187.
func (m master) search() [][8]byte {
	var all [][8]byte
	last := -1
	var rom [8]byte
	for {
		if !m.reset() {
			return all
		}
		m.send(0xF0)
		zero := -1
		for i := range 64 {
			prefer := i < last && rom[i/8]>>(i%8)&1 == 1 || i == last
			d := byte(0)
			if prefer {
				d = 0x80
			}
			m.write(0x78, d)
			s := m.status()
			if s&0x60 == 0x60 {
				m.t.Fatal("nobody answers in the search")
			}
			if s&0x60 == 0 && s&0x80 == 0 {
				zero = i
			}
			rom[i/8] &^= 1 << (i % 8)
			rom[i/8] |= s >> 7 << (i % 8)
		}
		all = append(all, rom)
		if last = zero; last < 0 {
			return all
		}
	}
}

func TestDS2482Search(t *testing.T) {
	a, b := chips.NewDS18B20([6]byte{0xAC, 0x41, 0x0E, 0x07, 0, 0}), chips.NewDS18B20([6]byte{1, 2, 3, 4, 5, 6})
	if a.ROM[7] != 0x74 {
		t.Errorf("CRC of the published ROM: %#x, not 0x74", a.ROM[7])
	}
	m := master{t, chips.NewDS2482(a, b)}
	found := m.search()
	if len(found) != 2 || found[0] == found[1] || found[0] != a.ROM && found[0] != b.ROM || found[1] != a.ROM && found[1] != b.ROM {
		t.Errorf("found % x, not % x and % x", found, a.ROM, b.ROM)
	}
	if got := (master{t, chips.NewDS2482()}).search(); len(got) != 0 {
		t.Errorf("found % x on an empty line", got)
	}
}

// TestDS18B20 reads published pairs of temperature and number.
func TestDS18B20(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := chips.NewDS18B20([6]byte{1}), chips.NewDS18B20([6]byte{2})
		m := master{t, chips.NewDS2482(a, b)}
		scratch := func(rom [8]byte) []byte {
			m.reset()
			m.send(append([]byte{0x55}, rom[:]...)...)
			m.send(0xBE)
			return m.read(9)
		}
		if got := hex.EncodeToString(scratch(a.ROM)); got != "50054b467fff0c101c" {
			t.Errorf("after power on: %s", got)
		}
		for celsius, want := range map[float64]uint16{125: 0x07D0, 25.0625: 0x0191, 0.5: 8, -0.5: 0xFFF8, -10.125: 0xFF5E, -55: 0xFC90} {
			a.Celsius = celsius
			m.reset()
			m.send(append([]byte{0x55}, a.ROM[:]...)...)
			m.send(0x44)
			if m.read(1)[0] != 0 {
				t.Error("it converts in no time")
			}
			time.Sleep(750 * time.Millisecond)
			if m.read(1)[0] != 0xFF {
				t.Error("it converts for longer than 750 ms")
			}
			s := scratch(a.ROM)
			if got := uint16(s[0]) | uint16(s[1])<<8; got != want {
				t.Errorf("%v °C: %#04x, not %#04x", celsius, got, want)
			}
			if s := scratch(b.ROM); s[0] != 0x50 {
				t.Errorf("the other one: % x", s)
			}
		}
		a.Celsius = 23.125
		m.reset()
		m.send(append([]byte{0x55}, a.ROM[:]...)...)
		m.send(0x44)
		time.Sleep(750 * time.Millisecond)
		if got := hex.EncodeToString(scratch(a.ROM)); got != "72014b467fff0e1057" {
			t.Errorf("not as it was recorded: %s", got)
		}
		a.Weak = true
		m.reset()
		m.send(append([]byte{0x55}, a.ROM[:]...)...)
		m.send(0x44)
		time.Sleep(750 * time.Millisecond)
		if got := hex.EncodeToString(scratch(a.ROM)); got != "50054b467fff0c101c" {
			t.Errorf("after a conversion that broke down: %s", got)
		}
		a.Weak = false
		m.reset()
		m.send(0xCC, 0x4E, 0x4B, 0x46, 0x1F) // 9 bits, both
		a.Celsius = 21.9
		m.reset()
		m.send(0xCC, 0x44)
		time.Sleep(94 * time.Millisecond)
		if s := scratch(a.ROM); math.Abs(float64(int16(uint16(s[0])|uint16(s[1])<<8))/16-21.5) > 0.01 {
			t.Errorf("at 9 bits: % x", s)
		}
	})
}

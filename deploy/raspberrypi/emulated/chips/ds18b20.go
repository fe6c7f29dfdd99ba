package chips

import (
	"math"
	"time"
)

// DS18B20 is Maxim's thermometer on 1-Wire, slot by slot, with a supply of its
// own. It converts in the time that its resolution takes.
type DS18B20 struct {
	ROM        [8]byte       // family, serial number, CRC
	Celsius    float64       // what the next conversion finds
	Conversion time.Duration // at 12 bits; half of it with each bit less

	// Weak is a supply that breaks down when it converts: it is then as after
	// power on, at 85 °C, which nobody has measured.
	Weak bool

	scratch [9]byte
	until   time.Time // a conversion is under way
	found   int16

	step    step
	at      int // bits of the ROM that were matched, or bytes that were written
	phase   int // of a search: bit, complement, direction
	in      byte
	bits    int
	out     []byte
	outBits int
}

// step is what the next slots are.
type step int

const (
	idle step = iota // until the next reset
	romCommand
	matching
	searching
	function
	sending
	converting
	writing
)

// NewDS18B20 returns a thermometer at 20 °C that was just powered on.
func NewDS18B20(serial [6]byte) *DS18B20 {
	d := &DS18B20{Celsius: 20, Conversion: 750 * time.Millisecond}
	d.ROM[0] = 0x28
	copy(d.ROM[1:], serial[:])
	d.ROM[7] = crcDallas(d.ROM[:7])
	d.PowerOn()
	return d
}

// PowerOn is what losing the power and getting it back does: 85 °C, 12 bits.
// Datasheet, figures 7 and 10.
func (d *DS18B20) PowerOn() {
	d.scratch = [9]byte{0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10}
	d.scratch[8] = crcDallas(d.scratch[:8])
	d.until, d.step = time.Time{}, idle
}

// crcDallas is Maxim's CRC: x⁸+x⁵+x⁴+1, the least significant bit first.
func crcDallas(b []byte) byte {
	reg := byte(0)
	for _, v := range b {
		for bit := range 8 {
			out := reg&1 ^ v>>bit&1
			reg >>= 1
			if out == 1 {
				reg ^= 0x8C
			}
		}
	}
	return reg
}

// reset is the pulse that begins everything.
func (d *DS18B20) reset() {
	d.finish()
	d.step, d.in, d.bits = romCommand, 0, 0
}

// slot is one time slot. The master lets the line go early, a write of 1 or a
// read, or does not; the result is whether this device lets it go, too.
func (d *DS18B20) slot(one bool) bool {
	switch d.step {
	case searching:
		return d.search(one)
	case matching:
		d.match(one)
	case sending:
		return d.send()
	case converting:
		d.finish()
		return d.until.IsZero()
	case romCommand, function, writing:
		d.receive(one)
	}
	return true
}

func (d *DS18B20) romBit(i int) bool { return d.ROM[i/8]>>(i%8)&1 == 1 }

// search is three slots for each bit: the bit, its complement, and what the
// master goes on with.
func (d *DS18B20) search(one bool) bool {
	bit := d.romBit(d.at)
	d.phase++
	switch d.phase {
	case 1:
		return bit
	case 2:
		return !bit
	}
	d.phase = 0
	d.match(one)
	return true
}

// match takes one bit of a ROM code, and is out when it is another's.
func (d *DS18B20) match(one bool) {
	if one != d.romBit(d.at) {
		d.step = idle
		return
	}
	if d.at++; d.at == 64 {
		d.step, d.in, d.bits = function, 0, 0
	}
}

// send sends the next bit; after the last one the line is left alone.
func (d *DS18B20) send() bool {
	i := d.outBits
	if i/8 >= len(d.out) {
		return true
	}
	d.outBits++
	return d.out[i/8]>>(i%8)&1 == 1
}

// receive takes a bit of a byte, and the byte when it is whole.
func (d *DS18B20) receive(one bool) {
	if one {
		d.in |= 1 << d.bits
	}
	if d.bits++; d.bits < 8 {
		return
	}
	b := d.in
	d.in, d.bits = 0, 0
	switch d.step {
	case romCommand:
		d.rom(b)
	case function:
		d.do(b)
	case writing:
		d.scratch[2+d.at] = b
		if d.at++; d.at == 3 {
			d.scratch[4] = d.scratch[4]&0x60 | 0x1F
			d.step = idle
		}
		d.scratch[8] = crcDallas(d.scratch[:8])
	}
}

// rom carries out a ROM command, datasheet "ROM Commands".
func (d *DS18B20) rom(command byte) {
	d.at, d.phase = 0, 0
	switch command {
	case 0xF0: // search
		d.step = searching
	case 0x33: // read, where there is one device
		d.answer(d.ROM[:])
	case 0x55: // match
		d.step = matching
	case 0xCC: // skip
		d.step = function
	default: // alarm search, too: there is no alarm
		d.step = idle
	}
}

// do carries out a function command, datasheet "DS18B20 Function Commands".
func (d *DS18B20) do(command byte) {
	switch command {
	case 0x44: // convert
		bits := 9 + int(d.scratch[4]>>5&3)
		d.found = int16(math.Floor(max(-55, min(125, d.Celsius))*16+0.5)) &^ (1<<(12-bits) - 1)
		d.until = time.Now().Add(d.Conversion >> (12 - bits))
		d.step = converting
	case 0x4E: // write TH, TL and configuration
		d.at, d.step = 0, writing
	case 0xBE: // read the scratchpad
		d.answer(d.scratch[:])
	case 0xB4, 0x48, 0xB8: // read power supply: our own; copy and recall are done
		d.answer(nil)
	default:
		d.step = idle
	}
}

func (d *DS18B20) answer(b []byte) {
	d.out, d.outBits, d.step = append([]byte(nil), b...), 0, sending
}

// finish ends a conversion whose time is over.
func (d *DS18B20) finish() {
	if d.until.IsZero() || time.Now().Before(d.until) {
		return
	}
	d.until = time.Time{}
	if d.Weak {
		step := d.step
		d.PowerOn()
		d.step = step // the line is high, which is all that a master sees
		return
	}
	d.scratch[0], d.scratch[1] = byte(d.found), byte(d.found>>8)
	// The datasheet calls this byte reserved. Recordings have in it what is left to
	// the next degree, 72 01 … 0e 10 and f4 01 … 0c 10, and 0c after power on.
	d.scratch[6] = 0x10 - d.scratch[0]&0xF
	d.scratch[8] = crcDallas(d.scratch[:8])
}

package bustest

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// memory returns a bus with registers that hold their own number, at 0x50.
func memory() (*Bus, *Registers) {
	c := new(Registers)
	for i := range c.Mem {
		c.Mem[i] = byte(i)
	}
	return New(map[uint16]Chip{0x50: c}), c
}

func mustTx(t *testing.T, b *Bus, addr uint16, w []byte, n int) []byte {
	t.Helper()
	r := make([]byte, n)
	if err := b.Tx(addr, w, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegisters(t *testing.T) {
	b, c := memory()
	for _, tt := range []struct {
		w    []byte
		want []byte
	}{
		{[]byte{0x10}, []byte{0x10, 0x11, 0x12}},
		{nil, []byte{0x13}}, // goes on
		{[]byte{0xFF}, []byte{0xFF, 0x00}},
		{[]byte{0x20, 0xAA, 0xBB}, []byte{0x22}},
		{[]byte{0x1F}, []byte{0x1F, 0xAA, 0xBB, 0x22}},
	} {
		if got := mustTx(t, b, 0x50, tt.w, len(tt.want)); !bytes.Equal(got, tt.want) {
			t.Errorf("after writing % X: read % X, want % X", tt.w, got, tt.want)
		}
	}

	c.OnWrite = func(reg, v byte) (byte, error) {
		if reg == 0x30 {
			return 0, ErrNACK
		}
		return v ^ 0xFF, nil
	}
	c.OnRead = func(reg byte) { c.Mem[0x32]++ }
	mustTx(t, b, 0x50, []byte{0x31, 0x0F}, 0)
	if got := mustTx(t, b, 0x50, []byte{0x31}, 2); !bytes.Equal(got, []byte{0xF0, 0x34}) {
		t.Errorf("with hooks: read % X, want F0 34", got)
	}
	if err := b.Tx(0x50, []byte{0x30, 1}, nil); !errors.Is(err, syscall.ENXIO) || c.Mem[0x30] != 0x30 {
		t.Errorf("a write that is not acknowledged: %v, and the register is %#x", err, c.Mem[0x30])
	}
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(map[uint16]Chip{0x62: &Commands{Width: 2, Handle: func(cmd uint16, args []byte) (Answer, error) {
			switch cmd {
			case 0x3682:
				return Answer{Data: []byte{1, 2, 3}}, nil
			case 0x219D:
				return Answer{Data: slices.Clone(args), Busy: 5 * time.Second}, nil
			}
			return Answer{}, ErrNACK
		}}})
		read := func(n int) ([]byte, error) {
			r := make([]byte, n)
			err := b.Tx(0x62, nil, r)
			return r, err
		}
		refused := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, syscall.ENXIO) {
				t.Errorf("%s: %v, want no acknowledgement", what, err)
			}
		}
		_, err := read(1)
		refused("reading before any command", err)
		refused("an unknown command", b.Tx(0x62, []byte{0, 0}, nil))
		refused("half a command", b.Tx(0x62, []byte{0x36}, nil))

		if got := mustTx(t, b, 0x62, []byte{0x36, 0x82}, 2); !bytes.Equal(got, []byte{1, 2}) {
			t.Errorf("read % X, want 01 02", got)
		}
		if got, err := read(3); err != nil || !bytes.Equal(got, []byte{3, 0xFF, 0xFF}) {
			t.Errorf("the rest is % X, %v, want 03 FF FF", got, err)
		}
		_, err = read(1)
		refused("reading an answer twice", err)

		mustTx(t, b, 0x62, []byte{0x21, 0x9D, 7}, 0)
		time.Sleep(5*time.Second - 1)
		_, err = read(1)
		refused("reading too early", err)
		refused("a command while it is busy", b.Tx(0x62, []byte{0x36, 0x82}, nil))
		time.Sleep(time.Nanosecond)
		if got, err := read(1); err != nil || got[0] != 7 {
			t.Errorf("read % X, %v, want 07", got, err)
		}
	})
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault Fault
		errno error
		want  [][]byte // of three reads of two bytes from register 1; nil for an error
	}{
		{"none", Flip(Nth(9), 0), nil, [][]byte{{1, 2}, {1, 2}, {1, 2}}},
		{"nack", NACK(Nth(1)), syscall.ENXIO, [][]byte{{1, 2}, nil, {1, 2}}},
		{"timeout", Timeout(From(1)), syscall.ETIMEDOUT, [][]byte{{1, 2}, nil, nil}},
		{"all", NACK(nil), syscall.ENXIO, [][]byte{nil, nil, nil}},
		{"by what is written", NACK(Wrote(1)), syscall.ENXIO, [][]byte{nil, nil, nil}},
		{"another register", NACK(Wrote(2)), nil, [][]byte{{1, 2}, {1, 2}, {1, 2}}},
		{"a longer message", NACK(Wrote(1, 1)), nil, [][]byte{{1, 2}, {1, 2}, {1, 2}}},
		{"FF", Fill(Nth(0), 0xFF), nil, [][]byte{{0xFF, 0xFF}, {1, 2}, {1, 2}}},
		{"00", Fill(Nth(2), 0), nil, [][]byte{{1, 2}, {1, 2}, {0, 0}}},
		{"first bit", Flip(Nth(0), 0), nil, [][]byte{{0x81, 2}, {1, 2}, {1, 2}}},
		{"last bit", Flip(Nth(0), 15), nil, [][]byte{{1, 3}, {1, 2}, {1, 2}}},
		{"a bit beyond", Flip(Nth(0), 16), nil, [][]byte{{1, 2}, {1, 2}, {1, 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := memory()
			b.Inject(tt.fault)
			for i, want := range tt.want {
				r := []byte{0x55, 0x55}
				err := b.Tx(0x50, []byte{1}, r)
				if want == nil {
					if !errors.Is(err, tt.errno) || !bytes.Equal(r, []byte{0x55, 0x55}) {
						t.Errorf("transaction %d: % X, %v, want %v and nothing read", i, r, err, tt.errno)
					}
					continue
				}
				if err != nil || !bytes.Equal(r, want) {
					t.Errorf("transaction %d: % X, %v, want % X", i, r, err, want)
				}
			}
			b.Heal()
			if got := mustTx(t, b, 0x50, []byte{1}, 2); !bytes.Equal(got, []byte{1, 2}) {
				t.Errorf("healed: % X", got)
			}
		})
	}
}

// A transaction that fails does not reach the chip.
func TestFailedWriteDoesNothing(t *testing.T) {
	b, c := memory()
	b.Inject(Timeout(nil))
	if err := b.Tx(0x50, []byte{1, 0xAA}, nil); err == nil || c.Mem[1] != 1 {
		t.Errorf("error %v, register %#x", err, c.Mem[1])
	}
}

func TestBus(t *testing.T) {
	b, c := memory()
	if err := b.Tx(0x51, []byte{0}, nil); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("an address without a chip gives %v", err)
	}
	w := []byte{1}
	mustTx(t, b, 0x50, w, 1)
	w[0] = 9 // the log does not keep what is the caller's
	log := b.Log()
	if len(log) != 2 || b.Count() != 2 {
		t.Fatalf("%d transactions in the log, count %d", len(log), b.Count())
	}
	for i, want := range []string{
		"0: 51 W 00: no chip at address 0x51: no such device or address",
		"1: 50 W 01 R 01",
	} {
		if got := log[i].String(); got != want {
			t.Errorf("log[%d] is %q, want %q", i, got, want)
		}
	}
	b.Reset()
	b.Plug(0x51, c)
	mustTx(t, b, 0x51, []byte{0}, 1)
	if log := b.Log(); len(log) != 1 || log[0].N != 0 {
		t.Errorf("after Reset the log is %v", log)
	}
	b.Unplug(0x51)
	if err := b.Tx(0x51, []byte{0}, nil); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("a chip that was unplugged gives %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if b.Close() == nil || b.Tx(0x50, []byte{0}, nil) == nil {
		t.Error("a closed bus works")
	}
}

func TestBME280ShowsResultsWhenItHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewBME280()
		b := New(map[uint16]Chip{0x76: c})
		status := func() byte { return mustTx(t, b, 0x76, []byte{0xF3}, 1)[0] }
		data := func() []byte { return mustTx(t, b, 0x76, []byte{0xF7}, 8) }
		check := func(what string, wantStatus byte, want []byte) {
			t.Helper()
			if s, d := status(), data(); s != wantStatus || !bytes.Equal(d, want) {
				t.Errorf("%s: status %#x, data % X; want %#x, % X", what, s, d, wantStatus, want)
			}
		}
		check("powering on", 1, bme280Skipped[:])
		time.Sleep(2 * time.Millisecond)
		check("asleep", 0, bme280Skipped[:])

		mustTx(t, b, 0x76, []byte{0xF2, 1}, 0)
		mustTx(t, b, 0x76, []byte{0xF4, 0x25}, 0)
		check("measuring", 8, bme280Skipped[:])
		time.Sleep(c.Conversion)
		check("measured", 0, bme280Sample[:])
		if mode := mustTx(t, b, 0x76, []byte{0xF4}, 1)[0]; mode != 0x24 {
			t.Errorf("after forced mode ctrl_meas is %#x, want sleep mode, 0x24", mode)
		}

		mustTx(t, b, 0x76, []byte{0xD0, 0}, 0)
		mustTx(t, b, 0x76, []byte{0xE0, 0xB6}, 0)
		check("reset", 1, bme280Skipped[:])
		if id := mustTx(t, b, 0x76, []byte{0xD0}, 1)[0]; id != 0x60 {
			t.Errorf("the id is %#x after writing to it", id)
		}
		time.Sleep(c.Startup)
		mustTx(t, b, 0x76, []byte{0xF4, 0x01}, 0) // everything left out
		time.Sleep(c.Conversion)
		check("measured nothing", 0, bme280Skipped[:])

		c.Conversion, c.Startup = -1, -1
		mustTx(t, b, 0x76, []byte{0xF4, 0x25}, 0)
		time.Sleep(time.Hour)
		check("never ends", 9, bme280Skipped[:])
	})
}

func TestSHT4x(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSHT4x()
		b := New(map[uint16]Chip{0x44: c})
		for _, tt := range []struct {
			cmd  byte
			busy time.Duration
			want []byte // nil: nothing can be read
		}{
			{0x94, time.Millisecond, nil},
			{0x89, 0, c.Serial[:]},
			{0xFD, 8300 * time.Microsecond, c.Frame[:]},
			{0xF6, 4500 * time.Microsecond, c.Frame[:]},
			{0xE0, 1600 * time.Microsecond, c.Frame[:]},
			{0x39, 1100 * time.Millisecond, c.Frame[:]},
			{0x15, 110 * time.Millisecond, c.Frame[:]},
		} {
			mustTx(t, b, 0x44, []byte{tt.cmd}, 0)
			if tt.busy > 0 {
				time.Sleep(tt.busy - 1)
				if err := b.Tx(0x44, nil, make([]byte, 6)); !errors.Is(err, syscall.ENXIO) {
					t.Errorf("command %#x, read too early: %v", tt.cmd, err)
				}
				time.Sleep(time.Nanosecond)
			}
			r := make([]byte, 6)
			err := b.Tx(0x44, nil, r)
			if tt.want == nil && err == nil || tt.want != nil && !bytes.Equal(r, tt.want) {
				t.Errorf("command %#x: read % X, %v, want % X", tt.cmd, r, err, tt.want)
			}
		}
		if c.Heater != 2 || c.Resets != 1 {
			t.Errorf("heater on %d times, %d resets; want 2 and 1", c.Heater, c.Resets)
		}
		for _, w := range [][]byte{{0x00}, {0xFD, 0x00}} {
			if err := b.Tx(0x44, w, nil); !errors.Is(err, syscall.ENXIO) {
				t.Errorf("% X is acknowledged: %v", w, err)
			}
		}
	})
}

func TestWords(t *testing.T) {
	c := &Words{Narrow: map[byte]bool{8: true}}
	c.Mem[1], c.Mem[8] = 0x1234, 0x56
	b := New(map[uint16]Chip{0x50: c})
	for _, tt := range []struct {
		w    []byte
		want []byte
	}{
		{[]byte{1}, []byte{0x12}},
		{nil, []byte{0x34, 0x12}}, // goes on
		{[]byte{1}, []byte{0x12, 0x34, 0x12}},
		{[]byte{8}, []byte{0x56, 0x56}},
		{[]byte{1, 0xAB, 0xCD}, []byte{0xAB, 0xCD}},
		{[]byte{8, 3}, []byte{3}},
	} {
		if got := mustTx(t, b, 0x50, tt.w, len(tt.want)); !bytes.Equal(got, tt.want) {
			t.Errorf("after writing % X: read % X, want % X", tt.w, got, tt.want)
		}
	}
	for _, w := range [][]byte{{1, 2}, {1, 2, 3, 4}, {8, 1, 2}} {
		if err := b.Tx(0x50, w, nil); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("% X, of a wrong length, gives %v", w, err)
		}
	}
	c.OnRead = func(byte) { c.Mem[1]++ }
	if got := mustTx(t, b, 0x50, []byte{1}, 4); !bytes.Equal(got, []byte{0xAB, 0xCE, 0xAB, 0xCF}) {
		t.Errorf("with a hook: read % X", got)
	}
}

func TestCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cycle
		for i, step := range []struct {
			wait time.Duration
			run  bool
			want bool
		}{
			{time.Second, false, false}, {0, true, false}, {90, true, false}, {10, true, true}, {0, true, false},
			{250, true, true}, {40, true, false}, {10, true, true}, {99, false, false}, {1, false, false}, {0, true, false}, {99, true, false}, {1, true, true},
		} {
			time.Sleep(step.wait)
			c.run(step.run)
			if got := c.ended(100); got != step.want {
				t.Errorf("step %d: ended is %v, want %v", i, got, step.want)
			}
		}
	})
}

package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// newLine returns a line with slaves 3 and 4, whose input registers are their
// address and the register's.
func newLine() *bustest.ModbusLine {
	slaves := make(map[byte]*bustest.ModbusSlave)
	for _, unit := range []byte{3, 4} {
		s := &bustest.ModbusSlave{
			Input: make(map[uint16]uint16), Holding: map[uint16]uint16{7: 77},
			Coils: map[uint16]bool{0: true, 1: false, 2: true}, Discrete: map[uint16]bool{9: true},
			Delay: 5 * time.Millisecond,
		}
		for a := range uint16(130) {
			s.Input[a] = uint16(unit)<<8 | a
		}
		slaves[unit] = s
	}
	return bustest.NewModbus(slaves)
}

// ways are those to reach a line in memory.
var ways = []struct {
	name    string
	rtu     bool
	network bool
}{
	{"/dev/ttyUSB0", true, false},
	{"tcp://meter", false, true},
	{"rtu+tcp://server:4001", true, true},
}

func newClient(t *testing.T, l *bustest.ModbusLine, name string, change func(*Options)) *Client {
	t.Helper()
	o := Options{Mode: bus.SerialMode{Baud: 9600}, OpenSerial: l.OpenSerial, Dial: l.DialTCP}
	if strings.HasPrefix(name, "rtu+") {
		o.Dial = l.DialRTU
	}
	if change != nil {
		change(&o)
	}
	c, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// reads fails unless unit is read right.
func reads(t *testing.T, c *Client, unit byte) {
	t.Helper()
	got, err := c.ReadRegisters(t.Context(), unit, bus.InputRegisters, 0x10, 2)
	if want := []uint16{uint16(unit)<<8 | 0x10, uint16(unit)<<8 | 0x11}; err != nil || !slices.Equal(got, want) {
		t.Errorf("slave %d: %04X, %v, want %04X", unit, got, err, want)
	}
}

// each runs f in a bubble for every way to a line.
func each(t *testing.T, f func(t *testing.T, l *bustest.ModbusLine, c *Client)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine()
				c := newClient(t, l, w.name, nil)
				f(t, l, c)
				c.Close()
				l.Hangup()
			})
		})
	}
}

func TestTables(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		reads(t, c, 4)
		if got, err := c.ReadRegisters(t.Context(), 3, bus.HoldingRegisters, 7, 1); err != nil || !slices.Equal(got, []uint16{77}) {
			t.Errorf("holding register: %v, %v", got, err)
		}
		if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 125); err != nil || len(got) != 125 || got[124] != 0x37C {
			t.Errorf("125 registers: %d, %v", len(got), err)
		}
		if got, err := c.ReadBits(t.Context(), 3, bus.Coils, 0, 3); err != nil || !slices.Equal(got, []bool{true, false, true}) {
			t.Errorf("coils: %v, %v", got, err)
		}
		if got, err := c.ReadBits(t.Context(), 4, bus.DiscreteInputs, 9, 1); err != nil || !slices.Equal(got, []bool{true}) {
			t.Errorf("discrete input: %v, %v", got, err)
		}
		if n := l.Opened(); n != 1 {
			t.Errorf("opened %d times", n)
		}
	})
}

func TestRequestsThatCannotBe(t *testing.T) {
	l := newLine()
	c := newClient(t, l, "/dev/ttyUSB0", nil)
	for _, tt := range []struct {
		unit       byte
		table      bus.ModbusTable
		address, n uint16
		says       string
	}{
		{3, bus.InputRegisters, 0, 0, "0 at once"},
		{3, bus.InputRegisters, 0, 126, "1 to 125"},
		{3, bus.Coils, 0, 2001, "1 to 2000"},
		{3, bus.InputRegisters, 0xFFFF, 2, "end at 0xFFFF"},
		{0, bus.InputRegisters, 0, 1, "1 to 247"},
		{248, bus.Coils, 0, 1, "1 to 247"},
		{3, 5, 0, 1, "table 5 has no"},
	} {
		var err error
		if tt.table == bus.InputRegisters || tt.table == 5 {
			_, err = c.ReadRegisters(t.Context(), tt.unit, tt.table, tt.address, tt.n)
		} else {
			_, err = c.ReadBits(t.Context(), tt.unit, tt.table, tt.address, tt.n)
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if _, err := c.ReadBits(t.Context(), 3, bus.InputRegisters, 0, 1); err == nil {
		t.Error("registers are read as bits")
	}
	if l.Opened() != 0 {
		t.Error("the port was opened")
	}
}

// Over TCP 0 and 255 are the device itself.
func TestUnitsOfTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bustest.NewModbus(map[byte]*bustest.ModbusSlave{
			0: {Input: map[uint16]uint16{0: 1}}, 255: {Input: map[uint16]uint16{0: 2}},
		})
		c := newClient(t, l, "tcp://meter:1502", nil)
		for unit, want := range map[byte]uint16{0: 1, 255: 2} {
			if got, err := c.ReadRegisters(t.Context(), unit, bus.InputRegisters, 0, 1); err != nil || got[0] != want {
				t.Errorf("unit %d: %v, %v", unit, got, err)
			}
		}
		c.Close()
	})
}

// Every fault of a slave is an error of the request to it, and no other's.
func TestFaults(t *testing.T) {
	to3 := bustest.ToSlave(3)
	for _, tt := range []struct {
		name     string
		fault    bustest.ModbusFault
		rtu, tcp string // what the error says; "" if it does not happen there
	}{
		{"silence", bustest.ModbusSilence(to3), "no answer within 1s; check its address", "no answer within 1s; check the address"},
		{"late", bustest.ModbusLate(to3, 1200*time.Millisecond), "no answer within 1s", "no answer within 1s"},
		{"exception", bustest.ModbusException(to3, 2), "exception 2, illegal data address", "exception 2, illegal data address"},
		{"busy", bustest.ModbusException(to3, 6), "exception 6, server device busy", "exception 6, server device busy"},
		{"garbage", bustest.ModbusGarbage(to3, 0x55, 0xAA, 0x55, 0xAA, 0x55, 0xAA, 0x55, 0xAA), "55 AA 55 AA 55 AA 55 AA is not an answer", "55 AA 55 AA 55 AA 55 does not begin"},
		{"noise", bustest.ModbusGarbage(to3, 0, 0xFF), "no answer within 1s", "the answer 00 FF is too short"},
		{"bad CRC", bustest.ModbusFlip(to3, 8*8), "CRC 0x", ""},
		{"wrong unit", bustest.ModbusWrongUnit(to3, 9), "slave 9 answered in its place", "the answer is one of slave 9"},
		{"wrong transaction", bustest.ModbusWrongTransaction(to3), "", "is one to transaction 1"},
		{"wrong function", bustest.ModbusPDU(to3, 3, 4, 0, 0, 0, 0), "function 0x03 in place of 0x04", "function 0x03 in place of 0x04"},
		{"few bytes", bustest.ModbusPDU(to3, 4, 2, 0, 0), "announces 2 bytes in place of 4", "announces 2 bytes in place of 4"},
		{"lying about bytes", bustest.ModbusPDU(to3, 4, 4, 0, 0), "too short", "has 2 bytes in place of 4"},
		{"cut in the header", bustest.ModbusCut(to3, 2), "the answer 03 04 is too short", "is too short"},
		{"cut in the data", bustest.ModbusCut(to3, 7), "the answer 03 04 04 03 10 03 11 is too short", "07 03 is too short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
				says := tt.tcp
				if c.at.rtu {
					says = tt.rtu
				}
				l.Inject(tt.fault)
				reads(t, c, 4)
				for range 4 {
					got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0x10, 2)
					switch {
					case says == "" && err == nil:
					case err == nil:
						t.Errorf("read %04X", got)
					case !strings.HasPrefix(err.Error(), "slave 3, input registers 0x0010 to 0x0011: ") || !strings.Contains(err.Error(), says):
						t.Errorf("%v, want %q", err, says)
					case errors.Is(err, syscall.ETIMEDOUT) != (strings.Contains(says, "no answer within") || strings.Contains(says, "in its place")):
						t.Errorf("is it a timeout: %v", err)
					}
					reads(t, c, 4)
				}
				l.Heal()
				reads(t, c, 3)
				reads(t, c, 4)
			})
		})
	}
}

func TestErrorsAreTyped(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 200, 1)
		var e bus.ModbusException
		if !errors.As(err, &e) || e != bus.ModbusIllegalAddress || !strings.HasPrefix(err.Error(), "slave 3, input register 0x00C8: ") {
			t.Errorf("%v", err)
		}
		_, err = c.ReadRegisters(t.Context(), 5, bus.InputRegisters, 0, 1)
		for _, target := range []error{os.ErrDeadlineExceeded, syscall.ETIMEDOUT, bus.ErrSilent} {
			if !errors.Is(err, target) {
				t.Errorf("%v is not %v", err, target)
			}
		}
	})
}

// A flipped bit anywhere in a frame of RTU is found, through all of the client.
func TestEveryBitFlipIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		c := newClient(t, l, "/dev/ttyUSB0", nil)
		for bit := range 8 * 9 {
			l.Inject(bustest.ModbusFlip(nil, bit))
			if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0x10, 2); err == nil || errors.As(err, new(bus.ModbusException)) {
				t.Errorf("bit %d: %04X, %v", bit, got, err)
			}
			l.Heal()
			reads(t, c, 3)
		}
	})
}

// The answer to a question is never taken for that to the next.
func TestLateAnswersAreNotBelieved(t *testing.T) {
	for _, late := range []time.Duration{10, 30, 100, 500, 900} { // ms after the timeout
		each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
			l.Inject(bustest.ModbusLate(bustest.NthRequest(0), time.Second+late*time.Millisecond))
			if _, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0x40, 2); !errors.Is(err, syscall.ETIMEDOUT) {
				t.Fatalf("a late answer: %v", err)
			}
			reads(t, c, 4) // nor keeps it others from being read
			reads(t, c, 3) // the same slave, other registers
			reads(t, c, 3)
		})
	}
}

func TestSilenceBetweenFrames(t *testing.T) {
	for _, tt := range []struct {
		mode  bus.SerialMode
		pause time.Duration
		want  time.Duration
	}{
		{bus.SerialMode{Baud: 9600}, 0, 3645833 * time.Nanosecond},
		{bus.SerialMode{Baud: 9600, Parity: "even"}, 0, 4010415 * time.Nanosecond},
		{bus.SerialMode{Baud: 1200, StopBits: 2}, 0, 32083331 * time.Nanosecond},
		{bus.SerialMode{Baud: 19200}, 0, 1822915 * time.Nanosecond},
		{bus.SerialMode{Baud: 38400}, 0, 1750 * time.Microsecond},
		{bus.SerialMode{Baud: 115200}, 0, 1750 * time.Microsecond},
		{bus.SerialMode{Baud: 9600}, 50 * time.Millisecond, 50 * time.Millisecond},
		{bus.SerialMode{}, 0, 3645833 * time.Nanosecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine()
			c := newClient(t, l, "/dev/ttyUSB0", func(o *Options) { o.Mode, o.Pause = tt.mode, tt.pause })
			began := time.Now()
			reads(t, c, 3)
			reads(t, c, 4)
			log := l.Log()
			before := log[0].Time.Sub(began)
			between := log[1].Time.Sub(log[0].Time) - 5*time.Millisecond // the slave's delay
			for _, d := range []time.Duration{before, between} {
				if d < tt.want-2 || d > tt.want+time.Microsecond {
					t.Errorf("%+v: silence of %v, want %v", tt.mode, d, tt.want)
				}
			}
		})
	}
}

func TestSetTiming(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		c.SetTiming(3, 3*time.Second, 40*time.Millisecond)
		l.Inject(bustest.ModbusLate(nil, 2*time.Second))
		reads(t, c, 3)
		if _, err := c.ReadRegisters(t.Context(), 4, bus.InputRegisters, 0, 1); err == nil {
			t.Error("a slave of the usual patience is waited for")
		}
		l.Heal()
		time.Sleep(3 * time.Second)
		reads(t, c, 3)
		l.Reset()
		began := time.Now()
		reads(t, c, 3)
		if pause := l.Log()[0].Time.Sub(began); pause < 40*time.Millisecond || pause > 42*time.Millisecond {
			t.Errorf("pause of %v", pause)
		}
	})
}

func TestHangupIsNoticedByNobody(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		l.Hangup()
		reads(t, c, 3)
		if n := l.Opened(); n != 2 {
			t.Errorf("opened %d times", n)
		}
	})
}

// A server that hangs up on every request is asked twice at most.
func TestHangupAsAnAnswer(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		l.Inject(bustest.ModbusHangup(bustest.ToSlave(3)))
		l.Reset()
		_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1)
		if err == nil || !strings.Contains(err.Error(), "connection lost") || errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%v", err)
		}
		if n := len(l.Log()); n != 2 {
			t.Errorf("asked %d times", n)
		}
		reads(t, c, 4)
	})
}

func TestUnplugged(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		l.Unplug()
		var texts []string
		for range 3 {
			_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1)
			if err == nil {
				t.Fatal("read from a port that is not there")
			}
			texts = append(texts, err.Error())
		}
		if n := l.Opened(); n != 2 || texts[2] != texts[0] {
			t.Errorf("opened %d times, and says %q", n, texts)
		}
		l.Plug()
		time.Sleep(openPause)
		reads(t, c, 3)
	})
}

// A server that was switched off does not say so.
func TestSilentServerIsDialledAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		c := newClient(t, l, "tcp://meter", nil)
		reads(t, c, 3)
		for range 2 {
			c.ReadRegisters(t.Context(), 5, bus.InputRegisters, 0, 1)
		}
		reads(t, c, 3)
		for range 3 {
			c.ReadRegisters(t.Context(), 5, bus.InputRegisters, 0, 1)
		}
		if n := l.Opened(); n != 1 {
			t.Errorf("dialled %d times before the third silence in a row has an effect", n)
		}
		reads(t, c, 3)
		if n := l.Opened(); n != 2 {
			t.Errorf("dialled %d times", n)
		}
		c.Close()
	})
}

func TestContextEnds(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		for _, after := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 1100 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			began := time.Now()
			var err error
			for ctx.Err() == nil {
				_, err = c.ReadRegisters(ctx, 5, bus.InputRegisters, 0, 1)
			}
			if took := time.Since(began) - after; !errors.Is(err, context.DeadlineExceeded) && after != 0 || took > slice {
				t.Errorf("ended after %v: %v, returned %v later", after, err, took)
			}
			cancel()
			reads(t, c, 3)
		}
	})
}

// While one sensor waits for the line, another may use it.
func TestOthersAskDuringAWait(t *testing.T) {
	each(t, func(t *testing.T, l *bustest.ModbusLine, c *Client) {
		reads(t, c, 3)
		c.SetTiming(3, 0, 30*time.Millisecond)
		asked := 0
		ctx := bus.WithYield(t.Context(), func(d time.Duration) bool {
			if asked++; asked == 1 {
				time.Sleep(d / 2)
				reads(t, c, 4)
				c.Close()
			}
			time.Sleep(d)
			return true
		})
		got, err := c.ReadRegisters(ctx, 3, bus.InputRegisters, 1, 1)
		if err != nil || got[0] != 0x301 || asked == 0 {
			t.Errorf("%04X, %v, after %d waits", got, err, asked)
		}
		reads(t, c, 4)
	})
}

func TestOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		mode := bus.SerialMode{Baud: 19200, Parity: "even", StopBits: 1}
		c := newClient(t, l, "/dev/ttyUSB0", func(o *Options) { o.Mode = mode })
		reads(t, c, 3)
		if got := l.Modes(); !slices.Equal(got, []bus.SerialMode{mode}) {
			t.Errorf("opened with %+v", got)
		}

		c = newClient(t, l, "tcp://meter", func(o *Options) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				<-ctx.Done() // a host that is off
				return nil, fmt.Errorf("dial %s %s: %w", network, address, ctx.Err())
			}
		})
		began := time.Now()
		_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1)
		if took := time.Since(began); took != dialTimeout || !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "connect to tcp://meter: dial tcp meter:502") || !strings.Contains(err.Error(), "check that") {
			t.Errorf("after %v: %v", took, err)
		}
		began = time.Now()
		if _, again := c.ReadRegisters(t.Context(), 4, bus.InputRegisters, 0, 1); again == nil || time.Since(began) != 0 {
			t.Errorf("the next slave waits %v for it: %v", time.Since(began), again)
		}
		time.Sleep(openPause)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = c.ReadRegisters(ctx, 3, bus.InputRegisters, 0, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended while dialling: %v", err)
		}

		c = newClient(t, l, "/dev/ttyUSB0", func(o *Options) { o.OpenSerial = nil })
		if _, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without serial ports: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("closing what is closed: %v", err)
		}
	})
}

// brokenPort fails in the ways that a port of the kernel can.
type brokenPort struct {
	bus.SerialPort
	timeout, discard error
	n                int
	read, write      error
}

func (p *brokenPort) SetReadTimeout(time.Duration) error { return p.timeout }
func (p *brokenPort) Discard() error                     { return p.discard }
func (p *brokenPort) Read([]byte) (int, error)           { return 0, p.read }
func (p *brokenPort) Write([]byte) (int, error)          { return p.n, p.write }
func (p *brokenPort) Close() error                       { return nil }

func TestBrokenPorts(t *testing.T) {
	for _, tt := range []struct {
		port brokenPort
		want error
	}{
		{brokenPort{timeout: syscall.ENOTTY, n: 8}, syscall.ENOTTY},
		{brokenPort{discard: syscall.EIO}, syscall.EIO},
		{brokenPort{write: syscall.ENXIO}, syscall.ENXIO},
		{brokenPort{n: 3}, io.ErrShortWrite},
		{brokenPort{n: 8}, io.ErrNoProgress},
		{brokenPort{n: 8, read: io.EOF}, io.EOF},
	} {
		opened := 0
		c := newClient(t, newLine(), "/dev/ttyUSB0", func(o *Options) {
			o.OpenSerial = func(string, bus.SerialMode) (bus.SerialPort, error) { opened++; return &tt.port, nil }
		})
		for i := range 2 {
			_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1)
			if !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "slave 3, input register 0x0000: ") || opened != i+1 {
				t.Errorf("%+v: %v, opened %d times", tt.port, err, opened)
			}
		}
	}
}

// chatter is a port on which somebody talks without end.
type chatter struct{ brokenPort }

func (p *chatter) Read(b []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return copy(b, "\x03\x04\xFA\x55"[p.n%4:][:1]), nil
}

func (p *chatter) Write(b []byte) (int, error) { p.n++; return len(b), nil }

func TestEndlessNoiseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 4 {
			port := &chatter{}
			c := newClient(t, newLine(), "/dev/ttyUSB0", func(o *Options) {
				o.OpenSerial = func(string, bus.SerialMode) (bus.SerialPort, error) { return port, nil }
			})
			began := time.Now()
			_, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1)
			if took := time.Since(began); err == nil || took > 4*time.Second {
				t.Errorf("after %v: %v", took, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		want address
	}{
		{"/dev/ttyUSB0", address{rtu: true}},
		{"COM3", address{rtu: true}},
		{"tcp://meter", address{network: true, host: "meter:502"}},
		{"tcp://192.168.1.20:1502", address{network: true, host: "192.168.1.20:1502"}},
		{"tcp://[fe80::1]", address{network: true, host: "[fe80::1]:502"}},
		{"tcp://[::1]:502", address{network: true, host: "[::1]:502"}},
		{"rtu+tcp://moxa:4001", address{network: true, rtu: true, host: "moxa:4001"}},
	} {
		if got, err := parseAddress(tt.name); err != nil || got != tt.want {
			t.Errorf("%q is %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
	for name, says := range map[string]string{
		"":                     "no name",
		"udp://meter":          "unknown scheme udp",
		"tcp://":               "not host:port",
		"tcp://:502":           "not host:port",
		"tcp://meter:0":        "not a port",
		"tcp://meter:modbus":   "not a port",
		"tcp://meter:70000":    "not a port",
		"tcp://fe80::1":        "not host:port",
		"tcp://meter/x:502":    "not a host",
		"rtu+tcp://moxa":       "not host:port",
		"rtu+tcp://moxa:4001/": "not a port",
	} {
		if c, err := New(name, Options{}); err == nil || c != nil || !strings.Contains(err.Error(), says) || name != "" && !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("%q: %v, want %q", name, err, says)
		}
	}
}

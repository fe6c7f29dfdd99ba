package driver

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// The fake port is in memory; here are drivers on ports of the kernel and of
// another machine, with a device at the other end that is asked, or talks.

// talk has the device at the other end say all of frames, again and again,
// until it cannot any more.
func talk(w io.Writer, frames ...string) {
	for i := 0; ; i++ {
		frame := frames[i%len(frames)]
		for part := range slices.Chunk([]byte(frame), 100) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// onPort opens a driver on a port, measures, has unplug end it, and measures
// again.
func onPort(t *testing.T, name, port string, unplug func()) []float64 {
	t.Helper()
	d, _ := Lookup(name)
	slot := &bus.Slot{Name: port, Options: make(map[string]string), State: new(bustest.State),
		OpenSerial: func(m bus.SerialMode) (bus.SerialPort, error) { return bus.OpenSerial(port, m) }}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := d.Open(ctx, slot)
	if err != nil {
		t.Fatal(err)
	}
	defer s.(io.Closer).Close()
	channels := d.Channels
	if c, ok := s.(Channeler); ok {
		channels = c.Channels()
	}
	out := make([]float64, len(channels))
	if err := s.Measure(ctx, out); err != nil {
		t.Fatal(err)
	}
	unplug()
	if err := s.Measure(ctx, slices.Clone(out)); err == nil || errors.Is(err, bus.ErrSilent) || !strings.Contains(err.Error(), port) {
		t.Errorf("%s unplugged: %v", port, err)
	}
	return out
}

func newPTY(t *testing.T) *bustest.PTY {
	t.Helper()
	p, err := bustest.NewPTY()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// telegrams are two of a meter, a second apart.
var telegrams = []string{
	dsmrSummed(`/X`, ``, `0-0:1.0.0(170102192002W)`, `1-0:1.8.1(4.426*kWh)`, `1-0:1.7.0(00.244*kW)`),
	dsmrSummed(`/X`, ``, `0-0:1.0.0(170102192003W)`, `1-0:1.8.1(4.426*kWh)`, `1-0:1.7.0(00.244*kW)`),
}

func TestSerialOnAPortOfTheKernel(t *testing.T) {
	t.Run("dsmr", func(t *testing.T) {
		p := newPTY(t)
		go talk(p, telegrams...)
		if got := onPort(t, "dsmr", p.Name(), func() { p.Close() }); !slices.Equal(got, []float64{4.426, 244}) {
			t.Errorf("measured %v", got)
		}
	})
	t.Run("pms5003", func(t *testing.T) {
		p := newPTY(t)
		frame, _ := unhexed("424D001C 000100020003 000B00160021 01FE00AA00280004 00020001 9700 0362")
		go talk(p, string(frame))
		if got := onPort(t, "pms5003", p.Name(), func() { p.Close() }); !slices.Equal(got, []float64{11, 22, 33, 510, 170, 40, 4, 2, 1}) {
			t.Errorf("measured %v", got)
		}
	})
	t.Run("mhz19", func(t *testing.T) {
		p := newPTY(t)
		go func() {
			b := make([]byte, 64)
			answer, _ := unhexed("FF8602200000000058")
			for {
				if n, err := p.Read(b); err != nil || n > 0 && b[0] != mhzStart {
					return
				}
				p.Write(answer)
			}
		}()
		if got := onPort(t, "mhz19", p.Name(), func() { p.Close() }); !slices.Equal(got, []float64{544}) {
			t.Errorf("measured %v", got)
		}
	})
}

func TestSerialOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	hangUp := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			<-hangUp
			c.Close()
		}()
		talk(c, telegrams...)
	}()
	got := onPort(t, "dsmr", "tcp://"+l.Addr().String(), func() {
		close(hangUp)
		<-done
	})
	if !slices.Equal(got, []float64{4.426, 244}) {
		t.Errorf("measured %v", got)
	}
}

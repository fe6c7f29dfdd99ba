package bustest

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

func mustOpen(t *testing.T, s *Serial) bus.SerialPort {
	t.Helper()
	p, err := s.Open(bus.SerialMode{Baud: 9600})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSerial()
		s.Send(0, 0xAA) // before it is open: lost
		p := mustOpen(t, s)
		p.SetReadTimeout(100 * ms)
		start := time.Now()
		s.OnWrite(func(w []byte) {
			w[0]++
			s.Send(20*ms, w...)
		})
		s.Send(50*ms, 1, 2, 3)
		b := make([]byte, 16)
		expect := func(at time.Duration, want ...byte) {
			t.Helper()
			n, err := p.Read(b)
			if !bytes.Equal(b[:n], want) || time.Since(start) != at || (err != nil) != (want == nil) {
				t.Errorf("read % X, %v at %v, want % X at %v", b[:n], err, time.Since(start), want, at)
			}
		}
		expect(50*ms, 1, 2, 3)
		p.Write([]byte{7, 8})
		expect(70*ms, 8, 8)
		expect(170 * ms) // silence
		if _, err := p.Read(b); !errors.Is(err, bus.ErrSilent) {
			t.Errorf("silence is %v", err)
		}
		start = time.Now()
		s.Send(0, 4, 5, 6)
		s.SplitReads(2)
		expect(0, 4, 5)
		expect(0, 6)
		s.SplitReads(0)
		s.Send(0, 9)
		if err := p.Discard(); err != nil {
			t.Error(err)
		}
		p.SetReadTimeout(0)
		expect(0)
		if got := s.Written(); !bytes.Equal(got, []byte{7, 8}) {
			t.Errorf("written: % X", got)
		}
		if log := s.Log(); len(log) != 4 || log[1].String() != "1: W 07 08 R 08 08" {
			t.Errorf("log: %v", log)
		}
		if m, times, open := s.Opened(); m.Baud != 9600 || times != 1 || !open {
			t.Errorf("opened: %+v, %d times, %v", m, times, open)
		}
		if _, err := s.Open(bus.SerialMode{}); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("opened twice: %v", err)
		}
		time.AfterFunc(ms, func() { p.Close() })
		p.SetReadTimeout(time.Hour)
		if _, err := p.Read(b); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("closed meanwhile: %v", err)
		}
		if _, err := p.Write(b); !errors.Is(err, fs.ErrClosed) || !errors.Is(p.Close(), fs.ErrClosed) {
			t.Errorf("a closed port works: %v", err)
		}
	})
}

func TestSerialFaults(t *testing.T) {
	s := NewSerial()
	p := mustOpen(t, s)
	s.Inject(Fails(Nth(1), syscall.EIO), Fill(Nth(2), 0), Flip(Wrote(0x42), 7))
	b := make([]byte, 8)
	read := func() ([]byte, error) {
		s.Send(0, 1)
		n, err := p.Read(b)
		return slices.Clone(b[:n]), err
	}
	if got, err := read(); err != nil || !bytes.Equal(got, []byte{1}) {
		t.Errorf("read % X, %v", got, err)
	}
	if got, err := read(); !errors.Is(err, syscall.EIO) || len(got) != 0 {
		t.Errorf("read % X, %v, want an error", got, err)
	}
	if got, err := read(); err != nil || !bytes.Equal(got, []byte{0, 0}) {
		t.Errorf("read % X, %v, want 00 00", got, err)
	}
	p.Write([]byte{0x42})
	if got, err := read(); err != nil || !bytes.Equal(got, []byte{0}) {
		t.Errorf("read % X, %v, want 00", got, err)
	}
	s.Heal()
	s.Unplug()
	if _, err := read(); !errors.Is(err, syscall.EIO) || errors.Is(err, bus.ErrSilent) {
		t.Errorf("unplugged: %v", err)
	}
	if _, err := p.Write([]byte{1}); !errors.Is(err, syscall.EIO) {
		t.Errorf("unplugged: %v", err)
	}
	if _, err := s.Open(bus.SerialMode{}); err == nil {
		t.Error("an unplugged port can be opened")
	}
	s.Plug()
	if _, err := read(); err == nil {
		t.Error("a port works that was unplugged while open")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	p = mustOpen(t, s)
	if got, err := read(); err != nil || !bytes.Equal(got, []byte{1}) {
		t.Errorf("plugged in again: read % X, %v", got, err)
	}
}

//go:build !ppc64 && !ppc64le

package bus_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"

	"golang.org/x/sys/unix"
)

func openPTY(t *testing.T, m bus.SerialMode) (bus.SerialPort, *bustest.PTY) {
	t.Helper()
	pty, err := bustest.NewPTY()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { pty.Close() })
	p, err := bus.OpenSerial(pty.Name(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, pty
}

func TestSerialOfTheKernel(t *testing.T) {
	p, pty := openPTY(t, bus.SerialMode{Baud: 9600})
	testPort(t, p, pty)
}

// Unplugging is found out by whoever waits, and is no silence.
func TestSerialUnplugged(t *testing.T) {
	p, pty := openPTY(t, bus.SerialMode{Baud: 9600})
	p.SetReadTimeout(time.Minute)
	time.AfterFunc(10*time.Millisecond, func() { pty.Close() })
	b := make([]byte, 8)
	for _, what := range []string{"while waiting", "again"} {
		start := time.Now()
		_, err := p.Read(b)
		if err == nil || errors.Is(err, bus.ErrSilent) || !strings.Contains(err.Error(), "unplugged") || !strings.Contains(err.Error(), pty.Name()) {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: after %v", what, took)
		}
	}
	if _, err := p.Write(b); err == nil || !strings.Contains(err.Error(), "unplugged") {
		t.Errorf("Write: %v", err)
	}
}

func TestSerialClosed(t *testing.T) {
	p, _ := openPTY(t, bus.SerialMode{Baud: 9600})
	p.SetReadTimeout(time.Minute)
	time.AfterFunc(10*time.Millisecond, func() { p.Close() })
	b := make([]byte, 8)
	for range 2 {
		if _, err := p.Read(b); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
	}
	if _, err := p.Write(b); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write: %v", err)
	}
	if err := p.Discard(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Discard: %v", err)
	}
	if err := p.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

// The kernel was told what was asked for.
func TestSerialModesOfTheKernel(t *testing.T) {
	for _, tt := range []struct {
		m     bus.SerialMode
		cflag uint32
	}{
		{bus.SerialMode{Baud: 9600}, unix.CS8},
		{bus.SerialMode{Baud: 12345}, unix.CS8},
		{bus.SerialMode{Baud: 300, DataBits: 7, Parity: "even"}, unix.CS7 | unix.PARENB},
		{bus.SerialMode{Baud: 115200, Parity: "odd", StopBits: 2}, unix.CS8 | unix.PARENB | unix.PARODD | unix.CSTOPB},
	} {
		_, pty := openPTY(t, tt.m)
		f, err := os.OpenFile(pty.Name(), os.O_RDWR|unix.O_NOCTTY, 0)
		if errors.Is(err, unix.EBUSY) {
			t.Skip("the port is ours alone, and only root may look")
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS2)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		// A pseudo terminal has 8 bits and no parity, whatever it is told.
		mask := uint32(unix.PARODD | unix.CSTOPB)
		if s.Ospeed != uint32(tt.m.Baud) || s.Ispeed != uint32(tt.m.Baud) || s.Cflag&mask != tt.cflag&mask {
			t.Errorf("%+v: %d and %d baud, flags %#o", tt.m, s.Ispeed, s.Ospeed, s.Cflag)
		}
		if s.Lflag != 0 || s.Oflag != 0 || s.Cflag&unix.CLOCAL == 0 {
			t.Errorf("%+v: it is not raw: %#o %#o %#o", tt.m, s.Lflag, s.Oflag, s.Cflag)
		}
	}
}

// A descriptor beyond those of select(2) works like any other: a broker with
// a thousand clients has them.
func TestSerialWithManyFiles(t *testing.T) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for range 1100 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Skip(err)
		}
		files = append(files, f)
	}
	p, pty := openPTY(t, bus.SerialMode{Baud: 9600})
	testPort(t, p, pty)
}

func TestOpenSerialThatIsNone(t *testing.T) {
	for name, says := range map[string]string{os.DevNull: "no serial port", t.TempDir() + "/x": "this machine has"} {
		p, err := bus.OpenSerial(name, bus.SerialMode{Baud: 9600})
		if p != nil || err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), name) {
			t.Errorf("OpenSerial(%q) = %v, %v", name, p, err)
		}
	}
}

package bus_test

import (
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"gateway/sensors/bus"
)

func TestSerialOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			accepted <- c
		}
		close(accepted)
	}()
	name := "tcp://" + l.Addr().String()
	p, err := bus.OpenSerial(name, bus.SerialMode{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	device := <-accepted
	if device == nil {
		t.Fatal("nobody connected")
	}
	defer device.Close()
	testPort(t, p, device)

	device.Close()
	b := make([]byte, 8)
	if _, err := p.Read(b); err == nil || errors.Is(err, bus.ErrSilent) || !strings.Contains(err.Error(), name) {
		t.Errorf("hung up: %v", err)
	}
	p.Close()
	if _, err := p.Read(b); !errors.Is(err, net.ErrClosed) && !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := p.Write(b); err == nil {
		t.Error("a closed port can be written to")
	}
	l.Close()
	if p, err := bus.OpenSerial(name, bus.SerialMode{}); err == nil || p != nil || !strings.Contains(err.Error(), "ser2net") {
		t.Errorf("nobody listens: %v, %v", p, err)
	}
}

// testPort does with a port what every port has to do; device is its other
// end.
func testPort(t *testing.T, p bus.SerialPort, device interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}) {
	t.Helper()
	b := make([]byte, 64)
	// readAll reads until there are n bytes, in as many pieces as they come.
	readAll := func(n int) string {
		t.Helper()
		got := ""
		for len(got) < n {
			k, err := p.Read(b)
			if err != nil || k == 0 {
				t.Fatalf("after %q: %d bytes, %v", got, k, err)
			}
			got += string(b[:k])
		}
		return got
	}
	if err := p.SetReadTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	// A frame in two parts, with bytes that a terminal would swallow.
	device.Write([]byte("\x03\r"))
	device.Write([]byte("\n\x04\xFF"))
	if got := readAll(5); got != "\x03\r\n\x04\xFF" {
		t.Errorf("read %q", got)
	}
	if _, err := p.Write([]byte("\x11\x13\x7F\n")); err != nil {
		t.Error(err)
	}
	n, err := device.Read(b)
	if got := string(b[:n]); got != "\x11\x13\x7F\n" || err != nil {
		t.Errorf("written %q, %v", got, err)
	}

	// Silence, for as long as was said, and not at all.
	for _, timeout := range []time.Duration{30 * time.Millisecond, 0} {
		p.SetReadTimeout(timeout)
		start := time.Now()
		n, err := p.Read(b)
		if took := time.Since(start); n != 0 || !errors.Is(err, bus.ErrSilent) || took < timeout || took > timeout+5*time.Second {
			t.Errorf("silence of %v: %d bytes, %v after %v", timeout, n, err, took)
		}
	}
	// What has arrived and was not read is thrown away.
	p.SetReadTimeout(10 * time.Second)
	device.Write([]byte("ghi"))
	if n, err := p.Read(b[:1]); n != 1 || err != nil || b[0] != 'g' {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	p.SetReadTimeout(0)
	if n, err := p.Read(b); !errors.Is(err, bus.ErrSilent) {
		t.Errorf("after Discard: %q, %v", b[:n], err)
	}
}

package modbus

import (
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// The kernel's own connections, on the loopback.
func TestLoopback(t *testing.T) {
	for _, scheme := range []string{"tcp", "rtu+tcp"} {
		t.Run(scheme, func(t *testing.T) {
			l := newLine()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Skip("no loopback here: ", err)
			}
			serve := l.ServeTCP
			if scheme == "rtu+tcp" {
				serve = func(c net.Conn) error { return l.ServeRTU(c) }
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := l.ServeListener(ln, serve); err != nil {
					t.Error(err)
				}
			})
			defer wg.Wait()
			defer ln.Close()

			c, err := New(scheme+"://"+ln.Addr().String(), Options{Timeout: 600 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			reads(t, c, 3)
			l.Inject(bustest.ModbusLate(bustest.ToSlave(3), time.Second))
			if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1); !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("a late answer: %v, %v", got, err)
			}
			l.Heal()
			reads(t, c, 4)
			reads(t, c, 3)
			l.Hangup()
			reads(t, c, 4)
			l.Inject(bustest.ModbusGarbage(bustest.ToSlave(3), 0x55, 0xAA, 0x55, 0xAA, 0x55, 0xAA, 0x55))
			if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1); err == nil {
				t.Errorf("garbage: %v", got)
			}
			l.Heal()
			reads(t, c, 4)
			reads(t, c, 3)
			ln.Close()
			l.Hangup()
			if _, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 1); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), scheme+"://127.0.0.1") {
				t.Errorf("with nobody there: %v", err)
			}
		})
	}
}

// Discard throws away what is there and waits for nothing.
func TestConnPort(t *testing.T) {
	client, server := net.Pipe()
	p := &connPort{conn: client}
	defer p.Close()
	go server.Write([]byte("left"))
	if err := p.SetReadTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	var b [2]byte
	if n, err := p.Read(b[:]); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	if n, err := p.Read(b[:]); n != 0 || !errors.Is(err, bus.ErrSilent) {
		t.Errorf("%d bytes, %v", n, err)
	}
	go func() {
		for {
			if _, err := server.Write(make([]byte, 512)); err != nil {
				return
			}
		}
	}()
	if err := p.SetReadTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	if err := p.Discard(); err == nil || !strings.Contains(err.Error(), "does not stop") {
		t.Errorf("a peer that talks without end: %v", err)
	}
	server.Close()
	if p.Discard() == nil {
		t.Error("a peer that is gone can be read")
	}
}

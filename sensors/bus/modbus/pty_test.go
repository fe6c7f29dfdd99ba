package modbus

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// A serial port of the kernel, with the real opener.
func TestPTY(t *testing.T) {
	p, err := bustest.NewPTY()
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	l := newLine()
	var wg sync.WaitGroup
	wg.Go(func() { l.ServeRTU(p) })
	defer wg.Wait()
	defer l.Hangup()

	gone := errors.New("/dev/pts: nobody there")
	opened := 0
	c, err := New(p.Name(), Options{
		Mode: bus.SerialMode{Baud: 19200, Parity: "even"}, Timeout: 600 * time.Millisecond,
		OpenSerial: func(name string, m bus.SerialMode) (bus.SerialPort, error) {
			if opened++; opened > 1 { // the kernel gives the name to others' tests
				return nil, gone
			}
			return bus.OpenSerial(name, m)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reads(t, c, 3)
	if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 125); err != nil || got[124] != 0x37C {
		t.Errorf("a long answer: %v, %v", got, err)
	}
	l.Inject(bustest.ModbusLate(bustest.ToSlave(3), time.Second))
	if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 2); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("a late answer: %v, %v", got, err)
	}
	l.Heal()
	reads(t, c, 3)
	reads(t, c, 4)
	l.Inject(bustest.ModbusFlip(bustest.ToSlave(3), 40))
	if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 2); err == nil || !strings.Contains(err.Error(), "CRC") {
		t.Errorf("a disturbed answer: %v, %v", got, err)
	}
	l.Heal()
	reads(t, c, 4)
	reads(t, c, 3)
	l.Hangup() // the adapter is pulled out
	if got, err := c.ReadRegisters(t.Context(), 3, bus.InputRegisters, 0, 2); !errors.Is(err, gone) || opened != 2 {
		t.Errorf("unplugged: %v, %v, after %d openings", got, err, opened)
	}
}

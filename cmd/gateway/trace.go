package main

import (
	"fmt"
	"io"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"gateway/sensors/bus"
)

// traced opens buses that print every transaction: what was written, what was
// read, and what went wrong.
//
//	i2c-1 0x76  W F7  R 4A 52 C0 80 96 C0 7A 76
func traced(out io.Writer) (func(string) (i2c.BusCloser, error), func(string, physic.Frequency, spi.Mode) (bus.SPIConn, error)) {
	t := &tracer{out: out}
	openI2C := func(name string) (i2c.BusCloser, error) {
		b, err := bus.OpenI2C(name)
		if err != nil {
			return nil, err
		}
		return tracedI2C{b, t}, nil
	}
	openSPI := func(name string, hz physic.Frequency, mode spi.Mode) (bus.SPIConn, error) {
		c, err := bus.OpenSPI(name, hz, mode)
		if err != nil {
			return nil, err
		}
		return tracedSPI{c, name, t}, nil
	}
	return openI2C, openSPI
}

// tracer prints whole lines of several buses.
type tracer struct {
	mu  sync.Mutex
	out io.Writer
}

func (t *tracer) line(where string, w, r []byte, err error) {
	text := where
	if len(w) > 0 {
		text += fmt.Sprintf("  W % 02X", w)
	}
	if len(r) > 0 && err == nil {
		text += fmt.Sprintf("  R % 02X", r)
	}
	if err != nil {
		text += fmt.Sprintf("  failed: %v", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.out, text)
}

type tracedI2C struct {
	i2c.BusCloser
	t *tracer
}

func (b tracedI2C) Tx(addr uint16, w, r []byte) error {
	err := b.BusCloser.Tx(addr, w, r)
	b.t.line(fmt.Sprintf("%s %#02x", b.BusCloser, addr), w, r, err)
	return err
}

type tracedSPI struct {
	bus.SPIConn
	name string
	t    *tracer
}

func (c tracedSPI) Tx(w, r []byte) error {
	err := c.SPIConn.Tx(w, r)
	c.t.line(c.name, w, r, err)
	return err
}

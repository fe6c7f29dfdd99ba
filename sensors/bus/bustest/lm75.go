package bustest

import "time"

// LM75 is a temperature sensor of 9 or 11 bits. It converts over and over
// unless it is shut down.
type LM75 struct {
	Words
	Next       uint16 // what the next conversion will have found, as in register 0
	Conversion time.Duration

	cycle cycle
}

// NewLM75 returns an LM75 that was just powered on, as slow as it may be. It
// will have measured 24.5 °C, beyond which it sends something.
func NewLM75() *LM75 { return newLM75(0x18A5, 300*time.Millisecond) }

// NewPCT2075 returns a PCT2075 that was just powered on. It will have measured
// −24.375 °C.
func NewPCT2075() *LM75 { return newLM75(0xE7A0, 100*time.Millisecond) }

func newLM75(next uint16, conversion time.Duration) *LM75 {
	c := &LM75{Next: next, Conversion: conversion}
	c.Narrow = map[byte]bool{1: true}
	c.OnWrite, c.OnRead = c.write, c.read
	c.PowerOn()
	return c
}

// PowerOn is what losing the power and getting it back does. The limits are
// 75 and 80 °C.
func (c *LM75) PowerOn() {
	c.Mem = [256]uint16{2: 0x4B00, 3: 0x5000}
	c.cycle = cycle{}
	c.cycle.run(true)
}

func (c *LM75) write(reg byte, v uint16) (uint16, error) {
	c.read(reg)
	switch reg {
	case 0:
		return c.Mem[reg], nil // cannot be written
	case 1:
		c.cycle.run(v&1 == 0) // shutdown
		return v & 0x1F, nil
	}
	return v, nil
}

// read shows the result of a conversion that has ended.
func (c *LM75) read(byte) {
	if c.cycle.ended(c.Conversion) {
		c.Mem[0] = c.Next
	}
}

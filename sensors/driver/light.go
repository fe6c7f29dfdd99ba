package driver

import (
	"errors"
	"fmt"

	"gateway/sensors/bus"
)

// What light sensors have in common: light spans more decades than their
// counters, so they choose how sensitive they are by what they see.

// errTooBright is the error about light that is beyond a chip's range.
var errTooBright = errors.New("the light is brighter than the chip can measure")

// autorange measures until a range suits, beginning with range at of n, the
// first of which is the most sensitive. measure measures in a range and tells
// whether another would suit better: a number below 0 for a more sensitive
// one, above 0 for a less sensitive one. It returns the range that was used
// last.
func autorange(at, n int, measure func(at int) (better int, err error)) (int, error) {
	for range n + 1 {
		better, err := measure(at)
		switch {
		case err != nil:
			return at, err
		case better < 0 && at > 0:
			at--
		case better > 0 && at < n-1:
			at++
		case better > 0:
			return at, errTooBright
		default:
			return at, nil
		}
	}
	return at, errors.New("the light changes faster than it can be measured")
}

// betterRange tells by a count whether another range would suit better, as
// autorange wants to know: few and many are where this one ends. many is also
// below what the counter can hold, so a count that is cut off is never used.
func betterRange(count, few, many int) int {
	switch {
	case count >= many:
		return 1
	case count < few:
		return -1
	}
	return 0
}

// setRegister writes a register, and reads those of its bits that are in mask:
// with another setting than it should have, a chip would be believed.
func setRegister(slot *bus.Slot, reg, v, mask byte) error {
	if err := slot.WriteRegister(reg, v); err != nil {
		return err
	}
	return keptRegister(slot, reg, v, mask)
}

// keptRegister makes sure that a register is still as it was written, in the
// bits of mask: a chip that has lost its power since shows the dark.
func keptRegister(slot *bus.Slot, reg, v, mask byte) error {
	var got [1]byte
	if err := slot.ReadRegisters(reg, got[:]); err != nil {
		return err
	}
	if (got[0]^v)&mask != 0 {
		return fmt.Errorf("register 0x%02X is 0x%02X, where 0x%02X was written: %s", reg, got[0], v, lostSettings)
	}
	return nil
}

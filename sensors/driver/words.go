package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// What chips have in common that send no checksum: an identity or settings to
// be found in a register, and a bit to wait for.

// wantWord refuses a chip of which register reg, called name, is not want in
// the bits of mask. otherwise says what to think of that.
func wantWord(slot *bus.Slot, reg byte, name string, want, mask uint16, otherwise string) error {
	v, err := slot.ReadWordTwice(reg)
	if err != nil {
		return err
	}
	return sameWord(v, reg, name, want, mask, otherwise)
}

// sameWord is wantWord for a register that was read.
func sameWord(v uint16, reg byte, name string, want, mask uint16, otherwise string) error {
	if (v^want)&mask == 0 {
		return nil
	}
	if v == 0x0000 || v == 0xFFFF {
		otherwise = "nothing drives the bus; check power and wires"
	}
	return fmt.Errorf("register 0x%02X (%s) is 0x%04X in place of 0x%04X: %s", reg, name, v, want, otherwise)
}

// What wantWord says of a chip that is not the one looked for, and of one that
// is not as it was left.
const (
	anotherChip  = "this is another chip"
	lostSettings = "this is another chip, or it has lost its settings; check its power"
)

const wordPolls = 10 // how often awaitWord looks

// awaitWord waits for d, which should be all it takes, and then until register
// reg, called name, has all the bits, looking at it every tenth of d. It
// returns the register.
func awaitWord(ctx context.Context, slot *bus.Slot, reg byte, name string, bits uint16, d time.Duration) (v uint16, err error) {
	began, wait := time.Now(), d
	for range wordPolls {
		if err := bus.Wait(ctx, wait); err != nil {
			return 0, fmt.Errorf("wait for register 0x%02X (%s): %w", reg, name, err)
		}
		if v, err = slot.ReadWord(reg); err != nil {
			return 0, err
		}
		if v&bits == bits {
			return v, nil
		}
		wait = d / 10
	}
	return 0, fmt.Errorf("register 0x%02X (%s) is 0x%04X: still busy after %v",
		reg, name, v, time.Since(began).Round(time.Millisecond))
}

// How often awaitRegister looks again, and how many times: a chip that takes so
// much longer than it may is broken.
const (
	registerPoll  = 2 * time.Millisecond
	registerPolls = 10
)

// awaitRegister is awaitWord for a register of 8 bits: it waits for d, and then
// until done agrees to what the register holds.
func awaitRegister(ctx context.Context, slot *bus.Slot, d time.Duration, reg byte, name string, done func(byte) bool) error {
	var status [1]byte
	began := time.Now()
	for range registerPolls {
		if err := bus.Wait(ctx, d); err != nil {
			return fmt.Errorf("wait for register 0x%02X (%s): %w", reg, name, err)
		}
		if err := slot.ReadRegisters(reg, status[:]); err != nil {
			return err
		}
		if done(status[0]) {
			return nil
		}
		d = registerPoll
	}
	return fmt.Errorf("register 0x%02X (%s) is 0x%02X: still busy after %v",
		reg, name, status[0], time.Since(began).Round(time.Millisecond))
}

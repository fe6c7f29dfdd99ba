package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// sendCommand sends cmd, a command of one byte and its arguments, and waits
// until the chip has carried it out.
func sendCommand(ctx context.Context, slot *bus.Slot, wait time.Duration, cmd ...byte) error {
	if err := slot.I2C.Tx(slot.Addr, cmd, nil); err != nil {
		return fmt.Errorf("send command 0x%02X: %w", cmd[0], err)
	}
	if err := bus.Wait(ctx, wait); err != nil {
		return fmt.Errorf("wait for command 0x%02X: %w", cmd[0], err)
	}
	return nil
}

// askCommand sends a command of one byte, waits, and reads the answer.
func askCommand(ctx context.Context, slot *bus.Slot, wait time.Duration, cmd byte, answer []byte) error {
	if err := sendCommand(ctx, slot, wait, cmd); err != nil {
		return err
	}
	if err := slot.I2C.Tx(slot.Addr, nil, answer); err != nil {
		return fmt.Errorf("read the answer to command 0x%02X: %w", cmd, err)
	}
	return nil
}

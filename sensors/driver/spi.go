package driver

import (
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// spiChip is a chip on SPI, connected. Its methods are a Sensor's: Close gives
// the connection back.
type spiChip struct {
	conn bus.SPIConn
}

// openSPI connects to the chip at the slot. name is that of the driver, for
// the error.
func openSPI(slot *bus.Slot, name string, hz physic.Frequency, mode spi.Mode) (spiChip, error) {
	conn, err := slot.OpenSPI(hz, mode)
	if err != nil {
		return spiChip{}, fmt.Errorf("%s: %w", name, err)
	}
	return spiChip{conn}, nil
}

// openThermocouple connects to a chip at the slot that only sends, and waits
// until it has converted for the first time.
func openThermocouple(ctx context.Context, slot *bus.Slot, name string, first time.Duration) (spiChip, error) {
	chip, err := openSPI(slot, name, physic.MegaHertz, spi.Mode0)
	if err != nil {
		return spiChip{}, err
	}
	if err := bus.Wait(ctx, first); err != nil {
		chip.Close()
		return spiChip{}, fmt.Errorf("%s: wait for the first conversion: %w", name, err)
	}
	return chip, nil
}

// Close implements [io.Closer].
func (c spiChip) Close() error { return c.conn.Close() }

// transfer sends w and returns what came back meanwhile.
func (c spiChip) transfer(w ...byte) ([]byte, error) {
	r := make([]byte, len(w))
	if err := c.conn.Tx(w, r); err != nil {
		return nil, fmt.Errorf("transfer % X: %w", w, err)
	}
	return r, nil
}

// transferTwice is transfer for a chip that sends no checksum: it does the same
// again, and refuses what differs. What is all 0x00 or all 0xFF, as from a wire
// that nobody drives, is left to the driver to refuse.
func (c spiChip) transferTwice(w ...byte) ([]byte, error) {
	r, err := c.transfer(w...)
	if err != nil {
		return nil, err
	}
	again, err := c.transfer(w...)
	if err != nil {
		return nil, err
	}
	if string(r) != string(again) {
		return nil, fmt.Errorf("transfer % X gives % X and then % X: the transmission is disturbed; check wires and their length", w, r, again)
	}
	return r, nil
}

package driver

import (
	"fmt"

	"gateway/sensors/bus"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// spiChip is a chip on SPI, connected. Its methods are a Sensor's: Close gives
// the connection back.
type spiChip struct {
	name string // of the driver, for errors
	conn bus.SPIConn
}

// openSPI connects to the chip at the slot.
func openSPI(slot *bus.Slot, name string, hz physic.Frequency, mode spi.Mode) (spiChip, error) {
	conn, err := slot.OpenSPI(hz, mode)
	if err != nil {
		return spiChip{}, fmt.Errorf("%s: %w", name, err)
	}
	return spiChip{name, conn}, nil
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

// transferTwice is transfer for a chip that sends no checksum, and the same
// again: it refuses what differs. It returns it also if it is all 0x00 or all
// 0xFF, as from a wire that nobody drives.
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

//go:build !linux

package bus

import (
	"errors"
	"fmt"
	"syscall"

	"periph.io/x/conn/v3/i2c"
)

// OpenI2C opens an I²C bus, on Linux.
func OpenI2C(name string) (i2c.BusCloser, error) {
	if _, err := i2cNumber(name); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("I²C bus %s: needs Linux: %w", name, errors.ErrUnsupported)
}

// NoAnswer reports whether err is about a chip that did not acknowledge its
// address or a byte.
func NoAnswer(err error) bool { return errors.Is(err, syscall.ENXIO) }

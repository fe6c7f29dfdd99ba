//go:build !linux

package bus

import (
	"errors"
	"fmt"
)

// Lines returns the GPIO lines of this machine, on Linux.
func Lines() GPIOLines { return noLines{} }

// GPIOChips returns the GPIO controllers of this machine, on Linux.
func GPIOChips() ([]GPIOChip, error) {
	return nil, fmt.Errorf("GPIO: needs Linux: %w", errors.ErrUnsupported)
}

type noLines struct{}

func (noLines) Input(line string, _ InputOptions) (Input, error) { return nil, noLine(line) }
func (noLines) Output(line string, _ bool) (Output, error)       { return nil, noLine(line) }

func noLine(line string) error {
	return fmt.Errorf("GPIO line %s: needs Linux: %w", line, errors.ErrUnsupported)
}

package bus

import (
	"errors"
	"fmt"
	"strings"
)

// GPIOChip is a GPIO controller.
type GPIOChip struct {
	Name  string // "gpiochip0"
	Label string // of what it is: "pinctrl-rp1"
	Lines int
}

// String returns the chip as "gpiochip0 (pinctrl-rp1, 54 lines)".
func (c GPIOChip) String() string {
	return fmt.Sprintf("%s (%s, %d lines)", c.Name, c.Label, c.Lines)
}

// LineName returns the kernel's name of a GPIO line that is called so: "17",
// "gpio17" and "GPIO17" are GPIO17. Other names stay what they are.
func LineName(line string) string {
	digits := line
	if len(line) > 4 && strings.EqualFold(line[:4], "GPIO") {
		digits = line[4:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return line
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		digits = "0"
	}
	return "GPIO" + digits
}

// check finds what no line can be.
func (o InputOptions) check() error {
	switch {
	case o.PullUp && o.PullDown:
		return errors.New("a line is pulled up or down, not both")
	case o.Debounce < 0:
		return errors.New("debounce is negative")
	case o.Debounce.Microseconds() > 1<<32-1:
		return errors.New("debounce is longer than the kernel can, which is 71 minutes")
	}
	return nil
}

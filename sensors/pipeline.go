package sensors

import (
	"fmt"
	"math"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// ImplausibleError is the error about a value that the chip cannot have
// measured.
type ImplausibleError struct {
	Channel driver.Channel
	Number  float64
}

func (e *ImplausibleError) Error() string {
	unit := e.Channel.Quantity.Unit()
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s is %v%s, which it cannot measure (%v to %v%s)",
		e.Channel.Quantity, e.Number, unit, e.Channel.Min, e.Channel.Max, unit)
}

// process makes the values of a reading out of what a driver measured:
// raw[i] is of channels[i]. One implausible value spoils the whole
// measurement, because they were transmitted together.
func process(channels []driver.Channel, raw []float64) ([]reading.Value, error) {
	values := make([]reading.Value, len(channels))
	for i, c := range channels {
		if !plausible(c, raw[i]) {
			return nil, &ImplausibleError{c, raw[i]}
		}
		values[i] = reading.Value{Quantity: c.Quantity, Number: round(raw[i], c.Decimals)}
	}
	return values, nil
}

// plausible is false for NaN, which is in no range.
func plausible(c driver.Channel, x float64) bool {
	return c.Min <= x && x <= c.Max && !math.IsInf(x, 0)
}

// round returns x with so many decimals, half away from zero, and never -0.
func round(x float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	scaled := math.Round(x * scale)
	if math.IsInf(scaled, 0) {
		return x // has no decimals to speak of
	}
	return scaled/scale + 0
}

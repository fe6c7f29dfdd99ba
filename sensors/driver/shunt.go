package driver

import (
	"fmt"
	"math"

	"gateway/sensors/reading"
)

// What chips that measure a current by the voltage over a resistor, the shunt,
// have in common.
//
// They can calculate current and power themselves, from a calibration
// register: in whole steps of a current and of a power that have to be chosen,
// cut off and not rounded, and not at all without the register. What they
// measure is the two voltages, so these are read, and multiplied here without
// a further loss.

// shuntOption is the resistance of the shunt.
var shuntOption = Option{
	Name: "shunt", Default: "0.1", Type: Number, Min: 1e-5, Max: 1000,
	Doc: "Resistance of the shunt in Ω; a part marked R100 has 0.1, R010 has 0.01.",
}

// shuntScale is how a chip measures.
type shuntScale struct {
	ohms  float64 // the shunt
	step  float64 // of the voltage over it, V
	full  float64 // the largest voltage over it, either way, V
	volts float64 // the largest voltage of the bus, V
}

// current returns the channel of a current.
func (s shuntScale) current(q reading.Quantity) Channel {
	most := rounded(s.full / s.ohms)
	return Channel{Quantity: q, Min: -most, Max: most, Decimals: digits(s.step / s.ohms)}
}

// power returns the channel of a power, as fine as the current at 1 V.
func (s shuntScale) power(q reading.Quantity) Channel {
	most := rounded(s.full / s.ohms * s.volts)
	return Channel{Quantity: q, Min: -most, Max: most, Decimals: digits(s.step / s.ohms)}
}

// drop returns the channel of the voltage over the shunt.
func (s shuntScale) drop(q reading.Quantity) Channel {
	return Channel{Quantity: q, Min: -s.full, Max: s.full, Decimals: digits(s.step)}
}

// rounded takes away what a division of decimal numbers leaves behind.
func rounded(x float64) float64 { return math.Round(x*1e9) / 1e9 }

// beyond is the error about a voltage over the shunt at the end of the scale.
// remedy says what else may help.
func (s shuntScale) beyond(reg byte, v uint16, remedy string) error {
	return fmt.Errorf("register 0x%02X (shunt voltage) is 0x%04X, the end of the scale: the current is beyond %.4g A; %s",
		reg, v, s.full/s.ohms, remedy)
}

const smallerShunt = "use a smaller shunt"

// digits returns how many digits after the point show steps of this size.
func digits(step float64) int {
	return min(max(int(math.Ceil(-math.Log10(step)-1e-9)), 0), 9)
}

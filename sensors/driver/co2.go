package driver

import (
	"fmt"
	"math"
	"time"
)

// What Sensirion's sensors of CO₂ have in common: they want to know the air
// pressure, and can be calibrated in air of which CO₂ is known.

// airPressure is the air pressure as a chip that asks for it was told it.
type airPressure struct {
	is   float64 // hPa; NaN is not known
	told float64 // what the chip was told; NaN for nothing
}

// unknownPressure is the air pressure of a chip that was just opened.
func unknownPressure() airPressure { return airPressure{math.NaN(), math.NaN()} }

// Compensate implements [Compensated].
func (p *airPressure) Compensate(a Ambient) { p.is = a.Pressure }

// tell has send tell the chip the air pressure, between lo and hi, if it is
// known and differs by step from what the chip was told. All are in hPa.
func (p *airPressure) tell(step, lo, hi float64, send func(hPa uint16) error) error {
	if math.IsNaN(p.is) || math.Abs(p.is-p.told) < step {
		return nil
	}
	if err := send(uint16(min(max(math.Round(p.is), lo), hi))); err != nil {
		return err
	}
	p.told = p.is
	return nil
}

// checkWarm refuses to recalibrate a chip with cmd that has not measured for as
// long as warm, since began.
func checkWarm(cmd uint16, began time.Time, warm time.Duration) error {
	if measured := time.Since(began); measured < warm {
		return fmt.Errorf("recalibrate with command 0x%04X: it has measured for %v only; leave it in the reference air for %v, and set it then",
			cmd, measured.Round(time.Second), warm)
	}
	return nil
}

package sensors

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// deriver calculates a quantity of the air from others.
type deriver struct {
	needs []reading.Quantity
	value func(driver.Ambient) float64 // NaN if something is not known
}

// derivable are the quantities that can be derived.
var derivable = []string{string(reading.AbsoluteHumidity), string(reading.DewPoint), string(reading.SeaLevelPressure)}

// newDeriver makes the deriver of a quantity for a sensor with these channels.
func newDeriver(name string, cfg SensorConfig, channels []driver.Channel) (deriver, error) {
	var d deriver
	switch reading.Quantity(name) {
	case reading.DewPoint:
		d = deriver{[]reading.Quantity{reading.Temperature, reading.Humidity}, func(a driver.Ambient) float64 {
			return DewPoint(a.Temperature, a.Humidity)
		}}
	case reading.AbsoluteHumidity:
		d = deriver{[]reading.Quantity{reading.Temperature, reading.Humidity}, func(a driver.Ambient) float64 {
			return AbsoluteHumidity(a.Temperature, a.Humidity)
		}}
	case reading.SeaLevelPressure:
		d = deriver{[]reading.Quantity{reading.Pressure}, func(a driver.Ambient) float64 {
			return SeaLevelPressure(a.Pressure, cfg.Altitude)
		}}
	default:
		return d, fmt.Errorf("%q cannot be derived (%s)", name, orList(derivable))
	}
	for _, q := range d.needs {
		if cfg.CompensateFrom == "" && !slices.ContainsFunc(channels, func(c driver.Channel) bool { return c.Quantity == q }) {
			return d, fmt.Errorf("%s needs %s, which this sensor does not measure; name one that does with compensate_from", name, q)
		}
	}
	return d, nil
}

// DewPoint returns the temperature in °C at which air of t °C and a relative
// humidity of rh % is saturated over water; NaN without any humidity. It is the
// Magnus formula with the constants of Sonntag (1990), as in WMO No. 8, annex
// 4.B: within 0.1 K from −45 to 60 °C.
func DewPoint(t, rh float64) float64 {
	const b, c = 17.62, 243.12 // c in °C
	if rh <= 0 {
		return math.NaN()
	}
	g := math.Log(rh/100) + b*t/(c+t)
	return c * g / (b - g)
}

// AbsoluteHumidity returns the water in a cubic metre of air of t °C and a
// relative humidity of rh %, g/m³: the saturation pressure by the Magnus
// formula of [DewPoint], and the ideal gas of water, R = 461.5 J/(kg·K).
func AbsoluteHumidity(t, rh float64) float64 {
	saturated := 611.2 * math.Exp(17.62*t/(243.12+t)) // Pa
	return rh / 100 * saturated / (461.5 * (t + 273.15)) * 1000
}

// SeaLevelPressure returns what a pressure of p hPa at so many metres is at
// sea level (QNH), by the international barometric formula as Bosch's BMP180
// datasheet has it, section 3.6.
func SeaLevelPressure(p, altitude float64) float64 {
	return p / math.Pow(1-altitude/44330, 5.255)
}

// ambientSource asks another sensor about the air.
type ambientSource struct{ other *device }

// around returns what is known of the air at a time. Old values are not known.
func (a *ambientSource) around(now time.Time) driver.Ambient {
	d := a.other
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first || now.Sub(d.since) > d.cfg.StaleAfter {
		return unknownAir()
	}
	return d.air
}

// filled is air with what is not known in it from other.
func filled(air, other driver.Ambient) driver.Ambient {
	if math.IsNaN(air.Temperature) {
		air.Temperature = other.Temperature
	}
	if math.IsNaN(air.Humidity) {
		air.Humidity = other.Humidity
	}
	if math.IsNaN(air.Pressure) {
		air.Pressure = other.Pressure
	}
	return air
}

func unknownAir() driver.Ambient {
	return driver.Ambient{Temperature: math.NaN(), Humidity: math.NaN(), Pressure: math.NaN()}
}

package history

import (
	"strings"

	"gateway/sensors/reading"
)

// units are what a payload of Tasmota says its numbers are in.
type units struct {
	temperature string // "C" or "F"
	pressure    string // "hPa", "mmHg", "inHg"
	zigbee      bool   // it has linkquality: zigbee2mqtt, whose voltage is in mV
}

// key returns where the value of a key belongs, nil if it is no unit.
func (u *units) key(name string) *string {
	switch name {
	case "tempunit":
		return &u.temperature
	case "pressureunit":
		return &u.pressure
	}
	return nil
}

// of returns the unit of a leaf that is not what its name says; "" if it is.
func (u units) of(key string) string {
	switch q, _ := quantityOf(key); {
	case (q == reading.Temperature || q == reading.DewPoint) && strings.EqualFold(u.temperature, "F"):
		return "°F"
	case q == reading.Pressure && u.pressure != "" && !strings.EqualFold(u.pressure, "hPa"):
		return u.pressure
	case q == reading.Voltage && u.zigbee:
		return "mV"
	}
	return ""
}

// foreign are names that other devices have for what we measure.
var foreign = map[string]reading.Quantity{
	"carbondioxide": reading.CarbonDioxide, "co2": reading.CarbonDioxide, "eco2": reading.ECO2, "tvoc": reading.VOCParts,
	"pm2.5": reading.PM25, "pm2_5": reading.PM25, "lux": reading.Illuminance, "illuminance_lux": reading.Illuminance,
	"apparentpower": reading.ApparentPower, "reactivepower": reading.ReactivePower, "factor": reading.PowerFactor, "pf": reading.PowerFactor,
	"dewpoint": reading.DewPoint, "apower": reading.Power, "rssi": reading.SignalStrength, "soil_moisture": reading.Moisture,
	"tc": reading.Temperature, "tf": "temperature_fahrenheit", "rh": reading.Humidity, "device_temperature": reading.Temperature,
	"energy.total": reading.Energy, "energy.today": reading.Energy, "energy.yesterday": reading.Energy, "aenergy.total": "energy_wh",
	"contact": reading.State, "occupancy": reading.Motion, "water_leak": reading.Leak,
	// a word that means something else elsewhere
	"count": "", "raw": "", "age": "", "rate": "", "gas": "", "water": "", "flow": "", "distance": "", "weight": "", "acceleration": "", "rain": "",
}

// quantityOf returns the quantity that a key of somebody's payload names, as it
// is written there if we know none.
func quantityOf(key string) (q reading.Quantity, known bool) {
	parts := strings.Split(key, ".")
	for len(parts) > 1 && strings.Trim(parts[len(parts)-1], "0123456789") == "" {
		parts = parts[:len(parts)-1] // an item of a list is what the list is
	}
	last := parts[len(parts)-1]
	lower := strings.ToLower(last)
	if n := len(parts); n > 1 {
		if q, ok := foreign[strings.ToLower(parts[n-2])+"."+lower]; ok {
			return q, true
		}
	}
	if q, ok := foreign[lower]; ok {
		if q == "" {
			return reading.Quantity(last), false
		}
		return q, true
	}
	if _, known := reading.Quantity(lower).Info(); known {
		return reading.Quantity(lower), true
	}
	return reading.Quantity(last), false
}

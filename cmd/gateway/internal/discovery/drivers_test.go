package discovery

import (
	"slices"
	"testing"

	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// measured are classes that Home Assistant takes with state_class measurement only,
// and counted those that it never takes with it: DEVICE_CLASS_STATE_CLASSES of
// homeassistant/components/sensor/const.py.
var (
	measured = []string{"apparent_power", "aqi", "atmospheric_pressure", "battery", "carbon_dioxide", "current", "frequency", "humidity", "illuminance", "moisture",
		"pm1", "pm25", "pm10", "power_factor", "power", "precipitation_intensity", "pressure", "reactive_power", "signal_strength", "temperature",
		"volatile_organic_compounds_parts", "voltage", "volume_flow_rate", "wind_speed"}
	counted = []string{"energy", "gas", "water"}
)

// TestHomeAssistantTakesEveryDriver looks at each channel of each driver as the
// validation of Home Assistant does.
func TestHomeAssistantTakesEveryDriver(t *testing.T) {
	quantities := reading.Quantities()
	for _, d := range driver.All() {
		for _, c := range d.Channels {
			quantities = append(quantities, c.Quantity)
		}
	}
	for _, q := range reading.Quantities() { // and what a filter converts
		for _, unit := range []string{"°F", "K", "kPa", "inHg", "mmHg", "cm", "m", "in", "kg", "lb", "L", "km/h", "mph", "kW", "Wh", "mV", "mA", "g"} {
			if converted, _, _, err := q.In(unit); err == nil {
				quantities = append(quantities, converted)
			}
		}
	}
	path, err := reading.NewPath("home", "room", "sensor")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quantities {
		info, _ := q.Info()
		m := reading.Meta{Values: map[reading.Quantity]reading.Axis{
			q: {Title: info.Title, Unit: info.Unit, Class: info.Class, Decimals: info.Decimals, Counter: info.Counter, Binary: info.Binary},
		}}
		c := value(path, m, q)
		if c.Platform == "binary_sensor" {
			if c.Class != info.Class || c.Unit != "" || c.StateClass != "" {
				t.Errorf("%s: %+v", q, c)
			}
			continue
		}
		switch {
		case c.Class != "" && !slices.Contains(units[c.Class], c.Unit):
			t.Errorf("%s: class %s with unit %q", q, c.Class, c.Unit)
		case slices.Contains(measured, c.Class) && c.StateClass != "measurement":
			t.Errorf("%s: class %s with state class %s", q, c.Class, c.StateClass)
		case slices.Contains(counted, c.Class) && c.StateClass == "measurement":
			t.Errorf("%s: class %s with state class %s", q, c.Class, c.StateClass)
		case info.Counter && c.StateClass != "total_increasing":
			t.Errorf("%s: a counter with state class %s", q, c.StateClass)
		}
	}
	for name := range units {
		if slices.Contains(counted, name) && slices.Contains(measured, name) {
			t.Errorf("%s is in both lists", name)
		}
	}
}

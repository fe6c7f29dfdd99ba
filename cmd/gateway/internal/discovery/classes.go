package discovery

import "slices"

// units are the units that Home Assistant takes with a device class of a sensor; it
// refuses an entity with another, and one with a class that it does not know. From
// DEVICE_CLASS_UNITS of homeassistant/components/sensor/const.py. The newer classes
// pm4, absolute_humidity, reactive_energy and wind_direction are left out: without
// them the value is shown as well. µ is the micro sign, U+00B5, which both an older
// Home Assistant and a newer one take, whose own tables have the Greek letter.
var units = map[string][]string{
	"apparent_power":                   {"VA"},
	"aqi":                              {""},
	"atmospheric_pressure":             {"hPa", "kPa", "inHg", "mmHg", "Pa", "mbar", "bar", "psi"},
	"battery":                          {"%"},
	"carbon_dioxide":                   {"ppm"},
	"current":                          {"A", "mA"},
	"data_size":                        {"B", "kB", "MB", "GB"},
	"distance":                         {"mm", "cm", "m", "km", "in"},
	"duration":                         {"s", "min", "h", "d"},
	"energy":                           {"kWh", "Wh", "MWh"},
	"frequency":                        {"Hz", "kHz", "MHz"},
	"gas":                              {"m³"},
	"humidity":                         {"%"},
	"illuminance":                      {"lx"},
	"moisture":                         {"%"},
	"pm1":                              {"µg/m³"},
	"pm25":                             {"µg/m³"},
	"pm10":                             {"µg/m³"},
	"power":                            {"W", "kW"},
	"power_factor":                     {"", "%"},
	"precipitation":                    {"mm", "cm", "in"},
	"precipitation_intensity":          {"mm/h"},
	"pressure":                         {"hPa", "kPa", "inHg", "mmHg", "Pa", "mbar", "bar", "psi"},
	"reactive_power":                   {"var"},
	"signal_strength":                  {"dB", "dBm"},
	"temperature":                      {"°C", "°F", "K"},
	"volatile_organic_compounds_parts": {"ppb", "ppm"},
	"voltage":                          {"V", "mV"},
	"volume_flow_rate":                 {"L/min", "m³/h"},
	"water":                            {"m³", "L"},
	"weight":                           {"g", "kg", "lb"},
	"wind_speed":                       {"m/s", "km/h", "mph"},
}

// twoStates are the classes of a binary_sensor that our quantities have, from
// homeassistant/components/binary_sensor/__init__.py.
var twoStates = []string{"connectivity", "door", "moisture", "motion", "problem", "smoke", "vibration", "window"}

// class is the device class of a value as far as Home Assistant takes it.
func class(name, unit string) string {
	if slices.Contains(units[name], unit) {
		return name
	}
	return ""
}

// stateClass says how statistics are made of a value: "" for none.
func stateClass(class, unit string, counter bool) string {
	switch {
	case counter:
		return "total_increasing"
	case unit == "°": // the mean of 359° and 1° is not 180°
		return ""
	case class == "energy" || class == "gas" || class == "water":
		return "total" // those three are no measurements to Home Assistant
	}
	return "measurement"
}

package discovery

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gateway/sensors/reading"
)

// pressures and such are what the enumerations of units have in homeassistant/const.py,
// without what came later.
var (
	pressures = []string{"Pa", "hPa", "kPa", "bar", "cbar", "mbar", "mmHg", "inHg", "psi"}
	lengths   = []string{"mm", "cm", "m", "km", "in", "ft", "yd", "mi", "nmi"}
)

// source is what Home Assistant has, read in its source and not taken from the table
// that it checks: DEVICE_CLASS_UNITS and DEVICE_CLASS_STATE_CLASSES of
// homeassistant/components/sensor/const.py. The state classes are m, measurement, and
// t, both of the totals.
var source = map[string]struct {
	units  []string
	states string
}{
	"apparent_power":                   {[]string{"VA"}, "m"},
	"aqi":                              {[]string{""}, "m"},
	"atmospheric_pressure":             {pressures, "m"},
	"battery":                          {[]string{"%"}, "m"},
	"carbon_dioxide":                   {[]string{"ppm"}, "m"},
	"current":                          {[]string{"A", "mA"}, "m"},
	"data_size":                        {[]string{"B", "kB", "MB", "GB", "TB"}, "mt"},
	"distance":                         {lengths, "mt"},
	"duration":                         {[]string{"d", "h", "min", "s", "ms"}, "mt"},
	"energy":                           {[]string{"J", "kJ", "MJ", "GJ", "Wh", "kWh", "MWh"}, "t"},
	"frequency":                        {[]string{"Hz", "kHz", "MHz", "GHz"}, "m"},
	"gas":                              {[]string{"CCF", "ft³", "m³"}, "t"},
	"humidity":                         {[]string{"%"}, "m"},
	"illuminance":                      {[]string{"lx"}, "m"},
	"moisture":                         {[]string{"%"}, "m"},
	"pm1":                              {[]string{"\u00b5g/m³"}, "m"},
	"pm10":                             {[]string{"\u00b5g/m³"}, "m"},
	"pm25":                             {[]string{"\u00b5g/m³"}, "m"},
	"power":                            {[]string{"W", "kW"}, "m"},
	"power_factor":                     {[]string{"%", ""}, "m"},
	"precipitation":                    {[]string{"in", "cm", "mm"}, "mt"},
	"precipitation_intensity":          {[]string{"in/d", "in/h", "mm/d", "mm/h"}, "m"},
	"pressure":                         {pressures, "m"},
	"reactive_power":                   {[]string{"var"}, "m"},
	"signal_strength":                  {[]string{"dB", "dBm"}, "m"},
	"temperature":                      {[]string{"°C", "°F", "K"}, "m"},
	"volatile_organic_compounds_parts": {[]string{"ppb", "ppm"}, "m"},
	"voltage":                          {[]string{"mV", "V"}, "m"},
	"volume_flow_rate":                 {[]string{"m³/h", "ft³/min", "L/min", "gal/min"}, "m"},
	"water":                            {[]string{"CCF", "ft³", "m³", "gal", "L"}, "t"},
	"weight":                           {[]string{"g", "kg", "mg", "\u00b5g", "oz", "lb", "st"}, "mt"},
	"wind_speed":                       {[]string{"ft/s", "km/h", "kn", "m/s", "mph", "Beaufort"}, "m"},
}

func TestClassesAreThoseOfTheSource(t *testing.T) {
	for name, has := range units {
		for _, unit := range has {
			if !slices.Contains(source[name].units, unit) {
				t.Errorf("%s with %q is refused", name, unit)
			}
		}
	}
	for _, q := range reading.Quantities() {
		info, _ := q.Info()
		c := class(info.Class, info.Unit)
		if info.Binary || c == "" {
			continue
		}
		state := stateClass(c, info.Unit, info.Counter)
		if kind := map[string]string{"measurement": "m", "total": "t", "total_increasing": "t"}[state]; kind == "" || !strings.Contains(source[c].states, kind) {
			t.Errorf("%s: class %s with state class %q", q, c, state)
		}
	}
}

// options are the keys that the schemas have: what all entities have, and a platform:
// homeassistant/components/mqtt/schemas.py (MQTT_ENTITY_COMMON_SCHEMA) and sensor.py,
// binary_sensor.py, number.py and button.py there.
var (
	shared = []string{"platform", "name", "unique_id", "qos", "availability_topic", "availability_template", "entity_category",
		"enabled_by_default", "json_attributes_topic"}
	options = map[string][]string{
		"sensor":        {"state_topic", "value_template", "device_class", "state_class", "unit_of_measurement", "suggested_display_precision", "expire_after", "options"},
		"binary_sensor": {"state_topic", "value_template", "device_class", "expire_after", "payload_on", "payload_off"},
		"number":        {"command_topic", "min", "max", "step", "mode"},
		"button":        {"command_topic", "payload_press"},
	}
	required = map[string]string{"sensor": "state_topic", "binary_sensor": "state_topic", "number": "command_topic", "button": "command_topic"}
)

// TestMessageHasWhatTheSchemaAsksFor looks at the messages as DEVICE_DISCOVERY_SCHEMA of
// homeassistant/components/mqtt/schemas.py does: device with identifiers, origin with a
// name, and components with a platform each. A migration needs the unique id of each.
func TestMessageHasWhatTheSchemaAsksFor(t *testing.T) {
	path, err := reading.NewPath("home", "kitchen", "climate")
	if err != nil {
		t.Fatal(err)
	}
	m, err := reading.ParseMeta([]byte(meta))
	if err != nil {
		t.Fatal(err)
	}
	d := &Discovery{}
	for _, thing := range []thing{sensor(path, m), d.hub("home", []string{"hot"}, []string{"cloud"})} {
		var got struct {
			Device     struct{ Identifiers []string }
			Origin     struct{ Name string }
			Components map[string]map[string]any
		}
		if err := json.Unmarshal([]byte(text(whole{Device: thing.device, Origin: maker{Name: own}, Components: thing.components})), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Device.Identifiers) == 0 || got.Origin.Name == "" || len(got.Components) == 0 {
			t.Errorf("%s: %+v", thing.node, got)
		}
		for key, c := range got.Components {
			platform, _ := c["platform"].(string)
			if c["unique_id"] == nil || options[platform] == nil || c[required[platform]] == nil {
				t.Errorf("%s: %v", key, c)
			}
			for name := range c {
				if !slices.Contains(shared, name) && !slices.Contains(options[platform], name) {
					t.Errorf("%s: a %s has no %s", key, platform, name)
				}
			}
			if c["options"] != nil && (c["device_class"] != "enum" || c["state_class"] != nil || c["unit_of_measurement"] != nil) {
				t.Errorf("%s: options with more than device class enum: %v", key, c)
			}
		}
	}
}

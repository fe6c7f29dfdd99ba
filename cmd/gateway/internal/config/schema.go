package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// keyDocs says what each key is for, a line each: its path, a tab, and the
// comment that stands above it in gateway.example.yaml, from which a test makes
// it. It is how an editor knows what people read there.
//
//go:embed keys.txt
var keyDocs string

// object is a JSON object.
type object = map[string]any

// Schema returns the JSON Schema (draft-07, which editors know best) of a
// configuration: the keys of every part, and for each driver what its table
// says of its options, addresses and quantities. It ends with a newline.
func Schema() []byte {
	s := schema{docs: documented()}
	root := s.of("", reflect.TypeFor[Config]())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Configuration of gateway"
	item := root["properties"].(object)["sensors"].(object)["items"].(object)
	s.sensors(item)
	b, err := json.MarshalIndent(root, "", " ")
	if err != nil {
		panic(err) // nothing in it that JSON cannot hold
	}
	return append(b, '\n')
}

type schema struct{ docs map[string]string }

// durationForm is how a time is written: one or more numbers with units, or 0.
const durationForm = `^(0|-?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// of returns the schema of a Go type that is decoded at a path.
func (s schema) of(path string, t reflect.Type) object {
	o := object{}
	switch {
	case t == durationType:
		o["type"], o["pattern"] = []string{"string", "integer"}, durationForm
		o["maximum"] = 0 // a number without a unit is 0
	case t.Kind() == reflect.Pointer:
		o = s.of(path, t.Elem())
	case t.Kind() == reflect.Struct:
		o = s.structure(path, t)
	case t.Kind() == reflect.Slice:
		o["type"], o["items"] = []string{"array", "null"}, s.of(path+"[]", t.Elem())
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		o["type"], o["additionalProperties"] = "object", s.of(path+".*", t.Elem())
	case t.Kind() == reflect.Map:
		o["type"], o["additionalProperties"] = "object", object{"type": []string{"string", "number", "boolean", "null"}}
	case t.Kind() == reflect.String:
		o["type"] = []string{"string", "number", "null"}
	case t.Kind() == reflect.Bool:
		o["type"] = []string{"boolean", "null"}
	case t.Kind() == reflect.Float64:
		o["type"] = []string{"number", "null"}
	default:
		o["type"] = []string{"integer", "null"}
	}
	if doc := s.docs[path]; doc != "" {
		o["description"] = doc
	}
	return o
}

func (s schema) structure(path string, t reflect.Type) object {
	properties := object{}
	fields := structFields(t)
	for _, f := range fields {
		properties[f.name] = s.of(strings.TrimPrefix(path+"."+f.name, "."), f.typ)
	}
	types := []string{"object", "null"}
	if len(fields) == 1 { // its one value may stand for it
		types = append(types, "string", "number", "boolean")
	}
	return object{"type": types, "properties": properties, "additionalProperties": false}
}

// typeField is a key and the type of its value.
type typeField struct {
	name string
	typ  reflect.Type
}

// structFields are the keys of a struct, those of inline structs among them.
func structFields(t reflect.Type) []typeField {
	var all []typeField
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if tag == ",inline" {
			all = append(all, structFields(t.Field(i).Type)...)
			continue
		}
		all = append(all, typeField{tag, t.Field(i).Type})
	}
	return all
}

// sensors adds to the schema of a sensor what depends on its driver.
func (s schema) sensors(item object) {
	properties := item["properties"].(object)
	properties["driver"] = object{"enum": driverKeys(), "description": s.docs["sensors[].driver"]}
	properties["publish"] = object{"enum": []string{sensors.PublishEvery, sensors.PublishOnChange}, "description": s.docs["sensors[].publish"]}
	item["required"] = []string{"driver", "room"}
	var cases []object
	for _, d := range driver.All() {
		cases = append(cases, object{
			"if":   object{"properties": object{"driver": object{"enum": append([]string{d.Name}, d.Aliases...)}}, "required": []string{"driver"}},
			"then": s.forDriver(d),
		})
	}
	item["allOf"] = cases
}

func driverKeys() []string {
	var names []string
	for _, d := range driver.All() {
		names = append(append(names, d.Name), d.Aliases...)
	}
	slices.Sort(names)
	return names
}

// forDriver is what a sensor with driver d may have.
func (s schema) forDriver(d driver.Driver) object {
	properties := object{"driver": object{"description": d.Title}, "options": optionsSchema(d), "filters": s.filtersSchema(d)}
	o := object{"properties": properties}
	for _, key := range foreignKeys(d) {
		properties[key] = false
	}
	var required []string
	switch d.Bus {
	case bus.I2C:
		properties["address"] = object{"enum": d.Addrs, "description": fmt.Sprintf("%s; default %#02x.", addressList(d), d.Addrs[0])}
	case bus.GPIO:
		required = pinKeys(d, properties)
	case bus.Serial, bus.Modbus:
		required = []string{"port"}
	}
	if requiredOptions(d) != nil {
		required = append(required, "options")
	}
	if required != nil {
		o["required"] = required
	}
	return o
}

// foreignKeys are the keys that mean nothing to a driver.
func foreignKeys(d driver.Driver) []string {
	kinds := map[string][]bus.Kind{
		"bus": {bus.I2C, bus.SPI, bus.OneWire}, "address": {bus.I2C}, "id": {bus.OneWire, bus.Sysfs},
		"pin": {bus.GPIO}, "pins": {bus.GPIO}, "port": {bus.Serial, bus.Modbus}, "serial": {bus.Serial, bus.Modbus}, "unit_id": {bus.Modbus},
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(kinds)) {
		if !slices.Contains(kinds[key], d.Bus) {
			keys = append(keys, key)
		}
	}
	return keys
}

func addressList(d driver.Driver) string {
	var all []string
	for _, a := range d.Addrs {
		all = append(all, fmt.Sprintf("%#02x", a))
	}
	return strings.Join(all, ", ")
}

// pinKeys says which lines a driver needs, and returns the keys that have to be
// there.
func pinKeys(d driver.Driver, properties object) (required []string) {
	if len(d.Pins) == 1 {
		properties["pins"] = false
		properties["pin"] = object{"description": d.Pins[0].Doc}
		return []string{"pin"}
	}
	lines := object{}
	var needed []string
	for _, p := range d.Pins {
		lines[p.Name] = object{"type": []string{"string", "integer"}, "description": p.Doc}
		if !p.Optional {
			needed = append(needed, p.Name)
		}
	}
	properties["pin"] = false
	properties["pins"] = object{"properties": lines, "required": needed, "additionalProperties": false}
	return []string{"pins"}
}

func optionsSchema(d driver.Driver) object {
	properties := object{}
	for _, o := range d.Options {
		properties[o.Name] = optionSchema(o)
	}
	s := object{"properties": properties, "additionalProperties": false}
	if required := requiredOptions(d); required != nil {
		s["required"] = required
	}
	return s
}

func requiredOptions(d driver.Driver) (names []string) {
	for _, o := range d.Options {
		if o.Required {
			names = append(names, o.Name)
		}
	}
	return names
}

func optionSchema(o driver.Option) object {
	s := object{"description": o.Doc}
	if o.Default != "" {
		s["default"] = o.Default
	}
	switch {
	case o.Allowed != nil:
		var all []any
		for _, a := range o.Allowed {
			all = append(all, a)
			var plain any // true, 50: as people write them without quotes
			if json.Unmarshal([]byte(a), &plain) == nil {
				all = append(all, plain)
			}
		}
		if o.Default == "" {
			all = append(all, "")
		}
		s["enum"] = all
	case o.Type == driver.Whole || o.Type == driver.Number:
		s["type"] = []string{"number", "string"}
		if o.Min != 0 || o.Max != 0 {
			s["minimum"], s["maximum"] = o.Min, o.Max
		}
	case o.Type == driver.Truth:
		s["enum"] = []any{true, false, "true", "false"}
	case o.Type == driver.Duration && o.Default != "":
		s["pattern"] = durationForm
	}
	return s
}

// filtersSchema names the quantities that a driver measures, and those that can
// be derived.
func (s schema) filtersSchema(d driver.Driver) object {
	if d.Dynamic {
		return object{}
	}
	var names []string
	for _, c := range d.Channels {
		names = append(names, string(c.Quantity))
	}
	for _, q := range []reading.Quantity{reading.DewPoint, reading.AbsoluteHumidity, reading.SeaLevelPressure} {
		if !slices.Contains(names, string(q)) {
			names = append(names, string(q))
		}
	}
	return object{"propertyNames": object{"enum": names}}
}

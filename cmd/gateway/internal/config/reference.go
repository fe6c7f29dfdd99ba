package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Key is what there is to know about a key of the configuration.
type Key struct {
	Path    string // bridges[].queue.max_bytes; [] is each item of a list, * a name
	Type    string // text, whole number, number, time, true or false, list, keys
	Default string // as it is written in the file; "" where it is nothing
	Bounds  string // what Validate lets through, in its words; "" where that is no list or range
	Doc     string // what it is for
}

// Top tells whether k is of the first level of the file.
func (k Key) Top() bool { return !strings.ContainsAny(k.Path, ".[") }

// Facts is all but what the key is for, a sentence; "" of keys that only
// hold others.
func (k Key) Facts() string {
	var facts []string
	if k.Type != "keys" {
		facts = append(facts, strings.ToUpper(k.Type[:1])+k.Type[1:])
	}
	if k.Bounds != "" {
		facts = append(facts, k.Bounds)
	}
	if k.Default != "" {
		facts = append(facts, "default "+k.Default)
	}
	if len(facts) == 0 {
		return ""
	}
	return strings.Join(facts, "; ") + "."
}

// Keys returns every key, each before those within it, in the order in which
// the parts' Config structs have them.
func Keys() []Key {
	r := reference{docs: documented(), sample: Default()}
	r.fill(reflect.ValueOf(r.sample).Elem())
	r.walk("", "", reflect.ValueOf(r.sample).Elem(), reflect.ValueOf(Default()).Elem())
	return r.keys
}

// firstKeys say what keys are for that begin an item: what stands above them in
// the example is about that item.
var firstKeys = map[string]string{
	"sensors[].driver":                                              "What it is, by a name that `gateway drivers` lists.",
	"sensors[].name":                                                "Third level of the topic. Default: the driver.",
	"sensors[].pins":                                                "The lines of a sensor with several, by the names that `gateway drivers NAME` lists.",
	"sensors[].filters":                                             "What is done with values before they are published, by quantity. The filters work in the order in which they stand here.",
	"buses[].name":                                                  "The bus, such as i2c-1.",
	"broker.queues[].client_id":                                     "Whose queue; * stands for any text.",
	"broker.auth.users[].name":                                      "The user name.",
	"bridges[].topics[].filter":                                     "The topics, with + and #, without the prefixes.",
	"broker.listeners[].tls":                                        "Encryption, for tls and wss.",
	"sensors[].filters.*.round":                                     "Digits after the point; default what the chip can tell.",
	"sensors[].serial.baud":                                         "Signalling rate, Bd.",
	"sensors[].serial.data_bits":                                    "Data bits of a character.",
	"sensors[].serial.stop_bits":                                    "Stop bits of a character.",
	"sensors[].filters.*.clamp.min_value":                           "The lowest value.",
	"sensors[].filters.*.clamp.max_value":                           "The highest value.",
	"sensors[].filters.*.clamp.ignore_out_of_range":                 "Drop what is beyond, and do not bound it.",
	"sensors[].filters.*.median.window_size":                        "Of how many measurements.",
	"sensors[].filters.*.sliding_window_moving_average.window_size": "Of how many measurements.",
	"sensors[].filters.*.exponential_moving_average.alpha":          "The weight of the newest, above 0 to 1.",
	"sensors[].filters.*.calibrate_polynomial.degree":               "Of the polynomial.",
	"sensors[].filters.*.calibrate_polynomial.datapoints":           "Points \"measured -> true\".",
	"bridges[].queue.max_messages":                                  "Messages that may wait.",
	"history.raw.age":                                               "0s: for ever.",
	"history.raw.bytes":                                             "On disk, bytes; 0: no bound.",
	"history.minute.age":                                            "0s: for ever.",
	"history.minute.bytes":                                          "On disk, bytes; 0: no bound.",
	"history.quarter.age":                                           "0s: for ever.",
	"history.quarter.bytes":                                         "On disk, bytes; 0: no bound.",
	"history.six_hours.age":                                         "0s: for ever.",
	"history.six_hours.bytes":                                       "On disk, bytes; 0: no bound.",
	"dashboard.tls.certificate":                                     "The certificate, a PEM file.",
	"dashboard.tls.key":                                             "Its private key, a PEM file.",
	"bridges[].password":                                            "See username. The password itself.",
	"broker.auth.acl":                                               "Rules: what is not granted is denied, and deny comes before what grants.",
	"broker.listeners[].auth":                                       "Users and rules of this listener only, in place of those of broker.auth.",
}

// documented returns what is said of each key.
func documented() map[string]string {
	docs := maps.Clone(firstKeys)
	for line := range strings.Lines(keyDocs) {
		key, doc, _ := strings.Cut(strings.TrimSpace(line), "\t")
		docs[key] = doc
	}
	return docs
}

// reference collects the keys.
type reference struct {
	docs   map[string]string
	sample *Config // has one item in every list, so that there is something to probe
	keys   []Key
}

// fill makes what a struct may hold: what is behind pointers, and an item of
// each list of structs.
func (r *reference) fill(v reflect.Value) {
	switch {
	case v.Type() == durationType:
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		r.fill(v.Elem())
	case v.Kind() == reflect.Struct:
		for _, f := range fields(v) {
			r.fill(f.value)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		if v.Len() == 0 {
			v.Set(reflect.Append(v, element(v.Type().Elem())))
		}
		r.fill(v.Index(0))
	}
}

// element returns what an item of a list is without any key.
func element(t reflect.Type) reflect.Value {
	if def, ok := elements[t]; ok {
		return def()
	}
	return reflect.Zero(t)
}

// lastName is the name of a key within what it is in.
func lastName(path string) string {
	path = strings.TrimRight(path, "[].*")
	return path[strings.LastIndexAny(path, ".]")+1:]
}

// itemDefault is the default of a list's items, or the zero Value where nothing
// there has one of its own: zero means as the part has it.
func itemDefault(t reflect.Type) reflect.Value {
	if def, ok := elements[t]; ok {
		return def()
	}
	return reflect.Value{}
}

// walk adds the keys of a value, path with [] and at with [0]. def is the
// default, and may be the zero Value.
func (r *reference) walk(path, at string, v, def reflect.Value) {
	if def.IsValid() && def.Kind() == reflect.Pointer {
		def = def.Elem() // the zero Value of nil
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if path != "" {
		r.keys = append(r.keys, Key{path, typeName(v.Type()), defaultText(def), r.bounds(at, v), r.doc(path)})
	}
	switch {
	case v.Type() == durationType:
	case v.Kind() == reflect.Struct:
		r.walkWithin(path, at, v, def)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		r.walkWithin(path+"[]", at+"[0]", v.Index(0), itemDefault(v.Type().Elem()))
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct:
		of := reflect.New(v.Type().Elem()).Elem()
		r.fill(of)
		r.walkWithin(path+".*", at+".*", of, reflect.Value{})
	}
}

// walkWithin adds the keys of a struct, and none for itself.
func (r *reference) walkWithin(path, at string, v, def reflect.Value) {
	told := "" // the last key whose comment is about those that follow, too
	for i, f := range fields(v) {
		inner := reflect.Value{}
		if def.IsValid() {
			inner = fields(def)[i].value
		}
		here := len(r.keys)
		r.walk(join(path, f.name), join(at, f.name), f.value, inner)
		switch k := &r.keys[here]; {
		case k.Doc != "":
			told = f.name
		case told != "":
			k.Doc = "See " + told + "."
		case r.doc(path) != "":
			k.Doc = "See " + lastName(path) + "."
		}
	}
}

// doc returns what a key is for. A listener's users and rules are as the
// broker's.
func (r *reference) doc(path string) string {
	if d := r.docs[path]; d != "" {
		return d
	}
	if inner, ok := strings.CutPrefix(path, "broker.listeners[].auth."); ok {
		return r.docs["broker.auth."+inner]
	}
	return ""
}

// typeName is how people call the type of a value.
func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "time"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "keys"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "number"
	}
	return "whole number"
}

// defaultText writes a default; "" where there is none, and of lists, whose
// items would be too long.
func defaultText(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	switch {
	case v.Type() == durationType:
		return durationText(time.Duration(v.Int()))
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String && v.Len() > 0:
		var all []string
		for i := range v.Len() {
			all = append(all, Scalar(v.Index(i).String()))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return ""
}

// allowed finds in what Validate says of a value what it would let through.
var allowed = regexp.MustCompile(`^(?:is out of range, (.+)|is (?:unknown|not possible); (.+)|there is no "\?x y"; (.+)|unknown \w+ \S+ \S+ \((.+ or .+)\))$`)

// bounds asks Validate what it lets through, by values that nobody can mean:
// so it is always what holds. v is left as it was.
func (r *reference) bounds(at string, v reflect.Value) string {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	defer v.Set(was)
	for _, probe := range probes(v.Type()) {
		v.Set(probe)
		f := newFile("", nil)
		f.validate(r.sample)
		for _, p := range f.problems {
			text, ok := strings.CutPrefix(p.Text, at+": ")
			if !ok {
				continue
			}
			text = strings.TrimPrefix(text, shown(probe)+" ")
			if m := allowed.FindStringSubmatch(text); m != nil {
				return tidy(strings.Join(m[1:], ""))
			}
		}
	}
	return ""
}

// odd is a text that is nobody's choice.
const odd = "?x y"

// probes are values that Validate refuses if it refuses any.
func probes(t reflect.Type) []reflect.Value {
	switch {
	case t.Kind() == reflect.String:
		return []reflect.Value{reflect.ValueOf(odd).Convert(t)}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		most := reflect.New(t).Elem()
		most.SetInt(math.MaxInt64 >> (64 - t.Bits()))
		return []reflect.Value{reflect.ValueOf(-7).Convert(t), most}
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		most := reflect.New(t).Elem()
		most.SetUint(math.MaxUint64 >> (64 - t.Bits()))
		return []reflect.Value{most}
	case t.Kind() == reflect.Float64:
		return []reflect.Value{reflect.ValueOf(-1e99), reflect.ValueOf(1e99)}
	}
	return nil
}

// shown is how Validate quotes a value.
func shown(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprint(v.Interface())
}

var (
	zeroTail    = regexp.MustCompile(`\b(\d+h)(0m)?0s\b|\b(\d+h\d+m|\d+m)0s\b`)
	missedComma = regexp.MustCompile(`(\d[a-z0-9]*) (0s? for )`)
)

// tidy writes times as people do, 1h for 1h0m0s.
func tidy(bounds string) string {
	bounds = zeroTail.ReplaceAllString(bounds, "$1$3")
	return missedComma.ReplaceAllString(bounds, "$1, $2")
}

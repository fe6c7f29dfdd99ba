package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"gateway/bridge"
	"gateway/cmd/gateway/internal/alerts"
)

// decoder fills a Config from a tree, noting the place of each value. What is
// wrong is noted and left at its default.
type decoder struct {
	*file
	anchors map[string]ast.Node
	open    map[string]bool // anchors that are being followed
	nodes   int
}

func (f *file) decode(root ast.Node, cfg *Config) {
	d := decoder{file: f, anchors: make(map[string]ast.Node), open: make(map[string]bool)}
	if _, ok := pairs(d.plain(root)); !ok {
		f.broken = true
		f.add(placeAt(root), "want keys and values such as site: home, got %s", kindOf(root))
		return
	}
	d.value("", root, reflect.ValueOf(cfg).Elem())
}

var durationType = reflect.TypeFor[time.Duration]()

// elements are the defaults of what lists are made of.
var elements = map[reflect.Type]func() reflect.Value{
	reflect.TypeFor[bridge.Config](): func() reflect.Value { return reflect.ValueOf(bridge.Default()) },
	reflect.TypeFor[alerts.Rule]():   func() reflect.Value { return reflect.ValueOf(alerts.DefaultRule()) },
	reflect.TypeFor[bridge.Route]():  func() reflect.Value { return reflect.ValueOf(bridge.DefaultRoute()) },
}

// plain follows tags, anchors and aliases to the node that is meant.
func (d *decoder) plain(n ast.Node) ast.Node {
	for range 100 {
		switch x := n.(type) {
		case *ast.TagNode:
			n = x.Value
		case *ast.AnchorNode:
			d.anchors[x.Name.GetToken().Value] = x.Value
			n = x.Value
		case *ast.AliasNode:
			target, ok := d.anchors[x.Value.GetToken().Value]
			if !ok {
				return nil
			}
			n = target
		default:
			return n
		}
	}
	return nil
}

// value decodes n, whose key path is key, into v.
func (d *decoder) value(key string, n ast.Node, v reflect.Value) {
	at := placeAt(n)
	d.places[key] = at
	if d.nodes++; d.nodes > maxNodes {
		return
	}
	if alias, ok := n.(*ast.AliasNode); ok {
		name := alias.Value.GetToken().Value
		if d.open[name] {
			d.wrong(key, at, "*%s is within itself", name)
			return
		}
		d.open[name] = true
		defer delete(d.open, name)
	}
	plain := d.plain(n)
	switch plain.(type) {
	case nil:
		d.wrong(key, at, "there is no such anchor before this")
		return
	case *ast.NullNode:
		return // the key without a value: as if it were not there
	}
	switch {
	case v.Type() == durationType:
		d.duration(key, at, plain, v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(key, n, v.Elem())
	case v.Kind() == reflect.Struct:
		d.structure(key, at, plain, v)
	case v.Kind() == reflect.Slice:
		d.list(key, at, plain, v)
	case v.Kind() == reflect.Map && v.Type().Elem().Kind() == reflect.Struct:
		d.structures(key, at, plain, v)
	case v.Kind() == reflect.Map:
		d.texts(key, at, plain, v)
	case v.Kind() == reflect.String:
		d.text(key, at, plain, v)
	case v.Kind() == reflect.Bool:
		if b, ok := plain.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
		} else {
			d.wrong(key, at, "want true or false, got %s", kindOf(plain))
		}
	case v.CanFloat():
		d.decimal(key, at, plain, v)
	default:
		d.number(key, at, plain, v)
	}
}

// wrong notes a problem of a key.
func (d *decoder) wrong(key string, at place, format string, args ...any) {
	d.unread = append(d.unread, key)
	d.add(at, "%s: %s", key, fmt.Sprintf(format, args...))
}

// field is a place in a struct for a key.
type field struct {
	name  string
	value reflect.Value
}

// fields returns the keys of a struct, those of inline structs among them.
func fields(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		if tag == ",inline" {
			all = append(all, fields(v.Field(i))...)
			continue
		}
		all = append(all, field{tag, v.Field(i)})
	}
	return all
}

func (d *decoder) structure(key string, at place, n ast.Node, v reflect.Value) {
	all, ok := pairs(n)
	known := fields(v)
	if !ok && len(known) == 1 { // median: 5 is as clear as median: {window_size: 5}
		d.value(join(key, known[0].name), n, known[0].value)
		return
	}
	if !ok {
		d.wrong(key, at, "want keys and values, got %s", kindOf(n))
		return
	}
	seen := make(map[string]int)
	for _, pair := range all {
		name, at := scalarText(pair.Key), placeAt(pair.Key)
		if line, twice := seen[name]; twice {
			d.wrong(join(key, name), at, "is in line %d already", line)
			continue
		}
		seen[name] = at.line
		found := false
		for _, f := range known {
			if f.name == name {
				found = true
				d.value(join(key, name), pair.Value, f.value)
			}
		}
		if !found {
			d.unknown(key, name, at, known)
		}
	}
}

// unknown notes a key that does not exist, and the one that was meant.
func (d *decoder) unknown(key, name string, at place, known []field) {
	var names []string
	for _, f := range known {
		names = append(names, f.name)
	}
	hint := "the keys here are " + strings.Join(names, ", ")
	if near := Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, strings.ToUpper(hint[:1])+hint[1:])
	}
	d.add(at, "%s: unknown key; %s", join(key, name), hint)
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func (d *decoder) list(key string, at place, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(key, at, "want a list, each item on a line that begins with \"- \", got %s", kindOf(n))
		return
	}
	list := reflect.Zero(v.Type()) // what an empty list is
	for i, item := range seq.Values {
		element := reflect.New(v.Type().Elem()).Elem()
		if def, ok := elements[v.Type().Elem()]; ok {
			element.Set(def())
		}
		d.value(fmt.Sprintf("%s[%d]", key, i), item, element)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// structures decodes structs by names that are not known beforehand.
func (d *decoder) structures(key string, at place, n ast.Node, v reflect.Value) {
	all, ok := pairs(n)
	if !ok {
		d.wrong(key, at, "want keys and values, got %s", kindOf(n))
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, pair := range all {
		name := scalarText(pair.Key)
		inner := join(key, name)
		if m.MapIndex(reflect.ValueOf(name)).IsValid() {
			d.wrong(inner, placeAt(pair.Key), "is in line %d already", d.places[inner].line)
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(inner, pair.Value, element)
		d.places[inner] = placeAt(pair.Key)
		m.SetMapIndex(reflect.ValueOf(name), element)
	}
	v.Set(m)
}

// texts decodes a driver's options: numbers and truth values are the text
// that was written.
func (d *decoder) texts(key string, at place, n ast.Node, v reflect.Value) {
	all, ok := pairs(n)
	if !ok {
		d.wrong(key, at, "want keys and values, got %s", kindOf(n))
		return
	}
	m := reflect.MakeMap(v.Type())
	for _, pair := range all {
		name := scalarText(pair.Key)
		inner := join(key, name)
		d.places[inner] = placeAt(pair.Value)
		value := d.plain(pair.Value)
		switch value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, nil:
			d.wrong(inner, placeAt(pair.Value), "want one value")
			continue
		}
		m.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(scalarText(value)))
	}
	v.Set(m)
}

func (d *decoder) text(key string, at place, n ast.Node, v reflect.Value) {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode:
		v.SetString(scalarText(n))
	case *ast.BoolNode:
		d.wrong(key, at, "want text, got %s; write it in quotes if it is meant", kindOf(n))
	default:
		d.wrong(key, at, "want text, got %s", kindOf(n))
	}
}

func (d *decoder) duration(key string, at place, n ast.Node, v reflect.Value) {
	text := scalarText(n)
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		if text == "0" {
			v.SetInt(0)
			return
		}
		d.wrong(key, at, "%s has no unit; write %ss for seconds, or ms, m, h", text, text)
		return
	}
	x, err := time.ParseDuration(text)
	if err != nil {
		d.wrong(key, at, "want a time such as 10s, 500ms, 5m or 24h, got %s", kindOf(n))
		return
	}
	v.SetInt(int64(x))
}

// decimal decodes numbers that need not be whole.
func (d *decoder) decimal(key string, at place, n ast.Node, v reflect.Value) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	default:
		d.wrong(key, at, "want a number, got %s", kindOf(n))
		return
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(scalarText(n), "_", ""), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		d.wrong(key, at, "%s is no number that can be calculated with", scalarText(n))
		return
	}
	v.SetFloat(x)
}

// sizes are the units that people write sizes with, as powers of 1000 or 1024.
const sizes = "kmgt"

// bytesOf returns how many bytes a size with a unit is, such as 1GB or 64 MiB.
func bytesOf(text string) (bytes int64, ok bool) {
	text = strings.TrimSuffix(strings.ToLower(text), "b")
	text, binary := strings.CutSuffix(text, "i")
	if text == "" {
		return 0, false
	}
	power := strings.IndexByte(sizes, text[len(text)-1])
	n, err := strconv.ParseInt(strings.TrimSpace(text[:len(text)-1]), 10, 16)
	if power < 0 || err != nil {
		return 0, false
	}
	for range power + 1 {
		if n *= 1000; binary {
			n = n / 1000 * 1024
		}
	}
	return n, true
}

// number decodes whole numbers, also in hexadecimal as addresses are written.
func (d *decoder) number(key string, at place, n ast.Node, v reflect.Value) {
	text := strings.ReplaceAll(scalarText(n), "_", "")
	if _, ok := n.(*ast.IntegerNode); !ok {
		if is, ok := bytesOf(text); ok && (strings.HasSuffix(key, "bytes") || strings.HasSuffix(key, "size")) {
			d.wrong(key, at, "want a whole number, of bytes: %s is %d", text, is)
			return
		}
		d.wrong(key, at, "want a whole number, got %s", kindOf(n))
		return
	}
	if len(text) > 1 && strings.Trim(text, "0123456789") == "" {
		text = strings.TrimLeft(text[:len(text)-1], "0") + text[len(text)-1:] // 010 is ten, as people and YAML 1.2 mean it
	}
	var err error
	if v.CanUint() {
		var x uint64
		if x, err = strconv.ParseUint(text, 0, v.Type().Bits()); err == nil {
			v.SetUint(x)
		}
	} else {
		var x int64
		if x, err = strconv.ParseInt(text, 0, v.Type().Bits()); err == nil {
			v.SetInt(x)
		}
	}
	if err != nil {
		d.wrong(key, at, "%s is out of range", text)
	}
}

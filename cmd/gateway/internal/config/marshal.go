package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Comments are what [Marshal] writes of keys besides their values. Keys are
// paths such as broker.listeners[0].address.
type Comments struct {
	Top    []string            // lines at the beginning
	Above  map[string][]string // lines above a key or an item of a list, if it is written
	Beside map[string]string   // at the end of a key's line, if it is written
}

// Marshal writes a configuration as a file that [Parse] reads as the same: the
// keys that are not as [Default] has them, in the order of the parts' structs.
// What no file could say, such as text that is not UTF-8, is an error that
// begins with the key.
func Marshal(cfg *Config, c Comments) ([]byte, error) {
	m := marshaller{comments: c}
	m.remark(0, c.Top)
	m.keys("", 0, reflect.ValueOf(*cfg), reflect.ValueOf(*Default()))
	if m.err != nil {
		return nil, m.err
	}
	data := []byte(m.String())
	again, err := Parse("the configuration", data)
	if err != nil {
		return nil, err
	}
	if d := Diff(cfg, again); !Same(cfg, again) {
		return nil, fmt.Errorf("%s: %q cannot be written so that it is read as the same, but as %q", d[0].Key, d[0].Was, d[0].Is)
	}
	return data, nil
}

// Same tells whether two configurations mean the same: a list without items is as
// none.
func Same(a, b *Config) bool { return reflect.DeepEqual(emptied(a), emptied(b)) }

// emptied returns a copy in which empty lists are nil, which is what they mean.
func emptied(cfg *Config) *Config {
	c := reflect.New(reflect.TypeFor[Config]()).Elem()
	c.Set(copyOf(reflect.ValueOf(*cfg)))
	return c.Addr().Interface().(*Config)
}

func copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			c.Field(i).Set(copyOf(v.Field(i)))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(copyOf(v.Elem()))
	case v.Kind() == reflect.Slice && v.Len() > 0:
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(copyOf(v.Index(i)))
		}
	case v.Kind() == reflect.Map && v.Len() > 0:
		c.Set(reflect.MakeMap(v.Type()))
		for _, k := range v.MapKeys() {
			c.SetMapIndex(k, copyOf(v.MapIndex(k)))
		}
	case v.Kind() != reflect.Slice && v.Kind() != reflect.Map && v.Kind() != reflect.Pointer:
		c.Set(v)
	}
	return c
}

// marshaller is a file being written.
type marshaller struct {
	strings.Builder
	comments Comments
	err      error // the first one
}

// line writes a line, and what is remarked about its key.
func (m *marshaller) line(indent int, key, text string) {
	m.remark(indent, m.comments.Above[key])
	m.indented(indent, text)
	if beside := m.comments.Beside[key]; beside != "" {
		m.WriteString("  # " + oneLineOf(beside))
	}
	m.WriteByte('\n')
}

// indented writes the beginning of a line. An item's dash stands in the two
// columns before its first key.
func (m *marshaller) indented(indent int, text string) {
	m.WriteString(strings.Repeat(" ", indent) + text)
}

func (m *marshaller) remark(indent int, lines []string) {
	for _, l := range lines {
		m.indented(indent, strings.TrimRight("# "+oneLineOf(l), " ")+"\n")
	}
}

// oneLineOf keeps a comment from being anything else.
func oneLineOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == 0x85 || r == '\u2028' || r == '\u2029' || r == '\uFEFF' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// keys writes the keys of a struct that are not as def has them.
func (m *marshaller) keys(path string, indent int, v, def reflect.Value) {
	defaults := fields(def)
	for i, f := range fields(v) {
		if isSame(f.value, defaults[i].value) {
			continue
		}
		if path == "" && m.Len() > 0 {
			m.WriteByte('\n')
		}
		m.key(join(path, f.name), f.name, indent, f.value, defaults[i].value)
	}
}

// isSame tells whether a value is its default, an empty list being as none.
func isSame(v, def reflect.Value) bool {
	if (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 && def.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(v.Interface(), def.Interface())
}

// key writes one key and its value.
func (m *marshaller) key(path, name string, indent int, v, def reflect.Value) {
	name = scalarOf(name, reflect.String)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			m.line(indent, path, name+":")
			return
		}
		v, def = v.Elem(), reflect.Zero(v.Type().Elem()) // as the decoder begins with
	}
	switch {
	case v.Type() == durationType:
		m.line(indent, path, name+": "+durationText(time.Duration(v.Int())))
	case v.Kind() == reflect.Struct:
		m.structure(path, name, indent, v, def)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		m.list(path, name, indent, v)
	case v.Kind() == reflect.Map:
		m.named(path, name, indent, v)
	default:
		m.line(indent, path, name+": "+m.scalar(path, v))
	}
}

func (m *marshaller) structure(path, name string, indent int, v, def reflect.Value) {
	if isSame(v, def) { // a pointer to nothing but defaults
		m.line(indent, path, name+": {}")
		return
	}
	m.line(indent, path, name+":")
	m.keys(path, indent+2, v, def)
}

func (m *marshaller) list(path, name string, indent int, v reflect.Value) {
	if v.Len() == 0 {
		m.line(indent, path, name+": []")
		return
	}
	m.line(indent, path, name+":")
	for i := range v.Len() {
		item := fmt.Sprintf("%s[%d]", path, i)
		inner := marshaller{comments: m.comments}
		inner.keys(item, indent+4, v.Index(i), element(v.Type().Elem()))
		m.err = firstErr(m.err, inner.err)
		m.remark(indent+2, m.comments.Above[item])
		text := inner.String()
		if text == "" {
			m.indented(indent+2, "- {}\n")
			continue
		}
		m.WriteString(withDash(text, indent+2))
	}
}

// withDash puts the dash of an item before its first key; remarks about that
// come before the dash.
func withDash(text string, column int) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimLeft(l, " "), "#") {
			lines[i] = l[2:]
			continue
		}
		lines[i] = l[:column] + "- " + l[column+2:]
		break
	}
	return strings.Join(lines, "")
}

// named writes a map by its names.
func (m *marshaller) named(path, name string, indent int, v reflect.Value) {
	if v.Len() == 0 {
		m.line(indent, path, name+": {}")
		return
	}
	m.line(indent, path, name+":")
	names := make(map[string]reflect.Value)
	for _, k := range v.MapKeys() {
		names[k.String()] = v.MapIndex(k)
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		m.key(join(path, n), n, indent+2, names[n], reflect.Zero(v.Type().Elem()))
	}
}

// scalar writes one value, or a list of such within brackets.
func (m *marshaller) scalar(path string, v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		if !utf8.ValidString(v.String()) {
			m.err = firstErr(m.err, fmt.Errorf("%s: %q is not UTF-8, which is all that YAML can hold", path, v.String()))
		}
		return scalarOf(v.String(), reflect.String)
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		if strings.HasSuffix(path, ".address") { // of a chip, as people know it
			return fmt.Sprintf("0x%02x", v.Uint())
		}
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case v.Kind() == reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, m.scalar(fmt.Sprintf("%s[%d]", path, i), v.Index(i)))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	m.err = firstErr(m.err, fmt.Errorf("%s: a %v cannot be written", path, v.Type()))
	return ""
}

// firstErr returns the first that is an error.
func firstErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

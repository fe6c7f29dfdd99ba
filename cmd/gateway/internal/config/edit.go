package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Set returns a configuration in which the key at path, "log.level" or
// "sensors[2].options.mode", has a value. Everything else in it, comments and
// order too, stays as it is; a key that is missing is put in, with those around
// it. name stands for the file in errors.
//
// value is what a person would write, without quotes: they are put where YAML
// needs them. Lists and what stands on several lines are not changed. It fails
// if the result would be wrong, with what is wrong about it, and if the file is
// written in a way that only a person can change it, which the error says.
func Set(name string, data []byte, path, value string) ([]byte, error) {
	steps, kind, err := stepsOf(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := newFile(name, data)
	root := f.parse(data)
	if err := f.err(); err != nil {
		return nil, err
	}
	before := flatten(root)
	e := editor{lines: slices.Clone(withoutLast(f.lines))}
	if err := e.set(root, steps, scalarOf(value, kind)); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", name, path, err)
	}
	after := maps.Clone(before)
	after[path] = value
	return e.checked(name, after)
}

// errByHand is why a file is not changed that a program cannot read as safely
// as a person can.
var errByHand = errors.New("is written in a way that only a person can change; change it in the file")

// withoutLast takes off what stands behind the last newline if that is nothing.
func withoutLast(lines []string) []string {
	if n := len(lines); n > 0 && lines[n-1] == "" {
		return lines[:n-1]
	}
	return lines
}

// editor changes the lines of a file.
type editor struct{ lines []string }

// checked returns the lines as a file, if they say what they are meant to and
// are a configuration that is right.
func (e *editor) checked(name string, want map[string]string) ([]byte, error) {
	result := []byte(strings.Join(e.lines, "\n") + "\n")
	f := newFile(name, result)
	got := flatten(f.parse(result))
	if len(f.problems) > 0 || !maps.Equal(got, want) {
		return nil, fmt.Errorf("%s: %w", name, errByHand)
	}
	if _, err := Parse(name, result); err != nil {
		return nil, fmt.Errorf("with what is to be changed: %w", err)
	}
	return result, nil
}

// step is a key, or the place in a list.
type step struct {
	key   string
	index int // -1: it is a key
}

// stepsOf takes a path apart, and tells what kind of value is there. The path
// has to be one that a configuration can have.
func stepsOf(path string) (steps []step, kind reflect.Kind, err error) {
	t := reflect.TypeFor[Config]()
	for part := range strings.SplitSeq(path, ".") {
		key, list, isList := strings.Cut(part, "[")
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case t.Kind() == reflect.Struct && t != durationType:
			i := slices.IndexFunc(structFields(t), func(f typeField) bool { return f.name == key })
			if i < 0 {
				return nil, 0, fmt.Errorf("%s: there is no such key", path)
			}
			t = structFields(t)[i].typ
		case t.Kind() == reflect.Map:
			if t = t.Elem(); t.Kind() == reflect.String {
				t = reflect.TypeFor[any]() // an option, whose text is what is written
			}
		default:
			return nil, 0, fmt.Errorf("%s: there is no such key", path)
		}
		steps = append(steps, step{key, -1})
		if !isList {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(list, "]"))
		if err != nil || n < 0 || t.Kind() != reflect.Slice {
			return nil, 0, fmt.Errorf("%s: there is no such key", path)
		}
		t = t.Elem()
		steps = append(steps, step{"", n})
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Slice, t.Kind() == reflect.Map:
		return nil, 0, fmt.Errorf("%s: is not one value", path)
	}
	return steps, t.Kind(), nil
}

// set changes or puts in what the steps lead to, seen from n.
func (e *editor) set(n ast.Node, steps []step, value string) error {
	parent := pairOf{at: -1} // the key whose value is n; none at the root
	flow := false            // n is within brackets
	for len(steps) > 0 {
		s := steps[0]
		if s.index >= 0 {
			seq, ok := n.(*ast.SequenceNode)
			if !ok || s.index >= len(seq.Values) {
				return fmt.Errorf("there is no item %d in the list", s.index)
			}
			flow = flow || seq.IsFlowStyle
			n = seq.Values[s.index]
			parent = pairOf{at: -1, item: true}
			steps = steps[1:]
			continue
		}
		all, isMap := pairs(n)
		i := slices.IndexFunc(all, func(p *ast.MappingValueNode) bool { return scalarText(p.Key) == s.key })
		if i < 0 {
			return e.insert(n, all, isMap, parent, steps, value)
		}
		if m, ok := n.(*ast.MappingNode); ok {
			flow = flow || m.IsFlowStyle
		}
		parent, n = pairOf{pair: all[i], at: placeAt(all[i].Key).line - 1}, all[i].Value
		steps = steps[1:]
	}
	return e.replace(parent.pair, flow, value)
}

// pairOf is where a value hangs.
type pairOf struct {
	pair *ast.MappingValueNode
	at   int  // index of its line
	item bool // it is an item of a list
}

// replace puts a value in the place of a pair's, which may be within brackets.
func (e *editor) replace(p *ast.MappingValueNode, flow bool, value string) error {
	colon := p.Start.Position
	line := []rune(e.lines[colon.Line-1])
	at := colon.Column // of what is behind the colon
	for at < len(line) && line[at] == ' ' {
		at++
	}
	_, null := p.Value.(*ast.NullNode)
	switch p.Value.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
	default:
		return errByHand
	}
	if null && (at >= len(line) || line[at] == '#') { // nothing is written there
		e.lines[colon.Line-1] = strings.TrimRight(string(line[:colon.Column])+" "+value+" "+string(line[at:]), " ")
		return nil
	}
	end, ok := endOfScalar(line, at, flow)
	if !ok || placeAt(p.Value) != (place{colon.Line, at + 1}) {
		return errByHand
	}
	e.lines[colon.Line-1] = string(line[:at]) + value + string(line[end:])
	return nil
}

// endOfScalar returns the index behind a scalar of one line that begins at an
// index.
func endOfScalar(line []rune, at int, flow bool) (end int, ok bool) {
	if at >= len(line) {
		return 0, false
	}
	if quote := line[at]; quote == '"' || quote == '\'' {
		for i := at + 1; i < len(line); i++ {
			switch {
			case line[i] == '\\' && quote == '"':
				i++
			case line[i] == quote && quote == '\'' && i+1 < len(line) && line[i+1] == quote:
				i++
			case line[i] == quote:
				return i + 1, true
			}
		}
		return 0, false
	}
	end = at
	for i := at; i < len(line); i++ {
		if line[i] == '#' && line[i-1] == ' ' || flow && strings.ContainsRune(",]}", line[i]) {
			break
		}
		if line[i] != ' ' {
			end = i + 1
		}
	}
	return end, end > at
}

// insert puts a key that is missing into a mapping, and what is to be around
// its value.
func (e *editor) insert(n ast.Node, all []*ast.MappingValueNode, isMap bool, parent pairOf, steps []step, value string) error {
	for _, s := range steps {
		if s.index >= 0 {
			return errors.New("there is no such list")
		}
	}
	_, null := n.(*ast.NullNode)
	switch m, isMapping := n.(*ast.MappingNode); {
	case n == nil && parent.pair == nil:
		e.append(nested(steps, value, 0))
	case isMapping && m.IsFlowStyle:
		return e.insertFlow(m, steps, value)
	case parent.item && isMap && len(all) > 0:
		return e.insertItem(all, steps, value)
	case parent.pair == nil && isMap && placeAt(all[0].Key).column == 1:
		e.append(nested(steps, value, 0))
	case parent.pair != nil && null:
		e.lines = slices.Insert(e.lines, parent.at+1, nested(steps, value, placeAt(parent.pair.Key).column+1)...)
	case parent.pair != nil && isMap && len(all) > 0:
		e.lines = slices.Insert(e.lines, parent.at+1, nested(steps, value, placeAt(all[0].Key).column-1)...)
	default:
		return errByHand
	}
	return nil
}

// append puts lines at the end, behind an empty one.
func (e *editor) append(lines []string) {
	if n := len(e.lines); n > 0 && strings.TrimSpace(e.lines[n-1]) != "" {
		e.lines = append(e.lines, "")
	}
	e.lines = append(e.lines, lines...)
}

// insertFlow puts a key into a mapping in braces.
func (e *editor) insertFlow(m *ast.MappingNode, steps []step, value string) error {
	var text strings.Builder
	for i, s := range steps {
		if i > 0 {
			text.WriteByte('{')
		}
		text.WriteString(s.key + ": ")
	}
	text.WriteString(value + strings.Repeat("}", len(steps)-1))
	if len(m.Values) > 0 {
		text.WriteString(", ")
	}
	at := m.Start.Position
	line := []rune(e.lines[at.Line-1])
	if at.Column > len(line) || line[at.Column-1] != '{' {
		return errByHand
	}
	e.lines[at.Line-1] = string(line[:at.Column]) + text.String() + string(line[at.Column:])
	return nil
}

// insertItem puts a key into an item of a list: behind the last of its keys
// that has its value on its own line, and what is said about that there.
func (e *editor) insertItem(all []*ast.MappingValueNode, steps []step, value string) error {
	for _, p := range slices.Backward(all) {
		switch p.Value.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			if at := placeAt(p.Key); placeAt(p.Value).line == at.line {
				e.lines = slices.Insert(e.lines, at.line, nested(steps, value, at.column-1)...)
				return nil
			}
		}
	}
	return errByHand
}

// nested are the lines of keys, one within the other, and the value of the
// last.
func nested(steps []step, value string, indent int) (lines []string) {
	for i, s := range steps {
		line := strings.Repeat(" ", indent+2*i) + s.key + ":"
		if i == len(steps)-1 {
			line += " " + value
		}
		lines = append(lines, line)
	}
	return lines
}

// scalarOf writes a value so that YAML and the decoder read it as one of kind.
func scalarOf(value string, kind reflect.Kind) string {
	if kind != reflect.String {
		if isPlain(value) && value != "null" {
			return value
		}
		return quote(value) // it will be refused, and say why
	}
	first := strings.IndexFunc(value, func(r rune) bool { return !strings.ContainsRune("+-.0123456789", r) })
	if isPlain(value) && first == 0 && !slices.Contains(reserved, strings.ToLower(value)) {
		return value
	}
	return quote(value)
}

// Scalar writes a value as YAML reads it as text or, if it looks like one, as a
// number.
func Scalar(value string) string {
	if slices.Contains(reserved, strings.ToLower(value)) {
		return quote(value)
	}
	return scalarOf(value, reflect.Interface)
}

// reserved are words that YAML reads as something else than text, some of them
// only before version 1.2.
var reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "~"}

// isPlain tells whether YAML reads text without quotes as itself.
func isPlain(text string) bool {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-%°µ$@:"
	return text != "" && strings.Trim(text, safe) == "" && !strings.ContainsAny(text[:1], "%@-:") && !strings.HasSuffix(text, ":") ||
		len(text) > 1 && text[0] == '-' && strings.Trim(text[1:], "0123456789.") == ""
}

// quote writes text in double quotes.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7F:
			fmt.Fprintf(&b, `\x%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// flatten returns every scalar of a document by its path, aliases followed, and
// of what holds none that it is empty. What two documents say is the same if
// theirs are.
func flatten(root ast.Node) map[string]string {
	all := make(map[string]string)
	d := decoder{file: newFile("", nil), anchors: make(map[string]ast.Node)}
	nodes := 0
	var walk func(path string, n ast.Node, depth int)
	walk = func(path string, n ast.Node, depth int) {
		if nodes++; nodes > maxNodes || depth > maxIndent {
			return
		}
		n = d.plain(n)
		if m, ok := pairs(n); ok {
			for _, p := range m {
				walk(join(path, scalarText(p.Key)), p.Value, depth+1)
			}
			return
		}
		switch n := n.(type) {
		case *ast.SequenceNode:
			if len(n.Values) == 0 {
				all[path] = "[]"
			}
			for i, v := range n.Values {
				walk(fmt.Sprintf("%s[%d]", path, i), v, depth+1)
			}
		case nil, *ast.NullNode: // as if it were not there
		default:
			all[path] = scalarText(n)
		}
	}
	walk("", root, 0)
	return all
}

package mqttio

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gateway/cmd/gateway/internal/config"
)

// table is a mapping of the file, and where it is.
type table struct {
	c    *conversion
	path string // sensor_modules[1]
	line int
	node *config.Node // nil: there is none
}

func (c *conversion) table(path string, n *config.Node) table {
	return table{c, path, n.Line, n}
}

// entries returns the items of a section, which pi-mqtt-gpio took as keys, too.
func (c *conversion) entries(root table, section string) (all []table) {
	p, ok := root.pair(section)
	if !ok || p.Value.IsNull {
		return nil
	}
	if !p.Value.IsList {
		c.tree.Wrong(p.Line, p.Column, "%s: want a list, each item on a line that begins with \"- \", got %s", section, p.Value.What)
		return nil
	}
	for i, item := range p.Value.Items {
		path := fmt.Sprintf("%s[%d]", section, i)
		if !item.IsMap {
			c.tree.Wrong(item.Line, item.Column, "%s: want keys and values, got %s", path, item.What)
			continue
		}
		t := c.table(path, item)
		t.only(nil)
		all = append(all, t)
	}
	return all
}

// key is the path of a key in t.
func (t table) key(name string) string {
	if t.path == "" {
		return name
	}
	return t.path + "." + name
}

// only says which keys are not known; nil lets all through. A key that is there
// twice is wrong.
func (t table) only(known []string) {
	seen := make(map[string]int)
	for _, p := range t.node.Keys {
		switch line, twice := seen[p.Name]; {
		case twice:
			t.c.tree.Wrong(p.Line, p.Column, "%s: is in line %d already", t.key(p.Name), line)
		case known != nil && !slices.Contains(known, p.Name):
			hint := "the keys here are " + strings.Join(known, ", ")
			if near := config.Nearest(p.Name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			t.c.tree.Wrong(p.Line, p.Column, "%s: unknown key; %s", t.key(p.Name), hint)
		}
		seen[p.Name] = p.Line
	}
}

func (t table) pair(name string) (config.Pair, bool) {
	if t.node != nil {
		for _, p := range t.node.Keys {
			if p.Name == name {
				return p, true
			}
		}
	}
	return config.Pair{}, false
}

// has tells whether a key has a value.
func (t table) has(name string) bool {
	p, ok := t.pair(name)
	return ok && !p.Value.IsNull
}

// wrong notes what is wrong with a key, or with t if it does not have it.
func (t table) wrong(name, format string, args ...any) {
	line, column := t.line, 1
	if t.node != nil {
		column = t.node.Column
	}
	if p, ok := t.pair(name); ok {
		line, column = p.Value.Line, p.Value.Column
	}
	t.c.tree.Wrong(line, column, "%s: %s", t.key(name), fmt.Sprintf(format, args...))
}

// text returns a text, "" if it is not there.
func (t table) text(name string) string {
	p, ok := t.pair(name)
	if !ok || p.Value.IsNull {
		return ""
	}
	if p.Value.IsMap || p.Value.IsList {
		t.wrong(name, "want text, got %s", p.Value.What)
		return ""
	}
	return p.Value.Text
}

// required is text, which has to be there.
func (t table) required(name string) string {
	v := t.text(name)
	if v == "" {
		if p, ok := t.pair(name); !ok || !p.Value.IsMap && !p.Value.IsList {
			t.wrong(name, "is missing")
		}
	}
	return v
}

// truth returns yes or no, as YAML 1.1 has them.
func (t table) truth(name string, def bool) bool {
	switch v := strings.ToLower(t.text(name)); v {
	case "":
		return def
	case "true", "yes", "on", "y":
		return true
	case "false", "no", "off", "n":
		return false
	default:
		t.wrong(name, "want yes or no, got %q", v)
		return def
	}
}

// whole returns a whole number, also in hexadecimal, or def.
func (t table) whole(name string, def, low, high int) int {
	v := t.text(name)
	if v == "" {
		return def
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(v, "_", ""), 0, 64)
	switch {
	case err != nil:
		t.wrong(name, "want a whole number, got %q", v)
		return def
	case n < int64(low) || n > int64(high):
		t.wrong(name, "%s is out of range, %d to %d", v, low, high)
		return def
	}
	return int(n)
}

// number returns a number, or def.
func (t table) number(name string, def float64) float64 {
	v := t.text(name)
	if v == "" {
		return def
	}
	x, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		t.wrong(name, "want a number, got %q", v)
		return def
	}
	return x
}

// within returns a mapping in t; without it an empty one.
func (t table) within(name string) table {
	p, ok := t.pair(name)
	if !ok || p.Value.IsNull {
		return table{c: t.c, path: t.key(name), line: t.line, node: &config.Node{}}
	}
	if !p.Value.IsMap {
		t.wrong(name, "want keys and values, got %s", p.Value.What)
		return table{c: t.c, path: t.key(name), line: p.Line, node: &config.Node{}}
	}
	inner := t.c.table(t.key(name), p.Value)
	inner.line = p.Line
	return inner
}

// wholes returns a list of whole numbers, or one.
func (t table) wholes(name string) (all []string) {
	p, ok := t.pair(name)
	switch {
	case !ok || p.Value.IsNull:
	case p.Value.IsList:
		for _, item := range p.Value.Items {
			if _, err := strconv.Atoi(item.Text); err != nil {
				t.wrong(name, "want whole numbers, got %s", item.What)
				return nil
			}
			all = append(all, item.Text)
		}
	default:
		if _, err := strconv.Atoi(p.Value.Text); err != nil {
			t.wrong(name, "want whole numbers, got %s", p.Value.What)
			return nil
		}
		all = []string{p.Value.Text}
	}
	return all
}

// Package mqttio makes our configuration of one of MQTT IO, which was called
// pi-mqtt-gpio before.
//
//	file → config.Tree → conversion → config.Config and comments → YAML
//
// What it reads becomes sensors: an entry of sensor_modules with the
// sensor_inputs that name it is one sensor here, since a driver measures all
// that its chip can, and a digital input is one of the driver digital. The
// broker it publishes to becomes a bridge, unless that is on the same machine:
// the gateway is a broker itself.
//
// What it switches, digital_outputs, and what it passes on, stream_modules, the
// gateway does not do. Each entry that is not carried over is named with its
// line, and why, in a comment.
//
// # Topics
//
// MQTT IO publishes a number at PREFIX/sensor/NAME. The gateway publishes at
// SITE/ROOM/NAME, JSON with all that was measured and its time, and here also
// each number at SITE/ROOM/NAME/QUANTITY. Of the prefix the first level becomes
// the site and the rest the room.
package mqttio

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gateway/cmd/gateway/internal/config"
)

// Result is what a configuration of MQTT IO has become.
type Result struct {
	Config *config.Config // valid
	Lost   int            // how many things were not carried over

	comments config.Comments
}

// YAML writes it, with what was not carried over as comments.
func (r *Result) YAML() ([]byte, error) { return config.Marshal(r.Config, r.comments) }

// Load reads a file. What is wrong with it is a [*config.Error].
func Load(file string) (*Result, error) {
	t, err := config.ReadTree(file)
	if err != nil {
		return nil, err
	}
	return convert(file, t)
}

// Parse reads a configuration; name stands for the file in errors.
func Parse(name string, data []byte) (*Result, error) {
	t, err := config.ParseTree(name, data)
	if err != nil {
		return nil, err
	}
	return convert(name, t)
}

// conversion is a configuration on its way to ours.
type conversion struct {
	tree *config.Tree
	out  *config.Config
	room string
	pre  string // the prefix of topics, as it was
	lost []loss
	note []string // what is another way now

	gpio    map[string]table // of gpio_modules by name
	modules map[string]table // of sensor_modules by name
	names   map[string]bool  // of sensors here, which are taken
	above   map[string][]string
	origins map[string]table // what keys of ours come from
}

// loss is what was not carried over, and why.
type loss struct {
	line     int
	key, why string
}

// sections are the keys of the file.
var sections = []string{"mqtt", "gpio_modules", "sensor_modules", "stream_modules", "digital_inputs", "digital_outputs", "sensor_inputs", "logging", "reporting", "options"}

func convert(name string, t *config.Tree) (*Result, error) {
	c := &conversion{tree: t, out: config.Default(), room: "pi",
		gpio: make(map[string]table), modules: make(map[string]table), names: make(map[string]bool), above: make(map[string][]string), origins: make(map[string]table)}
	c.out.Sensors.Sensors = nil
	if t.Root == nil || !t.Root.IsMap {
		t.Wrong(1, 1, "want keys and values such as mqtt:, with which a configuration of MQTT IO begins")
		return nil, t.Err()
	}
	root := c.table("", t.Root)
	root.only(sections)
	c.upstream(root)
	c.collect(root, "gpio_modules", c.gpio)
	c.collect(root, "sensor_modules", c.modules)
	c.sensors(root)
	c.inputs(root)
	c.others(root)
	c.check()
	if err := t.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.lost, func(a, b loss) int { return cmp.Compare(a.line, b.line) })
	r := &Result{Config: c.out, Lost: len(c.lost)}
	r.comments.Above = c.above
	r.comments.Top = c.top(name)
	return r, nil
}

// check has the parts look at what has become of it. What they find is wrong
// with the entry that it comes from.
func (c *conversion) check() {
	for _, p := range config.Check(c.out) {
		key, text, _ := strings.Cut(p.Text, ": ")
		for at := key; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
			if from, ok := c.origins[at]; ok {
				c.tree.Wrong(from.line, from.node.Column, "%s: %s: %s", from.path, strings.TrimPrefix(strings.TrimPrefix(key, at), "."), text)
				text = ""
				break
			}
		}
		if text != "" {
			c.tree.Wrong(0, 0, "%s", p.Text)
		}
	}
}

// top is what stands at the top of what is written.
func (c *conversion) top(name string) []string {
	lines := []string{"Made by gateway import of " + name + ", whose lines are meant below."}
	if len(c.lost) > 0 {
		lines = append(lines, "", "Not carried over:")
		for _, l := range c.lost {
			lines = append(lines, fmt.Sprintf("  line %d: %s: %s", l.line, l.key, l.why))
		}
	}
	if len(c.note) > 0 {
		lines = append(lines, "", "Good to know:")
		for _, l := range c.note {
			lines = append(lines, "  "+l)
		}
	}
	return lines
}

// lose notes what is not carried over.
func (c *conversion) lose(line int, key, why string) {
	c.lost = append(c.lost, loss{line, key, why})
}

// remark notes what is another way now.
func (c *conversion) remark(format string, args ...any) {
	c.note = append(c.note, fmt.Sprintf(format, args...))
}

// others are the sections of what the gateway does not do.
func (c *conversion) others(root table) {
	for _, s := range []struct{ key, why string }{
		{"digital_outputs", "the gateway reads and does not switch; keep MQTT IO for its outputs, with this part of the file"},
		{"stream_modules", "the gateway passes no streams on; a device that speaks Modbus or P1 has a driver, see gateway drivers"},
	} {
		for _, e := range c.entries(root, s.key) {
			c.lose(e.line, fmt.Sprintf("%s %s", s.key, e.text("name")), s.why)
		}
	}
	for _, s := range []struct{ key, why string }{
		{"logging", "log.level and log.format say how the gateway logs"},
		{"reporting", "the gateway reports to nobody"},
		{"options", "belongs to MQTT IO alone"},
	} {
		if p, ok := root.pair(s.key); ok {
			c.lose(p.Line, s.key, s.why)
		}
	}
}

// collect reads the modules of a section.
func (c *conversion) collect(root table, section string, into map[string]table) {
	for _, e := range c.entries(root, section) {
		name := e.required("name")
		e.required("module")
		if first, twice := into[name]; twice && name != "" {
			e.wrong("name", "%q is in line %d already", name, first.line)
		}
		into[name] = e
	}
}

// module finds what an input is attached to.
func (c *conversion) module(e table, of map[string]table, section string) (table, bool) {
	name := e.required("module")
	m, ok := of[name]
	if !ok && name != "" {
		names := make([]string, 0, len(of))
		for n := range of {
			names = append(names, n)
		}
		slices.Sort(names)
		e.wrong("module", "there is no %q in %s, which has %s", name, section, cmp.Or(strings.Join(names, ", "), "nothing"))
	}
	return m, ok
}

var odd = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// free returns a name for a sensor that no other one has.
func (c *conversion) free(name string) string {
	name = cmp.Or(strings.Trim(odd.ReplaceAllString(name, "-"), "-."), "sensor")
	if len(name) > 60 {
		name = name[:60]
	}
	for n := 2; c.names[name]; n++ {
		if next := fmt.Sprintf("%s-%d", name, n); !c.names[next] {
			name = next
		}
	}
	c.names[name] = true
	return name
}

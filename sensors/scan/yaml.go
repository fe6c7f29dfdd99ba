package scan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway/sensors/bus"
)

// Names gives sensors names that are not taken in their room. The zero value
// knows no names.
type Names struct{ taken map[string]bool }

// Take notes that room/name is taken.
func (n *Names) Take(room, name string) {
	if n.taken == nil {
		n.taken = make(map[string]bool)
	}
	n.taken[room+"/"+name] = true
}

// free returns a name that is not taken, and takes it.
func (n *Names) free(room, name string) string {
	unique := name
	for i := 2; n.taken[room+"/"+unique]; i++ {
		unique = fmt.Sprintf("%s_%d", name, i)
	}
	n.Take(room, unique)
	return unique
}

// Block returns the place as an item of the list sensors in a configuration,
// ready to be used. Where a choice has to be made every line is commented out,
// and the others that it may be stand above.
func (p Place) Block(room string, names *Names) string {
	if len(p.Candidates) == 0 {
		return ""
	}
	c := p.Candidates[0]
	var lines []string
	if note := p.note(); note != "" {
		for line := range strings.Lines(note) {
			lines = append(lines, "# "+strings.TrimSuffix(line, "\n"))
		}
	}
	mark := ""
	if !p.Certain() {
		mark = "#"
	}
	add := func(format string, args ...any) { lines = append(lines, mark+fmt.Sprintf(format, args...)) }
	name := c.Driver.Name
	if p.Certain() {
		name = names.free(room, name)
	}
	add("- driver: %s", c.Driver.Name)
	add("  room: %s", room)
	add("  name: %s", name)
	switch p.Kind {
	case bus.I2C:
		add("  bus: %s", p.Name)
		add("  address: %#02x", p.Addr)
	case bus.SPI:
		add("  bus: %s", p.Name)
	case bus.Serial, bus.Modbus:
		add("  port: %s", p.Name)
	default:
		if c.ID != "" {
			add("  id: %s", quoted(c.ID))
		}
	}
	for i, option := range slices.Sorted(maps.Keys(c.Options)) {
		if i == 0 {
			add("  options:")
		}
		add("    %s: %s", option, quoted(c.Options[option]))
	}
	return strings.Join(lines, "\n") + "\n"
}

// note is what a person should know before using the block.
func (p Place) note() string {
	c := p.Candidates[0]
	var lines []string
	if model := c.Model; model != "" {
		if c.Serial != "" {
			model += ", serial number " + c.Serial
		}
		lines = append(lines, model)
	}
	if c.Note != "" {
		lines = append(lines, c.Note)
	}
	switch names := titles(p.Candidates); {
	case p.Certain():
	case len(names) == 1:
		lines = append(lines, "Not certain: if this is "+names[0]+", take the # away.")
	default:
		lines = append(lines, "Not certain: this may be "+orList(names)+". Choose one and take the # away.")
	}
	return strings.Join(lines, "\n")
}

// titles names candidates as people know them.
func titles(all []Candidate) []string {
	var names []string
	for _, c := range all {
		if !slices.Contains(names, c.Driver.Name) {
			names = append(names, c.Driver.Name)
		}
	}
	return names
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// quoted writes text so that YAML reads it as text.
func quoted(s string) string {
	plain := s != "" && strings.Trim(s, "0123456789.+-_eExXaAbBcCdDfF") != "" && !strings.ContainsAny(s, ":#{}[],&*!|>'\"%@`\\\n\t") && strings.TrimSpace(s) == s
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

package mdns

import (
	"fmt"
	"strings"
)

// name is a domain name in the form of the wire: each label behind its length,
// without the empty one at the end. "" is the root.
type name string

// newName joins labels, of which each has 1 … 63 bytes.
func newName(labels ...string) name {
	var b strings.Builder
	for _, l := range labels {
		b.WriteByte(byte(len(l)))
		b.WriteString(l)
	}
	return name(b.String())
}

// domain reads a name without odd labels, such as "_mqtt._tcp".
func domain(s string) name { return newName(strings.Split(s, ".")...) }

// under returns n below a domain.
func (n name) under(d name) name { return n + d }

// fold returns n for comparisons: names are the same in small and large ASCII letters.
// Lengths are below 64, and no letters.
func (n name) fold() name {
	b := []byte(n)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return name(b)
}

// String is n for a person.
func (n name) String() string {
	var labels []string
	for rest := string(n); rest != ""; {
		size := int(rest[0])
		labels = append(labels, rest[1:1+size])
		rest = rest[1+size:]
	}
	return strings.Join(labels, ".")
}

// shorten cuts a text to so many bytes, between characters.
func shorten(s string, most int) string {
	for len(s) > most {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}

// hostLabel makes a label for a host of the name of a machine: letters, digits and
// hyphens of its first part.
func hostLabel(machine string) string {
	machine, _, _ = strings.Cut(machine, ".")
	label := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '-'
	}, machine), "-")
	return strings.Trim(shorten(label, 40), "-")
}

// names are what the gateway is called.
type names struct {
	instance string // a label
	host     string // a label
}

// namesFor returns the names of a machine; turn is 1, and more if somebody else has
// the names before.
func namesFor(cfg Config, machine string, turn int) names {
	label := hostLabel(machine)
	n := names{instance: cfg.Name, host: "gateway"}
	if label != "" {
		n.host = label + "-gateway"
	}
	switch {
	case n.instance == "" && label != "":
		n.instance = "gateway on " + label
	case n.instance == "":
		n.instance = "gateway"
	}
	if turn > 1 { // as RFC 6762, section 9, and RFC 6763, appendix D, suggest
		n.instance = fmt.Sprintf("%s (%d)", n.instance, turn)
		n.host = fmt.Sprintf("%s-%d", n.host, turn)
	}
	return n
}

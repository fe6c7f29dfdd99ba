//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// column is one run in the table.
type column struct {
	variant
	tear    bool
	verdict *verdict
}

func (c column) title() string {
	if c.tear {
		return c.name + ", torn"
	}
	return c.name
}

// summary is what is wrong, in a line.
func (v *verdict) summary() string {
	if !v.failed() {
		return "nothing forgotten"
	}
	var parts []string
	for k, n := range v.count {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", kind(k), n))
		}
	}
	return strings.Join(parts, ", ")
}

// evidence is what is known of what is wrong, of each kind the first few.
func (v *verdict) evidence() string {
	var b strings.Builder
	for _, f := range v.faults {
		fmt.Fprintf(&b, "  %s, %s: %s\n", seconds(f.at), f.kind, f.text)
	}
	for k, n := range v.count {
		if n > few {
			fmt.Fprintf(&b, "  and %d more %s\n", n-few, kind(k))
		}
	}
	return b.String()
}

// The marks of the section that soak writes.
const (
	beginMark = "<!-- soak -->"
	endMark   = "<!-- /soak -->"
)

// table is the section of the file, marks included.
func table(columns []column) string {
	var b strings.Builder
	b.WriteString(beginMark + "\n\n## Killed under load\n\n")
	fmt.Fprintf(&b, "Each broker killed with SIGKILL again and again, at random moments, and started\n"+
		"again on its folder: publishers of QoS 1 and 2; subscribers that are away, that\n"+
		"come and go, or share; wills; retained messages; and for the gateway a bridge.\n"+
		"[How it is judged](soak/main.go). Mosquitto, Debian's, has persistence, which is\n"+
		"not its default, and no bound for its queues; it keeps no wills. Written on %s.\n",
		time.Now().UTC().Format("2006-01-02"))
	said := ""
	for _, c := range columns {
		if c.tear && c.tears != said {
			said = c.tears
			fmt.Fprintf(&b, "\n%s, torn: after each kill %s.\n", strings.Split(c.name, ",")[0], c.tears)
		}
	}
	row := func(name string, cell func(column) string) {
		b.WriteString("| " + name)
		for _, c := range columns {
			b.WriteString(" | " + cell(c))
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n")
	row("", func(c column) string { return c.title() })
	row("---", func(column) string { return "---:" })
	figure := func(name string, of func(*verdict) int) {
		row(name, func(c column) string { return fmt.Sprint(of(c.verdict)) })
	}
	figure("kills", func(v *verdict) int { return v.rounds })
	figure("messages acknowledged", func(v *verdict) int { return v.acked })
	figure("wills due", func(v *verdict) int { return v.wills })
	for k := range kinds {
		figure(k.String(), func(v *verdict) int { return v.count[k] })
	}
	b.WriteString("\nA message that several subscribers should have had counts once for each.\n\n" + endMark + "\n")
	return b.String()
}

// writeSection puts the section into a file in place of the one that is there, or
// at its end.
func writeSection(name, section string) error {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	whole, err := withSection(string(text), section)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(whole), 0o644)
}

func withSection(text, section string) (string, error) {
	before, rest, found := strings.Cut(text, beginMark)
	if !found {
		if text != "" {
			text = strings.TrimRight(text, "\n") + "\n\n"
		}
		return text + section, nil
	}
	_, after, found := strings.Cut(rest, endMark)
	if !found {
		return "", fmt.Errorf("%s without %s", beginMark, endMark)
	}
	return before + section + strings.TrimPrefix(after, "\n"), nil
}

package topic

import (
	"strings"
	"testing"
)

func TestRelations(t *testing.T) {
	for _, c := range []struct {
		a, b             string
		covers, overlaps bool
	}{
		{"#", "a", true, true},
		{"#", "#", true, true},
		{"#", "$SYS/a", false, false},
		{"+/a", "$SYS/a", false, false},
		{"$SYS/#", "$SYS/a/+", true, true},
		{"$SYS/#", "#", false, false},
		{"a/#", "a", true, true},
		{"a", "a/#", false, true},
		{"a/+", "a/#", false, true},
		{"a/#", "a/+", true, true},
		{"a/+", "a/b", true, true},
		{"a/b", "a/+", false, true},
		{"a/+", "a/b/c", false, false},
		{"+/b", "a/+", false, true},
		{"+/b/#", "a/+", false, true},
		{"+/b/#", "a/c/#", false, false},
		{"+", "/a", false, false},
		{"+/+", "/a", true, true},
		{"a/+/c", "a/b/+", false, true},
		{"a/+/#", "a/#", false, true},
	} {
		if got := Covers(c.a, c.b); got != c.covers {
			t.Errorf("Covers(%q, %q) = %t", c.a, c.b, got)
		}
		if got := Overlap(c.a, c.b); got != c.overlaps {
			t.Errorf("Overlap(%q, %q) = %t", c.a, c.b, got)
		}
		if got := Overlap(c.b, c.a); got != c.overlaps {
			t.Errorf("Overlap(%q, %q) = %t", c.b, c.a, got)
		}
	}
}

// All short filters over a small alphabet, against all short names.
func TestRelationsByMatching(t *testing.T) {
	var filters, names []string
	var build func(levels []string)
	build = func(levels []string) {
		if len(levels) > 0 {
			s := strings.Join(levels, "/")
			if s != "" && CheckFilter(s) == nil {
				filters = append(filters, s)
			}
			if s != "" && CheckName(s) == nil {
				names = append(names, s)
			}
		}
		if len(levels) == 4 {
			return
		}
		for _, l := range []string{"a", "b", "$a", "+", "#"} {
			if len(levels) == 3 && (l == "b" || l == "$a") {
				continue
			}
			build(append(levels[:len(levels):len(levels)], l))
		}
	}
	build(nil)
	short := filters[:0:0]
	for _, f := range filters {
		if Levels(f) <= 3 && strings.Count(f, "$")+strings.Count(f, "b") <= 1 {
			short = append(short, f)
		}
	}
	for _, a := range short {
		for _, b := range short {
			covers, overlaps := true, false
			for _, n := range names {
				switch inA, inB := Match(a, n), Match(b, n); {
				case inA && inB:
					overlaps = true
				case inB:
					covers = false
				}
			}
			if got := Covers(a, b); got != covers {
				t.Errorf("Covers(%q, %q) = %t", a, b, got)
			}
			if got := Overlap(a, b); got != overlaps {
				t.Errorf("Overlap(%q, %q) = %t", a, b, got)
			}
		}
	}
}

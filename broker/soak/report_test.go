//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	bad := &verdict{rounds: 3, acked: 100}
	bad.count[lost] = 7
	text := table([]column{
		{variant: variant{name: "Other, slow", tears: "half is cut off"}, tear: true, verdict: bad},
		{variant: variant{name: "gateway", gateway: true}, verdict: &verdict{rounds: 3, acked: 90}},
	})
	for _, want := range []string{
		"|  | Other, slow, torn | gateway |\n| --- | ---: | ---: |\n| kills | 3 | 3 |\n| messages acknowledged | 100 | 90 |\n",
		"| acknowledged messages lost | 7 | 0 |\n", "\nOther, torn: after each kill half is cut off.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if !strings.HasPrefix(text, beginMark+"\n") || !strings.HasSuffix(text, endMark+"\n") {
		t.Errorf("no marks around\n%s", text)
	}
}

func TestWithSection(t *testing.T) {
	section := beginMark + "\nnew\n" + endMark + "\n"
	for _, tt := range []struct{ name, in, want string }{
		{"nothing yet", "", section},
		{"no section yet", "a\nb\n\n", "a\nb\n\n" + section},
		{"at the end", "a\n" + beginMark + "\nold\n" + endMark + "\n", "a\n" + section},
		{"in the middle", "a\n" + beginMark + "\nold\n" + endMark + "\nb\n", "a\n" + section + "b\n"},
	} {
		if got, err := withSection(tt.in, section); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
	if _, err := withSection(beginMark+"\nold\n", section); err == nil {
		t.Error("a section without an end was replaced")
	}
	name := filepath.Join(t.TempDir(), "a.md")
	for range 2 {
		if err := writeSection(name, section); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(name); string(text) != section || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestEvidence(t *testing.T) {
	var v verdict
	for range few + 2 {
		v.add(doubled, 1, func() string { return "twice" })
	}
	if got := v.evidence(); strings.Count(got, "twice") != few || !strings.Contains(got, "and 2 more QoS 2 messages doubled") {
		t.Error(got)
	}
	if got := v.summary(); got != "QoS 2 messages doubled: 22" {
		t.Error(got)
	}
}

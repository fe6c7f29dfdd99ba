package topic

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"a", "/", "a/b", "/test/1", "a//b", " ", "$SYS/x", "häuser/küche", strings.Repeat("a/", 199) + "a", "\ufeff"} {
		if err := CheckName(good); err != nil {
			t.Errorf("CheckName(%q) = %v", good, err)
		}
	}
	bad := map[string]string{ // [MQTT-4.7.3-1] [MQTT-3.3.2-2] [MQTT-4.7.3-3]
		"":                             "empty",
		"a/+":                          "wildcard",
		"a#":                           "wildcard",
		"a\x00":                        "U+0000",
		"a\x1f":                        "U+001F",
		"a\u0085":                      "U+0085",
		"a\x7f":                        "U+007F",
		"a\xff":                        "UTF-8",
		"\xed\xa0\x80":                 "UTF-8", // a surrogate
		strings.Repeat("a", 65536):     "65535",
		strings.Repeat("a/", 200) + "": "levels",
	}
	for s, want := range bad {
		if err := CheckName(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckName(%.20q) = %v, want %q in it", s, err, want)
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for _, good := range []string{"#", "+", "a/#", "+/+", "/+", "a/+/b/#", "//", "$share/g/a", "$share/g/#", "$share/g//", "$shared/x", "$SYS/#"} {
		if err := CheckFilter(good); err != nil {
			t.Errorf("CheckFilter(%q) = %v", good, err)
		}
	}
	// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
	for _, bad := range []string{"", "a#", "a/#/b", "#/a", "a+", "+a/b", "##", "++", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#", "a\x00b"} {
		if err := CheckFilter(bad); err == nil {
			t.Errorf("CheckFilter(%q) = nil", bad)
		}
	}
}

func TestSplitShare(t *testing.T) {
	for _, tt := range []struct{ in, group, rest string }{
		{"a/b", "", "a/b"}, {"$share/g/a/b", "g", "a/b"}, {"$share/g//", "g", "/"}, {"$SYS/a", "", "$SYS/a"},
	} {
		if g, r := SplitShare(tt.in); g != tt.group || r != tt.rest {
			t.Errorf("SplitShare(%q) = %q, %q", tt.in, g, r)
		}
	}
}

// The examples of sections 4.7.1 and 4.7.2, and what brokers got wrong.
var matchTable = []struct {
	filter, name string
	want         bool
}{
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/#", "sport", true},
	{"#", "a/b/c", true},
	{"#", "/", true},
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"#", "$SYS/a", false}, // [MQTT-4.7.2-1]
	{"+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"$SYS/#", "$SYS/a", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"a/b", "a/b/c", false},
	{"a/b/c", "a/b", false},
	{"a/b", "A/b", false},
	{"a//b", "a//b", true},
	{"a/+/b", "a//b", true},
	{"+/+/#", "a", false},
	{"+/+/#", "a/b", true},
	{"a/+/#", "a", false},
	{"/#", "/", true},
	{"+/#", "a", true},
}

func TestMatch(t *testing.T) {
	for _, tt := range matchTable {
		if got := Match(tt.filter, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.filter, tt.name, got)
		}
		var tree Tree[int]
		tree.Add(tt.filter, 1)
		if got := len(tree.Match(tt.name, nil)) == 1; got != tt.want {
			t.Errorf("Tree with %q, Match(%q) = %v", tt.filter, tt.name, got)
		}
		var store Store[int]
		store.Set(tt.name, 1)
		got := false
		store.Match(tt.filter, func(int) { got = true })
		if got != tt.want {
			t.Errorf("Store with %q, Match(%q) = %v", tt.name, tt.filter, got)
		}
	}
}

func TestTreeRemove(t *testing.T) {
	var tree Tree[int]
	filters := []string{"a", "a/b", "a/#", "+/b", "#", "+", "a/+/c", "$SYS/#", "/", "//"}
	for i, f := range filters {
		tree.Add(f, i)
		tree.Add(f, i+100)
	}
	if tree.Len() != 2*len(filters) {
		t.Errorf("Len() = %d", tree.Len())
	}
	if tree.Remove("a", 77) || tree.Remove("x/y", 1) || tree.Remove("a/b/#", 1) || tree.Remove("+/+", 1) {
		t.Error("removed what was never added")
	}
	for i, f := range filters {
		if !tree.Remove(f, i) || tree.Remove(f, i) || !tree.Remove(f, i+100) {
			t.Errorf("Remove(%q) wrong", f)
		}
	}
	if !tree.root.empty() || tree.Len() != 0 {
		t.Error("nodes left after everything was removed")
	}
}

func TestStore(t *testing.T) {
	var s Store[string]
	if !s.Set("a/b", "1") || s.Set("a/b", "2") || !s.Set("a", "3") {
		t.Error("Set reports added wrongly")
	}
	if v, ok := s.Get("a/b"); v != "2" || !ok {
		t.Errorf("Get = %q, %v", v, ok)
	}
	if _, ok := s.Get("a/b/c"); ok {
		t.Error("Get finds what was never set")
	}
	if s.Delete("a/b/c") || s.Delete("x") || !s.Delete("a") || s.Delete("a") || !s.Delete("a/b") {
		t.Error("Delete reports wrongly")
	}
	if s.Len() != 0 || len(s.root.children) != 0 {
		t.Error("nodes left after everything was deleted")
	}
}

// FuzzTrees holds both trees to Match, which is too simple to be wrong.
func FuzzTrees(f *testing.F) {
	f.Add("a/+/#\n#\n$SYS/+\na/b", "a/b\n$SYS/x\na/b/c\n/")
	f.Fuzz(func(t *testing.T, filters, names string) {
		var tree Tree[int]
		var store Store[string]
		var fs, ns []string
		for i, s := range strings.Split(filters, "\n") {
			if CheckFilter(s) != nil || strings.HasPrefix(s, SharePrefix) {
				s = "#"
			}
			fs = append(fs, s)
			tree.Add(s, i)
		}
		for _, s := range strings.Split(names, "\n") {
			if CheckName(s) == nil && !slices.Contains(ns, s) {
				ns = append(ns, s)
				store.Set(s, s)
			}
		}
		for _, n := range ns {
			var want []int
			for i, f := range fs {
				if Match(f, n) {
					want = append(want, i)
				}
			}
			got := tree.Match(n, nil)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("filters %q, name %q: tree says %v, want %v", fs, n, got, want)
			}
		}
		for _, f := range fs {
			var got, want []string
			store.Match(f, func(n string) { got = append(got, n) })
			for _, n := range ns {
				if Match(f, n) {
					want = append(want, n)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("names %q, filter %q: store says %q, want %q", ns, f, got, want)
			}
		}
		for i, f := range fs {
			if !tree.Remove(f, i) {
				t.Fatalf("Remove(%q, %d) = false", f, i)
			}
		}
		if !tree.root.empty() {
			t.Fatal("nodes left in the tree")
		}
	})
}

func BenchmarkTreeMatch(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var tree Tree[int]
			for i := range n {
				tree.Add(fmt.Sprintf("site/room%d/sensor%d", i%1000, i), i)
			}
			var dst []int
			b.ReportAllocs()
			for b.Loop() {
				dst = tree.Match("site/room3/sensor3", dst[:0])
			}
		})
	}
}

func ExampleTree() {
	var t Tree[string]
	t.Add("home/+/climate", "thermostat")
	t.Add("home/#", "logger")
	fmt.Println(t.Match("home/kitchen/climate", nil))
	// Output: [logger thermostat]
}

package broker

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clause is a numbered statement of a specification as this project writes
// it: "MQTT-3.1.2-4" is of MQTT 5.0, "MQTT-3.1.2-4 v3" of 3.1.1.
type clause string

// clauseInfo is what testdata/clauses says of a clause.
type clauseInfo struct {
	who     string // server, client, both or untestable
	summary string
}

// binds tells whether a server has to keep the clause and a test can see it.
func (i clauseInfo) binds() bool { return i.who == "server" || i.who == "both" }

// maxOpen is how many clauses may be open. It goes down with open.txt, and
// never up.
const maxOpen = 0

// TestClauses holds the code and its tests against the complete lists of both
// specifications. What a server has to do is cited beside the code that does
// it and named by a test that proves it; what is not yet is in open.txt with
// the reason, and leaves it when it is. Where both versions ask for the same,
// same.txt pairs the clauses: the code cites one of them, tests name both.
// Only files are read, so that the test cache cannot hide anything.
func TestClauses(t *testing.T) {
	list := make(map[clause]clauseInfo)
	readClauses(t, "mqtt-5.0.txt", "", list)
	readClauses(t, "mqtt-3.1.1.txt", " v3", list)
	open := readOpen(t, list)
	same := readSame(t, list)
	code, tests := make(citations), make(citations)
	for _, folder := range []string{".", "topic", "packet"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			switch {
			case filepath.Base(file) == "clause_test.go": // of which the citations are examples
			case strings.HasSuffix(file, "_test.go"):
				tests.read(t, file)
			default:
				code.read(t, file)
			}
		}
	}
	for c, at := range code {
		if _, ok := list[c]; !ok {
			t.Errorf("%s cites [%s], which no specification has", at, c)
		} else if tests[c] == "" && open[c] == "" {
			t.Errorf("%s cites [%s], and no test names it", at, c)
		}
	}
	for c, at := range tests {
		if _, ok := list[c]; !ok {
			t.Errorf("%s names [%s], which no specification has", at, c)
		}
	}
	proven, missing := 0, 0
	for _, c := range slices.Sorted(maps.Keys(list)) {
		if !list[c].binds() {
			continue
		}
		lacks := lacking(code[c] != "" || code[same[c]] != "", tests[c] != "")
		switch reason := open[c]; {
		case lacks == "" && reason != "":
			t.Errorf("[%s] is cited and tested now: take it out of testdata/clauses/open.txt", c)
		case lacks != "" && reason == "":
			t.Errorf("[%s] %s: %s", c, list[c].summary, lacks)
		case lacks != "":
			missing++
		default:
			proven++
		}
	}
	if len(open) > maxOpen {
		t.Errorf("%d clauses are open, at most %d may be", len(open), maxOpen)
	}
	t.Logf("%d clauses bind a server and are cited and tested; %d are open", proven, missing)
}

func lacking(cited, tested bool) string {
	switch {
	case !cited && !tested:
		return "no code cites it, and no test names it"
	case !cited:
		return "no code cites it"
	case !tested:
		return "no test names it"
	}
	return ""
}

// citations are clauses with the place of one citation each.
type citations map[clause]string

// A citation is "[MQTT-3.1.2-4]", several clauses of a section can be
// "[MQTT-3.3.2-15 to -20]". The Clause field of an error has no brackets.
var (
	citation  = regexp.MustCompile(`MQTT-(\d+\.\d+\.\d+)-(\d+)(?: to -(\d+))?( v3)?`)
	bracketed = regexp.MustCompile(`\[MQTT-[^\]]*\]`)
)

func (cs citations) read(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), "MQTT-3-8.3-4", "MQTT-3.8.3-4") // as 3.1.1 misprints it
	for i, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s:%d", file, i+1)
		for _, s := range bracketed.FindAllString(line, -1) {
			if citation.FindString(s) != s[1:len(s)-1] {
				t.Errorf("%s: %s is not the form of a citation", at, s)
			}
		}
		for _, m := range citation.FindAllStringSubmatch(line, -1) {
			from, to := number(t, m[2]), number(t, m[2])
			if m[3] != "" {
				to = number(t, m[3])
			}
			for n := from; n <= to; n++ {
				cs[clause(fmt.Sprintf("MQTT-%s-%d%s", m[1], n, m[4]))] = at
			}
		}
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil || n > 100 {
		t.Fatalf("number %q of a clause", s)
	}
	return n
}

// readClauses adds the clauses of a file in testdata/clauses to list.
func readClauses(t *testing.T, name, suffix string, list map[clause]clauseInfo) {
	t.Helper()
	who := []string{"server", "client", "both", "untestable"}
	for at, line := range dataLines(t, name) {
		f := strings.Split(line, "\t")
		if len(f) != 3 || citation.FindString(f[0]) != f[0] || !slices.Contains(who, f[1]) {
			t.Fatalf("%s: want an identifier, one of %q and a summary, between tabs", at, who)
		}
		if n := len(strings.Fields(f[2])); n == 0 || n > 12 {
			t.Errorf("%s: a summary of %d words, want 1 to 12", at, n)
		}
		c := clause(f[0] + suffix)
		if _, ok := list[c]; ok {
			t.Errorf("%s: %s twice", at, c)
		}
		list[c] = clauseInfo{who: f[1], summary: f[2]}
	}
}

// readOpen returns the clauses that may lack a citation or a test, with the
// reason.
func readOpen(t *testing.T, list map[clause]clauseInfo) map[clause]string {
	t.Helper()
	open := make(map[clause]string)
	for at, line := range dataLines(t, "open.txt") {
		name, reason, ok := strings.Cut(line, "\t")
		if !ok || reason == "" {
			t.Fatalf("%s: want an identifier, a tab and the reason", at)
		}
		c := clause(name)
		if !list[c].binds() {
			t.Errorf("%s: %s is not among the clauses that bind a server", at, c)
		}
		if open[c] != "" {
			t.Errorf("%s: %s twice", at, c)
		}
		open[c] = reason
	}
	return open
}

// readSame returns, for clauses of 3.1.1, those of 5.0 that ask for the same.
func readSame(t *testing.T, list map[clause]clauseInfo) map[clause]clause {
	t.Helper()
	same := make(map[clause]clause)
	for at, line := range dataLines(t, "same.txt") {
		f := strings.Split(line, "\t")
		if len(f) != 2 {
			t.Fatalf("%s: want a clause of 3.1.1, a tab and one of 5.0", at)
		}
		older, newer := clause(f[0]+" v3"), clause(f[1])
		if !list[older].binds() || list[newer].who == "" || same[older] != "" {
			t.Errorf("%s: no pair, or not the first one of %s", at, older)
		}
		same[older] = newer
	}
	return same
}

// dataLines returns the lines of a file in testdata/clauses that are not
// empty and no comments, by where they are.
func dataLines(t *testing.T, name string) map[string]string {
	t.Helper()
	path := filepath.Join("testdata", "clauses", name)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := make(map[string]string)
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") {
			lines[fmt.Sprintf("%s:%d", path, n)] = line
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

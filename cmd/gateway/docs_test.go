package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
)

// TestExamplesInTheDocumentsAreRight reads every piece of configuration in the
// documents. One that does not begin with a key of the file shows keys of a bridge.
func TestExamplesInTheDocumentsAreRight(t *testing.T) {
	for file, least := range map[string]int{"../../README.md": 5, "../../deploy/raspberrypi/HOMEASSISTANT.md": 4, "internal/dashboard/GUIDE.md": 2, "../../bridge/GUIDE.md": 12, "../../deploy/raspberrypi/FLEET.md": 1, "../../deploy/raspberrypi/MOVING.md": 3, "../../deploy/raspberrypi/MONITORING.md": 1} {
		blocks := yamlBlocks(read(t, file))
		if len(blocks) < least {
			t.Errorf("%s: %d pieces of configuration, want at least %d", file, len(blocks), least)
		}
		for _, b := range blocks {
			if _, err := config.Parse(file, []byte(whole(b))); err != nil {
				t.Errorf("%s\nof %s:\n%v", b, file, err)
			}
		}
	}
}

var (
	keyLine = regexp.MustCompile(`^(- )?[a-z_]+:(\s|$)`)
	topLine = regexp.MustCompile(`(?m)^(site|sensors|broker|persistence|bridges|alerts|dashboard|history|mdns|home_assistant|log):`)
)

// yamlBlocks returns the indented blocks of a document that begin with a key.
func yamlBlocks(doc string) (blocks []string) {
	for _, p := range strings.Split(doc, "\n\n") {
		b := dedent(p)
		if strings.HasPrefix(p, "    ") && keyLine.MatchString(b) {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// dedent takes away the space that the first line begins with.
func dedent(block string) string {
	space := block[:len(block)-len(strings.TrimLeft(block, " "))]
	return strings.ReplaceAll(strings.TrimPrefix(block, space), "\n"+space, "\n")
}

// whole makes a configuration of a piece of one.
func whole(block string) string {
	indented := strings.ReplaceAll("\n"+block, "\n", "\n    ")
	switch {
	case strings.HasPrefix(block, "- driver:"):
		return "sensors:" + indented
	case topLine.MatchString(block):
		return block
	}
	bridge := "bridges:\n  - name: x" + indented
	if !strings.Contains(bridge, " address:") {
		bridge += "\n    address: mqtt://broker.example.org"
	}
	if !strings.Contains(bridge, " topics:") {
		bridge += "\n    topics: [{filter: home/#}]"
	}
	return bridge
}

// TestTroubleshootingQuotesWhatIsSaid holds the guide to the words of gateway bridge
// test.
func TestTroubleshootingQuotesWhatIsSaid(t *testing.T) {
	said := read(t, "../../bridge/probe.go")
	for _, file := range []string{"explain.go", "explain_mqtt.go", "explain_tls.go"} {
		said += read(t, "../../bridge/link/dial/"+file)
	}
	rows := regexp.MustCompile(`(?m)^\| (?:connect|CONNECT|subscribe|publish) \| (.*?) \|`).FindAllStringSubmatch(read(t, "../../bridge/GUIDE.md"), -1)
	if len(rows) < 10 {
		t.Errorf("%d rows, want at least 10", len(rows))
	}
	for _, r := range rows {
		if !strings.Contains(said, r[1]) {
			t.Errorf("gateway bridge test never says %q", r[1])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

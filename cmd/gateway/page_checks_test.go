package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// pageChecks are the 25 checks that the page was accepted by, and the tests that
// hold them, in a real Chromium but for those of the server alone.
var pageChecks = []struct {
	what  string
	tests []string
}{
	1:  {"without a configuration, and without npm, the page loads, and the console has no error", []string{"TestPageWithoutConfiguration"}},
	2:  {"all requests go to our origin", []string{"TestPageWithoutConfiguration", "TestNothingFromElsewhere"}}, // browser.mjs looks in each test
	3:  {"the first load is small, and usable within 3 s on a slow phone", []string{"TestPageWithoutConfiguration", "TestFirstLoad"}},
	4:  {"nothing is written before there is a password; the first steps by keyboard alone", []string{"TestPageAccess", "TestPageRights"}},
	5:  {"the demonstration is there within 5 s, and can be removed with its history", []string{"TestPageDemo", "TestDemoComesAndGoes"}},
	6:  {"what an outside client publishes is on the page within a second", []string{"TestPageHome"}},
	7:  {"the age begins anew with an unchanged value", []string{"TestPageShell"}},
	8:  {"a sensor that stops is late, then stale, by word and sign", []string{"TestPageHome"}},
	9:  {"a retained old value has its true age after a restart", []string{"TestPageHome"}},
	10: {"killed: values greyed with the time of the last data; restarted: all goes on", []string{"TestPageHome"}},
	11: {"every range draws; the address restores range and sensors", []string{"TestPageCharts"}},
	12: {"a spike of one sample in 30 days is seen", []string{"TestPageCharts"}},
	13: {"an outage is a gap; history survives a restart", []string{"TestPageCharts", "TestHistoryOutlivesKill"}},
	14: {"zoom asks for finer points; double click; pinch", []string{"TestPageCharts"}},
	15: {"°C beside %: two axes, one cursor, series on and off", []string{"TestPageCharts"}},
	16: {"the CSV is what the API says", []string{"TestPageCharts"}},
	17: {"an alert, its hysteresis, its acknowledgement", []string{"TestPageAlerts"}},
	18: {"10,000 topics scroll and filter", []string{"TestPageExplorer"}},
	19: {"published messages arrive as they were written", []string{"TestPageExplorer"}},
	20: {"1,000 retained topics are cleared at once", []string{"TestPageExplorer"}},
	21: {"hostile payloads do nothing", []string{"TestPageExplorer", "TestBrowser"}},
	22: {"a chip on a bus is found, read, and saved", []string{"TestPageSetup"}},
	23: {"a bridge that is cut; a client that is kicked", []string{"TestPageSystem"}},
	24: {"screen reader, keyboard, phone, Korean", []string{"TestPageEvery", "TestEveryLanguageIsComplete"}},
	25: {"a viewer changes nothing; a day of events; many tabs", []string{"TestPageRights", "TestPageHome", "TestPageShell"}},
}

// TestThePageIsChecked: each of the checks has its tests.
func TestThePageIsChecked(t *testing.T) {
	there := make(map[string]bool)
	for _, folder := range []string{".", "internal/dashboard"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
					there[fn.Name.Name] = true
				}
			}
		}
	}
	for i, c := range pageChecks[1:] {
		for _, name := range c.tests {
			if !there[name] {
				t.Errorf("check %d, %s: there is no %s", i+1, c.what, name)
			}
		}
	}
}

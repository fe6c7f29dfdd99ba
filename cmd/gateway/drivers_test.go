package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// Every driver has a page, and what the page shows as its configuration can be
// used as it stands.
func TestEveryDriverIsDescribed(t *testing.T) {
	for _, d := range driver.All() {
		var out strings.Builder
		if err := describeDriver(&out, d); err != nil {
			t.Fatal(err)
		}
		_, example, found := strings.Cut(out.String(), "In gateway.yaml:\n\n")
		if !found || !strings.Contains(out.String(), d.Title) || !strings.Contains(out.String(), d.Datasheet) {
			t.Errorf("%s: its page is\n%s", d.Name, &out)
		}
		for _, o := range d.Options {
			if !strings.Contains(out.String(), o.Doc) {
				t.Errorf("%s: the page does not have option %s", d.Name, o.Name)
			}
		}
		if _, err := config.Parse("example", []byte(example)); err != nil {
			t.Errorf("%s: its own example is wrong: %v", d.Name, err)
		}
		if info, known := d.Channels[0].Quantity.Info(); !known || info.Title == "" {
			t.Errorf("%s: nothing is known of %s", d.Name, d.Channels[0].Quantity)
		}
	}
	if n := len(driver.All()); n < 35 {
		t.Errorf("%d drivers", n)
	}
}

// TestAChipIsTwoFiles proves what package driver promises who adds one: no
// production code but its own file names a chip, so that nothing else has to be
// touched. Its page, the schema, the table in README.md and what is announced
// come from the table; see the tests of those.
func TestAChipIsTwoFiles(t *testing.T) {
	root := repositoryRoot(t)
	chips := make(map[string]string) // name or alias of a chip → its driver
	for _, d := range driver.All() {
		if d.Bus == bus.None || d.Bus == bus.Sysfs || d.Bus == bus.Topic || d.Bus == bus.OneWire || d.Bus == bus.Modbus {
			continue // no chips, and words such as file and host
		}
		for _, name := range append(slices.Clone(d.Aliases), d.Name) {
			chips[name] = d.Name
		}
		if _, err := os.Stat(filepath.Join(root, "sensors/driver", d.Name+".go")); err != nil {
			t.Errorf("%s: its file is not named after it: %v", d.Name, err)
		}
	}
	for _, file := range goFiles(t, root) {
		switch dir := path.Dir(file); {
		case strings.HasSuffix(file, "_test.go"), dir == "sensors/bus/bustest":
			continue
		case dir == "cmd/gateway/internal/mqttio": // what MQTT IO calls chips, of which it has no more
			continue
		case dir == "sensors/driver": // chips that look alike name each other in their errors
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(lit.Value) // the parser has read it already
			if d, ok := chips[text]; ok && !allowedWord(file, text) {
				t.Errorf("%s names the chip %s of driver %s: whoever adds a chip would have to touch it", file, text, d)
			}
			return true
		})
	}
}

// allowedWord are names of chips that are words of something else.
func allowedWord(file, text string) bool {
	return path.Dir(file) != "sensors" && slices.Contains([]string{"counter", "digital"}, text)
}

package mosquittoconf

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/golden"
)

// again writes a result as YAML, and reads that.
func again(t *testing.T, r *Result, name string) string {
	t.Helper()
	data, err := r.YAML(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(name, data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !config.Same(cfg, r.Config) {
		t.Errorf("%v\nof\n%s", config.Diff(r.Config, cfg), data)
	}
	for _, n := range r.Notes { // each is in it
		if text := n.Directive + ": " + n.Text; !strings.Contains(string(data), text) {
			t.Errorf("there is no %q in\n%s", text, data)
		}
	}
	return string(data)
}

// TestYAML writes what every file of testdata has become, and compares it with
// the .yaml beside it.
func TestYAML(t *testing.T) {
	t.Chdir("/") // names of files are absolute
	files, err := fs.Glob(os.DirFS(testdata), "*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(testdata, file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := parse(string(data))
		if err != nil {
			continue // it is there to be wrong
		}
		golden.Check(t, filepath.Join(testdata, strings.TrimSuffix(file, ".conf")+".yaml"), again(t, r, "mosquitto.conf"))
	}
}

// testdata is the folder wherever a test is.
var testdata = func() string {
	path, err := filepath.Abs("testdata")
	if err != nil {
		panic(err)
	}
	return path
}()

// TestYAMLOfDebian imports the example that Debian's package has, once as it is
// and once with every directive that it explains.
func TestYAMLOfDebian(t *testing.T) {
	const example = "/usr/share/doc/mosquitto/examples/mosquitto.conf"
	data, err := os.ReadFile(example)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs " + example + ", of Debian's mosquitto, which some containers leave out")
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := parse(string(data))
	if err != nil {
		t.Fatal(err)
	}
	again(t, r, "mosquitto.conf")
	used := 0
	for line := range strings.Lines(string(data)) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok || strings.HasPrefix(line, " ") {
			continue
		}
		for _, before := range []string{"listener 1883\n", "connection a\naddress b\ntopic # out\n"} {
			if r, err := parse(before + line + "\n"); err == nil {
				used++
				again(t, r, "mosquitto.conf")
			}
		}
	}
	if used < 60 {
		t.Errorf("%d directives of the example are right, which says little", used)
	}
}

// TestYAMLOfAnything imports configurations of any directives: each that is right
// means the same afterwards.
func TestYAMLOfAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	var names []string
	for name := range table {
		names = append(names, strings.TrimSuffix(name, "*"))
	}
	slices.Sort(names)
	values := []string{"true", "false", "0", "1", "2", "10", "100", "5000", "text", "a/", "a b", "/etc/x", "relative/x", "mqtt", "websockets", "ipv4", "# out 1", "t both 2 l/ r/", "x in",
		"127.0.0.1", "127.0.0.1:1884 b", "all", "error", "file /x", "none", "cr\"oss", "käse: #1", "tlsv1.3", "lazy", "5 60", "3,4", "mqttv50", "'q", "on", "2.0"}
	right := 0
	for range 2500 {
		var b strings.Builder
		fmt.Fprint(&b, []string{"", "listener 1883\n", "per_listener_settings true\nlistener 1883\nlistener 1884\n", "listener 1883\nconnection up\naddress broker\ntopic # out\n"}[r.IntN(4)])
		for range 1 + r.IntN(3) {
			fmt.Fprintf(&b, "%s %s\n", names[r.IntN(len(names))], values[r.IntN(len(values))])
		}
		res, err := parse(b.String())
		if err != nil {
			continue
		}
		right++
		if again(t, res, "mosquitto.conf"); t.Failed() {
			t.Fatalf("of\n%s", &b)
		}
	}
	t.Log(right, "were right")
	if right < 250 {
		t.Errorf("%d configurations are right, which says little", right)
	}
}

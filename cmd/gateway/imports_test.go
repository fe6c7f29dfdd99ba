package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is our module's path.
const module = "gateway/"

// importRules say what a package may import of ours. The test reads the
// files themselves, so that no build tag and no test cache hides anything.
var importRules = map[string]struct {
	may []string
	why string
}{
	"sensors/reading":                       {nil, "the vocabulary is below everything"},
	"sensors/bus":                           {nil, "a bus knows no chip"},
	"sensors/bus/bustest":                   {[]string{"sensors/bus"}, "fakes of buses"},
	"sensors/bus/modbus":                    {[]string{"sensors/bus"}, "a protocol on a port, it knows no meter"},
	"sensors/driver":                        {[]string{"sensors/reading", "sensors/bus"}, "no driver knows MQTT, topics or schedules"},
	"sensors":                               {[]string{"sensors/reading", "sensors/driver", "sensors/bus", "sensors/bus/modbus"}, "sensors never see the broker: wire.go owns the adapter"},
	"sensors/bench":                         {nil, "a benchmark knows programs from outside only"},
	"sensors/scan":                          {[]string{"sensors/driver", "sensors/bus"}, "what there is, whatever is configured"},
	"broker/topic":                          {nil, "the trees know only topics"},
	"broker/packet":                         {nil, "the codec knows only bytes"},
	"broker/client":                         {[]string{"broker/packet"}, "a client is no part of the broker"},
	"broker/auth":                           {[]string{"broker/topic"}, "who may do what, whatever the connection"},
	"broker/door/pemfile":                   {nil, "files of certificates, whoever they are for"},
	"broker/door":                           {[]string{"broker/door/pemfile"}, "how connections come in, below MQTT"},
	"broker/store":                          {nil, "a log knows no protocol"},
	"broker/store/storetest":                {[]string{"broker/store"}, "what every store has to pass, and folders that fail"},
	"broker/bench/machine":                  {nil, "what measures knows the system, and no broker"},
	"broker/bench":                          {[]string{"broker/bench/machine"}, "a load generator knows brokers from outside only"},
	"broker/soak":                           {[]string{"broker/packet"}, "a crash test knows brokers from outside only"},
	"broker":                                {[]string{"broker/topic", "broker/packet", "broker/auth", "broker/door", "broker/store"}, "the broker never sees sensors"},
	"bridge/badline":                        {nil, "a bad line knows bytes, whoever speaks over it"},
	"bridge/chaos":                          {[]string{"bridge/badline", "bridge/badline/ledger", "bridge/upstreams", "broker/client", "broker/packet"}, "a crash test knows the gateway from outside only"},
	"bridge/bench":                          {[]string{"bridge/badline", "broker/bench/machine", "broker/client", "broker/packet"}, "a load generator knows bridges from outside only"},
	"bridge/badline/ledger":                 {nil, "books of messages, whatever carried them"},
	"bridge/link":                           {[]string{"broker/packet"}, "one connection knows no queue and no route; properties are the codec's"},
	"bridge/link/dial":                      {[]string{"bridge/link", "broker/door/pemfile"}, "the way to an upstream; of MQTT it explains refusals only"},
	"bridge/link/v3":                        {[]string{"bridge/link", "broker/packet"}, "one version of MQTT"},
	"bridge/link/linktest":                  {[]string{"bridge/link", "broker", "broker/auth", "broker/packet"}, "what every version of MQTT has to pass, against our broker"},
	"bridge/link/v5":                        {[]string{"bridge/link", "broker/packet"}, "a version of MQTT, over one connection"},
	"bridge/aside":                          {[]string{"broker"}, "what was set aside knows neither routes nor lines"},
	"bridge/upstreams":                      {[]string{"broker/client", "broker/packet"}, "real brokers for tests; it knows MQTT only to ask whether they are ready"},
	"bridge/statefile":                      {nil, "a file knows not what is in it"},
	"bridge/budget":                         {[]string{"bridge/statefile"}, "a budget knows only clocks, bytes and a folder"},
	"bridge/upstreams/scripted":             {[]string{"broker/packet", "broker/topic"}, "a broker of switches for tests; it knows no bridge"},
	"bridge/fleet":                          {nil, "many gateways into a cluster, a test"},
	"bridge/batch":                          {[]string{"broker/topic"}, "a batch knows payloads, and nothing of lines"},
	"bridge/timetable":                      {nil, "a timetable knows only clocks"},
	"bridge/interop":                        {nil, "a test of the whole, and nothing else"},
	"bridge":                                {[]string{"broker", "broker/topic", "bridge/link", "bridge/link/v3", "bridge/link/v5", "bridge/link/dial", "bridge/aside", "bridge/batch", "bridge/budget", "bridge/statefile", "bridge/timetable"}, "the bridge never sees sensors; it is a subscriber like others"},
	"cmd/gateway/internal/dashboard/access": {[]string{"broker/auth", "bridge/statefile", "cmd/gateway/internal/dashboard/answer"}, "who may do what, whatever it is; passwords are hashed in one place"},
	"cmd/gateway/internal/dashboard/openapitest": {nil, "a description and answers, whoever gave them"},
	"cmd/gateway/internal/golden":                {nil, "a test and a file, whatever is in it"},
	"cmd/gateway/internal/dashboard/answer":      {nil, "how the API speaks, whatever it says"},
	"cmd/gateway/internal/dashboard":             {[]string{"cmd/gateway/internal/history", "broker", "broker/door", "sensors/reading", "cmd/gateway/internal/dashboard/access", "cmd/gateway/internal/dashboard/answer"}, "the page is a subscriber of the tree"},
	"cmd/gateway/internal/alerts":                {[]string{"broker", "broker/topic", "sensors/reading", "cmd/gateway/internal/dashboard/answer", "bridge/statefile"}, "alerts are a subscriber of the tree; what they keep is a small file"},
	"cmd/gateway/internal/health":                {[]string{"broker", "broker/store", "sensors", "bridge"}, "it formats what the parts say of themselves"},
	"cmd/gateway/internal/discovery":             {[]string{"broker", "sensors/reading", "bridge/statefile"}, "discovery is a subscriber of the tree; what a sensor is stands in it, and what it keeps is a small file"},
	"cmd/gateway/internal/mdns":                  {nil, "it announces what it is given, whatever that is"},
	"cmd/gateway/internal/config": {[]string{"cmd/gateway/internal/discovery", "cmd/gateway/internal/mdns", "broker", "broker/auth", "broker/door", "broker/store", "bridge", "sensors", "sensors/driver", "sensors/bus", "sensors/reading", "cmd/gateway/internal/alerts", "cmd/gateway/internal/dashboard", "cmd/gateway/internal/history"},
		"the configuration is made of the parts' own"},
	"cmd/gateway/internal/backup":  {[]string{"broker/store", "cmd/gateway/internal/config", "cmd/gateway/internal/history/tsdb", "sensors"}, "files and folders, whoever asks for them; store and history say how theirs are copied"},
	"cmd/gateway/internal/upgrade": {nil, "a release and a binary, whatever the binary does"},
	"cmd/gateway/internal/redact":  {nil, "what is a secret, wherever it stands"},
	"cmd/gateway/internal/logs":    {[]string{"cmd/gateway/internal/redact"}, "lines of the log, whoever writes or reads them"},
	"cmd/gateway/internal/machine": {[]string{"sensors", "sensors/bus", "sensors/driver", "sensors/reading"}, "the computer, as the driver host has it and a little more"},
	"cmd/gateway/internal/system": {[]string{"broker", "sensors", "cmd/gateway/internal/config", "cmd/gateway/internal/dashboard", "cmd/gateway/internal/dashboard/access", "cmd/gateway/internal/dashboard/answer", "cmd/gateway/internal/logs", "cmd/gateway/internal/machine", "cmd/gateway/internal/redact"},
		"it asks the parts how they are"},
	"cmd/gateway/internal/doctor": {[]string{"cmd/gateway/internal/config", "sensors", "sensors/bus", "sensors/driver"}, "what of the machine keeps the configured sensors from being read"},
	"cmd/gateway/internal/explorer": {[]string{"broker", "broker/packet", "broker/topic", "cmd/gateway/internal/dashboard", "cmd/gateway/internal/dashboard/access", "cmd/gateway/internal/dashboard/answer"},
		"it shows messages as they are, properties too, and knows no sensor"},
	"cmd/gateway/internal/setup": {[]string{"cmd/gateway/internal/backup", "cmd/gateway/internal/config", "cmd/gateway/internal/dashboard/access", "cmd/gateway/internal/dashboard/answer", "cmd/gateway/internal/doctor", "sensors", "sensors/bus", "sensors/driver", "sensors/reading", "sensors/scan"},
		"it changes what is configured, and never sees the broker"},
	"cmd/gateway/internal/mosquittoconf": {[]string{"broker", "broker/auth", "broker/door", "broker/store", "broker/topic", "bridge", "bridge/link/dial", "sensors", "cmd/gateway/internal/config"},
		"it makes our configuration of Mosquitto's"},
	"cmd/gateway/internal/mqttio": {[]string{"bridge", "sensors", "sensors/driver", "cmd/gateway/internal/config"},
		"it makes our configuration of MQTT IO's"},
	"cmd/gateway/internal/history": {[]string{"broker", "broker/topic", "sensors/reading", "cmd/gateway/internal/history/tsdb", "cmd/gateway/internal/dashboard/answer", "bridge/statefile"},
		"a subscriber of the tree; of the page it knows how answers are written, and what it notes is a small file"},
	"cmd/gateway/internal/history/tsdb": {nil,
		"the engine knows names, times and numbers"},
	"deploy/raspberrypi/emulated/usbredir": {[]string{"sensors/bus/bustest"}, "an adapter knows messages on a bus, and no chip"},
	"deploy/raspberrypi/emulated/chips":    {[]string{"sensors/bus/bustest"}, "chips by their datasheets, never by their drivers"},
	"deploy/raspberrypi/emulated/nbd":      {nil, "a disk knows no board"},
	"deploy/raspberrypi/emulated/kernels":  {nil, "packages of Debian's, whoever boots them"},
	"deploy/raspberrypi/emulated/fetch":    {[]string{"deploy/raspberrypi/emulated/kernels"}, "a command for make"},
	"deploy/raspberrypi/emulated/initrd":   {[]string{"deploy/raspberrypi/emulated/kernels"}, "files and modules, whatever they do"},
	"deploy/raspberrypi/emulated/agent":    {nil, "requests to a board, whatever it does with them"},
	"deploy/raspberrypi/emulated/guest":    {[]string{"deploy/raspberrypi/emulated/agent", "deploy/raspberrypi/emulated/initrd"}, "the operating system of a board knows the gateway as a program only"},
	"deploy/raspberrypi/emulated/board": {[]string{"broker/client", "broker/packet", "deploy/raspberrypi/emulated/agent", "deploy/raspberrypi/emulated/initrd", "deploy/raspberrypi/emulated/kernels", "deploy/raspberrypi/emulated/usbredir", "sensors/bus/bustest"},
		"a board knows the gateway from outside only"},
	"deploy/raspberrypi/dist":     {nil, "it packs the gateway, and runs tools"},
	"deploy/raspberrypi/emulated": {nil, "a test of the whole, and nothing else"},
	"cmd/gateway/pagetest":        {nil, "a script in a browser, whatever page it looks at"},
	"cmd/gateway":                 {[]string{"*"}, "wire.go builds everything"},
}

// owners name the one package that may import a module, so that replacing it
// touches one folder.
var owners = map[string][]string{
	"github.com/spf13/cobra":                {"cmd/gateway"},
	"github.com/spf13/pflag":                {"cmd/gateway"}, // flags, for cobra
	"github.com/goccy/go-yaml":              {"cmd/gateway/internal/config"},
	"github.com/pires/go-proxyproto":        {"broker/door"},
	"golang.org/x/crypto":                   {"broker/auth", "cmd/gateway/internal/upgrade"},                       // Argon2; the BLAKE2b of minisign, which Argon2 needs anyway
	"golang.org/x/net":                      {"bridge/link/dial", "cmd/gateway/internal/mdns"},                     // SOCKS5, and what HTTPS_PROXY means; which interface a packet came by
	"golang.org/x/sys":                      {"sensors/bus", "sensors/bus/bustest", "cmd/gateway/internal/health"}, // ioctl, termios and their structures; the clock that systemd goes by
	"github.com/coreos/go-systemd":          {"cmd/gateway/internal/health"},                                       // daemon only: sd_notify and the watchdog's variables
	"golang.org/x/term":                     {"cmd/gateway"},
	"github.com/eclipse/paho.golang":        {"bridge/link/v5"},
	"github.com/coder/websocket":            {"broker", "bridge/link/dial", "cmd/gateway"}, // server side, the bridge, and the client of gateway pub and sub
	"github.com/eclipse/paho.mqtt.golang":   {"bridge/link/v3"},
	"github.com/rogpeppe/go-internal":       {"cmd/gateway"},
	"github.com/santhosh-tekuri/jsonschema": {"cmd/gateway/internal/dashboard/openapitest"}, // JSON Schema, in tests only
	"periph.io/x/host/v3":                   {"sensors/bus"},
	"periph.io/x/conn/v3":                   {"sensors/bus", "sensors/bus/bustest", "sensors/driver", "sensors/scan", "sensors", "cmd/gateway"}, // the words for buses

	"golang.org/x/crypto/x509roots/fallback": {"deploy/raspberrypi/dist"}, // Mozilla's authorities, for the image; the gateway trusts those of its system
}

// pahoFiles is where the Paho client is spoken to: a package, and a file until
// it uses that.
var pahoFiles = []string{"bridge/link/v3/"}

func TestImports(t *testing.T) {
	root := repositoryRoot(t)
	seen := map[string]bool{}
	for _, file := range goFiles(t, root) {
		pkg := path.Dir(file)
		test := strings.HasSuffix(file, "_test.go")
		rule, ok := importRules[pkg]
		if !ok {
			t.Errorf("%s: package %s is in no import rule; add it with its reason", file, pkg)
			continue
		}
		seen[pkg] = true
		for _, imp := range importsOf(t, filepath.Join(root, file)) {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if !test && !allowed(rule.may, ours) {
					t.Errorf("%s imports %s, and %s may not: %s", file, ours, pkg, rule.why)
				}
				continue
			}
			if !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // standard library
			}
			checkOwner(t, file, pkg, imp, test)
		}
	}
	for pkg := range importRules {
		if !seen[pkg] {
			t.Errorf("import rule for %s, which does not exist", pkg)
		}
	}
}

func checkOwner(t *testing.T, file, pkg, imp string, test bool) {
	t.Helper()
	mod := moduleOf(imp)
	switch {
	case mod == "":
		t.Errorf("%s imports %s, which has no owner; add it to owners with the package that needs it", file, imp)
	case test:
	case !slices.Contains(owners[mod], pkg):
		t.Errorf("%s imports %s, which belongs to %v", file, imp, owners[mod])
	case mod == "github.com/eclipse/paho.mqtt.golang" && !slices.ContainsFunc(pahoFiles, func(f string) bool { return strings.HasPrefix(file, f) }):
		t.Errorf("%s imports the Paho client; only %v may", file, pahoFiles)
	}
}

// moduleOf returns the module with an owner that a package is in, or "". Of one
// module within another it is the inner one.
func moduleOf(pkg string) string {
	var found string
	for mod := range owners {
		if (pkg == mod || strings.HasPrefix(pkg, mod+"/")) && len(mod) > len(found) {
			found = mod
		}
	}
	return found
}

// testHelpers are for tests, benchmarks and generators; the product imports
// none of them.
var testHelpers = []string{"bridge/badline", "bridge/badline/ledger", "bridge/upstreams", "bridge/link/linktest", "bridge/upstreams/scripted", "broker/bench/machine", "cmd/gateway/internal/dashboard/openapitest", "cmd/gateway/internal/golden", "cmd/gateway/pagetest"}

func TestTheGatewayHoldsNoTestHelpers(t *testing.T) {
	root := repositoryRoot(t)
	for _, file := range goFiles(t, root) {
		if strings.HasSuffix(file, "_test.go") || !strings.HasPrefix(file, "cmd/gateway/") {
			continue
		}
		for _, imp := range importsOf(t, filepath.Join(root, file)) {
			if ours, ok := strings.CutPrefix(imp, module); ok && slices.Contains(testHelpers, ours) {
				t.Errorf("%s imports %s, which is for tests", file, ours)
			}
		}
	}
}

func allowed(may []string, pkg string) bool {
	return slices.Contains(may, "*") || slices.Contains(may, pkg)
}

// TestTopLevel holds the folders that the house consists of.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(repositoryRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"bridge", "broker", "cmd", "deploy", "sensors"}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "dist" && !slices.Contains(want, e.Name()) {
			t.Errorf("top-level folder %s: the house has %v", e.Name(), want)
		}
	}
}

// TestPackageComments wants every package to say what it is for.
func TestPackageComments(t *testing.T) {
	root := repositoryRoot(t)
	commented := map[string]bool{}
	for _, file := range goFiles(t, root) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		commented[path.Dir(file)] = commented[path.Dir(file)] || f.Doc != nil
	}
	for pkg, ok := range commented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func repositoryRoot(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// goFiles returns the Go files of the repository, with slashes, relative to
// its root.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != root || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(p, ".go") {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, p)
	}
	return imports
}

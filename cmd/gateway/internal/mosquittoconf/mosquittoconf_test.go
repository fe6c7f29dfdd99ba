package mosquittoconf

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/golden"
)

// someMachine is a machine that is the same everywhere.
var someMachine = machine{
	devices: func(name string) ([]net.IP, error) {
		if name == "wlan0" {
			return []net.IP{net.ParseIP("192.0.2.9"), net.ParseIP("2001:db8::9")}, nil
		}
		return nil, errors.New("there is no such interface")
	},
	hostname: func() (string, error) { return "pi", nil },
	loopback: func() []string { return []string{"127.0.0.1", "::1"} },
}

// parse converts a content without looking at the files that it names.
func parse(content string, ports ...int) (*Result, error) {
	c := newConversion(someMachine)
	c.lines = split("mosquitto.conf", content)
	c.convert(ports)
	if err := c.err(); err != nil {
		return nil, err
	}
	return &c.out, nil
}

// TestFiles reads every file of testdata and compares what becomes of it with
// the .txt beside it.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".conf"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := parse(string(data))
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			} else {
				got = show(r)
			}
			golden.Check(t, strings.TrimSuffix(file, ".conf")+".txt", got)
		})
	}
}

// show writes what a result has that an empty configuration of Mosquitto has
// not.
func show(r *Result) string {
	var b strings.Builder
	difference(&b, "", reflect.ValueOf(*r.Config), reflect.ValueOf(*newConversion(someMachine).out.Config))
	if r.PIDFile != "" {
		fmt.Fprintf(&b, "pid file: %s\n", r.PIDFile)
	}
	for _, n := range r.Notes {
		kind := "note"
		if n.Warning {
			kind = "warning"
		}
		fmt.Fprintf(&b, "%s: %v\n", kind, n)
	}
	return b.String()
}

// difference writes the keys whose values differ. from may be the zero Value.
func difference(b *strings.Builder, key string, v, from reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v, from = v.Elem(), reflect.Value{}
		if v.Kind() != reflect.Struct {
			fmt.Fprintf(b, "%s: %v\n", key, v)
			return
		}
	}
	if !from.IsValid() {
		from = reflect.Zero(v.Type())
	}
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			k := key + "." + name
			if key == "" || name == "" {
				k = key + name
			}
			difference(b, k, v.Field(i), from.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			difference(b, fmt.Sprintf("%s[%d]", key, i), v.Index(i), reflect.Value{})
		}
	case !reflect.DeepEqual(v.Interface(), from.Interface()):
		fmt.Fprintf(b, "%s: %v\n", key, v)
	}
}

// TestEveryDirective holds the table against the lists of directives that
// Mosquitto's manual has, and against what an entry has to have.
func TestEveryDirective(t *testing.T) {
	for _, file := range []string{"testdata/directives-2.0.txt", "testdata/directives-2.1.txt"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(string(data)) {
			if _, ok := lookUp(name); !ok && name != "include_dir" {
				t.Errorf("%s has %s, and the table has not", file, name)
			}
		}
	}
	for name, e := range table {
		fates := 0
		for _, has := range []bool{e.set != nil, e.harmless != "", e.missing != ""} {
			if has {
				fates++
			}
		}
		if fates != 1 || e.value == nil {
			t.Errorf("%s: %d fates, value %v", name, fates, e.value != nil)
		}
	}
}

// TestManual holds the list of 2.0 against the manual of the Mosquitto that is
// installed.
func TestManual(t *testing.T) {
	f, err := os.Open("/usr/share/man/man5/mosquitto.conf.5.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("Mosquitto's manual is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\\fB([a-z_0-9.]+)\\fR`).FindAllStringSubmatch(strings.ReplaceAll(string(data), `\&`, ""), -1)
	if len(names) < 100 {
		t.Errorf("found %d directives in the manual", len(names))
	}
	for _, n := range names {
		if _, ok := lookUp(n[1]); !ok && strings.Contains(n[1], "_") && n[1] != "mosquitto_passwd" {
			t.Errorf("the manual has %s, and the table has not", n[1])
		}
	}
}

// TestEmptyValues gives every directive nothing at all.
func TestEmptyValues(t *testing.T) {
	for name, e := range table {
		content := name + "\n"
		if e.scope == link {
			content = "connection c\naddress h\ntopic #\n" + content
		}
		_, err := parse(content)
		if _, anything := e.value(""); anything != nil && (err == nil || !strings.Contains(err.Error(), name+": has no value")) {
			t.Errorf("%s without a value: %v", name, err)
		}
	}
}

func TestPorts(t *testing.T) {
	r, err := parse("max_queued_messages 5\n", 1884, 1885)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range r.Config.Broker.Listeners {
		got = append(got, l.Address)
		if !l.AllowAnonymous {
			t.Errorf("%s lets nobody in", l.Address)
		}
	}
	if want := []string{"127.0.0.1:1884", "[::1]:1884", "127.0.0.1:1885", "[::1]:1885"}; !slices.Equal(got, want) {
		t.Errorf("listens on %v, want %v", got, want)
	}
	r, err = parse("listener 1883\n", 1884)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Config.Broker.Listeners) != 1 || len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0].String(), "command line: -p: is ignored") {
		t.Errorf("%+v, notes %v", r.Config.Broker.Listeners, r.Notes)
	}
}

func TestIncludeDir(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "d.conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b.conf", "A.conf", "01.conf", "a.conf", "B.conf", "00.conf", "c.txt"} {
		write(name, "max_connections 1\nwrong "+name+"\n")
	}
	write("../main.conf", "listener 1883\nmax_connections 5\ninclude_dir "+folder+"\nmax_connections 7\n")
	_, err := Load(filepath.Join(folder, "../main.conf"))
	var wrong *Error
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range wrong.Problems {
		got = append(got, filepath.Base(p.Place.File))
	}
	want := []string{"00.conf", "01.conf", "A.conf", "a.conf", "B.conf", "b.conf"}
	if !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// TestAfterIncludeDir holds a file to go on, after the files that it includes,
// where it was: what opens its listener must not open one of theirs.
func TestAfterIncludeDir(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"conf.d/a.conf": "listener 1884 127.0.0.1\nmax_connections 4\n",
		"main.conf":     "per_listener_settings true\nlistener 1883 127.0.0.1\ninclude_dir " + folder + "/conf.d\nmax_connections 3\nallow_anonymous true\n",
		"default.conf":  "include_dir " + folder + "/conf.d\nmax_connections 3\n",
	} {
		name = filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Load(filepath.Join(folder, "main.conf"))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, l := range r.Config.Broker.Listeners {
		got += fmt.Sprintln(l.Address, l.MaxConnections, l.AllowAnonymous)
	}
	if want := "127.0.0.1:1883 3 true\n127.0.0.1:1884 4 false\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	r, err = Load(filepath.Join(folder, "default.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Config.Broker.Listeners; len(l) != 1 || l[0].MaxConnections != 4 {
		t.Errorf("before any listener of its own: %+v", l)
	}
}

// TestInterfaceAndAddress holds a listener to the address it names, whatever
// others its interface has.
func TestInterfaceAndAddress(t *testing.T) {
	for host, want := range map[string]string{
		"":                               "[192.0.2.9:1883 [2001:db8::9]:1883]",
		"0.0.0.0":                        "[192.0.2.9:1883]",
		"::":                             "[192.0.2.9:1883 [2001:db8::9]:1883]",
		"192.0.2.9":                      "[192.0.2.9:1883]",
		"2001:db8:0::9":                  "[[2001:db8::9]:1883]",
		"127.0.0.1":                      "mosquitto.conf:3: bind_interface: wlan0 does not have the address 127.0.0.1, which listener in line 2 names",
		"host.example":                   "mosquitto.conf:3: bind_interface: wlan0 does not have the address host.example, which listener in line 2 names",
		"192.0.2.9\nsocket_domain ipv6 ": "mosquitto.conf:4: bind_interface: wlan0 does not have the address 192.0.2.9, which listener in line 2 names",
	} {
		r, err := parse("allow_anonymous true\nlistener 1883 " + host + "\nbind_interface wlan0\n")
		var got []string
		if err == nil {
			for _, l := range r.Config.Broker.Listeners {
				got = append(got, l.Address)
			}
		}
		if err != nil && err.Error() != want || err == nil && fmt.Sprint(got) != want {
			t.Errorf("%q: %v %v, want %s", host, got, err, want)
		}
	}
}

// TestFilesNamed finds what is wrong in files that the configuration names,
// and says which line names them.
func TestFilesNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte("listener 1883\nallow_anonymous true\npassword_file /nowhere/passwd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.HasPrefix(err.Error(), file+":3: password_file: ") || !strings.Contains(err.Error(), "/nowhere/passwd") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(file + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for _, example := range []string{"/usr/share/doc/mosquitto/examples/mosquitto.conf.gz", "/usr/share/doc/mosquitto/examples/mosquitto.conf"} {
		if _, err := os.Stat(example); err != nil || strings.HasSuffix(example, ".gz") {
			continue
		}
		if r, err := Load(example); err != nil || len(r.Notes) > 0 {
			t.Errorf("%s: %v %v", example, r, err)
		}
	}
}

// TestTopicTable holds topic lines against the table of the manual that says
// which patterns and prefixes go together.
func TestTopicTable(t *testing.T) {
	for _, row := range []struct{ pattern, local, remote, fullLocal, fullRemote string }{
		{"pattern", "L/", "R/", "L/pattern", "R/pattern"},
		{"pattern", "L/", `""`, "L/pattern", "pattern"},
		{"pattern", `""`, "R/", "pattern", "R/pattern"},
		{"pattern", `""`, `""`, "pattern", "pattern"},
		{`""`, "local", "remote", "local", "remote"},
		{`""`, "local", `""`, "", ""},
		{`""`, `""`, "remote", "", ""},
		{`""`, `""`, `""`, "", ""},
	} {
		words := row.pattern + " both 2 " + row.local + " " + row.remote
		r, err := parse("connection c\naddress h\ntopic " + words + "\n")
		switch {
		case row.fullLocal == "":
			if err == nil || !strings.HasPrefix(err.Error(), "mosquitto.conf:3: topic: ") {
				t.Errorf("%s: %v, want it to be wrong", words, err)
			}
		case err != nil:
			t.Errorf("%s: %v", words, err)
		default:
			got := r.Config.Bridges[0].Topics[0]
			if got.LocalPrefix+got.Filter != row.fullLocal || got.RemotePrefix+got.Filter != row.fullRemote || got.Direction != "both" || got.QoS != 2 {
				t.Errorf("%s: %+v", words, got)
			}
		}
	}
}

// TestBridgeFilesNamed finds that a file of a bridge cannot be read, and says
// which line names it.
func TestBridgeFilesNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte("connection c\naddress h\ntopic #\nbridge_cafile /nowhere/ca.pem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.HasPrefix(err.Error(), file+":4: bridge_cafile: ") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse holds whatever is accepted to be a valid configuration.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, content string) {
		r, err := parse(content)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if err := valid(r.Config); err != nil {
			t.Errorf("%q became a configuration that is wrong: %v", content, err)
		}
	})
}

func valid(c *config.Config) error {
	errs := []error{c.Broker.Validate(), c.Dashboard.Validate(), c.Log.Validate(), c.Sensors.Validate()}
	for _, b := range c.Bridges {
		errs = append(errs, b.Validate())
	}
	return errors.Join(errs...)
}

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
	"gateway/cmd/gateway/internal/doctor"
	"gateway/sensors"
	"gateway/sensors/bus/bustest"
	"gateway/sensors/reading"
	"gateway/sensors/scan"
)

// bench is a Setup with sensors that are read, and chips on a bus.
type bench struct {
	t     *testing.T
	api   *openapitest.API // what answers are held against
	mux   *http.ServeMux
	bus   *bustest.Bus
	file  string
	setup *Setup

	mu        sync.Mutex
	published map[string]int // readings by topic
	forgotten int
	deleted   []string
	level     string
}

// open keeps what a fake bus is closed by for others to use.
type open struct{ *bustest.Bus }

func (open) Close() error { return nil }

// newBench has a gateway with a configuration and a Raspberry Pi with an SHT4x at
// 0x44 and a BME280 at 0x76. Its file is not there if text is "-".
func newBench(t *testing.T, text string, root fstest.MapFS) *bench {
	t.Helper()
	description, err := dashboard.OpenAPI("v1")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, api: openapitest.LoadValue(t, description), mux: http.NewServeMux(), published: make(map[string]int)}
	b.bus = bustest.New(map[uint16]bustest.Chip{0x44: bustest.NewSHT4x(), 0x76: bustest.NewBME280()})
	b.file = filepath.Join(t.TempDir(), "gateway.yaml")
	cfg := config.Default()
	if text != "-" {
		if err := os.WriteFile(b.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if cfg, err = config.Load(b.file); err != nil {
			t.Fatal(err)
		}
	}
	if root == nil {
		root = fstest.MapFS{"dev/i2c-1": {Mode: fs.ModeDevice}, "proc/device-tree/model": {Data: []byte("Raspberry Pi 4 Model B\x00")}}
	}
	log := slog.New(slog.DiscardHandler)
	opener := func(name string) (i2c.BusCloser, error) {
		if _, ok := root["dev/"+name]; !ok {
			return nil, &fs.PathError{Op: "open", Path: "/dev/" + name, Err: fs.ErrNotExist}
		}
		return open{b.bus}, nil
	}
	s, err := sensors.New(cfg.Sensors, sensors.Deps{
		Log: log, Hostname: "pi", OpenI2C: opener, Root: root,
		Publish: func(r sensors.Report) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.published[r.Reading.Path.String()]++
		},
		Status: func(reading.Path, reading.Status) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	b.setup = New(Deps{
		Log: log, File: OpenFile(b.file), Config: cfg, Sensors: s,
		Machine: doctor.Machine{Root: root, User: "pi", Hostname: "pi", Access: func(string) error { return nil }, Group: func(string) string { return "" }},
		Scan:    scan.Deps{OpenI2C: opener, Root: root},
		Apply: func(ctx context.Context, is *config.Config) ([]string, error) {
			b.level = is.Log.Level
			b.forgotten++
			_, err := s.Change(ctx, is.Sensors)
			if is.Persistence != cfg.Persistence {
				return []string{"persistence.interval"}, err
			}
			return nil, err
		},
		DeleteHistory: func(topic string) error {
			b.deleted = append(b.deleted, topic)
			return nil
		},
		State: filepath.Join(filepath.Dir(b.file), "state"), Version: "v1",
	})
	b.setup.Mount(func(_ access.Right, pattern string, h http.Handler) { b.mux.Handle(pattern, h) })
	return b
}

// described is the path as the description has it.
func described(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if rest, ok := strings.CutPrefix(path, "/api/v1/sensors/"); ok && strings.Contains(rest, "/") {
		return "/api/v1/sensors/{room}/{name}"
	}
	return path
}

// ask sends a request, holds its status and its form, and reads the answer into v.
func (b *bench) ask(method, path string, body any, status int, v any) string {
	b.t.Helper()
	text := ""
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		text = string(j)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	if w.Code != status {
		b.t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	answer := w.Body.String()
	b.api.Check(b.t, method, described(path), w.Code, w.Body.Bytes())
	if v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			b.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return answer
}

func (b *bench) text() string {
	b.t.Helper()
	data, err := os.ReadFile(b.file)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// await waits for a reading of a topic.
func (b *bench) await(topic string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		n := b.published[topic]
		b.mu.Unlock()
		if n > 0 {
			return
		}
	}
	b.t.Fatalf("no reading of %s", topic)
}

const oneSensor = "# mine\nsensors:\n  # the board\n  - driver: sim\n    room: lab\n    name: one # first\n"

// From a chip that is found to its readings, and to where it is gone again.
func TestFromAChipToItsReadings(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	var found Found
	b.ask("POST", "/api/v1/scan", nil, 200, &found)
	var place *Place
	for i, p := range found.Places {
		if p.Kind == "i2c" && p.Address == 0x76 {
			place = &found.Places[i]
		}
	}
	if !found.Pi || place == nil || !place.Certain || place.Sensor != "" || place.Candidates[0].Driver != "bme280" {
		t.Fatalf("found %+v", found)
	}
	form := place.Candidates[0].Form
	var tried Tried
	b.ask("POST", "/api/v1/scan/try", form, 200, &tried)
	if !tried.OK || len(tried.Values) != 3 || tried.Values[0].Unit != "°C" || tried.Where != "i2c-1 0x76" {
		t.Fatalf("tried %+v", tried)
	}
	if text := b.text(); text != oneSensor {
		t.Fatalf("a trial changes the configuration: %s", text)
	}
	form.Room, form.Name, form.Interval = "kitchen", "climate", "5s"
	var d done
	b.ask("POST", "/api/v1/sensors", form, 201, &d)
	if d.Path != "pi/kitchen/climate" || d.File != b.file {
		t.Errorf("%+v", d)
	}
	want := oneSensor + "  - driver: bme280\n    room: kitchen\n    name: climate\n    bus: i2c-1\n    address: 0x76\n    interval: 5s\n"
	if got := b.text(); got != want {
		t.Errorf("the configuration is\n%s\nwant\n%s", got, want)
	}
	if old, err := os.ReadFile(b.file + ".old"); err != nil || string(old) != oneSensor {
		t.Errorf("what it was: %v, %s", err, old)
	}
	b.await("pi/kitchen/climate")

	b.ask("POST", "/api/v1/scan", nil, 200, &found)
	for _, p := range found.Places {
		if p.Address == 0x76 && p.Sensor != "pi/kitchen/climate" {
			t.Errorf("place in use: %+v", p)
		}
	}
	if text := b.ask("POST", "/api/v1/sensors", form, 422, nil); !strings.Contains(text, "publishes to") || !strings.Contains(text, "kitchen/climate") || strings.Contains(text, "sensors[") {
		t.Errorf("twice: %s", text)
	}

	b.ask("PUT", "/api/v1/sensors/kitchen/climate", Form{Name: "weather", Interval: "30s"}, 200, &d)
	if d.Path != "pi/kitchen/weather" || !strings.Contains(b.text(), "    name: weather\n    bus: i2c-1\n    address: 0x76\n    interval: 30s\n") {
		t.Errorf("%+v\n%s", d, b.text())
	}
	var l List
	b.ask("GET", "/api/v1/sensors/configured", nil, 200, &l)
	if len(l.Sensors) != 2 || l.Sensors[1].Path != "pi/kitchen/weather" || l.Sensors[1].Where != "i2c-1 0x76" || l.Sensors[1].IntervalMS != 30_000 || !l.File.Writable {
		t.Errorf("%+v", l)
	}
	b.ask("DELETE", "/api/v1/sensors/kitchen/weather?history=true", nil, 200, nil)
	if got := b.text(); got != oneSensor {
		t.Errorf("after the removal\n%s", got)
	}
	if fmt.Sprint(b.deleted) != "[pi/kitchen/weather]" || b.forgotten != 3 {
		t.Errorf("deleted %v, forgotten %d times", b.deleted, b.forgotten)
	}
	b.ask("DELETE", "/api/v1/sensors/kitchen/weather", nil, 404, nil)
}

// A sensor that is configured and does not run has its history all the same.
func TestRemoveWhatDoesNotRun(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	b.ask("POST", "/api/v1/sensors", Form{Driver: "bme280", Room: "kitchen", Name: "climate", Bus: "i2c-1", Address: 0x76}, 201, nil)
	b.setup.mu.Lock()
	_, err := b.setup.Sensors.Change(t.Context(), sensors.Config{})
	b.setup.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	b.ask("DELETE", "/api/v1/sensors/kitchen/climate?history=true", nil, 200, nil)
	if fmt.Sprint(b.deleted) != "[pi/kitchen/climate]" {
		t.Errorf("deleted %q", b.deleted)
	}
}

// Without a file one is made, and what is built in goes on.
func TestAddWithoutAFile(t *testing.T) {
	b := newBench(t, "-", nil)
	b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "lab"}, 201, nil)
	if got := b.text(); got != "sensors:\n  - driver: host\n    room: gateway\n    name: host\n  - driver: sim\n    room: lab\n" {
		t.Errorf("made\n%s", got)
	}
	b.await("pi/lab/sim")
}

func TestWhatCannotBeTried(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	for _, tt := range []struct {
		form Form
		says string
	}{
		{Form{Driver: "exec", Options: map[string]string{"command": "id"}}, "only the configuration file"},
		{Form{Driver: "nothing"}, "unknown driver"},
		{Form{Driver: "bme280", Address: 0x10}, "address: 0x10 is not an address of bme280"},
		{Form{Driver: "sim", Room: "lab", Name: "one"}, "lab/one publishes to"},
		{Form{Driver: "sim", Interval: "5"}, "interval: want a time"},
		{Form{}, "driver: is missing"},
	} {
		if text := b.ask("POST", "/api/v1/scan/try", tt.form, 422, nil); !strings.Contains(text, tt.says) {
			t.Errorf("%+v: %s, want %q", tt.form, text, tt.says)
		}
	}
	var tried Tried
	b.ask("POST", "/api/v1/scan/try", Form{Driver: "sht4x", Address: 0x45}, 200, &tried)
	if tried.OK || tried.Class != "nack" || tried.Error == "" {
		t.Errorf("no chip there: %+v", tried)
	}
}

// A machine on which I²C is off says what turns it on.
func TestScanWithoutABus(t *testing.T) {
	b := newBench(t, oneSensor, fstest.MapFS{"proc/device-tree/model": {Data: []byte("Raspberry Pi Zero 2 W Rev 1.0\x00")}})
	var found Found
	b.ask("POST", "/api/v1/scan", nil, 200, &found)
	ok := false
	for _, p := range found.Problems {
		ok = ok || p.About == "I²C" && strings.Contains(p.Fix, "raspi-config") && strings.Contains(p.Fix, "dtparam=i2c_arm=on")
	}
	if !ok || !found.Pi || len(found.Places) != 0 {
		t.Errorf("found %+v", found)
	}
	pc := newBench(t, oneSensor, fstest.MapFS{"dev": {Mode: fs.ModeDir}})
	pc.ask("POST", "/api/v1/scan", nil, 200, &found)
	if found.Board != "" || found.Pi {
		t.Errorf("a PC: %+v", found)
	}
}

// What somebody else has changed is not written over.
func TestChangedByHand(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	mine := strings.Replace(oneSensor, "room: lab", "room: attic", 1)
	if err := os.WriteFile(b.file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	var r refusal
	b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "x"}, 409, &r)
	if r.Changed == nil || r.Changed.Line != 5 || fmt.Sprint(r.Changed.Is) != "[    room: attic]" || !strings.Contains(r.Error, "from line 5") || b.text() != mine {
		t.Errorf("%+v", r)
	}
	var l List
	if b.ask("GET", "/api/v1/sensors/configured", nil, 200, &l); !l.File.Changed {
		t.Errorf("%+v", l.File)
	}
	b.ask("POST", "/api/v1/config/reload", nil, 200, nil)
	b.await("pi/attic/one")
	b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "x"}, 201, nil)

	if err := os.WriteFile(b.file, []byte("sensors: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := b.ask("POST", "/api/v1/config/reload", nil, 422, nil); !strings.Contains(text, "want a list") {
		t.Errorf("a wrong file: %s", text)
	}
}

func TestWhereNothingCanBeWritten(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	b.setup.File = NoFile(errors.New("the gateway runs a configuration of Mosquitto"))
	var r refusal
	b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "x", Name: "true"}, 409, &r)
	if r.Error != "the gateway runs a configuration of Mosquitto" || r.YAML != "sensors:\n  - driver: sim\n    room: x\n    name: \"true\"\n" {
		t.Errorf("%+v", r)
	}
	if os.Getuid() == 0 {
		b.setup.File = OpenFile("/proc/gateway.yaml") // where nobody can write
		if b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "x"}, 409, &r); r.YAML == "" || r.File != "/proc/gateway.yaml" {
			t.Errorf("%+v", r)
		}
		return
	}
	dir := filepath.Dir(b.file)
	b.setup.File = OpenFile(b.file)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	if b.ask("POST", "/api/v1/sensors", Form{Driver: "sim", Room: "x"}, 409, &r); r.YAML == "" || !strings.Contains(r.Error, "permission denied") || b.text() != oneSensor {
		t.Errorf("%+v", r)
	}
}

func TestDrivers(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	var all []Driver
	b.ask("GET", "/api/v1/drivers", nil, 200, &all)
	n := 0
	for _, d := range all {
		if d.OnlyFile {
			n++
		}
		for _, o := range d.Options {
			if o.Type == "" {
				t.Errorf("%s.%s has no type", d.Name, o.Name)
			}
		}
	}
	if len(all) < 50 || n != 1 {
		t.Errorf("%d drivers, %d only for the file", len(all), n)
	}
}

func TestSettings(t *testing.T) {
	b := newBench(t, "# mine\nlog:\n  level: info # quiet\n"+oneSensor, nil)
	var all Settings
	b.ask("GET", "/api/v1/settings", nil, 200, &all)
	by := func(key string) Setting {
		for _, x := range all.Settings {
			if x.Key == key {
				return x
			}
		}
		t.Fatalf("there is no setting %s", key)
		return Setting{}
	}
	if x := by("log.level"); x.Kind != "choice" || x.Value != "info" || !x.AtOnce || len(x.Choices) != 4 {
		t.Errorf("%+v", x)
	}
	if x := by("persistence.interval"); x.Kind != "duration" || x.Default != "5s" || x.AtOnce {
		t.Errorf("%+v", x)
	}
	b.ask("PUT", "/api/v1/settings", map[string]string{"log.level": "debug", "site": "house"}, 200, &all)
	if b.level != "debug" || len(all.Restart) != 0 || by("site").Value != "house" || !strings.Contains(b.text(), "  level: debug # quiet\n") {
		t.Errorf("%s, %+v\n%s", b.level, all, b.text())
	}
	b.await("house/lab/one")
	b.ask("PUT", "/api/v1/settings", map[string]string{"persistence.interval": "30s"}, 200, &all)
	if fmt.Sprint(all.Restart) != "[persistence.interval]" {
		t.Errorf("waits for a restart: %v", all.Restart)
	}
	before := b.text()
	for key, value := range map[string]string{"persistence.interval": "2h", "log.level": "loud", "broker.max_qos": "1", "site": "a/b"} {
		b.ask("PUT", "/api/v1/settings", map[string]string{"site": "x", key: value}, 422, nil)
	}
	if b.text() != before {
		t.Errorf("what is wrong was written:\n%s", b.text())
	}
}

func TestBackupOverTheAPI(t *testing.T) {
	b := newBench(t, oneSensor, nil)
	r := httptest.NewRequest("GET", "/api/v1/backup?history=true", nil)
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Disposition"), `attachment; filename="gateway-pi-`) {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	send := func(data []byte, status int) string {
		t.Helper()
		r := httptest.NewRequest("POST", "/api/v1/restore", bytes.NewReader(data))
		w := httptest.NewRecorder()
		b.mux.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("%d %s, want %d", w.Code, w.Body, status)
		}
		return w.Body.String()
	}
	if text := send(w.Body.Bytes()[:100], 422); !strings.Contains(text, "Nothing was changed") {
		t.Error(text)
	}
	var state Restored
	if b.ask("GET", "/api/v1/restore", nil, 200, &state); state.Staged {
		t.Error("staged, although it is not whole")
	}
	if text := send(w.Body.Bytes(), 200); !strings.Contains(text, `"host":"pi"`) {
		t.Error(text)
	}
	if b.ask("GET", "/api/v1/restore", nil, 200, &state); !state.Staged {
		t.Error("not staged")
	}
	b.ask("DELETE", "/api/v1/restore", nil, 200, &state)
	if b.ask("GET", "/api/v1/restore", nil, 200, &state); state.Staged {
		t.Error("staged after all")
	}
}

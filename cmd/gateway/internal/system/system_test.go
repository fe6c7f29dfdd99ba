package system

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/broker"
	"gateway/broker/auth"
	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/redact"
	"gateway/sensors"
)

func TestRights(t *testing.T) {
	r := newRig(t)
	for pattern, want := range map[string]access.Right{
		"GET /api/v1/clients": access.Read, "GET /api/v1/clients/{id}": access.Read, "DELETE /api/v1/clients": access.Admin,
		"DELETE /api/v1/clients/{id}": access.Admin, "GET /api/v1/disconnections": access.Read, "GET /api/v1/logs": access.Admin,
		"GET /api/v1/system": access.Read, "GET /api/v1/support": access.Admin, "logs": access.Admin,
	} {
		if got, ok := r.rights[pattern]; !ok || got != want {
			t.Errorf("%s needs %v, want %v", pattern, got, want)
		}
	}
	for _, op := range []string{"GET /api/v1/clients", "DELETE /api/v1/clients/{id}", "GET /api/v1/disconnections", "GET /api/v1/logs", "GET /api/v1/system", "GET /api/v1/support"} {
		if !strings.Contains(strings.Join(r.api.Operations(), "\n"), op) {
			t.Errorf("%s is not described", op)
		}
	}
}

func TestClients(t *testing.T) {
	r := newRig(t)
	r.connect("kitchen", func(o *client.Options) { o.Username = packet.Some("ann") })
	busy := r.connect("Boiler")
	if _, err := busy.Subscribe(t.Context(), []packet.Subscription{{Filter: "a/#", QoS: 1}, {Filter: "b", QoS: 2}}); err != nil {
		t.Fatal(err)
	}
	away := r.connect("away", func(o *client.Options) {
		o.Properties = &packet.Properties{SessionExpiry: packet.Some(uint32(3600))}
	})
	away.Close()
	r.eventually("away is away", func() bool { c, _ := r.deps.Broker.Client("away"); return !c.Connected })

	const path = "/api/v1/clients"
	for query, want := range map[string]string{
		"": "away Boiler kitchen", "?order=desc": "kitchen Boiler away", "?sort=subscriptions&order=desc&limit=1": "Boiler",
		"?filter=ANN": "kitchen", "?filter=nobody": "", "?state=away": "away", "?state=connected": "Boiler kitchen",
		"?offset=1&limit=1": "Boiler", "?offset=99": "", "?filter=127.0.0.1&state=connected&sort=user&order=desc": "kitchen Boiler",
	} {
		a := decode[Clients](t, r.ask("GET", path+query, path, 200))
		if got := idsOf(a.Clients); got != want || a.Total != 3 || a.Connected != 2 {
			t.Errorf("%s: %q of %d, %d connected; want %q", query, got, a.Total, a.Connected, want)
		}
	}
	for _, wrong := range []string{"?sort=x", "?limit=0", "?limit=x", "?offset=-1", "?state=x"} {
		r.ask("GET", path+wrong, path, 400)
	}
	a := decode[Clients](t, r.ask("GET", path, path, 200))
	if c := a.Clients[0]; c.Connected || c.Last == nil || c.Last.Cause != "lost" || c.EndsMS == nil || *c.EndsMS < 3_000_000 || c.ExpiryS != 3600 {
		t.Errorf("%+v, last %+v", c, c.Last)
	}
	if c := a.Clients[2]; c.User != "ann" || c.Transport != "tcp" || c.Version != "5.0" || c.KeepAliveS != 60 || c.Listener != "tcp "+r.addr || c.Filters != nil {
		t.Errorf("%+v", c)
	}
	if l := a.Broker.Listeners; len(l) != 1 || l[0].Address != r.addr || l[0].Clients != 2 || l[0].Accepted != 3 {
		t.Errorf("%+v", l)
	}
	for _, way := range []string{"/api/v1/clients/Boiler", "/api/v1/clients?id=Boiler"} {
		one := decode[Client](t, r.ask("GET", way, "/api/v1/clients/{id}", 200))
		if len(one.Filters) != 2 || one.Filters[0] != (Filter{Filter: "a/#", QoS: 1}) {
			t.Errorf("%s: %+v", way, one)
		}
	}
	r.ask("GET", "/api/v1/clients/nobody", "/api/v1/clients/{id}", 404)
}

// TestHugeNames: whoever may connect does not decide how large an answer is.
func TestHugeNames(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("x", 60_000)
	c := r.connect("c", func(o *client.Options) {
		o.Username = packet.Some(long)
		o.Will = &packet.Will{Topic: long}
	})
	for i := range 10 {
		if _, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: long[:50_000+i]}}); err != nil {
			t.Fatal(err)
		}
	}
	if b := r.ask("GET", "/api/v1/clients", "/api/v1/clients", 200); len(b) > 5000 {
		t.Errorf("the list has %d bytes", len(b))
	}
	b := r.ask("GET", "/api/v1/clients/c", "/api/v1/clients/{id}", 200)
	if one := decode[Client](t, b); len(b) > maxFilterBytes+5000 || one.Subscriptions != 10 || len(one.Filters) != 5 {
		t.Errorf("one has %d bytes, %d subscriptions of %d", len(b), len(one.Filters), one.Subscriptions)
	}
	if z := unzip(t, r.ask("GET", "/api/v1/support", "/api/v1/support", 200)); len(z["clients.json"]) > 20_000 {
		t.Errorf("the bundle has %d bytes of clients", len(z["clients.json"]))
	}
}

// TestDisconnect ends clients by every way there is, whatever their id.
func TestDisconnect(t *testing.T) {
	r := newRig(t)
	for id, how := range map[string]string{
		"plain": "/api/v1/clients/plain", "a/b c": "/api/v1/clients/a%2Fb%20c", "..": "/api/v1/clients?id=..", "q?": "/api/v1/clients?id=" + url.QueryEscape("q?"),
	} {
		c := r.connect(id)
		described := "/api/v1/clients/{id}"
		if strings.Contains(how, "?") {
			described = "/api/v1/clients"
		}
		more := "&"
		if !strings.Contains(how, "?") {
			more = "?"
		}
		d := decode[Disconnected](t, r.ask("DELETE", how+more+"reason=too+loud", described, 200))
		if !d.Disconnected || d.Forgotten {
			t.Errorf("%s: %+v", id, d)
		}
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Fatalf("%s is still connected", id)
		}
		var told *client.DisconnectError
		if !errors.As(c.Err(), &told) || told.Code != packet.AdministrativeAction {
			t.Errorf("%s was told %v", id, c.Err())
		}
		r.eventually("the end of "+id, func() bool {
			for _, e := range r.deps.Broker.Ends() {
				if e.ClientID == id {
					return true
				}
			}
			return false
		})
	}
	a := decode[Ends](t, r.ask("GET", "/api/v1/disconnections", "/api/v1/disconnections", 200))
	if len(a.Ends) != 4 || a.Ends[0].Cause != "kicked" || a.Ends[0].Detail != "too loud" || !a.Ends[0].LetIn || !strings.Contains(a.Ends[0].Reason, "disconnected by somebody: too loud") {
		t.Errorf("%+v", a.Ends)
	}

	away := r.connect("away", func(o *client.Options) {
		o.Properties = &packet.Properties{SessionExpiry: packet.Some(uint32(3600))}
	})
	away.Close()
	r.eventually("away is away", func() bool { c, _ := r.deps.Broker.Client("away"); return !c.Connected })
	r.ask("DELETE", "/api/v1/clients/away", "/api/v1/clients/{id}", 409)
	if d := decode[Disconnected](t, r.ask("DELETE", "/api/v1/clients/away?forget=true", "/api/v1/clients/{id}", 200)); !d.Forgotten || d.Disconnected {
		t.Errorf("%+v", d)
	}
	r.ask("DELETE", "/api/v1/clients/away", "/api/v1/clients/{id}", 404)
}

func TestLogs(t *testing.T) {
	r := newRig(t)
	r.log.Info("one", "client", "a")
	r.log.With("part", "bridge").Warn("two", "password", "s3cret")
	const path = "/api/v1/logs"
	a := decode[Lines](t, r.ask("GET", path+"?level=warn&text=TWO", path, 200))
	if len(a.Lines) != 1 || a.Lines[0].Message != "two" || a.Lines[0].Level != "warn" || a.Lines[0].Part != "bridge" || a.Lines[0].Attrs[0] != [2]string{"password", "***"} {
		t.Errorf("%+v", a)
	}
	if a = decode[Lines](t, r.ask("GET", path+"?limit=1", path, 200)); len(a.Lines) != 1 || !a.More || a.Lines[0].Message != "two" {
		t.Errorf("%+v", a)
	}
	text := string(r.ask("GET", path+"?format=text&text=one", path, 200))
	if !strings.Contains(text, "INFO  one client=a\n") || strings.Contains(text, "two") {
		t.Errorf("%q", text)
	}
	for _, wrong := range []string{"?level=x", "?limit=0", "?before=x"} {
		r.ask("GET", path+wrong, path, 400)
	}

	if _, err := r.feed.Follow(t.Context(), url.Values{"log_level": {"loud"}}); err == nil {
		t.Error("a level that there is none of")
	}
	f, err := r.feed.Follow(t.Context(), url.Values{"log_level": {"warn"}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.log.Info("three")
	r.log.Error("four")
	<-f.News()
	events := f.Events()
	if len(events) != 1 || events[0].Name != "logs" {
		t.Fatalf("%+v", events)
	}
	if n := events[0].Data.(News); len(n.Lines) != 1 || n.Lines[0].Message != "four" || n.Missed != 0 {
		t.Errorf("%+v", n)
	}
	if e := f.Events(); e != nil {
		t.Errorf("again %+v", e)
	}
}

func TestSystem(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "history"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "history", "x"), make([]byte, 1234), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(d *Deps) {
		d.Folder = dir
		d.History = func() History { return History{Series: 5} }
		d.Alarms = func() []error { return []error{errors.New("the cellar is wet")} }
	})
	h := decode[Health](t, r.ask("GET", "/api/v1/system", "/api/v1/system", 200))
	if h.Disk == nil || h.Disk.Total <= 0 || len(h.Disk.Folders) != 2 || h.Disk.Folders[1].Bytes != 1234 || h.Disk.Folders[0].Bytes != 0 {
		t.Errorf("%+v", h.Disk)
	}
	if h.Gateway.Version != "v1.2.3" || h.Gateway.Goroutines < 1 || h.Gateway.PerDay != nil || h.History == nil || h.History.Series != 5 || len(h.Alarms) != 1 || h.Store.Enabled {
		t.Errorf("%+v", h)
	}
}

func TestJudge(t *testing.T) {
	num := func(x float64) *float64 { return &x }
	yes, no := true, false
	fine := func() *Health {
		return &Health{
			CPUs: 4, Load: []float64{0, 0.5, 0}, CPUTemp: num(45), MemTotal: num(1e9), MemFree: num(0.5e9), Voltage: &no, Slowed: &no,
			Clock: Clock{Synced: true}, Disk: &Disk{Total: 32e9, Free: 20e9}, Store: &Store{Enabled: true}, Gateway: Gateway{PerDay: num(40e6)},
		}
	}
	of := func(h *Health) map[string]string {
		m := make(map[string]string)
		for _, c := range judge(h) {
			m[c.ID] = c.Level
		}
		return m
	}
	for id, level := range of(fine()) {
		if level != "ok" {
			t.Errorf("all is well, and %s is %s", id, level)
		}
	}
	for id, level := range of(&Health{Clock: Clock{Why: "forbidden"}}) {
		if level != "unknown" {
			t.Errorf("nothing is known, and %s is %s", id, level)
		}
	}
	for name, tt := range map[string]struct {
		change    func(*Health)
		id, level string
	}{
		"warm":          {func(h *Health) { h.CPUTemp = num(72) }, "temperature", "warn"},
		"hot":           {func(h *Health) { h.CPUTemp = num(82) }, "temperature", "bad"},
		"under-voltage": {func(h *Health) { h.Voltage = &yes }, "power", "bad"},
		"throttled":     {func(h *Health) { h.Slowed = &yes }, "throttled", "bad"},
		"little memory": {func(h *Health) { h.MemFree = num(0.1e9) }, "memory", "warn"},
		"no memory":     {func(h *Health) { h.MemFree = num(0.01e9) }, "memory", "bad"},
		"busy":          {func(h *Health) { h.Load[1] = 8 }, "load", "warn"},
		"very busy":     {func(h *Health) { h.Load[1] = 20 }, "load", "bad"},
		"disk low":      {func(h *Health) { h.Disk.Free = 2e9 }, "disk", "warn"},
		"disk full":     {func(h *Health) { h.Disk.Free = 50e6 }, "disk", "bad"},
		"big disk":      {func(h *Health) { h.Disk = &Disk{Total: 4e12, Free: 100e9} }, "disk", "ok"},
		"clock":         {func(h *Health) { h.Clock.Synced = false }, "clock", "bad"},
		"store":         {func(h *Health) { h.Store.Failure = "disk full" }, "store", "bad"},
		"damage":        {func(h *Health) { h.Store.Damaged = 1 }, "store", "warn"},
		"writes":        {func(h *Health) { h.Gateway.PerDay = num(3e9) }, "writes", "warn"},
	} {
		h := fine()
		tt.change(h)
		for id, level := range of(h) {
			want := "ok"
			if id == tt.id {
				want = tt.level
			}
			if level != want {
				t.Errorf("%s: %s is %s, want %s", name, id, level, want)
			}
		}
	}
}

const yamlBefore = `# password: comment-s3cret
site: home
broker:
  auth:
    password_file: /etc/gateway/passwd   # stays
    users:
      - name: ann
        password: "$7$101$abcdefgh$ijklmnop"
      - {name: bob, password: 'flow-s3cret', x: 1}
bridges:
  - name: up   # the cloud
    address: mqtts://me:url-s3cret@cloud.example:8883
    password: |
      block-s3cret
      and-more-s3cret
    token: >-
      folded-s3cret

    username: me
    "password": quoted-s3cret
sensors:
  - driver: exec
    options:
      command: 'curl -H "Authorization: Bearer bearer-s3cret" http://u:inline-s3cret@h/'
`

func TestYAML(t *testing.T) {
	var secrets redact.Redactor
	got := redactYAML(yamlBefore, &secrets)
	if strings.Contains(got, "s3cret") || strings.Contains(got, "ijklmnop") {
		t.Errorf("secrets are in\n%s", got)
	}
	for _, stays := range []string{"site: home\n", "password_file: /etc/gateway/passwd   # stays\n", "- name: ann\n", "- name: up   # the cloud\n", "mqtts://me:***@cloud.example:8883", "\n    username: me\n", "    password: ***\n    token: ***\n", "name: bob, password: ***"} {
		if !strings.Contains(got, stays) {
			t.Errorf("%q is not in\n%s", stays, got)
		}
	}
}

// TestSupport puts secrets wherever they can be and looks for them in the bundle.
func TestSupport(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("BRIDGE_PASSWORD", "env-s3cret")
	cfg := config.Default()
	cfg.Broker.Auth.Users = []auth.User{{Name: "ann", Password: "$7$101$c2FsdHNhbHQ=$aGFzaC1zM2NyZXQ="}}
	cfg.Broker.Auth.PasswordFile = file("passwd", "bob:$6$c2FsdA==$ZmlsZS1oYXNo\n")
	cfg.Bridges = []bridge.Config{
		{Name: "up", Password: "config-s3cret", PasswordFile: file("bridge", "file-s3cret\n")},
		{Name: "two", PasswordEnv: "BRIDGE_PASSWORD"},
	}
	cfg.Sensors.Sensors = []sensors.SensorConfig{{Driver: "http", Options: map[string]string{"headers_file": file("headers", "Authorization: Bearer header-s3cret\n"), "url": "http://u:option-s3cret@meter/"}}}
	r := newRig(t, func(d *Deps) {
		d.Config = cfg
		d.ConfigText = func() (string, []byte, error) { return "/etc/gateway.yaml", []byte(yamlBefore), nil }
		d.Bridges = func() any {
			return []any{map[string]any{"name": "up", "address": "mqtts://me:bridge-s3cret@cloud", "error": "login with config-s3cret or file-s3cret or env-s3cret refused"}}
		}
		d.Alarms = func() []error { return []error{errors.New("bridge mqtt://a:alarm-s3cret@b is down")} }
		d.Doctor = func() string { return "header-s3cret option-s3cret\n" }
	})
	r.log.Warn("the page needs this code", "code", "code-s3cret")
	r.log.Error("cannot log in", "token", "token-s3cret", "error", errors.New("wss://x:log-s3cret@y: password=text-s3cret"), "hash", "aGFzaC1zM2NyZXQ=")
	c := r.connect("client with env-s3cret", func(o *client.Options) {
		o.Username, o.Password = packet.Some("mqtt://u:user-s3cret@h"), []byte("login-s3cret")
		o.Will = &packet.Will{Topic: "gone/config-s3cret", Payload: []byte("will-s3cret")}
	})
	if _, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: "a/file-s3cret/#"}}); err != nil {
		t.Fatal(err)
	}
	if err := r.deps.Broker.Publish(&broker.Message{Topic: "$SYS/broker/connection/up/error", Payload: []byte("mqtt://u:sys-s3cret@h env-s3cret"), Retain: true}); err != nil {
		t.Fatal(err)
	}
	r.deps.Broker.Disconnect("client with env-s3cret", "password=kick-s3cret")
	<-c.Done()

	z := r.ask("GET", "/api/v1/support", "/api/v1/support", 200)
	files := unzip(t, z)
	for name, text := range files {
		for _, secret := range []string{"s3cret", "aGFzaC1zM2NyZXQ", "ZmlsZS1oYXNo"} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s has %q", name, text[max(0, i-60):i+len(secret)])
			}
		}
		if strings.HasSuffix(name, ".json") && !json.Valid([]byte(text)) {
			t.Errorf("%s is no JSON:\n%.300s", name, text)
		}
	}
	for name, want := range map[string]string{
		"README.txt": "configuration.yaml", "version.txt": "gateway v1.2.3", "configuration.yaml": "site: home", "system.json": `"goroutines"`,
		"clients.json": `"total"`, "disconnections.json": `"kicked"`, "bridges.json": "mqtts://me:***@cloud", "sensors.json": "[]",
		"log.txt": "cannot log in token=***", "sys.txt": "$SYS/broker/", "goroutines.txt": "goroutine profile", "doctor.txt": "***", "alarms.txt": "mqtt://a:***@b", "broker.json": `"listeners"`,
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %q:\n%.500s", name, want, files[name])
		}
		if name != "README.txt" && !strings.Contains(readme, name) {
			t.Errorf("the README does not name %s", name)
		}
	}
	if len(z) > 200_000 {
		t.Errorf("%d bytes", len(z))
	}
}

func unzip(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		all[f.Name] = string(text)
	}
	return all
}

// TestSupportToNobody: a reader that is gone is no error of ours.
func TestSupportToNobody(t *testing.T) {
	r := newRig(t)
	if err := New(r.deps).bundle(brokenWriter{}, time.Now()); err == nil {
		t.Error("no error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestSupportOverASlowLine: what goes over a line may take longer than other
// answers, as long as some of it goes.
func TestSupportOverASlowLine(t *testing.T) {
	r := newRig(t)
	w := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
	New(r.deps).support(w, httptest.NewRequest("GET", "/api/v1/support", nil))
	if w.early > 0 || w.writes == 0 {
		t.Errorf("%d of %d writes had no more time", w.early, w.writes)
	}
}

// slowWriter counts what is written without more time than the server gives.
type slowWriter struct {
	*httptest.ResponseRecorder
	more          bool
	writes, early int
}

func (w *slowWriter) SetWriteDeadline(time.Time) error {
	w.more = true
	return nil
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.writes++
	if !w.more {
		w.early++
	}
	w.more = false
	return w.ResponseRecorder.Write(b)
}

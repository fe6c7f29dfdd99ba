package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/broker/packet"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

// TestPageSystem: check 23 of the dashboard's document. A bridge is cut for a
// while: queue depth and age rise on the page and go back to nothing after. The
// list of clients shows a mosquitto_sub and ends its connection, and its reason
// then stands in the other list. A thousand clients make it no slower to use. The
// log is followed, and the support bundle has none of the secrets.
func TestPageSystem(t *testing.T) {
	s := newSystemScript(t)
	browse(t, "system", s.g.page, s.do)
}

// systemScript does what testdata/page/system.mjs asks for.
type systemScript struct {
	t        *testing.T
	g        *gatewayProcess
	upstream *gatewayProcess
	config   string // of the upstream
	watchers []*process
	crowd    []net.Conn
}

// The secrets of the gateway under test, of which none may be in a bundle.
var systemSecrets = []string{"upstream-s3cret", "inline-s3cret", "comment-s3cret"}

func newSystemScript(t *testing.T) *systemScript {
	port := freePort(t)
	s := &systemScript{t: t, config: writeConfig(t, fmt.Sprintf(`
persistence: {enabled: false}
broker: {listeners: [{protocol: tcp, address: "127.0.0.1:%s"}, {protocol: ws, address: "127.0.0.1:0"}]}
dashboard: {address: "127.0.0.1:0"}
`, port))}
	s.upstream = s.startUpstream()
	config := fmt.Sprintf(`
# an old one: mqtt://me:comment-s3cret@elsewhere
site: home
sensors: []
persistence: {path: %q}
bridges:
  - name: cloud
    address: mqtt://127.0.0.1:%s
    username: pi
    password: upstream-s3cret # of nobody
    reconnect_min: 100ms
    reconnect_max: 500ms
    topics: [{filter: "out/#"}]
broker:
  max_connections: 2000
  max_connections_per_address: 2000
  listeners: [{protocol: tcp, address: "127.0.0.1:0"}, {protocol: ws, address: "127.0.0.1:0"}]
dashboard: {address: "127.0.0.1:0"}
`, t.TempDir(), port)
	s.g = awaitGateway(spawn(t, needBinary(t), "run", "-c", writeConfig(t, config)))
	return s
}

func (s *systemScript) startUpstream() *gatewayProcess {
	return awaitGateway(spawn(s.t, needBinary(s.t), "run", "-c", s.config))
}

func (s *systemScript) do(what string) string {
	name, rest, _ := strings.Cut(what, " ")
	switch name {
	case "watch": // ID FILTER: a mosquitto_sub
		id, filter, _ := strings.Cut(rest, " ")
		args := append(hostPort(s.t, s.g.mqtt), "-V", "mqttv5", "-i", id, "-k", "60", "-q", "1", "-t", filter)
		s.watchers = append(s.watchers, spawn(s.t, need(s.t, "mosquitto_sub", "mosquitto-clients"), args...))
	case "unwatch":
		for _, w := range s.watchers {
			w.kill()
		}
		s.watchers = nil
	case "crowd": // N: so many clients
		n, err := strconv.Atoi(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range n {
			s.crowd = append(s.crowd, rawClient(s.t, s.g.mqtt, fmt.Sprintf("crowd-%04d", i)))
		}
	case "disperse":
		for _, c := range s.crowd {
			c.Close()
		}
		s.crowd = nil
	case "garbage": // somebody who takes the port for a web server
		resp, err := http.Get("http://" + s.g.mqtt + "/")
		if err == nil {
			resp.Body.Close()
		}
	case "cut":
		s.upstream.kill()
	case "restore":
		s.upstream = s.startUpstream()
	case "publish": // N messages for upstream
		n, err := strconv.Atoi(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		cmd := exec.CommandContext(s.t.Context(), need(s.t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(s.t, s.g.mqtt), "-q", "1", "-l", "-t", "out/temperature")...)
		cmd.Stdin = strings.NewReader(strings.Repeat("21.5\n", n))
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Errorf("mosquitto_pub: %v: %s", err, out)
		}
	case "reload":
		if err := s.g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			s.t.Error(err)
		}
	case "bundle": // PATH: the support bundle that the browser has saved
		s.checkBundle(rest)
	default:
		s.t.Errorf("the script asks for %q", what)
	}
	return ""
}

// rawClient is a client of MQTT 3.1.1 that says nothing but CONNECT.
func rawClient(t *testing.T, address, id string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	b, err := (&packet.Connect{Version: packet.V311, ClientID: id, CleanStart: true}).Append(nil, packet.V311)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(nc, make([]byte, 4)); err != nil { // CONNACK
		t.Fatal(err)
	}
	return nc
}

// checkBundle wants the files and none of the secrets.
func (s *systemScript) checkBundle(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Error(err)
		return
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		s.t.Errorf("%v: %.100q", err, b)
		return
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		r, err := f.Open()
		if err != nil {
			s.t.Error(err)
			continue
		}
		text, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			s.t.Error(err)
		}
		for _, secret := range append(systemSecrets, pagePassword) {
			if strings.Contains(string(text), secret) {
				s.t.Errorf("%s has %s", f.Name, secret)
			}
		}
		if f.Name == "configuration.yaml" && !strings.Contains(string(text), "password: ***") {
			s.t.Errorf("the configuration is\n%s", text)
		}
		if strings.HasSuffix(f.Name, ".json") && !json.Valid(text) {
			s.t.Errorf("%s is no JSON", f.Name)
		}
	}
	for _, want := range []string{"README.txt", "configuration.yaml", "clients.json", "log.txt", "goroutines.txt", "sys.txt"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			s.t.Errorf("%s is not among %v", want, names)
		}
	}
}

// TestSystemAPI: the binary answers as openapi/system.json describes, and to a
// viewer with less.
func TestSystemAPI(t *testing.T) {
	g := startGateway(t, "site: home\nsensors: []\n")
	api := openapitest.LoadFrom(t, g.page)
	admin := g.admin(t)
	rawClient(t, g.mqtt, "kitchen/1")
	for path, described := range map[string]string{
		"/api/v1/clients?sort=since": "/api/v1/clients", "/api/v1/clients/kitchen%2F1": "/api/v1/clients/{id}",
		"/api/v1/disconnections": "/api/v1/disconnections", "/api/v1/logs": "/api/v1/logs", "/api/v1/system": "/api/v1/system",
	} {
		resp, err := admin.Get(g.page + path)
		if err != nil {
			t.Fatal(err)
		}
		body := bodyOf(t, resp)
		api.Check(t, "GET", described, resp.StatusCode, body)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	viewer := newToken(t, admin, g.page, "viewer")
	for what, want := range map[string]int{
		"GET /api/v1/clients": 200, "GET /api/v1/system": 200, "GET /api/v1/disconnections": 200, "GET /api/v1/logs": 403, "GET /api/v1/support": 403,
		"DELETE /api/v1/clients/kitchen%2F1": 403, "DELETE /api/v1/clients?id=kitchen%2F1": 403, "GET /api/v1/stream?feed=logs": 400,
	} {
		method, path, _ := strings.Cut(what, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, g.page+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+viewer)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s of a viewer: %s, want %d", what, resp.Status, want)
		}
	}
}

// TestWhyClientsWent has real clients go in every manner, and wants the reason.
func TestWhyClientsWent(t *testing.T) {
	t.Parallel() // it waits more than it works
	sub, pub := need(t, "mosquitto_sub", "mosquitto-clients"), need(t, "mosquitto_pub", "mosquitto-clients")
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwd")
	cmd := exec.CommandContext(t.Context(), needBinary(t), "passwd", passwords, "ann")
	cmd.Stdin = strings.NewReader("right\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g := awaitGateway(spawn(t, needBinary(t), "run", "-c", writeConfig(t, fmt.Sprintf(`
site: home
sensors: []
persistence: {path: %q}
broker:
  auth: {password_file: %q}
  listeners: [{protocol: tcp, address: "127.0.0.1:0"}, {protocol: ws, address: "127.0.0.1:0"}]
dashboard: {address: "127.0.0.1:0"}
`, dir, passwords))))
	admin := g.admin(t)
	watch := func(id string, more ...string) *process {
		args := append(hostPort(t, g.mqtt), "-u", "ann", "-P", "right", "-i", id, "-t", "x")
		p := spawn(t, sub, append(args, more...)...)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			resp, err := admin.Get(g.page + "/api/v1/clients/" + id)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(bodyOf(t, resp)), `"filter":"x"`) {
				return p
			}
		}
		t.Fatalf("%s does not subscribe", id)
		return nil
	}
	// gone waits for the end of a client by that cause, so many times at least, and
	// returns how it is told.
	gone := func(id, cause string, count int) (said string) {
		t.Helper()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			resp, err := admin.Get(g.page + "/api/v1/disconnections")
			if err != nil {
				t.Fatal(err)
			}
			var all struct {
				Ends []struct {
					ID, User, Cause, Reason string
					Count                   int
				}
			}
			body := bodyOf(t, resp)
			if err := json.Unmarshal(body, &all); err != nil {
				t.Fatal(err)
			}
			for _, e := range all.Ends {
				if e.ID == id && e.Cause == cause && e.Count >= count && e.User == "ann" {
					return e.Reason
				}
			}
			said = string(body)
		}
		t.Errorf("%s never went by %s: %s", id, cause, said)
		return ""
	}
	command(t, pub, append(hostPort(t, g.mqtt), "-u", "ann", "-P", "right", "-i", "polite", "-t", "x", "-m", "y")...)
	gone("polite", "by_client", 1)
	watch("crashed").kill()
	gone("crashed", "lost", 1)
	watch("twin")
	other := watch("twin", "-q", "1")
	// Both connect again and again, and take over from each other.
	if said := gone("twin", "taken_over", 1); !strings.Contains(said, "127.0.0.1:") {
		t.Errorf("who took over is not told: %s", said)
	}
	other.kill()
	for range 2 {
		out, err := exec.CommandContext(t.Context(), pub, append(hostPort(t, g.mqtt), "-u", "ann", "-P", "wrong", "-i", "thief", "-t", "x", "-m", "y")...).CombinedOutput()
		if err == nil {
			t.Errorf("let in with a wrong password: %s", out)
		}
	}
	gone("thief", "not_trusted", 2)
	asleep := watch("asleep", "-k", "5")
	if err := asleep.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if said := gone("asleep", "keep_alive", 1); !strings.Contains(said, "keep-alive of 5s passed") {
		t.Error(said)
	}
	if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Error(err)
	}
}

// TestPageBridgeExample: the lines that the page shows to who has no bridge are a
// configuration.
func TestPageBridgeExample(t *testing.T) {
	b, err := os.ReadFile(filepath.FromSlash("internal/dashboard/static/pages/system/bridge.js"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)const example = `(.*?)`").FindSubmatch(b)
	if m == nil {
		t.Fatal("bridge.js has no example")
	}
	cfg, err := config.Parse("bridge.js", m[1])
	if err != nil || len(cfg.Bridges) != 1 {
		t.Errorf("%v: %s", err, m[1])
	}
}

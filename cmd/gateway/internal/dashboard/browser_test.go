package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/pagetest"
)

// TestBrowser drives the page in a real Chromium, with testdata/page.mjs.
func TestBrowser(t *testing.T) {
	node, env := needBrowser(t)
	g := &browserGateway{t: t, b: broker.New(broker.Default(), slog.New(slog.DiscardHandler)), address: "127.0.0.1:0"}
	g.start()
	defer g.stop()

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a browser that hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "testdata/page.mjs", "http://"+g.address)
	cmd.Env = append(os.Environ(), env...)
	pagetest.Converse(t, cmd, func(what string) string {
		g.do(what)
		return ""
	})
}

// needBrowser returns node and what page.mjs needs to know, or skips.
func needBrowser(t *testing.T) (node string, env []string) {
	t.Helper()
	missing := func(format string, args ...any) {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed: apt-get install nodejs, or run make test")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing("chromium is not installed: apt-get install chromium, or run make test")
	}
	npm := os.Getenv("GATEWAY_NPM")
	if npm == "" {
		npm = "../../../../.cache/npm/node_modules"
	}
	if npm, err = filepath.Abs(npm); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(npm, "playwright-core")); err != nil {
		missing("npm's package playwright-core is not installed: run make setup")
	}
	pictures := os.Getenv("GATEWAY_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	return node, []string{"GATEWAY_NPM=" + npm, "CHROMIUM=" + chromium, "GATEWAY_SCREENSHOTS=" + pictures}
}

// browserGateway is a broker and its page, which can go away and come back
// at the same address.
type browserGateway struct {
	t       *testing.T
	b       *broker.Broker
	address string
	noDemo  atomic.Bool
	alarm   atomic.Pointer[string]
	bridge  atomic.Pointer[Bridge]
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func (g *browserGateway) start() {
	g.t.Helper()
	about := func() About {
		var alarms []error
		if a := g.alarm.Load(); a != nil && *a != "" {
			alarms = []error{errors.New(*a)}
		}
		var bridges []Bridge
		if b := g.bridge.Load(); b != nil {
			bridges = []Bridge{*b}
		}
		return About{Bridges: bridges, Alarms: alarms, Version: "v1.2.3", Host: "raspberrypi", MQTT: []string{"127.0.0.1:1883"}, WebSocket: []string{"ws://127.0.0.1:9001"}, Demo: !g.noDemo.Load()}
	}
	d := New(Config{Address: g.address}, g.b, about, slog.New(slog.DiscardHandler))
	d.AddFeed("alerts", &tick{news: make(chan struct{})}) // the bell asks for it, and nothing rings
	if err := d.Listen(); err != nil {
		g.t.Fatal(err)
	}
	g.address = d.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	g.wg.Go(func() {
		if err := d.Run(ctx); err != nil {
			g.t.Errorf("Run: %v", err)
		}
	})
}

func (g *browserGateway) stop() {
	g.cancel()
	g.wg.Wait()
}

// do does what page.mjs asks for.
func (g *browserGateway) do(what string) {
	g.t.Helper()
	name, rest, _ := strings.Cut(what, " ")
	switch name {
	case "publish": // TOPIC PAYLOAD, with $NOW for the time
		topic, payload, _ := strings.Cut(rest, " ")
		payload = strings.ReplaceAll(payload, "$NOW", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
		g.publish(topic, payload, time.Time{})
	case "short": // the same, current for three seconds
		topic, payload, _ := strings.Cut(rest, " ")
		payload = strings.ReplaceAll(payload, "$NOW", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
		g.publish(topic, payload, time.Now().Add(3*time.Second))
	case "alarm": // TEXT
		g.alarm.Store(&rest)
	case "bridge": // JSON of a Bridge
		var b Bridge
		if err := json.Unmarshal([]byte(rest), &b); err != nil {
			g.t.Errorf("page.mjs wants %q: %v", what, err)
		}
		g.bridge.Store(&b)
	case "house":
		g.house()
	case "stop":
		g.stop()
	case "start":
		g.start()
	default:
		g.t.Errorf("page.mjs wants %q", what)
	}
}

func (g *browserGateway) publish(topic, payload string, expires time.Time) {
	g.t.Helper()
	if err := g.b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: true, QoS: 1, Expires: expires}); err != nil {
		g.t.Errorf("publish: %v", err)
	}
}

// house publishes a home as a picture of the page shows it.
func (g *browserGateway) house() {
	now := time.Now()
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	for _, s := range []struct{ path, values string }{
		{"home/living_room/climate", `"temperature":21.46,"humidity":43.7`},
		{"home/living_room/co2", `"carbon_dioxide":734`},
		{"home/living_room/motion", `"motion":1`},
		{"home/kitchen/climate", `"temperature":22.1,"humidity":51.2`},
		{"home/kitchen/power", `"power":184.2,"energy":1283.402,"voltage":231.4`},
		{"home/cellar/freezer", `"temperature":-19.44`},
		{"home/garden/weather", `"temperature":6.3,"humidity":81,"pressure":1009.4`},
		{"raspberrypi/gateway/host", `"temperature":48.3,"cpu_usage":3.1,"load":0.12,"memory_used":31.5,"uptime":987654`},
	} {
		g.publish(s.path, `{"time":"`+at+`",`+s.values+`}`, now.Add(time.Hour))
		g.publish(s.path+"/status", "online", time.Time{})
	}
	g.publish("home/kitchen/power/status", "fault", time.Time{})
	g.publish("demo/attic/climate", "", time.Time{})
	g.noDemo.Store(true)
}

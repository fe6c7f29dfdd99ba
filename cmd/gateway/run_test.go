package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/cmd/gateway/internal/config"
	"gateway/sensors"
)

// testConfig is the built-in configuration on free ports, with a bridge whose
// upstream is not there.
func testGatewayConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(`
site: home
bridges:
  - name: nowhere
    address: mqtt://127.0.0.1:1
    topics: [{filter: "#", qos: 1}]
`+freePorts))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestStopLeavesNothing runs the whole gateway in this process, with a
// client, a browser's stream and a bridge that cannot connect, and stops it:
// no goroutine may be left, well within the time it has.
func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	before := goroutines()
	var log bytes.Buffer
	g, err := build(testGatewayConfig(t), true, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx, g.parts()) }()

	tcp, _ := g.doors()
	conn, err := net.Dial("tcp", tcp[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(ctx, conn, client.Options{Version: packet.V5, ClientID: "c", CleanStart: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "demo/#"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(ctx); err != nil {
		t.Fatal(err)
	}
	stream, err := http.Get("http://" + g.dashboard.Addr().String() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Body.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v", err)
	}
	if d := time.Since(began); d > stopTimeout {
		t.Errorf("stopping took %v", d)
	}
	// What the client and the stream are told is for their tests; here they
	// only have to end.
	_, _ = io.Copy(io.Discard, stream.Body)
	stream.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	for err := error(nil); err == nil; { // its reader waits while nobody takes what came
		_, err = c.Next(t.Context())
	}
	<-c.Done()
	c.Close()

	deadline := time.Now().Add(patience)
	for {
		after := goroutines()
		if len(after) <= len(before) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines left:\n%s", strings.Join(after, "\n\n"))
		}
		time.Sleep(10 * time.Millisecond) // until the condition is true; the deadline is not part of it
	}
}

// goroutines returns the stacks of the goroutines that run code of ours or
// of what we start, this one not included.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var ours []string
	for _, g := range strings.Split(string(buf), "\n\n")[1:] {
		if strings.Contains(g, "gateway/") || strings.Contains(g, "paho") || strings.Contains(g, "net/http") {
			ours = append(ours, g)
		}
	}
	return ours
}

// TestBuildFailsEarly wants every socket that cannot be opened to be an
// error before anything runs, with its address and key.
func TestBuildFailsEarly(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	quiet := slog.New(slog.DiscardHandler)

	cfg := testGatewayConfig(t)
	cfg.Broker.Listeners[0].Address = taken.Addr().String()
	if _, err := build(cfg, false, quiet); err == nil || !strings.Contains(err.Error(), "broker.listeners[0]: cannot listen on "+taken.Addr().String()) {
		t.Errorf("a listener's port in use: %v", err)
	}
	cfg = testGatewayConfig(t)
	cfg.Dashboard.Address = taken.Addr().String()
	if _, err := build(cfg, false, quiet); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "dashboard.address") {
		t.Errorf("the page's port in use: %v", err)
	}
}

func TestSayWhere(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, test := range []struct{ yaml, want string }{
		{"dashboard: {address: ''}\nbroker: {listeners: []}\n", "page      none (dashboard.address is empty)\nMQTT      none (broker.listeners is empty)\n"},
		{"dashboard: {address: ''}\nbroker: {listeners: [{protocol: ws, address: '127.0.0.1:0'}]}\n", "WebSocket only: ws://127.0.0.1:"},
		{"dashboard: {address: ''}\nbroker: {listeners: [{protocol: tcp, address: '127.0.0.1:0'}]}\n", " -v -t '" + sensors.Default().WithDefaults(hostname()).Site + "/#'\n"},
		{"site: Anna's\ndashboard: {address: ''}\nbroker: {listeners: [{protocol: tcp, address: '127.0.0.1:0'}]}\n", ` -v -t 'Anna'\''s/#'` + "\n"},
		{"site: home\nsensors: []\ndashboard: {address: ''}\nbroker: {listeners: [{protocol: tcp, address: '127.0.0.1:0'}]}\n", "readings  mosquitto_sub -h 127.0.0.1 -p "},
		{"dashboard: {address: ':0', allow_anonymous: true}\n" + strings.Split(freePorts, "dashboard:")[0], "page      http://" + hostname() + ":"},
	} {
		cfg, err := config.Parse("test.yaml", []byte(test.yaml))
		if err != nil {
			t.Fatal(err)
		}
		g, err := build(cfg, false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		g.sayWhere(&out)
		if !strings.Contains(out.String(), test.want) {
			t.Errorf("printed %q, want %q in it", out.String(), test.want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.run(ctx, g.parts()); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("closing: %v", err)
		}
	}
}

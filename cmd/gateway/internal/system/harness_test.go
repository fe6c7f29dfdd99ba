package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
	"gateway/cmd/gateway/internal/logs"
	"gateway/cmd/gateway/internal/machine"
	"gateway/cmd/gateway/internal/redact"
	"gateway/sensors"
	"gateway/sensors/bus"
)

// patience is how long a test waits for what takes no time.
const patience = 30 * time.Second

// rig is a System with a broker that listens.
type rig struct {
	t    *testing.T
	deps Deps
	addr string
	mux  *http.ServeMux
	log  *slog.Logger
	api  *openapitest.API
	// rights are those of the patterns, and of the feed "".
	rights map[string]access.Right
	feed   dashboard.Feed
}

func newRig(t *testing.T, change ...func(*Deps)) *rig {
	t.Helper()
	secrets := new(redact.Redactor)
	ring := logs.New(0, 0, secrets)
	log := slog.New(ring.Handler(slog.NewTextHandler(io.Discard, nil)))
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	cfg.SysInterval = time.Second
	b := broker.New(cfg, log.With("part", "broker"))
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	d := Deps{
		Broker: b, Machine: machine.New(bus.Root()), Log: log, Ring: ring, Secrets: secrets, Version: "v1.2.3", Commit: "abc", Started: time.Now(),
		Config: config.Default(), ConfigText: func() (string, []byte, error) { return "", nil, errors.New("there is no file") },
		Bridges: func() any { return []string{} }, Sensors: func() []sensors.SensorStats { return nil },
		Alarms: func() []error { return nil }, Doctor: func() string { return "ok\n" },
	}
	for _, f := range change {
		f(&d)
	}
	r := &rig{t: t, deps: d, addr: b.Addrs()[0].String(), mux: http.NewServeMux(), log: log, rights: make(map[string]access.Right)}
	New(d).Mount(func(right access.Right, pattern string, h http.Handler) {
		r.rights[pattern] = right
		r.mux.Handle(pattern, h)
	}, func(right access.Right, name string, f dashboard.Feed) {
		r.rights[name], r.feed = right, f
	})
	description, err := dashboard.OpenAPI("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	r.api = openapitest.LoadValue(t, description)
	return r
}

// ask makes a request and holds the answer against its description.
func (r *rig) ask(method, url, described string, want int) []byte {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	if w.Code != want {
		r.t.Errorf("%s %s: %d, want %d: %.300s", method, url, w.Code, want, w.Body)
	}
	if w.Header().Get("Content-Type") == "application/json" {
		r.api.Check(r.t, method, described, w.Code, w.Body.Bytes())
	}
	return w.Body.Bytes()
}

func decode[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %.300s", err, b)
	}
	return v
}

// connect makes a client that lives as long as the test, or until it is ended.
func (r *rig) connect(id string, with ...func(*client.Options)) *client.Client {
	r.t.Helper()
	o := client.Options{ClientID: id, Version: packet.V5, KeepAlive: time.Minute}
	for _, f := range with {
		f(&o)
	}
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c, err := client.Connect(ctx, nc, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// eventually waits until f is content.
func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !f(); {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func idsOf(all []Client) string {
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return fmt.Sprint(strings.Join(ids, " "))
}

package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gateway/broker"
)

// About is what the page says of the gateway it belongs to.
type About struct {
	Version, Host   string
	MQTT, WebSocket []string // where clients connect: host:port, ws://host:port
	Demo            bool     // there is a simulated house
}

// Dashboard follows the topic tree and serves the page.
type Dashboard struct {
	cfg    Config
	b      *broker.Broker
	about  func() About
	log    *slog.Logger
	model  *model
	assets map[string]*asset
	ln     net.Listener // nil without a page
}

// New makes a dashboard out of a valid configuration. about is called
// whenever a page is opened.
func New(cfg Config, b *broker.Broker, about func() About, log *slog.Logger) *Dashboard {
	assets, err := loadAssets()
	if err != nil {
		panic(err) // of files in this binary
	}
	return &Dashboard{cfg: cfg, b: b, about: about, log: log, model: newModel(), assets: assets}
}

// Listen opens the page's socket, so that a start fails early. It does
// nothing if there is no page.
func (d *Dashboard) Listen() (err error) {
	if d.cfg.Address == "" {
		return nil
	}
	if d.ln, err = net.Listen("tcp", d.cfg.Address); err != nil {
		d.ln = nil
		return fmt.Errorf("dashboard.address: cannot listen on %s: %w; choose another port", d.cfg.Address, err)
	}
	return nil
}

// Addr returns where the page is, nil if there is none.
func (d *Dashboard) Addr() net.Addr {
	if d.ln == nil {
		return nil
	}
	return d.ln.Addr()
}

// Run follows the tree and serves the page until ctx ends, and returns when
// all its goroutines have ended.
func (d *Dashboard) Run(ctx context.Context) error {
	if d.ln == nil {
		<-ctx.Done()
		return nil
	}
	sub, err := d.b.Subscribe(broker.SubscribeOptions{MaxMessages: 4096}, "+/+/+", "+/+/+/status")
	if err != nil {
		return err
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           d.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends streams
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	var wg sync.WaitGroup
	wg.Go(func() { d.follow(ctx, sub) })
	served := make(chan error, 1)
	wg.Go(func() { served <- server.Serve(d.ln) })
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	cancel()
	// A request in progress has a moment to end.
	stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancelStop()
	if server.Shutdown(stop) != nil {
		server.Close()
	}
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// follow takes the messages of the tree into the model.
func (d *Dashboard) follow(ctx context.Context, sub *broker.Subscription) {
	full := false
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			return
		}
		if !d.model.take(m, time.Now()) && !full {
			full = true // said once
			d.log.Warn("the page shows no more sensors than these", "sensors", maxSensors, "left_out", m.Topic)
		}
	}
}

// gateway is what a snapshot says of the gateway.
func (d *Dashboard) gateway() Gateway {
	a := d.about()
	return Gateway{
		Version: a.Version, Host: a.Host, Time: time.Now().UTC().Truncate(time.Millisecond),
		MQTT: nonNil(a.MQTT), WebSocket: nonNil(a.WebSocket), Demo: a.Demo,
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// handler is everything that is served.
func (d *Dashboard) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.assets["index.html"].serve)
	for name, a := range d.assets {
		mux.HandleFunc("GET /static/"+name, a.serve)
	}
	mux.HandleFunc("GET /api/v1/stream", d.stream)
	mux.HandleFunc("GET /api/v1/sensors", func(w http.ResponseWriter, _ *http.Request) {
		sensors, _ := d.model.snapshot(time.Now())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(Snapshot{d.gateway(), sensors}) // the reader may be gone
	})
	return d.guard(mux)
}

// policy lets the page use its own files and streams, and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'self'"

// guard sets the headers that every answer has, and refuses requests for
// another host: a page elsewhere whose name was made to lead here (DNS
// rebinding) would otherwise read what only this machine may.
func (d *Dashboard) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !d.allowedHost(r.Host) {
			http.Error(w, "This gateway's page is for this machine only; open it as http://localhost, or set dashboard.address.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowedHost tells whether a request for this host is for us. Who listens
// for the network has said that everybody may see the page.
func (d *Dashboard) allowedHost(host string) bool {
	if d.cfg.AllowAnonymous {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return loopback(trimBrackets(host))
}

// trimBrackets makes "::1" of "[::1]".
func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

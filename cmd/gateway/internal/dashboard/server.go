package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker"
	"gateway/broker/door"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/answer"
	recorded "gateway/cmd/gateway/internal/history"
	"gateway/sensors/reading"
)

// About is what the page says of the gateway it belongs to.
type About struct {
	Version, Host   string
	MQTT, WebSocket []string // where clients connect: host:port, ws://host:port
	Demo            bool     // there is a simulated house
	Alarms          []error  // what needs a person, in words; none if all is well
	Bridges         []Bridge
}

const (
	// requestTimeout is how long a request may take to come.
	requestTimeout = 10 * time.Second
	// answerTimeout is how long an answer may take to go, on the slowest line.
	// A stream has its own.
	answerTimeout = time.Minute
	// keepAlive is how long a connection may wait for its next request.
	keepAlive = 2 * time.Minute
	// stopTimeout is how long answers that are under way may take when the page
	// stops. Streams end at once.
	stopTimeout = time.Second
	// maxWaiting and maxWaitingBytes bound the messages that are not yet taken
	// in; the oldest goes, and a newer one of the same sensor says more anyway.
	maxWaiting      = 4096
	maxWaitingBytes = 8 << 20
)

// Dashboard follows the topic tree and serves the page.
type Dashboard struct {
	b       *broker.Broker
	about   func() About
	log     *slog.Logger
	model   *model
	assets  map[string]*asset
	files   fs.FS // serves the page's files in place of assets; nil does not
	access  *access.Access
	routes  []route                   // of other parts, see Handle
	feeds   map[string]Feed           // of other parts, see AddFeed
	guarded map[string]access.Right   // what some of feeds need
	reader  func(reading.Path) Reader // see SetReaders; nil: nobody knows
	healths []func(io.Writer)         // of other parts, see AddHealth
	verdict http.Handler              // of /healthz, see SetHealth

	mu      sync.Mutex
	cfg     Config
	ln      net.Listener         // set by Listen; nil without a page
	door    *door.Door           // the same, if it encrypts
	missing bool                 // a change has closed it, and it could not be opened again
	next    chan net.Listener    // cap 1: another that is to be served; closed connections are its business
	sub     *broker.Subscription // set by Run before it serves
	streams atomic.Int64         // that are open
	leftOut atomic.Uint64        // messages of sensors beyond maxSensors
}

// New makes a dashboard out of a valid configuration. about is called
// whenever a page is opened, by several goroutines at a time.
func New(cfg Config, b *broker.Broker, about func() About, log *slog.Logger) *Dashboard {
	assets, err := loadAssets(inBinary())
	if err != nil {
		panic(err) // of files in this binary
	}
	return &Dashboard{
		cfg: cfg, b: b, about: about, log: log, model: newModel(), assets: assets, feeds: make(map[string]Feed), guarded: make(map[string]access.Right),
		access: access.New(access.Options{AllowAnonymous: cfg.AllowAnonymous, Log: log}),
		next:   make(chan net.Listener, 1),
	}
}

// KeepAccess keeps the page's password, sessions and tokens in a folder; "" is
// memory, as without it. It is called before Run.
func (d *Dashboard) KeepAccess(folder string) {
	d.access = access.New(access.Options{Folder: folder, AllowAnonymous: d.cfg.AllowAnonymous, Log: d.log})
}

// SetPast has values begin with what was recorded of them in the last hour, so
// that the page has its small pictures and the hour's figures from the start. It
// is called before Run.
func (d *Dashboard) SetPast(past func(topic, key string, since time.Time, width time.Duration) []recorded.Point) {
	d.model.past = past
}

// Listen opens the page's socket, so that a start fails early. It does
// nothing if there is no page.
func (d *Dashboard) Listen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listenLocked(d.cfg)
}

func (d *Dashboard) listenLocked(cfg Config) error {
	if cfg.Address == "" {
		return nil
	}
	if cfg.TLS != nil {
		files := cfg.TLS.door()
		secure, err := door.Open(door.Options{Network: "tcp", Address: cfg.Address, TLS: &files}, d.log)
		if err != nil {
			return fmt.Errorf("dashboard.%w", err)
		}
		d.ln, d.door = secure, secure
		return nil
	}
	ln, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return fmt.Errorf("dashboard.address: %w; choose another port", door.ExplainTCP(cfg.Address, err, ""))
	}
	d.ln, d.door = ln, nil
	return nil
}

// Reload reads the page's certificate again. If it is wrong, the one before stays.
func (d *Dashboard) Reload() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.door == nil {
		return nil
	}
	if err := d.door.Reload(); err != nil {
		return fmt.Errorf("dashboard.%w", err)
	}
	return nil
}

// ErrNeedsStart is that a change is for the next start of the gateway.
var ErrNeedsStart = errors.New("takes effect at the next start")

// Change makes another valid configuration hold. A page at another address, or with
// another certificate, is there at once, and those who look at the old one are
// disconnected; on an error it stays where it was, or is missing until the next
// Change, to the same configuration, too. A page where there was none, or
// none any more, is [ErrNeedsStart]. It may be called concurrently while Run runs.
func (d *Dashboard) Change(cfg Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.cfg
	if (was.Address == "") != (cfg.Address == "") {
		return fmt.Errorf("dashboard.address: %w", ErrNeedsStart)
	}
	if was.Address == cfg.Address && reflect.DeepEqual(was.TLS, cfg.TLS) && !d.missing || cfg.Address == "" {
		d.cfg = cfg
		d.access.AllowAnonymous(cfg.AllowAnonymous)
		return nil
	}
	if samePort(was.Address, cfg.Address) {
		d.ln.Close() // the server notices, and waits for the next
	}
	err := d.listenLocked(cfg)
	if err != nil {
		if samePort(was.Address, cfg.Address) {
			if again := d.listenLocked(was); again != nil {
				d.missing = true
				return errors.Join(err, again)
			}
			d.missing = false
			d.hand()
		}
		return err
	}
	d.cfg, d.missing = cfg, false
	d.access.AllowAnonymous(cfg.AllowAnonymous)
	d.hand()
	return nil
}

// hand gives the listener to Run, in place of one that it has not taken yet.
func (d *Dashboard) hand() {
	select {
	case unserved := <-d.next:
		unserved.Close()
	default:
	}
	d.access.Rebind(d.ln.Addr())
	d.next <- d.ln
	d.log.Info("the page has another address", "address", d.ln.Addr().String(), "encrypted", d.door != nil)
}

func samePort(a, b string) bool {
	_, p, err1 := net.SplitHostPort(a)
	_, q, err2 := net.SplitHostPort(b)
	return err1 == nil && err2 == nil && p == q && p != "0"
}

// connKey is where a request's connection is found.
type connKey struct{}

// withConn keeps the connection for the requests that come over it, if it is
// encrypted.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*door.Conn); ok {
		return context.WithValue(ctx, connKey{}, secure)
	}
	return ctx
}

// encrypted notes in a request that it came encrypted, which the server cannot
// see: cookies are for such lines only then.
func encrypted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*door.Conn); ok {
			r.TLS = c.Peer().TLS
		}
		next.ServeHTTP(w, r)
	})
}

// Addr returns where the page is, nil if there is none.
func (d *Dashboard) Addr() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln == nil {
		return nil
	}
	return d.ln.Addr()
}

// Run follows the tree and serves the page until ctx ends, and returns when
// all its goroutines have ended. Without a page it only waits. It is to be
// called once, after Listen.
func (d *Dashboard) Run(ctx context.Context) error {
	d.mu.Lock()
	ln := d.ln
	d.mu.Unlock()
	if ln == nil {
		<-ctx.Done()
		return nil
	}
	defer ln.Close() // the server has closed it, unless there is none
	sub, err := d.b.Subscribe(broker.SubscribeOptions{MaxMessages: maxWaiting, MaxBytes: maxWaitingBytes}, "+/+/+", "+/+/+/status", "+/+/+/status/detail")
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	defer sub.Close()
	d.sub = sub
	d.access.Bind(ln.Addr())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { d.follow(ctx, sub) })
	wg.Go(func() { _ = d.access.Run(ctx) }) // it only ends
	for err == nil && ln != nil {
		ln, err = d.serve(ctx, &wg, ln)
	}
	cancel()
	return err
}

// serve serves the page until ctx ends, or another listener is to be served, which
// it returns. Connections that do not end by themselves are cut.
func (d *Dashboard) serve(ctx context.Context, wg *sync.WaitGroup, ln net.Listener) (next net.Listener, err error) {
	streams, end := context.WithCancel(ctx)
	defer end()
	server := &http.Server{
		Handler:        encrypted(d.handler()),
		ConnContext:    withConn,
		ReadTimeout:    requestTimeout,
		WriteTimeout:   answerTimeout,
		IdleTimeout:    keepAlive,
		MaxHeaderBytes: 16 << 10,
		BaseContext:    func(net.Listener) context.Context { return streams },
		ErrorLog:       slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	wg.Go(func() { served <- server.Serve(ln) })
	select {
	case <-ctx.Done():
	case next = <-d.next:
	case err := <-served:
		if next, err = d.replaced(ln, err); err != nil {
			server.Close()
			return nil, err
		}
	}
	end() // streams
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(stop) != nil {
		server.Close()
	}
	return next, nil
}

// replaced returns what is to be served in place of a listener that has ended, or
// why it has.
func (d *Dashboard) replaced(ln net.Listener, err error) (net.Listener, error) {
	d.mu.Lock() // Change may be about to hand over another
	defer d.mu.Unlock()
	select {
	case next := <-d.next:
		return next, nil
	default:
	}
	return nil, fmt.Errorf("dashboard.address: %s: %w", ln.Addr(), err)
}

// follow takes the messages of the tree into the model.
func (d *Dashboard) follow(ctx context.Context, sub *broker.Subscription) {
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			return
		}
		if !d.model.take(m, time.Now()) && d.leftOut.Add(1) == 1 { // said once
			d.log.Warn("the page shows no more sensors than these", "sensors", maxSensors, "left_out", m.Topic)
		}
	}
}

// gateway is what a snapshot says of the gateway.
func (d *Dashboard) gateway() Gateway {
	a := d.about()
	alarms, said := answer.Texts(a.Alarms)
	return Gateway{
		Version: a.Version, Host: a.Host, Time: time.Now().UTC().Truncate(time.Millisecond),
		MQTT: nonNil(a.MQTT), WebSocket: nonNil(a.WebSocket), Demo: a.Demo, Alarms: alarms, AlarmsSaid: said, Bridges: a.Bridges,
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// route is one thing that is served, and who may have it.
type route struct {
	right   access.Right
	pattern string
	handler http.Handler
}

// own are the routes of this package.
func (d *Dashboard) own() []route {
	all := []route{
		{access.Open, "GET /healthz", http.HandlerFunc(d.health)},
		{access.Open, "GET /api/v1/openapi.json", http.HandlerFunc(d.openAPI)},
		{access.Read, "GET /api/v1/stream", http.HandlerFunc(d.stream)},
		{access.Read, "GET /api/v1/sensors", http.HandlerFunc(d.sensors)},
		{access.Read, "GET /api/v1/sensor", http.HandlerFunc(d.sensor)},
		{access.Read, "GET /api/v1/bridges", http.HandlerFunc(d.bridges)},
	}
	d.access.Mount(func(right access.Right, pattern string, h http.Handler) { all = append(all, route{right, pattern, h}) })
	if d.files != nil {
		serve := http.HandlerFunc(d.fromFolder)
		return append(all, route{access.Open, "GET /{$}", serve}, route{access.Open, "GET /static/", serve})
	}
	all = append(all, route{access.Open, "GET /{$}", http.HandlerFunc(d.assets["index.html"].serve)})
	for name, a := range d.assets {
		all = append(all, route{access.Open, "GET /static/" + name, http.HandlerFunc(a.serve)})
	}
	return all
}

// Route is something that is served, and who may have it.
type Route struct {
	Right   access.Right
	Pattern string // "GET /api/v1/sensors", as http.ServeMux has them
}

// Routes lists everything that is served.
func (d *Dashboard) Routes() (all []Route) {
	for _, r := range append(d.own(), d.routes...) {
		all = append(all, Route{r.right, r.pattern})
	}
	return all
}

// handler is everything that is served.
func (d *Dashboard) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range append(d.own(), d.routes...) {
		mux.Handle(r.pattern, d.access.Require(r.right, r.handler))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		answer.Fail(w, http.StatusNotFound, answer.Say("api.none", "There is no {method} {path}; GET /api/v1/openapi.json lists what there is.", r.Method, r.URL.Path))
	})
	return headers(d.access.Links(mux))
}

// Handle serves what another part has, such as GET /metrics, to whoever has the
// right. It is called before Run.
func (d *Dashboard) Handle(right access.Right, pattern string, h http.Handler) {
	d.routes = append(d.routes, route{right, pattern, h})
}

// bridges answers with the bridges as they are.
func (d *Dashboard) bridges(w http.ResponseWriter, _ *http.Request) {
	all := d.gateway().Bridges
	if all == nil {
		all = []Bridge{}
	}
	answer.JSON(w, all)
}

// sensors answers with all that is known.
func (d *Dashboard) sensors(w http.ResponseWriter, _ *http.Request) {
	sensors, _ := d.model.snapshot(time.Now())
	answer.JSON(w, Snapshot{d.gateway(), sensors})
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway/broker"
	"gateway/broker/store"
	"gateway/cmd/gateway/internal/alerts"
	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/discovery"
	"gateway/cmd/gateway/internal/doctor"
	"gateway/cmd/gateway/internal/explorer"
	"gateway/cmd/gateway/internal/health"
	"gateway/cmd/gateway/internal/history"
	"gateway/cmd/gateway/internal/logs"
	"gateway/cmd/gateway/internal/mdns"
	"gateway/cmd/gateway/internal/redact"
	"gateway/cmd/gateway/internal/setup"
	"gateway/sensors"
)

type runCommand struct {
	configFlag
	MosquittoConf string
	Port          []int
	Verbose       bool

	Demo  bool
	UIDir string
	Pprof string
}

func (c *runCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.StringVar(&c.MosquittoConf, "mosquitto-conf", "", "Run `FILE`, a configuration of Mosquitto, as it is, in place of one of the gateway.")
	f.IntSliceVarP(&c.Port, "port", "p", nil, "Be an MQTT broker on this `PORT` of this machine, for anybody, and nothing else. With --mosquitto-conf: if FILE has no listener. May be given several times.")
	f.BoolVarP(&c.Verbose, "verbose", "v", false, "Log everything, whatever the configuration says.")
	f.BoolVar(&c.Demo, "demo", false, "Add a simulated house of six rooms and fifteen sensors under demo/.")
	f.Func("ui-dir", "Serve the page's files from `FOLDER`, to work on them without building: cmd/gateway/internal/dashboard/static.", func(dir string) error {
		if c.UIDir = dir; !isFolder(dir) {
			return errors.New("there is no such folder")
		}
		return nil
	})
	f.StringVar(&c.Pprof, "pprof", "", "Serve Go's profiles on `HOST:PORT` of this machine, such as 127.0.0.1:6060.")
}

// Run runs the gateway until ctx ends.
func (c *runCommand) Run(ctx context.Context, s streams) error {
	hup, stop := hangups()
	defer stop()
	cfg, err := c.choose()
	if err != nil {
		return err
	}
	if c.Verbose {
		cfg.Log.Level = "debug"
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // little garbage is made, and there may be 512 MB for everything
	}
	level := new(slog.LevelVar)
	ring, secrets := newRing()
	log := slog.New(ring.Handler(newLog(level, cfg.Log, s.err).Handler()))
	notify := health.NewNotifier(log.With("part", "systemd"))
	started := notify.Starting("reading what is stored")
	defer started()
	if cfg, err = c.restoreStaged(cfg, log); err != nil {
		return err
	}
	say(log, cfg.notes)
	percent := debug.SetGCPercent(20) // much may be read from the store
	g, err := build(cfg.Config, c.Demo, log, c.withFile(cfg.from), c.withLevel(level), withRing(ring, secrets))
	debug.SetGCPercent(percent)
	if err != nil {
		return err
	}
	if cfg.pidFile != "" {
		remove, err := writePID(cfg.pidFile)
		if err != nil {
			return errors.Join(err, g.close())
		}
		defer remove()
	}
	parts := g.parts()
	if c.UIDir != "" {
		if err := g.dashboard.ServeFrom(c.UIDir); err != nil {
			return errors.Join(err, g.close())
		}
	}
	if c.Pprof != "" {
		p, err := openProfiler(c.Pprof)
		if err != nil {
			return errors.Join(err, g.close())
		}
		parts = append(parts, part{"pprof", p.Run})
	}
	g.log.Info("configuration", "from", cfg.from)
	started()
	g.notify, g.hup = notify, hup
	parts = append(parts, part{"systemd", g.runNotify}) // the last, so that systemd hears first that all stop
	g.sayWhere(s.out)
	debug.FreeOSMemory() // what reading the configuration took, on a board of 512 MB
	return g.run(ctx, parts)
}

// run runs the parts until ctx ends, and gives back what outlives them.
func (g *gateway) run(ctx context.Context, parts []part) error {
	return errors.Join(runParts(ctx, g.log, stopTimeout, parts), g.close())
}

// newLog makes the log that the configuration asks for. Its level can be changed
// while it is used; it is set to that of the configuration.
func newLog(level *slog.LevelVar, cfg config.Log, to io.Writer) *slog.Logger {
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level.Set(slog.LevelInfo) // Validate lets no such value through
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

// gateway is everything, built and not yet running.
type gateway struct {
	applying  sync.Mutex       // held while another configuration is made to hold
	hup       <-chan os.Signal // SIGHUP; nil: nobody sends it
	half      map[string]bool  // parts that the last one could not change; guarded by applying
	conf      atomic.Pointer[config.Config]
	demo      bool
	log       *slog.Logger
	store     *store.Disk // nil: nothing is kept
	broker    *broker.Broker
	bridges   *bridges
	setup     *setup.Setup
	dashboard *dashboard.Dashboard
	alerts    *alerts.Alerts
	house     *demoHouse // the simulated one
	explorer  *explorer.Explorer
	history   *history.History // nil: nothing is recorded
	mdns      *mdns.Responder
	discovery *discovery.Discovery
	sensors   []*sensors.Sensors // those of the configuration, which may be none, and the simulated house

	hardware sensors.Deps      // what opens buses; the zero value is this machine
	machine  doctor.Machine    // what the page says is wrong with it
	file     *setup.File       // the configuration that the page changes
	setLevel func(word string) // has the log say more or less; nil if it cannot be changed

	historyFailure error // why history is in memory only

	notify *health.Notifier // tells systemd; nil: nobody

	started time.Time
	ring    *logs.Ring       // the newest lines of the log
	secrets *redact.Redactor // what is taken out of what leaves the gateway
}

// option is something that build does not know by the configuration.
type option func(*gateway)

// build makes the parts and opens every socket, so that what cannot work
// fails before anything has begun.
func build(cfg *config.Config, demo bool, log *slog.Logger, options ...option) (*gateway, error) {
	g := &gateway{demo: demo, log: log, machine: doctor.ThisMachine(), file: setup.NoFile(answer.Say("file.none", "the gateway was started without a configuration file")), started: time.Now()}
	g.conf.Store(cfg)
	g.ring, g.secrets = newRing()
	for _, o := range options {
		o(g)
	}
	p, err := openStore(cfg.Persistence, log.With("part", "store"))
	if err != nil {
		return nil, err
	}
	g.store = p
	g.broker = broker.Open(cfg.Broker, g.persistence(), log.With("part", "broker"))
	if err := g.buildOthers(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// buildOthers makes what uses the broker, and opens every socket.
func (g *gateway) buildOthers() error {
	cfg, log := g.cfg(), g.log
	g.dashboard = dashboard.New(cfg.Dashboard, g.broker, g.about, log.With("part", "dashboard"))
	g.dashboard.KeepAccess(g.stateFolder("dashboard"))
	if err := g.buildBridges(); err != nil {
		return err
	}
	if err := g.buildSensors(); err != nil {
		return err
	}
	if err := g.buildHistory(); err != nil {
		return err
	}
	g.buildSetup()
	g.buildExplorer()
	g.buildSystem()
	if err := g.buildAlerts(); err != nil {
		return err
	}
	g.buildDemo()
	g.buildSensorPage()
	g.buildMetrics()
	g.buildMDNS()
	g.buildHealth()
	g.buildDiscovery()
	if err := g.alerts.Subscribe(); err != nil {
		return err
	}
	if err := g.broker.Listen(); err != nil {
		return err
	}
	if err := g.dashboard.Listen(); err != nil {
		return err
	}
	return nil
}

// buildSensors makes the sensors of the configuration and of the simulated
// house, of which each keeps its own state.
func (g *gateway) buildSensors() error {
	houses := []struct {
		cfg    sensors.Config
		folder string
	}{{g.cfg().Sensors, "sensors"}, {sensors.Config{}, "demo"}}
	if g.wantsDemo() {
		houses[1].cfg = sensors.Demo()
	}
	pub := newPublisher(g.broker, g.log)
	for _, h := range houses {
		deps := g.hardware
		deps.Log, deps.Hostname, deps.StateFolder = g.log.With("part", "sensors"), hostname(), g.stateFolder(h.folder)
		deps.Publish, deps.Status, deps.Detail, deps.Meta = pub.report, pub.status, pub.detail, pub.meta
		deps.Subscribe = subscribe(g.broker)
		s, err := sensors.New(h.cfg, deps)
		if err != nil {
			return err
		}
		if err := forgetRemoved(g.broker, s); err != nil {
			g.log.Warn("sensors that are gone stay in the tree", "error", err)
		}
		g.sensors = append(g.sensors, s) // without any, too: some may be added
	}
	return nil
}

// parts returns what runs, in the order it is started in: first what keeps,
// then what makes.
func (g *gateway) parts() []part {
	parts := []part{{"history", g.runHistory}, {"dashboard", g.dashboard.Run}}
	parts = append(parts, part{"bridges", g.bridges.Run})
	parts = append(parts, part{"broker", g.broker.Run}, part{"reload", g.reloadOnSignal})
	set := settings{g.broker, g.sensors, g.log}
	parts = append(parts, part{"settings", set.Run})
	for _, s := range g.sensors[:len(g.sensors)-1] {
		parts = append(parts, part{"sensors", s.Run})
	}
	parts = append(parts, part{"demo", g.house.Run})
	// Last, so that it stops before sensors say that they are offline.
	return append(parts, part{"explorer", g.explorer.Run}, part{"alerts", g.alerts.Run}, part{"mdns", g.mdns.Run}, part{"discovery", g.discovery.Run})
}

// cfg is the configuration that holds now.
func (g *gateway) cfg() *config.Config { return g.conf.Load() }

// about is what the page tells of this gateway.
func (g *gateway) about() dashboard.About {
	version, _ := buildVersion()
	tcp, ws := g.doors()
	bridges := g.bridgeStates()
	return dashboard.About{
		Version: version, Host: hostname(), MQTT: tcp, WebSocket: ws, Demo: g.house.isUp(),
		Alarms: slices.Concat(g.alarms(), g.historyAlarms(), g.alerts.Alarms(), bridgeAlarms(bridges)), Bridges: bridgeForms(bridges, time.Now()),
	}
}

// doors returns where clients reach the broker: host:port and ws://host:port.
func (g *gateway) doors() (tcp, ws []string) {
	for _, d := range g.broker.Doors() {
		where := d.Address
		if d.Addr != nil {
			where = reachable(d.Addr)
		}
		switch p := d.Protocol; p {
		case "ws", "wss":
			ws = append(ws, p+"://"+where)
		case "tcp":
			tcp = append(tcp, where)
		default:
			tcp = append(tcp, where+" ("+p+")")
		}
	}
	return tcp, ws
}

// reachable writes an address so that it can be typed: a listener on all
// addresses is reached by the name of this machine.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	host := hostname()
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}

// page is where the page is, "" if there is none.
func (g *gateway) page() string {
	a := g.dashboard.Addr()
	switch {
	case a == nil:
		return ""
	case g.cfg().Dashboard.TLS != nil:
		return "https://" + reachable(a)
	}
	return "http://" + reachable(a)
}

// sayWhere prints where to look.
func (g *gateway) sayWhere(out io.Writer) {
	page := cmp.Or(g.page(), "none (dashboard.address is empty)")
	tcp, ws := g.doors()
	fmt.Fprintf(out, "page      %s\n", page)
	switch {
	case len(tcp)+len(ws) == 0:
		fmt.Fprintln(out, "MQTT      none (broker.listeners is empty)")
	case len(ws) == 0:
		fmt.Fprintf(out, "MQTT      %s\n", strings.Join(tcp, ", "))
	case len(tcp) == 0:
		fmt.Fprintf(out, "MQTT      WebSocket only: %s\n", strings.Join(ws, ", "))
	default:
		fmt.Fprintf(out, "MQTT      %s   (WebSocket: %s)\n", strings.Join(tcp, ", "), strings.Join(ws, ", "))
	}
	if i := slices.IndexFunc(tcp, func(w string) bool { return !strings.Contains(w, " ") }); i >= 0 {
		host, port, _ := net.SplitHostPort(tcp[i])
		fmt.Fprintf(out, "readings  mosquitto_sub -h %s -p %s -v %s\n", host, port, g.readingsOptions())
	}
}

// readingsOptions has mosquitto_sub show readings, and not what Home Assistant is told
// of them. A broker without sensors knows no site that others have.
func (g *gateway) readingsOptions() string {
	var all []string
	if cfg := g.cfg().Sensors.WithDefaults(hostname()); len(cfg.Sensors) > 0 {
		all = append(all, "-t "+quoted(cfg.Site+"/#"))
	}
	if g.house.isUp() {
		all = append(all, "-t "+quoted(sensors.Demo().Site+"/#"))
	}
	return cmp.Or(strings.Join(all, " "), "-t '#'")
}

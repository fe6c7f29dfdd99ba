package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/setup"
	"gateway/cmd/gateway/internal/system"
)

// hangups has SIGHUP arrive from now on, until stop is called. One that comes while
// the gateway starts is kept until it has: by itself it would end the process.
func hangups() (hup <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadOnSignal makes the gateway what its configuration says by then, on SIGHUP,
// until ctx ends: see [gateway.reload].
func (g *gateway) reloadOnSignal(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.hup:
		}
		g.notify.Reloading()
		g.reload(ctx)
		g.notify.Ready(g.statusText())
	}
}

// reload reads the configuration again, and makes only those parts anew whose keys
// have changed; clients stay connected. If it is wrong nothing changes, and the log
// names file, line and key. Passwords, rules and certificates are read again in
// any case.
func (g *gateway) reload(ctx context.Context) {
	later, err := g.setup.Reload(ctx)
	var none *setup.ReadOnlyError
	if errors.As(err, &none) && none.Path == "" {
		err = nil // there is no file of ours, or it is one of Mosquitto
	}
	err = errors.Join(err, g.broker.Reload(), g.dashboard.Reload())
	if len(later) > 0 {
		g.log.Warn("reload: some keys take effect at the next start", "keys", strings.Join(later, ", "))
	}
	if err != nil {
		g.log.Error("reload: what is wrong stays as it was", "error", err)
		return
	}
	g.log.Info("reloaded passwords, rules and certificates", "and", "what has changed of the configuration")
}

// apply makes what runs what a valid configuration says, as far as that can be
// while it runs. It returns the keys that take effect at the next start. What of it
// fails is in the error, stays as it was as far as that can be, and is tried again by
// the next call, also if that has the configuration of before.
func (g *gateway) apply(ctx context.Context, cfg *config.Config) (later []string, err error) {
	g.applying.Lock()
	defer g.applying.Unlock()
	was := g.cfg()
	g.secrets.Add(system.SecretsOf(cfg)...)
	g.sayDifferences(was, cfg)
	a := &application{g: g, was: was, is: cfg, holds: *cfg, half: make(map[string]bool)}
	a.log()
	swap(a, "broker", was.Broker, cfg.Broker, &a.holds.Broker, g.broker.Change)
	swap(a, "dashboard", was.Dashboard, cfg.Dashboard, &a.holds.Dashboard, g.dashboard.Change)
	swap(a, "mdns", was.MDNS, cfg.MDNS, &a.holds.MDNS, g.mdns.Change)
	if g.history != nil {
		g.history.LeaveOut(cfg.HomeAssistant.Filters()) // before anything is announced there
	}
	swap(a, "home_assistant", was.HomeAssistant, cfg.HomeAssistant, &a.holds.HomeAssistant, g.discovery.Change)
	a.history()
	a.persistence()
	a.bridges()
	a.sensors(ctx)
	a.alerts()
	g.conf.Store(&a.holds)
	g.half = a.half
	return a.later, errors.Join(a.errs...)
}

// application is one change of the configuration.
type application struct {
	g       *gateway
	was, is *config.Config
	holds   config.Config   // what holds when it is done
	half    map[string]bool // parts that have failed to change, by their key
	later   []string
	errs    []error
}

// wait notes that a key waits for the next start.
func (a *application) wait(key string) { a.later = append(a.later, key) }

// same tells whether a part needs no change. One that failed to change the last time
// may be neither what it was nor what it should have been.
func (a *application) same(part string, was, is any) bool {
	return reflect.DeepEqual(was, is) && !a.g.half[part]
}

// fail notes that a part has not changed, or not as a whole.
func (a *application) fail(part string, err error) {
	a.half[part] = true
	a.errs = append(a.errs, err)
}

// swap changes a part whose configuration has changed. holds is what of the
// configuration holds afterwards.
func swap[C any](a *application, part string, was, is C, holds *C, change func(C) error) {
	if a.same(part, was, is) {
		return
	}
	err := change(is)
	if err == nil {
		return
	}
	*holds = was
	if errors.Is(err, dashboard.ErrNeedsStart) {
		a.half[part] = a.g.half[part] // it has not been touched
		a.wait("dashboard.address")
		return
	}
	a.fail(part, err)
}

func (a *application) log() {
	if a.g.setLevel != nil {
		a.g.setLevel(a.is.Log.Level)
	}
	if a.is.Log.Format != a.was.Log.Format {
		a.holds.Log.Format = a.was.Log.Format
		a.wait("log.format")
	}
}

func (a *application) history() {
	h := &a.holds.History
	if h.Enabled != a.was.History.Enabled {
		a.wait("history.enabled")
	}
	if h.Batch != a.was.History.Batch {
		a.wait("history.batch")
	}
	h.Enabled, h.Batch = a.was.History.Enabled, a.was.History.Batch
	if a.g.history != nil {
		swap(a, "history", a.was.History, *h, h, a.g.history.Change)
	}
}

// persistence has the store wait for a start: it is open.
func (a *application) persistence() {
	for _, d := range config.Diff(a.was, a.is) {
		if strings.HasPrefix(d.Key, "persistence.") {
			a.wait(d.Key)
		}
	}
	a.holds.Persistence = a.was.Persistence
}

func (a *application) bridges() {
	was, is := bridgesOf(a.was), bridgesOf(a.is)
	if a.same("bridges", was, is) {
		return
	}
	n, err := a.g.bridges.change(is)
	if err != nil {
		a.holds.Bridges = a.was.Bridges
		a.fail("bridges", err)
		return
	}
	a.g.log.Info("the bridges have changed", "added", n[0], "changed", n[1], "removed", n[2])
}

func (a *application) sensors(ctx context.Context) {
	if a.same("sensors", a.was.Sensors, a.is.Sensors) {
		return
	}
	own := a.g.sensors[0]
	c, err := own.Change(ctx, a.is.Sensors)
	if err != nil {
		a.holds.Sensors = a.was.Sensors
		a.fail("sensors", err)
		return
	}
	a.g.log.Info("the sensors have changed", "added", len(c.Added), "changed", len(c.Changed), "removed", len(c.Removed))
	if err := forgetRemoved(a.g.broker, own); err != nil {
		a.g.log.Warn("sensors that are gone stay in the tree", "error", err)
	}
}

func (a *application) alerts() {
	if !reflect.DeepEqual(a.was.Alerts, a.is.Alerts) {
		a.g.alerts.Change(a.is.Alerts)
	}
	site := func(c *config.Config) string { return c.Sensors.WithDefaults(hostname()).Site }
	if site(a.was) != site(a.is) && (len(a.is.Alerts) > 0 || len(a.was.Alerts) > 0) {
		a.wait("site (of the topics of alerts)")
	}
}

// sayDifferences tells the log what has changed, by key, without what is secret.
func (g *gateway) sayDifferences(was, is *config.Config) {
	const most = 50
	all := config.Diff(was, is)
	for i, d := range all {
		if i == most {
			g.log.Info("configuration: more has changed", "keys", len(all)-most)
			return
		}
		attrs := []any{"key", d.Key}
		for _, x := range []struct{ name, value string }{{"was", d.Was}, {"is", d.Is}} {
			if x.value != "" {
				attrs = append(attrs, x.name, g.secrets.Named(d.Key, shorten(x.value)))
			}
		}
		g.log.Info("configuration: changed", attrs...)
	}
}

// shorten keeps a line of the log readable.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
}

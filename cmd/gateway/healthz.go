package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/health"
)

// buildHealth serves whether the gateway works, to anybody.
func (g *gateway) buildHealth() {
	h := health.NewHealth(g.healthChecks()...)
	g.dashboard.SetHealth(h.Ready())
	g.dashboard.Handle(access.Open, "GET /livez", h.Alive())
}

// healthChecks are what is looked at. Nothing of it tells more than that.
func (g *gateway) healthChecks() []health.Check {
	n, writes := 0, committer{since: time.Now()}
	checks := []health.Check{{Name: "broker", Alive: true, Look: func(ctx context.Context) string {
		n++
		if throughBroker(ctx, g.broker, "health "+strconv.Itoa(n)) != nil {
			return "a message does not go through"
		}
		return ""
	}}}
	if g.store != nil {
		checks = append(checks, health.Check{Name: "writing", Alive: true, Look: func(context.Context) string {
			if writes.check(g.store.Stats(), time.Now(), g.cfg().Persistence.Interval) != nil {
				return "what waits is not written to disk"
			}
			return ""
		}}, health.Check{Name: "store", Look: func(context.Context) string {
			if g.store.Stats().Failure != nil {
				return "messages cannot be stored; the page and the log say why"
			}
			return ""
		}})
	}
	if g.history != nil {
		checks = append(checks, health.Check{Name: "history", Minor: true, Look: func(context.Context) string {
			if g.historyFailure != nil || g.history.Figures().Failing != "" {
				return "what is recorded cannot be written; the page and the log say why"
			}
			return ""
		}})
	}
	return checks
}

// healthCommand asks a gateway that runs on this machine.
type healthCommand struct {
	configFlag
	Live    bool
	Timeout time.Duration
}

func (c *healthCommand) flags(f *flagSet) {
	c.configFlag.flags(f)
	f.BoolVar(&c.Live, "live", false, "Only whether it works at all, and starting it again may mend it: for whoever does that.")
	f.DurationVar(&c.Timeout, "timeout", 10*time.Second, "How long to wait for an answer, a `TIME` with its unit.")
}

// Run prints how the gateway is; the exit status is 0 if it works.
func (c *healthCommand) Run(ctx context.Context, s streams) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	url, err := pageHere(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	path := "/healthz"
	if c.Live {
		path = "/livez"
	}
	v, err := askHealth(ctx, url+path)
	if err != nil {
		return fmt.Errorf("no gateway answers at %s: %w", url, err)
	}
	for _, r := range v.Checks {
		fmt.Fprintf(s.out, "%-8s  %s\n", r.Name, joined(string(r.Status), r.Reason))
	}
	if v.Status == health.Failing {
		return &statusError{err: errors.New("the gateway does not work as it should"), status: exitFailure, quiet: true}
	}
	return nil
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + ": " + b
}

// pageHere is where the page of a configuration is, seen from this machine.
func pageHere(cfg *config.Config) (string, error) {
	if cfg.Dashboard.Address == "" {
		return "", errors.New("dashboard.address is empty: without a page there is nobody to ask")
	}
	host, port, err := net.SplitHostPort(cfg.Dashboard.Address)
	if err != nil {
		return "", fmt.Errorf("dashboard.address: %w", err)
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.IsUnspecified():
		host = "::1"
	}
	scheme := "http"
	if cfg.Dashboard.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

func askHealth(ctx context.Context, url string) (v health.Verdict, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return v, err
	}
	// The certificate has the name that others call this machine by, and not this
	// address of it. Nothing secret is asked or told.
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	resp, err := c.Do(r)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || v.Status == "" {
		return v, fmt.Errorf("HTTP %s, and no answer of a gateway", resp.Status)
	}
	return v, nil
}

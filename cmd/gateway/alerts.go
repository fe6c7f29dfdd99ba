package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/alerts"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/health"
	"gateway/cmd/gateway/internal/history"
)

// buildAlerts makes what watches values, and its part of the API.
func (g *gateway) buildAlerts() error {
	d := alerts.Deps{
		Tree: g.broker, Site: g.cfg().Sensors.WithDefaults(hostname()).Site, Rules: g.cfg().Alerts,
		Folder: g.stateFolder("alerts"), Log: g.log.With("part", "alerts"),
	}
	if g.wantsDemo() {
		d.Demo = alerts.Demo()
	}
	if g.history != nil {
		d.Past = past{g.history}
	}
	a := alerts.New(d)
	g.alerts = a
	for _, r := range a.Routes() {
		right := access.Read
		if r.Admin {
			right = access.Admin
		}
		g.dashboard.Handle(right, r.Pattern, r.Handler)
	}
	g.dashboard.AddFeed("alerts", alertFeed{a})
	return nil
}

// past is what rules are tried on.
type past struct{ *history.History }

func (p past) Series() []string { return p.Names() }

func (p past) Points(series string, since time.Time, width time.Duration) []alerts.Point {
	topic, key, _ := strings.Cut(series, "#")
	all := p.History.Points(topic, key, since, width)
	points := make([]alerts.Point, len(all))
	for i, x := range all {
		points[i] = alerts.Point{Start: x.Start, Low: x.Low, High: x.High}
	}
	return points
}

// alertFeed tells pages of alerts.
type alertFeed struct{ *alerts.Alerts }

// Follow begins for one reader.
func (f alertFeed) Follow(context.Context, url.Values) (dashboard.Follower, error) {
	return alertFollower{f.Alerts.Follow()}, nil
}

type alertFollower struct{ *alerts.Follower }

// Events returns how alerts are, if that has changed.
func (f alertFollower) Events() []dashboard.Event {
	news, ok := f.Take()
	if !ok {
		return nil
	}
	return []dashboard.Event{{Name: "alerts", Data: news}}
}

// Close has nothing to give back.
func (f alertFollower) Close() {}

// alertFigures are those for Prometheus.
func (g *gateway) alertFigures() []health.Figure {
	f := g.alerts.Figures()
	all := []health.Figure{
		{Name: "gateway_alert_rules", Type: "gauge", Help: "Rules of alerts.", Value: float64(f.Rules)},
		{Name: "gateway_alert_values", Type: "gauge", Help: "Values that rules watch.", Value: float64(f.Values)},
		{Name: "gateway_alerts_pending", Type: "gauge", Help: "Alerts that fire if it goes on.", Value: float64(f.Pending)},
		{Name: "gateway_alerts_left_out_messages_total", Type: "counter", Help: "Messages of values beyond what rules may watch.", Value: float64(f.LeftOut)},
		{Name: "gateway_alerts_lost_messages_total", Type: "counter", Help: "Messages that came faster than rules could look at them.", Value: float64(f.Dropped)},
	}
	for _, severity := range slices.Sorted(maps.Keys(f.Fired)) {
		all = append(all, health.Figure{Name: "gateway_alerts_fired_total", Type: "counter", Help: "Alerts that began to fire.", Value: float64(f.Fired[severity]), Labels: []string{"severity", severity}})
	}
	for _, a := range f.Firing {
		all = append(all, health.Figure{Name: "gateway_alert_firing", Type: "gauge", Help: "1 for each alert that fires.", Value: 1, Labels: []string{"rule", a.Rule, "topic", a.Topic, "key", a.Key, "severity", a.Severity}})
	}
	return all
}

package main

import (
	"context"
	"net/url"

	"gateway/cmd/gateway/internal/alerts"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
)

// buildAlerts makes what watches values, and its part of the API.
func (g *gateway) buildAlerts() error {
	d := alerts.Deps{
		Tree: g.broker, Site: g.cfg.Sensors.WithDefaults(hostname()).Site, Rules: g.cfg.Alerts,
		Folder: g.stateFolder("alerts"), Log: g.log.With("part", "alerts"),
	}
	if g.demo {
		d.Demo = alerts.Demo()
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

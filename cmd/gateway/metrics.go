package main

import (
	"time"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/health"
)

// buildMetrics serves what the parts say of themselves. It is called when all of
// them are made.
func (g *gateway) buildMetrics() {
	version, commit := buildVersion()
	g.dashboard.Handle(access.Read, "GET /metrics", health.Metrics(
		health.Build(version, commit), health.Sensors(g.sensorStates), health.Readers(g.sensorStats), health.Broker(g.broker.Stats),
		health.Bridges(g.bridgeStates), g.historyFigures, g.alertFigures, g.alarmFigures, health.Process(g.started)))
}

// sensorStates are the sensors as the page has them.
func (g *gateway) sensorStates() []health.Sensor {
	now := time.Now()
	shown := g.dashboard.Sensors()
	all := make([]health.Sensor, len(shown))
	for i, s := range shown {
		all[i] = health.Sensor{Site: s.Site, Room: s.Room, Sensor: s.Sensor, State: string(s.State), Current: s.State == dashboard.Live || s.State == dashboard.Late}
		if s.AgeMS != nil {
			all[i].Measured = now.Add(-time.Duration(*s.AgeMS) * time.Millisecond)
		}
		for _, v := range s.Values {
			all[i].Values = append(all[i].Values, health.Value{Quantity: v.Quantity, Unit: v.Unit, Number: v.Number})
		}
	}
	return all
}

// alarmFigures are how much needs a person.
func (g *gateway) alarmFigures() []health.Figure {
	return []health.Figure{{Name: "gateway_alarms", Type: "gauge", Help: "What needs a person, as the page says it in words.", Value: float64(len(g.about().Alarms))}}
}

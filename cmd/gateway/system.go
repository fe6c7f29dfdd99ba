package main

import (
	"strings"
	"time"

	"gateway/cmd/gateway/internal/doctor"
	"gateway/cmd/gateway/internal/logs"
	"gateway/cmd/gateway/internal/machine"
	"gateway/cmd/gateway/internal/redact"
	"gateway/cmd/gateway/internal/system"
	"gateway/sensors"
	"gateway/sensors/bus"
)

// newRing makes what keeps the newest lines of the log for the page.
func newRing() (*logs.Ring, *redact.Redactor) {
	secrets := new(redact.Redactor)
	return logs.New(0, 0, secrets), secrets
}

// withRing says what keeps the lines of the log.
func withRing(ring *logs.Ring, secrets *redact.Redactor) option {
	return func(g *gateway) { g.ring, g.secrets = ring, secrets }
}

// buildSystem makes what the page System asks for.
func (g *gateway) buildSystem() {
	version, commit := buildVersion()
	root := g.hardware.Root
	if root == nil {
		root = bus.Root()
	}
	d := system.Deps{
		Broker: g.broker, Machine: machine.New(root), Log: g.log.With("part", "system"), Ring: g.ring, Secrets: g.secrets,
		Version: version, Commit: commit, Started: g.started, Config: g.cfg(), ConfigText: g.file.Text,
		Bridges: func() any { return bridgeForms(g.bridgeStates(), time.Now()) },
		Sensors: g.sensorStats, Alarms: func() []error { return g.about().Alarms }, Doctor: g.findings, Folder: g.stateFolder(""),
	}
	if g.history != nil {
		d.History = func() system.History {
			f := g.history.Figures()
			return system.History{Series: f.Series, Written: f.Written, Damaged: f.Damaged, Dropped: f.Dropped}
		}
	}
	system.New(d).Mount(g.dashboard.Handle, g.dashboard.AddFeedFor)
}

// sensorStats are how all sensors are read.
func (g *gateway) sensorStats() (all []sensors.SensorStats) {
	for _, s := range g.sensors {
		all = append(all, s.Stats()...)
	}
	return all
}

// findings are what the doctor says of this machine, in lines.
func (g *gateway) findings() string {
	var b strings.Builder
	doctor.Print(&b, append([]doctor.Finding{g.machine.Board()}, g.machine.Examine(g.cfg())...))
	return b.String()
}

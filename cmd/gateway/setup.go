package main

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/setup"
	"gateway/sensors/bus"
	"gateway/sensors/scan"
)

// buildSetup joins the page with what it changes of the gateway.
func (g *gateway) buildSetup() {
	deps := scan.Deps{OpenI2C: g.hardware.OpenI2C, Root: g.hardware.Root}
	if deps.OpenI2C == nil {
		deps.OpenI2C = bus.OpenI2C
	}
	if deps.Root == nil {
		deps.Root = bus.Root()
	}
	own := g.sensors[0]
	state := g.stateFolder("")
	version, _ := buildVersion()
	g.setup = setup.New(setup.Deps{
		Log: g.log.With("part", "setup"), File: g.file, Config: g.cfg(), Sensors: own, Machine: g.machine, Scan: deps,
		Apply: g.apply, DeleteHistory: g.forgetHistory, Demo: g.wantsDemo(),
		State: state, Version: version,
	})
	g.setup.Mount(g.dashboard.Handle)
	g.dashboard.Handle(access.Read, "GET /api/v1/connect", http.HandlerFunc(g.connect))
}

// withFile says which configuration the page changes.
func (c *runCommand) withFile(from string) option {
	file := setup.OpenFile(from)
	switch {
	case c.MosquittoConf != "":
		file = setup.NoFile(answer.Say("file.mosquitto", "the gateway runs {file}, a configuration of Mosquitto, which it does not change; write a gateway.yaml", c.MosquittoConf))
	case len(c.Port) > 0:
		file = setup.NoFile(answer.Say("file.ports", "the gateway was started with -p, without a configuration file; start it without, and it makes one"))
	case from == builtIn:
		file = setup.OpenFile(newConfigPath())
	}
	return func(g *gateway) { g.file = file }
}

// newConfigPath is where a configuration would be found if it was made: here, or
// else where the service has its own.
func newConfigPath() string {
	for _, p := range configPaths {
		t, err := os.CreateTemp(filepath.Dir(p), ".gateway-*")
		if err != nil {
			continue
		}
		t.Close()
		if os.Remove(t.Name()) == nil {
			return p
		}
	}
	return configPaths[0] // what is wrong with it is said when it is written
}

// withLevel lets the page have the log say more or less, unless the command line
// wants all of it.
func (c *runCommand) withLevel(level *slog.LevelVar) option {
	if c.Verbose {
		return func(*gateway) {}
	}
	return func(g *gateway) {
		g.setLevel = func(word string) { _ = level.UnmarshalText([]byte(word)) } // Validate lets no other word through
	}
}

// forgetHistory deletes what was recorded of a sensor.
func (g *gateway) forgetHistory(topic string) error {
	if g.history == nil {
		return errors.New("nothing is recorded: history.enabled is false")
	}
	_, err := g.history.Delete(func(series string) bool {
		return series == topic || strings.HasPrefix(series, topic+"#") || strings.HasPrefix(series, topic+"/")
	})
	return err
}

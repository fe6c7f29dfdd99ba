package main

import (
	"gateway/cmd/gateway/internal/discovery"
)

// buildDiscovery makes what describes the sensors to Home Assistant.
func (g *gateway) buildDiscovery() {
	version, _ := buildVersion()
	g.discovery = discovery.New(g.cfg().HomeAssistant, discovery.Deps{
		Tree: g.broker, Version: version, Log: g.log.With("part", "discovery"), Page: g.pageForOthers, Folder: g.stateFolder("discovery"),
		Site: func() string { return g.cfg().Sensors.WithDefaults(hostname()).Site },
	})
}

// pageForOthers is where other machines reach the page, "" if they cannot.
func (g *gateway) pageForOthers() string {
	if _, port, loopback := placeOf(g.dashboard.Addr()); port == 0 || loopback {
		return ""
	}
	return g.page()
}

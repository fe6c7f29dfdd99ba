package main

import (
	"fmt"
	"net/netip"

	"gateway/cmd/gateway/internal/mdns"
)

// buildMDNS makes what announces the listeners on the local network.
func (g *gateway) buildMDNS() {
	g.mdns = mdns.New(g.cfg().MDNS, mdns.Deps{Machine: hostname(), Services: g.announced, Log: g.log.With("part", "mdns")})
}

// announced are the listeners that others reach: never those of this machine only.
func (g *gateway) announced() (all []mdns.Service) {
	text := []string{"txtvers=1", "site=" + g.cfg().Sensors.WithDefaults(hostname()).Site}
	for _, d := range g.broker.Doors() {
		at, err := netip.ParseAddrPort(d.Address)
		if err != nil || at.Addr().IsLoopback() { // a file, or this machine only
			continue
		}
		address := at.Addr().String()
		if at.Addr().IsUnspecified() {
			address = ""
		}
		switch d.Protocol {
		case "tcp":
			all = append(all, mdns.Service{Type: "_mqtt._tcp", Port: int(at.Port()), Address: address})
		case "tls":
			all = append(all, mdns.Service{Type: "_secure-mqtt._tcp", Port: int(at.Port()), Address: address})
		case "ws", "wss": // which have no type of their own
			text = append(text, fmt.Sprintf("%s=%d", d.Protocol, at.Port()))
		}
	}
	for i := range all {
		all[i].Text = text
	}
	if host, port, loopback := placeOf(g.dashboard.Addr()); port != 0 && !loopback {
		page := mdns.Service{Type: "_http._tcp", Port: port, Address: host, Text: []string{"txtvers=1", "path=/"}}
		if g.cfg().Dashboard.TLS != nil {
			page.Type = "_https._tcp"
		}
		all = append(all, page)
	}
	return all
}

package main

import (
	"net"
	"net/http"
	"path/filepath"

	"gateway/broker"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// entrance is how clients come in by a listener.
type entrance struct {
	Protocol  string `json:"protocol"` // tcp, tls, ws, wss or unix
	Host      string `json:"host"`     // "" is every address of this machine; of unix the file
	Port      int    `json:"port"`
	Loopback  bool   `json:"loopback"`  // only this machine reaches it
	Anonymous bool   `json:"anonymous"` // nobody is asked for a name
	TLS       bool   `json:"tls"`
}

// connection is what a device has to know to connect.
type connection struct {
	Host      string     `json:"host"` // the name of this machine
	Site      string     `json:"site"`
	Listeners []entrance `json:"listeners"`
	Page      entrance   `json:"page"`
	MDNS      string     `json:"mdns,omitempty"` // the name that is announced, nothing if none is
	Passwords string     `json:"passwords"`      // the file that broker.auth names, or where it would be
}

// connect answers with how devices connect to the broker.
func (g *gateway) connect(w http.ResponseWriter, _ *http.Request) {
	c := connection{Host: hostname(), Site: g.cfg().Sensors.WithDefaults(hostname()).Site, Listeners: []entrance{}, MDNS: g.mdns.Host(), Passwords: g.cfg().Broker.Auth.PasswordFile}
	if c.Passwords == "" {
		c.Passwords = "/etc/gateway/passwd"
		if file := g.file.State().Path; file != "" {
			c.Passwords = filepath.Join(filepath.Dir(file), "passwd")
		}
	}
	for _, d := range g.broker.Doors() {
		c.Listeners = append(c.Listeners, doorOf(g.cfg().Broker, d.Listener, d.Addr))
	}
	c.Page.Host, c.Page.Port, c.Page.Loopback = placeOf(g.dashboard.Addr())
	c.Page.Protocol, c.Page.TLS, c.Page.Anonymous = "http", g.cfg().Dashboard.TLS != nil, g.cfg().Dashboard.AllowAnonymous
	if c.Page.TLS {
		c.Page.Protocol = "https"
	}
	answer.JSON(w, c)
}

// doorOf says what a listener is, which is at an address by now.
func doorOf(all broker.Config, l broker.Listener, a net.Addr) entrance {
	d := entrance{Protocol: l.Protocol, TLS: l.Protocol == "tls" || l.Protocol == "wss"}
	d.Host, d.Port, d.Loopback = placeOf(a)
	who := all.Auth
	if l.Auth != nil {
		who = *l.Auth
	}
	d.Anonymous = l.AllowAnonymous || d.Loopback && !who.HasPasswords()
	return d
}

// placeOf takes an address apart; host is "" if it is every address of this
// machine.
func placeOf(a net.Addr) (host string, port int, loopback bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a.IP.IsUnspecified() {
			return "", a.Port, false
		}
		return a.IP.String(), a.Port, a.IP.IsLoopback()
	case *net.UnixAddr:
		return a.Name, 0, true
	}
	return "", 0, false
}

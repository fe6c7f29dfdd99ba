package mosquittoconf

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/bridge"
)

// upstream is a bridge on its way to ours.
type upstream struct {
	at        line
	name      string // as written
	host      string
	port      int // 0: the usual one
	tls       bool
	addressed line
	shut      bool // it is not opened; a note says why
	origins   map[string]line
	bridge.Config
}

func (c *conversion) beginBridge(v value) {
	l := &upstream{at: c.now, name: v.text, Config: bridge.Default(), origins: make(map[string]line)}
	l.Name = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, v.text)
	for _, other := range c.links {
		if other.Name == l.Name {
			c.wrong(c.now, "%s is the name of the bridge in line %d already", v.text, other.at.Line)
		}
	}
	c.link = l
	c.links = append(c.links, l)
}

// to returns the bridge, of which the line sets a key.
func (c *conversion) to(key string) *bridge.Config {
	c.link.origins[key] = c.now
	return &c.link.Config
}

func (c *conversion) addresses(v value) {
	if c.link.host != "" {
		c.wrong(c.now, "stands in line %d already; several addresses stand in one line", c.link.addressed.Line)
		return
	}
	c.link.addressed = c.now
	for i, a := range v.words {
		host, port := a, 0
		if colon := strings.LastIndexByte(a, ':'); colon >= 0 {
			n, err := strconv.Atoi(a[colon+1:])
			if err != nil || n < 1 || n > 65535 {
				c.wrong(c.now, "%q is not a port, 1 to 65535", a[colon+1:])
				return
			}
			host, port = a[:colon], n
		}
		if host == "" {
			c.wrong(c.now, "%q names no host", a)
			return
		}
		if i == 0 {
			c.link.host, c.link.port = strings.Trim(host, "[]"), port
		}
	}
	if len(v.words) > 1 {
		c.note(true, "%s: only the first address is tried", withBridges)
	}
	c.link.origins["address"] = c.now
}

// topic is a pattern, a direction, a QoS, a local and a remote prefix.
func (c *conversion) topic(v value) {
	pattern, rest := quoted(v.text)
	f := strings.Fields(rest)
	field := func(i int, missing string) string {
		if i >= len(f) || strings.HasPrefix(f[i], "#") {
			f = f[:min(i, len(f))]
			return missing
		}
		return f[i]
	}
	direction := strings.ToLower(field(0, "out"))
	qos, err := strconv.Atoi(field(1, "0"))
	local, remote := strings.Trim(field(2, ""), `"`), strings.Trim(field(3, ""), `"`)
	switch {
	case direction != "in" && direction != "out" && direction != "both":
		c.wrong(c.now, "%q is no direction; in, out or both", direction)
		return
	case err != nil || qos < 0 || qos > 2:
		c.wrong(c.now, "%q is no QoS; 0, 1 or 2", f[1])
		return
	case pattern == "" && (local == "" || remote == ""):
		c.wrong(c.now, `an empty pattern needs a local and a remote prefix`)
		return
	case direction == "in":
		c.note(true, "%s: nothing is fetched from upstream, so this topic is not bridged", withBridges)
		return
	case direction == "both":
		c.note(true, "%s: nothing is fetched from upstream; what is published here is forwarded", withBridges)
	}
	if local != "" {
		c.note(true, "%s: a local prefix cannot be taken off, so this topic is not bridged", withBridges)
		return
	}
	if qos == 2 {
		c.note(true, "%s: it is forwarded with QoS 1, at least once", withBridges)
		qos = 1
	}
	c.link.origins[fmt.Sprintf("topics[%d]", len(c.link.Topics))] = c.now
	c.link.Topics = append(c.link.Topics, bridge.Route{Filter: pattern, QoS: qos, RemotePrefix: remote})
}

// quoted splits a pattern, which may stand in quotes, from what follows.
func quoted(s string) (pattern, rest string) {
	if strings.HasPrefix(s, `"`) {
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			return s[1 : 1+end], s[end+2:]
		}
	}
	if end := strings.IndexAny(s, " \t"); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

// restart is how long to wait before connecting again: a time, or the least
// and the most.
func (c *conversion) restart(v value) {
	var n [2]int64
	for i := range min(2, len(v.words)) {
		x, err := number(0, 7200)(v.words[i])
		if err != nil {
			c.wrong(c.now, "%v", err)
			return
		}
		n[i] = max(1, x.number)
	}
	if len(v.words) > 1 && n[1] < n[0] {
		c.wrong(c.now, "%d is less than %d, which it is to grow from", n[1], n[0])
		return
	}
	b := c.to("reconnect_min")
	b.ReconnectMin, b.ReconnectMax = seconds(n[0]), seconds(max(n[0], n[1]))
	c.link.origins["reconnect_max"] = c.now
}

func (c *conversion) startType(v value) {
	if v.text != "automatic" {
		c.note(true, "%s: it connects when the gateway starts, and always again", withBridges)
	}
}

func (c *conversion) notifications(v value) {
	if !v.yes {
		c.note(false, "the state is always published here, in $SYS/broker/connection/NAME/state")
	}
}

func (c *conversion) bridgeVersion(v value) {
	if v.text != "mqttv311" {
		c.note(true, "%s: it speaks MQTT 3.1.1", withBridges)
	}
}

// systemAuthorities are the files and folders where systems keep the authorities
// that they trust.
var systemAuthorities = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs", "/etc/ssl/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
}

// linkAuthorities encrypts a bridge. One that is to trust an authority of its own
// is not opened, rather than trust all of the system.
func (c *conversion) linkAuthorities(v value) {
	c.link.tls = true
	if !slices.Contains(systemAuthorities, filepath.Clean(v.text)) {
		c.link.shut = true
		c.note(true, "%s: it can trust the authorities of the system only (%s), and is not opened", withBridges, systemAuthorities[0])
	}
}

func (c *conversion) systemCertificates(v value) {
	if v.yes {
		c.link.tls = true
	}
}

// insecure is not carried over: who relies on it finds the bridge without a
// connection, and not with one to whomever.
func (c *conversion) insecure(v value) {
	if v.yes {
		c.note(true, "%s: the name in the upstream's certificate is checked", withBridges)
	}
}

func (c *conversion) linkPSK(value) {
	c.link.shut = true
	c.note(true, "the bridge is not opened: %s", noPSK)
}

// finishLinks makes our bridges, when all is known about them.
func (c *conversion) finishLinks() {
	for _, l := range c.links {
		switch {
		case l.shut:
			continue
		case l.host == "":
			if l.addressed.name == "" {
				c.wrong(l.at, "%s has no address; write address HOST:PORT below it", l.name)
			}
			continue
		case len(l.Topics) == 0:
			c.noteAt(l.at, true, "nothing is left to bridge, so %s is left out", l.name)
			continue
		}
		scheme, port := "mqtt", 1883
		if l.tls {
			scheme = "mqtts"
		}
		if l.port != 0 {
			port = l.port
		}
		l.Address = scheme + "://" + net.JoinHostPort(l.host, strconv.Itoa(port))
		if host, err := c.machine.hostname(); l.ClientID == "" && err == nil {
			l.ClientID = host + "." + l.name
		}
		if _, ok := l.origins["reconnect_min"]; !ok {
			l.ReconnectMin, l.ReconnectMax = 5*time.Second, 30*time.Second
		}
		key := fmt.Sprintf("bridges[%d]", len(c.out.Config.Bridges))
		c.origins[key] = l.at
		for k, at := range l.origins {
			c.origins[key+"."+k] = at
		}
		c.out.Config.Bridges = append(c.out.Config.Bridges, l.Config)
		c.trace(under(key+".", l.Config.Validate()))
	}
}

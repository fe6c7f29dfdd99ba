package mosquittoconf

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"gateway/broker"
	"gateway/broker/auth"
	tlsdoor "gateway/broker/door"
)

// door is a listener on its way to ours.
type door struct {
	at     line     // of listener, port or bind_address; the zero line for the default
	keys   []string // what it has become, broker.listeners[0] and so on
	port   int
	host   string
	path   string // of a socket file
	device written
	family string
	web    bool
	shut   bool // it is not opened; a note says why

	ca, caFolder, cert, key, crl written
	require, identity, subject   decided
	minVersion                   string
	aliasBroker                  int64 // -1: as Mosquitto has it
	rights                       rights
	anonymous                    *bool
	origins                      map[string]line // of keys
	broker.Listener
}

func newDoor(at line) *door {
	return &door{at: at, aliasBroker: -1, origins: make(map[string]line)}
}

// door returns the listener that the line is about: the one it stands below,
// and before the first one that on the default port.
func (c *conversion) door() *door {
	if c.current == nil {
		if c.first == nil {
			c.first = newDoor(c.now)
			c.first.port = 1883
		}
		c.current = c.first
	}
	return c.current
}

// listener returns our listener, of which the line sets a key.
func (c *conversion) listener(key string) *broker.Listener {
	d := c.door()
	d.origins[key] = c.now
	return &d.Listener
}

// beginListener begins a listener: its port, and an address or the path of a
// socket file.
func (c *conversion) beginListener(v value) {
	d := newDoor(c.now)
	c.current, c.opened = d, true
	c.doors = append(c.doors, d)
	port, err := number(0, 65535)(v.words[0])
	if err != nil {
		c.wrong(c.now, "port %v", err)
		return
	}
	d.port = int(port.number)
	if len(v.words) > 1 {
		d.host = v.words[1]
	}
	if d.port == 0 {
		// Spaces in a path are part of it.
		_, d.path = word(v.text)
		if d.host = ""; d.path == "" {
			c.wrong(c.now, "port 0 is a socket file, whose path has to follow: listener 0 /run/mosquitto.sock")
		}
	}
	if len(v.words) > 2 && d.path == "" {
		c.note(true, "%q is not read; the value ends before it", strings.Join(v.words[2:], " "))
	}
}

// port and bindAddress set up the default listener.
func (c *conversion) port(v value) {
	c.current = nil
	d := c.door()
	d.port, d.at, c.opened = int(v.number), c.now, true
}

func (c *conversion) bindAddress(v value) {
	c.current = nil
	d := c.door()
	d.host, d.at, c.opened = v.text, c.now, true
}

func (c *conversion) protocol(v value) {
	d := c.door()
	switch v.text {
	case "mqtt":
		d.web = false
	case "websockets":
		d.web = true
	case "http_api":
		c.shut("the gateway has no HTTP API of Mosquitto's; its figures are in $SYS")
	case "mqttsn":
		c.shut("MQTT-SN is another protocol, which Mosquitto does not speak either")
	}
}

func (c *conversion) versions(v value) {
	names := map[string]string{"3": "3.1", "4": "3.1.1", "5": "5.0"}
	var versions []string
	for _, w := range strings.FieldsFunc(v.text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if w[0] == '#' {
			break
		}
		name, ok := names[w]
		if !ok {
			c.wrong(c.now, "%q is no version; 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0", w)
			continue
		}
		versions = append(versions, name)
	}
	c.listener("versions").Versions = versions
}

// mountPoint is put before topics as it stands: without a slash at its end it
// runs into the first level.
func (c *conversion) mountPoint(v value) {
	c.listener("mount_point").MountPoint = v.text
	if !strings.HasSuffix(v.text, "/") {
		c.note(true, "runs into the first level of every topic, t is %st, and subscriptions that begin with a wildcard are refused; most want %s/", v.text, v.text)
	}
}

func (c *conversion) maxQoS(v value) {
	qos := int(v.number)
	c.listener("max_qos").MaxQoS = &qos
}

func (c *conversion) maxAlias(v value) {
	n := int(v.number)
	c.listener("max_topic_alias").MaxTopicAlias = &n
}

func (c *conversion) proxyTLS(v value) {
	if v.yes {
		c.shut("the gateway does not read from a PROXY header whether the client's connection is encrypted; have the proxy refuse others")
	}
}

// origin takes what a browser sends as Origin.
func (c *conversion) origin(v value) {
	host := v.text
	if u, err := url.Parse(v.text); err == nil && u.Hostname() != "" {
		host = strings.ToLower(u.Hostname()) // which port the page comes from does not matter here
	}
	l := c.listener("origins")
	l.Origins = append(l.Origins, host)
}

func (c *conversion) dateChecks(v value) {
	if v.yes {
		c.note(true, "a certificate that has expired is refused")
	}
}

func (c *conversion) tlsVersion(v value) {
	c.door().minVersion = c.minVersion(v, "clients need 1.2")
}

// minVersion is the version of TLS that a directive asks for, or 1.2 with a note
// that says what follows.
func (c *conversion) minVersion(v value, follows string) string {
	switch v.text {
	case "tlsv1.3":
		return "1.3"
	case "tlsv1.2":
	default:
		c.note(true, "TLS before 1.2 is broken and not spoken; %s", follows)
	}
	return "1.2"
}

func (c *conversion) keyForm(v value) {
	if v.text == "engine" {
		c.engine(v)
	}
}

func (c *conversion) engine(value) {
	c.shut("the gateway reads private keys from files only, not from OpenSSL engines")
}

func (c *conversion) psk(value) { c.shut(noPSK) }

// shut leaves a listener closed, because it would not protect as it is to.
func (c *conversion) shut(why string) {
	c.door().shut = true
	c.note(true, "the listener is not opened: %s", why)
}

// seal leaves every listener closed, because none would protect as it is to.
func (c *conversion) seal(why string) {
	c.sealed = true
	c.note(true, "no listener is opened: %s", why)
}

// finishListeners makes our listeners, when all is known about them.
func (c *conversion) finishListeners(ports []int) {
	doors := c.doors
	if c.first != nil && c.opened && (c.first.at.name == "port" || c.first.at.name == "bind_address") {
		doors = append([]*door{c.first}, doors...)
	} else if c.first != nil && c.opened && len(c.doors) > 0 {
		c.noteAt(c.first.at, true, "stands before any listener and counts for none; put it below the listener that it is about")
	}
	switch {
	case !c.opened:
		doors = c.localDoors(ports)
	case len(ports) > 0:
		c.noteAt(line{name: "-p"}, true, "is ignored, as by Mosquitto, because the configuration has listeners")
	}
	for _, d := range doors {
		c.finish(d)
	}
	b := &c.out.Config.Broker
	if !c.perListener {
		b.Auth = c.auth(c.shared, c.lets(c.shared, nil), "broker.auth")
	}
	for i, l := range b.Listeners {
		// One guard for all listeners, where their rules are the same.
		if !c.perListener && l.Auth.RequireLogin == b.Auth.RequireLogin {
			b.Listeners[i].Auth = nil
		}
	}
}

// localDoors are the listeners of a configuration that has none.
func (c *conversion) localDoors(ports []int) []*door {
	if len(ports) == 0 {
		ports = []int{1883}
	}
	var doors []*door
	for _, port := range ports {
		for _, host := range c.machine.loopback() {
			d := newDoor(line{})
			if c.first != nil {
				first := *c.first
				d = &first
			}
			d.port, d.host = port, host
			doors = append(doors, d)
		}
	}
	return doors
}

// lets tells whether a listener lets in who has no name.
func (c *conversion) lets(r rights, own *bool) bool {
	switch {
	case own != nil:
		return *own
	case r.anonymous != nil:
		return *r.anonymous
	}
	return !c.opened
}

// auth returns rights as ours; key is where they go.
func (c *conversion) auth(r rights, anonymous bool, key string) auth.Config {
	c.origins[key+".password_file"], c.origins[key+".acl_file"] = r.passwords.at, r.rules.at
	return auth.Config{
		PasswordFile: r.passwords.text,
		ACLFile:      r.rules.text,
		RequireLogin: !anonymous && r.passwords.text == "", // nobody has one
	}
}

// finish makes our listeners of one: one for each address of its interface.
func (c *conversion) finish(d *door) {
	if d.shut || c.sealed {
		return
	}
	l := d.Listener
	c.finishTLS(d, &l)
	if d.web && len(l.Origins) == 0 {
		l.Origins = []string{"*"} // as with Mosquitto
	}
	if d.aliasBroker >= 0 {
		own := c.out.Config.Broker.MaxTopicAlias
		if l.MaxTopicAlias != nil {
			own = *l.MaxTopicAlias
		}
		if own != int(d.aliasBroker) {
			c.noteAt(d.at, true, "max_topic_alias_broker %d: the gateway sets as many aliases as a client may, %d (max_topic_alias)", d.aliasBroker, own)
		}
	}
	r := c.shared
	if c.perListener {
		r = d.rights
	}
	l.AllowAnonymous = c.lets(r, d.anonymous)
	addresses := c.addressesOf(d)
	for _, address := range addresses {
		l.Address = address
		key := fmt.Sprintf("broker.listeners[%d]", len(c.out.Config.Broker.Listeners))
		a := c.auth(r, l.AllowAnonymous, key+".auth")
		l.Auth = &a
		c.origins[key], d.keys = d.at, append(d.keys, key)
		for k, at := range d.origins {
			c.origins[key+"."+k] = at
		}
		c.out.Config.Broker.Listeners = append(c.out.Config.Broker.Listeners, l)
	}
}

// addressesOf returns where a listener listens.
func (c *conversion) addressesOf(d *door) []string {
	port := strconv.Itoa(d.port)
	switch {
	case d.path != "":
		return []string{d.path}
	case d.device.text != "":
		ips, err := c.machine.devices(d.device.text)
		var addresses []string
		for _, ip := range ips {
			if four := ip.To4() != nil; d.named(ip) && (d.family == "" || four == (d.family == "ipv4")) {
				addresses = append(addresses, net.JoinHostPort(ip.String(), port))
			}
		}
		switch {
		case err != nil:
			c.wrong(d.device.at, "%s: %v", d.device.text, err)
		case len(addresses) == 0 && d.host != "":
			c.wrong(d.device.at, "%s does not have the address %s, which %s in line %d names", d.device.text, d.host, d.at.name, d.at.Line)
		case len(addresses) == 0:
			c.wrong(d.device.at, "%s has no address to listen on", d.device.text)
		}
		return addresses
	case d.host == "" && d.family == "ipv4":
		return []string{"0.0.0.0:" + port}
	case d.host == "" && d.family == "ipv6":
		return []string{"[::]:" + port}
	}
	return []string{net.JoinHostPort(d.host, port)}
}

// named tells whether a listener of an interface is to listen on this one of
// its addresses.
func (d *door) named(ip net.IP) bool {
	if d.host == "0.0.0.0" {
		return ip.To4() != nil
	}
	return d.host == "" || d.host == "::" || net.ParseIP(d.host).Equal(ip)
}

// revocations takes a list of certificates, which the gateway is less strict
// about.
func (c *conversion) revocations(v value) {
	c.door().crl = c.here(v.text)
	c.note(true, "Mosquitto lets nobody in by a list past its next update, or whose authority has no list in the file; the gateway then refuses only what is on a list, so replace lists in time and have one for each authority")
}

// finishTLS sets the protocol of a listener, and what encrypts it.
func (c *conversion) finishTLS(d *door, l *broker.Listener) {
	encrypted := d.cert.text != "" && d.key.text != ""
	switch {
	case d.path != "":
		l.Protocol = "unix"
		if d.web || d.cert.text != "" {
			c.wrong(d.at, "a socket file is neither for WebSocket nor encrypted")
		}
		return
	case d.web && encrypted:
		l.Protocol = "wss"
	case d.web:
		l.Protocol = "ws"
	case encrypted:
		l.Protocol = "tls"
	default:
		l.Protocol = "tcp"
	}
	switch {
	case encrypted:
		c.certificates(d, l)
	case d.cert.text != "":
		c.wrong(d.cert.at, "there is no keyfile beside it; a listener needs both to be encrypted")
	case d.key.text != "":
		c.wrong(d.key.at, "there is no certfile beside it; a listener needs both to be encrypted")
	default:
		for _, w := range []written{d.ca, d.caFolder, d.crl} {
			if w.text != "" {
				c.wrong(w.at, "there is no certfile and keyfile beside it, so the listener would not be encrypted")
			}
		}
		for _, w := range []decided{d.require, d.identity, d.subject} {
			if w.yes {
				c.wrong(w.at, "there is no certfile and keyfile beside it, so nobody could show a certificate")
			}
		}
	}
}

// certificates sets what encrypts a listener, and whose certificates count.
func (c *conversion) certificates(d *door, l *broker.Listener) {
	l.TLS = &tlsdoor.TLS{Certificate: d.cert.text, Key: d.key.text, MinVersion: d.minVersion}
	d.origins["tls.certificate"], d.origins["tls.key"] = d.cert.at, d.key.at
	if !d.require.yes {
		for _, w := range []decided{d.identity, d.subject} {
			if w.yes {
				c.wrong(w.at, "no client is asked for a certificate; it needs require_certificate true")
			}
		}
		return
	}
	ca := cmp.Or(d.ca, d.caFolder)
	switch {
	case ca.text == "":
		c.wrong(d.require.at, "there is no cafile or capath, which say whose certificates count")
		return
	case d.ca.text != "" && d.caFolder.text != "":
		c.noteAt(d.caFolder.at, true, "cafile counts; put all authorities into one of the two")
	}
	l.TLS.ClientCA, l.TLS.RequireCertificate, l.TLS.CRL = ca.text, true, d.crl.text
	d.origins["tls.client_ca"], d.origins["tls.crl"], d.origins["tls.require_certificate"] = ca.at, d.crl.at, d.require.at
	switch {
	case d.identity.yes:
		l.TLS.UsernameFrom = "cn"
	case d.subject.yes:
		l.TLS.UsernameFrom = "subject"
	}
}

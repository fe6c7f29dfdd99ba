package mosquittoconf

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"gateway/bridge"
	"gateway/broker/topic"
)

// upstream is a bridge on its way to ours.
type upstream struct {
	at      line
	name    string   // as written
	hosts   []string // host:port, the first one first
	shut    bool     // it is not opened; a note says why
	keys    []string // what it has become, bridges[0], or none
	origins map[string]line
	trust
	notify
	bridge.Config
}

func (c *conversion) beginBridge(v value) {
	l := &upstream{at: c.now, name: v.text, Config: bridge.Default(), origins: make(map[string]line)}
	l.Demo = true          // as Mosquitto, which knows no simulated house
	l.Preset = "mosquitto" // who has a bridge of Mosquitto's has tried the bit; see try_private
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
	if len(c.link.hosts) > 0 {
		c.wrong(c.now, "stands in line %d already; several addresses stand in one line", c.link.origins["address"].Line)
		return
	}
	c.link.origins["address"], c.link.origins["addresses"] = c.now, c.now
	for _, a := range v.words {
		host, port := a, 1883
		if colon := strings.LastIndexByte(a, ':'); colon >= 0 {
			n, err := strconv.Atoi(a[colon+1:])
			if err != nil || n < 1 || n > 65535 {
				c.wrong(c.now, "%q is not a port, 1 to 65535", a[colon+1:])
				return
			}
			host, port = a[:colon], n
		}
		if host = strings.Trim(host, "[]"); host == "" {
			c.wrong(c.now, "%q names no host", a)
			return
		}
		c.link.hosts = append(c.link.hosts, net.JoinHostPort(host, strconv.Itoa(port)))
	}
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

// startType has no counterpart for a bridge that ends with its first line.
func (c *conversion) startType(v value) {
	switch v.text {
	case "lazy":
		c.to("start").Start = bridge.Lazy
	case "once":
		c.note(true, "it connects again whenever the line is lost, and not only once; take the bridge out to end it")
	case "manual":
		c.note(true, "nothing starts a bridge by hand, here or in Mosquitto; it connects when the gateway starts")
	}
}

// atLeastOne takes 1 for what is less, as Mosquitto does.
func atLeastOne(n int64) int64 { return max(1, n) }

func (c *conversion) bridgeVersion(v value) {
	c.to("protocol").Protocol = map[string]string{"mqttv31": "3.1", "mqttv311": "3.1.1", "mqttv50": "5"}[v.text]
}

func (c *conversion) tryPrivate(v value) {
	b := c.to("bridge_bit")
	if b.BridgeBit = ""; !v.yes { // "": as the preset says
		b.BridgeBit = "off"
	}
}

func (c *conversion) cleanSession(v value) {
	if c.to("clean_start").CleanStart = v.yes; v.yes {
		c.note(false, "the session upstream is clean; what waits here for the upstream is kept all the same")
	}
}

func (c *conversion) localCleanSession(v value) {
	if v.yes {
		c.note(false, "what waits here for the upstream is kept when the line is lost, and sent later")
	}
}

// sessionExpiry is seconds; the largest is for ever.
func (c *conversion) sessionExpiry(v value) {
	c.to("session_expiry").SessionExpiry = seconds(v.number)
}

// bridgePacketSize bounds packets in Mosquitto and payloads here. What is too
// large in spite of it is recognised when the upstream refuses it.
func (c *conversion) bridgePacketSize(v value) {
	n := int(v.number)
	c.to("max_message_size").MaxMessageSize = &n
	if n > 0 {
		c.note(false, "bounds the payload; the topic and a few bytes come on top")
	}
}

// outgoingRetain says what the upstream has, so that nothing goes there as
// retained and what comes from there stays as it is.
func (c *conversion) outgoingRetain(v value) {
	c.to("retain_available").RetainAvailable = &v.yes
}

func (c *conversion) unsubscribe(v value) {
	if !v.yes {
		c.note(false, "the bridge unsubscribes only what it has subscribed to before and its topics no longer name")
	}
}

// localUser warns, since rules may have kept the bridge from something.
func (c *conversion) localUser(value) {
	c.note(true, "the bridge is part of this broker and no user: acl_file does not bind it, only its topic lines do; name there no more than it may read and write")
}

// maxBridgeInflight is what a bridge of ours can have on its way.
const maxBridgeInflight = 32_767

func (c *conversion) receiveMaximum(v value) {
	c.to("max_inflight").MaxInflight = int(min(v.number, maxBridgeInflight))
}

// finishLinks makes our bridges, when all is known about them.
func (c *conversion) finishLinks() {
	for _, l := range c.links {
		switch {
		case len(l.hosts) == 0:
			if _, ok := l.origins["address"]; !ok {
				c.wrong(l.at, "%s has no address; write address HOST:PORT below it", l.name)
			}
			continue
		case len(l.Topics) == 0:
			c.noteAt(l.at, true, "nothing is left to bridge, so %s is left out", l.name)
			continue
		}
		c.finishTrust(l)
		if l.shut {
			continue
		}
		c.finishNotify(l)
		c.finishAddresses(l)
		c.finishLimits(l)
		key := fmt.Sprintf("bridges[%d]", len(c.out.Config.Bridges))
		c.origins[key], l.keys = l.at, []string{key}
		for k, at := range l.origins {
			c.origins[key+"."+k] = at
		}
		c.out.Config.Bridges = append(c.out.Config.Bridges, l.Config)
		c.trace(under(key+".", l.Config.Validate()))
	}
	c.finishTransit()
}

func (c *conversion) finishAddresses(l *upstream) {
	scheme := "mqtt://"
	if l.encrypted() {
		scheme = "mqtts://"
	}
	l.Address = scheme + l.hosts[0]
	for _, h := range l.hosts[1:] {
		l.Addresses = append(l.Addresses, scheme+h)
	}
	if len(l.hosts) > 1 && !l.RoundRobin {
		c.noteAt(l.origins["address"], false, "the first address is tried first whenever the line is lost; while another one works it is not looked for")
	}
	if host, err := c.machine.hostname(); l.ClientID == "" && err == nil {
		l.ClientID = host + "." + l.Name
	}
}

// finishLimits bounds a bridge as Mosquitto bounds every client, where the file
// says so.
func (c *conversion) finishLimits(l *upstream) {
	b := c.out.Config.Broker
	if at, ok := c.origins["broker.max_queued_messages"]; ok && b.MaxQueuedMessages > 0 {
		l.Queue.MaxMessages, l.Queue.WhenFull = b.MaxQueuedMessages, "drop_newest"
		l.origins["queue"] = at
	}
	if at, ok := c.origins["broker.max_queued_bytes"]; ok && b.MaxQueuedBytes > 0 {
		l.Queue.MaxBytes, l.Queue.WhenFull = b.MaxQueuedBytes, "drop_newest"
		l.origins["queue"] = at
	}
	_, own := l.origins["max_inflight"]
	if at, ok := c.origins["broker.max_inflight"]; ok && !own {
		l.MaxInflight = min(b.MaxInflight, maxBridgeInflight)
		l.origins["max_inflight"] = at
	}
	if _, ok := l.origins["reconnect_min"]; !ok {
		l.ReconnectMin, l.ReconnectMax = 5*time.Second, 30*time.Second
	}
}

// finishTransit lets a bridge forward what another brings in, which Mosquitto
// always does, unless it would go in circles.
func (c *conversion) finishTransit() {
	all := c.out.Config.Bridges
	for i := range all {
		for j := range all {
			if i == j || all[i].Transit || !passes(all[j], all[i]) {
				continue
			}
			at := c.origins[fmt.Sprintf("bridges[%d]", i)]
			all[i].Transit = true
			if bridge.Conflicts(all) != nil {
				all[i].Transit = false
				c.noteAt(at, true, "what %s brings in is not forwarded to the same upstream again, where it would go in circles", all[j].Name)
			}
		}
	}
}

// passes tells whether something that in brings in is chosen by out.
func passes(in, out bridge.Config) bool {
	for _, i := range in.Topics {
		for _, o := range out.Topics {
			if i.Direction != bridge.Out && o.Direction != bridge.In && topic.Overlap(i.LocalPrefix+i.Filter, o.LocalPrefix+o.Filter) {
				return true
			}
		}
	}
	return false
}

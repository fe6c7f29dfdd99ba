package mqttio

import (
	"net"
	"strconv"
	"strings"
	"time"

	"gateway/bridge"
)

// upstream makes the site of the prefix, and a bridge of the broker.
func (c *conversion) upstream(root table) {
	if !root.has("mqtt") {
		root.wrong("mqtt", "is missing; it says which broker to publish to")
		return
	}
	m := root.within("mqtt")
	m.only([]string{"host", "port", "user", "password", "client_id", "topic_prefix", "clean_session", "protocol", "keepalive", "status_topic", "status_payload_running",
		"status_payload_stopped", "status_payload_dead", "client_module", "ha_discovery", "tls", "reconnect_delay", "reconnect_count", "discovery", "discovery_prefix", "discovery_name"})
	c.topics(m)
	host, port := m.required("host"), m.whole("port", 1883, 1, 65535)
	c.discovery(m)
	if host == "" {
		return
	}
	if isLocal(host) {
		c.lose(m.line, "mqtt.host "+host, "no bridge is needed: the gateway is the broker here; stop the one that has the port, or choose another in broker.listeners (gateway import takes a mosquitto.conf, too)")
		if m.has("user") {
			c.lose(m.line, "mqtt.user", "nobody has to log in for what the gateway itself publishes")
		}
		return
	}
	b := bridge.Default()
	b.Name = "mqtt-io"
	b.Address = "mqtt://" + net.JoinHostPort(host, strconv.Itoa(port))
	b.Username, b.Password, b.ClientID = m.text("user"), m.text("password"), m.text("client_id")
	if b.Password != "" && b.Username == "" {
		m.wrong("password", "is of no use without a user")
	}
	b.CleanStart = m.truth("clean_session", false)
	b.KeepAlive = time.Duration(m.whole("keepalive", 10, 1, 65535)) * time.Second
	b.ReconnectMin = time.Duration(m.whole("reconnect_delay", 2, 1, 3600)) * time.Second
	b.ReconnectMax = max(b.ReconnectMax, b.ReconnectMin)
	switch v := m.text("protocol"); v {
	case "", "3.1.1", "3.1":
		b.Protocol = v
	default:
		m.wrong("protocol", "%q is unknown; 3.1 or 3.1.1", v)
	}
	if m.whole("reconnect_count", -1, -1, 1<<30) != -1 {
		p, _ := m.pair("reconnect_count")
		c.lose(p.Line, "mqtt.reconnect_count", "a bridge tries for ever, and keeps what waits on disk")
	}
	b.StatusTopic = c.under(or(m.text("status_topic"), "status"))
	c.remark("%s upstream is online and offline, and not %s, %s and %s.", b.StatusTopic, or(m.text("status_payload_running"), "running"),
		or(m.text("status_payload_stopped"), "stopped"), or(m.text("status_payload_dead"), "dead"))
	c.encryption(m, &b)
	route := bridge.DefaultRoute()
	route.Filter = c.out.Sensors.Site + "/#"
	b.Topics = []bridge.Route{route}
	c.out.Bridges = []bridge.Config{b}
	c.origins["bridges[0]"] = m
	c.above["bridges[0]"] = []string{"The broker that MQTT IO published to, line " + strconv.Itoa(m.line) + ". What is measured while it is away waits here."}
}

// encryption takes what is said of TLS.
func (c *conversion) encryption(m table, b *bridge.Config) {
	t := m.within("tls")
	t.only([]string{"enabled", "ca_certs", "certfile", "keyfile", "cert_reqs", "tls_version", "ciphers", "insecure"})
	if !m.has("tls") || !t.truth("enabled", false) {
		return
	}
	b.Address = "mqtts" + strings.TrimPrefix(b.Address, "mqtt")
	b.Line.TLS.CA, b.Line.TLS.Certificate, b.Line.TLS.Key = t.text("ca_certs"), t.text("certfile"), t.text("keyfile")
	if t.truth("insecure", false) || t.has("cert_reqs") && t.text("cert_reqs") != "CERT_REQUIRED" {
		c.lose(t.line, "mqtt.tls", "the upstream's certificate is checked, and the name in it; bridges[].tls.server_name takes another name, and insecure: true anything")
	}
	for _, key := range []string{"tls_version", "ciphers"} {
		if p, ok := t.pair(key); ok {
			c.lose(p.Line, "mqtt.tls."+key, "TLS 1.2 or 1.3 is spoken, with the ciphers that Go thinks safe")
		}
	}
}

// topics makes site and room of the prefix.
func (c *conversion) topics(m table) {
	c.origins["site"] = m
	c.pre = strings.Trim(m.text("topic_prefix"), "/")
	site, room, _ := strings.Cut(c.pre, "/")
	c.out.Sensors.Site = or(strings.Trim(odd.ReplaceAllString(site, "-"), "-."), "mqtt-io")
	c.room = or(strings.Trim(odd.ReplaceAllString(room, "-"), "-."), c.room)
	c.remark("What was %s is now %s/%s/NAME, JSON with all that was measured and when; each number alone is at %s/%s/NAME/QUANTITY.",
		c.under("sensor/NAME"), c.out.Sensors.Site, c.room, c.out.Sensors.Site, c.room)
}

// under is a topic with the prefix before it.
func (c *conversion) under(topic string) string {
	return strings.TrimPrefix(c.pre+"/"+topic, "/")
}

func (c *conversion) discovery(m table) {
	h := m.within("ha_discovery")
	h.only([]string{"enabled", "prefix", "name"})
	if m.has("ha_discovery") && !h.truth("enabled", false) {
		c.remark("Home Assistant finds the sensors by itself; MQTT IO was told not to let it: see home_assistant in gateway.example.yaml.")
	} else if p := h.text("prefix"); p != "" && p != "homeassistant" {
		c.remark("Home Assistant's discovery prefix was %s: see home_assistant in gateway.example.yaml.", p)
	}
}

// isLocal tells whether a host is this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

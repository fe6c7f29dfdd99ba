package bridge

import (
	"cmp"
	"slices"
	"strings"
)

// Preset is what is known of a kind of upstream, and used where the
// configuration is silent.
type Preset struct {
	Name string
	// Title says what it is, and Notes what the bridge does there in place of what
	// the upstream cannot do.
	Title, Notes string

	Protocol        string
	BridgeBit       string
	MaxQoS          int
	MaxMessageSize  int // bytes; 0 for any
	MaxTopicLevels  int // 0 for any number
	RetainAvailable bool
	ReplaceInTopics string
	MaxInflight     int     // 0 for any number
	MaxRate         float64 // messages a second; 0 for any number
	NeedsClientID   bool
	NeedsTLS        bool
	ALPN            string // on port 443
}

// Presets are the kinds of upstream, generic first. Only Mosquitto gets its
// bridge bit: aedes, which takes it, then loses messages between two bridges
// (aedes 1.2.0, 5 runs of 8 with the bit, none of 5 without). Sources: what was run
// against each of them stands in bridge/INTEROP.md; what could not be run here is
// from the makers' documents: AWS IoT Core quotas, Azure Event Grid MQTT
// features, HiveMQ and EMQX manuals.
func Presets() []Preset {
	generic := Preset{
		Name: "generic", Title: "any broker that keeps to MQTT 3.1.1",
		Protocol: "3.1.1", BridgeBit: "off", MaxQoS: 2, RetainAvailable: true,
	}
	with := func(name, title, notes string, change func(*Preset)) Preset {
		p := generic
		p.Name, p.Title, p.Notes = name, title, notes
		change(&p)
		return p
	}
	return []Preset{
		generic,
		with("mosquitto", "Eclipse Mosquitto 1.4 and later", "The bridge bit keeps what we publish from coming back. In MQTT 3.1.1 Mosquitto acknowledges what its ACL or message_size_limit refuses, and drops it; with `protocol: 5` it says so, and it is set aside.", func(p *Preset) {
			p.BridgeBit = "auto"
		}),
		with("hivemq", "HiveMQ, Community Edition and Cloud", "MQTT 5, whose no-local does what the bridge bit does elsewhere; HiveMQ closes on the bit.", func(p *Preset) {
			p.Protocol = "5"
		}),
		with("rabbitmq", "RabbitMQ with rabbitmq_mqtt", "QoS 2 is sent as QoS 1, since RabbitMQ has none; \".\" and \"*\" would become \"/\" and \"+\" and become \"_\"; it closes on the bridge bit.", func(p *Preset) {
			p.MaxQoS, p.ReplaceInTopics = 1, ".*"
		}),
		with("activemq", "Apache ActiveMQ 5 and Artemis", "It says that it has not kept a session that it has kept; what it tells about itself under ActiveMQ/Advisory is not brought in.", func(*Preset) {}),
		with("emqx", "EMQX 4 and later", "MQTT 5, whose no-local does what the bridge bit does elsewhere; with the bit EMQX keeps the RETAIN flag and loops stay.", func(p *Preset) {
			p.Protocol = "5"
		}),
		with("aws-iot", "AWS IoT Core", "QoS 2 is sent as QoS 1; payloads above 128 KB and topics of more than 8 levels, on which AWS drops the connection, are set aside; 50 messages a second, so that after a pause too no second has more than the 100 that AWS takes.", func(p *Preset) {
			p.Protocol, p.MaxQoS, p.MaxMessageSize, p.MaxTopicLevels = "5", 1, 128<<10, 8
			p.MaxInflight, p.MaxRate, p.NeedsClientID, p.NeedsTLS, p.ALPN = 100, 50, true, true, "x-amzn-mqtt-ca"
		}),
		with("azure-event-grid", "Azure Event Grid namespaces", "QoS 2 is sent as QoS 1 and nothing as retained, on which older versions close; set retain_available: true where yours has it.", func(p *Preset) {
			p.Protocol, p.MaxQoS, p.RetainAvailable = "5", 1, false
			p.MaxMessageSize, p.NeedsClientID, p.NeedsTLS = 512<<10, true, true
		}),
	}
}

// preset returns the preset of that name; false if there is none.
func preset(name string) (Preset, bool) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == cmp.Or(name, "generic") })
	if i < 0 {
		return all[0], false
	}
	return all[i], true
}

// profile is what a bridge knows of its upstream: the preset, with what the
// configuration says in its place.
func (c Config) profile() Preset {
	p, _ := preset(c.Preset)
	p.Protocol = cmp.Or(c.Protocol, p.Protocol)
	p.BridgeBit = cmp.Or(c.BridgeBit, p.BridgeBit)
	set(&p.MaxQoS, c.MaxQoS)
	set(&p.MaxMessageSize, c.MaxMessageSize)
	set(&p.MaxTopicLevels, c.MaxTopicLevels)
	set(&p.RetainAvailable, c.RetainAvailable)
	set(&p.ReplaceInTopics, c.ReplaceInTopics)
	if c.Budget.MaxRate > 0 {
		p.MaxRate = c.Budget.MaxRate
	}
	if p.MaxInflight == 0 || c.MaxInflight < p.MaxInflight {
		p.MaxInflight = c.MaxInflight
	}
	if p.Protocol == "5" {
		p.BridgeBit = "off" // MQTT 5 has no-local and retain as published
	}
	return p
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// presetNames are for messages.
func presetNames() string {
	var names []string
	for _, p := range Presets() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

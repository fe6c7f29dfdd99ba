package bridge

import (
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		c.Name, c.Address = "cloud", "mqtts://broker.example.org"
		route := DefaultRoute()
		route.Filter = "#"
		c.Topics = []Route{route}
		change(&c)
		return c
	}
	name := func(s string) Config { return with(func(c *Config) { c.Name = s }) }
	address := func(s string) Config { return with(func(c *Config) { c.Address = s }) }
	routes := func(r ...Route) Config { return with(func(c *Config) { c.Topics = r }) }
	login := func(user, password, file string) Config {
		return with(func(c *Config) { c.Username, c.Password, c.PasswordFile = user, password, file })
	}
	for _, test := range []struct {
		name string
		cfg  Config
		want string // beginnings of the errors, one per line; "" for none
	}{
		{"good", with(func(*Config) {}), ""},
		{"default alone", Default(), "name: is missing\naddress: is missing\ntopics: are missing"},

		{"name of every kind", name("Cloud-2_b"), ""},
		{"name with a slash", name("a/b"), `name: "a/b" has '/' in it`},
		{"name with a letter of its own", name("müll"), `name: "müll" has 'ü' in it`},

		{"mqtt", address("mqtt://10.0.0.1:1883"), ""},
		{"IPv6", address("mqtt://[::1]:1883"), ""},
		{"wss with a path", address("wss://host/mqtt?x=y"), ""},
		{"ws", address("ws://host:8080"), ""},
		{"no scheme", address("broker.example.org"), `address: "broker.example.org" is not an address; write mqtt://`},
		{"host and port", address("broker:1883"), `address: "broker:1883" is not an address`},
		{"http", address("https://host"), "address: https is not a way to an MQTT broker"},
		{"another name", address("tcp://host"), "address: tcp is not a way to an MQTT broker"},
		{"fragment", address("ws://host/mqtt#x"), `address: "ws://host/mqtt#x" has a # in it`},
		{"no host", address("mqtt://:1883"), `address: "mqtt://:1883" names no host; write mqtt://host`},
		{"port 0", address("mqtt://host:0"), `address: "0" is not a port`},
		{"port too big", address("mqtt://host:65536"), `address: "65536" is not a port`},
		{"port in words", address("mqtt://host:mqtt"), `address: "mqtt://host:mqtt" is not an address`},
		{"path", address("mqtts://host/mqtt"), "address: mqtts ends with the port"},
		{"credentials", address("mqtt://me:secret@host"), "address: has a user name in it; write username and password"},
		{"credentials in a mess", address("mqtt://me:sec ret%@host"), "address: has a user name in it"},

		{"user", login("me", "", ""), ""},
		{"user and password", login("me", "secret", ""), ""},
		{"user and file", login("me", "", "/etc/gateway/password"), ""},
		{"two passwords", login("me", "secret", "/f"), "password_file: password is written too"},
		{"password alone [MQTT-3.1.2-22]", login("", "secret", ""), "password: there is no username"},
		{"file alone [MQTT-3.1.2-22]", login("", "", "/f"), "password_file: there is no username"},

		{"two routes", routes(Route{Filter: "home/+/outdoor"}, Route{Filter: "$SYS/#", QoS: 1, RemotePrefix: "pi/"}), ""},
		{"no filter", routes(Route{}), "topics[0].filter: is missing"},
		{"bad filter", routes(Route{Filter: "#"}, Route{Filter: "a/#/b"}), "topics[1].filter: filter \"a/#/b\": '#' is only allowed"},
		{"shared", routes(Route{Filter: "$share/g/#"}), "topics[0].filter: \"$share/g/#\" is a shared subscription"},
		{"QoS 2", routes(Route{Filter: "#", QoS: 2}), ""},
		{"QoS 3", routes(Route{Filter: "#", QoS: 3}), "topics[0].qos: 3 is not possible"},
		{"direction", routes(Route{Filter: "#", Direction: "up"}), `topics[0].direction: "up" is not possible; out, in or both`},
		{"in", routes(Route{Filter: "#", Direction: In, LocalPrefix: "up/"}), ""},
		{"one topic for another", routes(Route{Direction: Both, LocalPrefix: "a/b", RemotePrefix: "c"}), ""},
		{"one topic with a wildcard", routes(Route{Direction: Both, LocalPrefix: "a/#", RemotePrefix: "c"}), "topics[0].local_prefix: without a filter it is a topic"},
		{"prefix without /", routes(Route{Filter: "#", Direction: In, RemotePrefix: "pi"}), `topics[0].remote_prefix: "pi" followed by "#" is no filter; write a / at its end`},
		{"latest of what comes in", routes(Route{Filter: "#", Direction: In, LatestOnly: true}), "topics[0].latest_only: is about what waits"},
		{"retain", routes(Route{Filter: "#", Retain: "yes"}), `topics[0].retain: "yes" is not possible; keep, never or always`},

		{"preset", with(func(c *Config) { c.Preset = "mosquitto" }), ""},
		{"no such preset", with(func(c *Config) { c.Preset = "hive" }), `preset: there is no "hive"; generic, mosquitto`},
		{"AWS without a client id", with(func(c *Config) { c.Preset = "aws-iot" }), "client_id: is missing; AWS IoT Core knows"},
		{"AWS without TLS", with(func(c *Config) { c.Preset, c.ClientID, c.Address = "aws-iot", "pi", "mqtt://host" }), "address: AWS IoT Core takes encrypted connections only"},
		{"several addresses", with(func(c *Config) { c.Addresses = []string{"mqtt://a", "b"} }), `addresses[1]: "b" is not an address`},
		{"addresses alone", with(func(c *Config) { c.Address, c.Addresses = "", []string{"mqtt://a"} }), ""},
		{"version", with(func(c *Config) { c.Protocol = "4" }), `protocol: "4" is not possible; 3.1, 3.1.1 or 5`},
		{"bit in MQTT 5", with(func(c *Config) { c.Protocol, c.BridgeBit = "5", "on" }), "bridge_bit: MQTT 5 has none"},
		{"long id in MQTT 3.1", with(func(c *Config) { c.Protocol, c.ClientID = "3.1", "123456789012345678901234" }), "client_id: has 24 characters"},
		{"passwords from two places", with(func(c *Config) { c.Username, c.PasswordEnv, c.PasswordFile = "me", "X", "/f" }), "password_file: password_env is written too"},
		{"status topic", with(func(c *Config) { c.StatusTopic = "a/#" }), "status_topic: "},
		{"order", with(func(c *Config) { c.CatchUp = "newest" }), `catch_up: "newest" is not possible`},
		{"age", with(func(c *Config) { c.Queue.MaxAge = -1 }), "queue.max_age: -1ns is negative"},
		{"replaced", with(func(c *Config) { s := "./"; c.ReplaceInTopics = &s }), `replace_in_topics: "./" has one of`},
		{"ceiling", with(func(c *Config) { n := 3; c.MaxQoS = &n }), "max_qos: 3 is not possible"},
		{"QoS -1", routes(Route{Filter: "#", QoS: -1}), "topics[0].qos: -1 is not possible"},
		{"prefix with a wildcard", routes(Route{Filter: "#", RemotePrefix: "pi/+/"}), `topics[0].remote_prefix: "pi/+/" cannot begin a topic`},
		{"prefix with a NUL", routes(Route{Filter: "#", RemotePrefix: "\x00"}), `topics[0].remote_prefix: "\x00" cannot begin a topic`},

		{"keep-alive too short", with(func(c *Config) { c.KeepAlive = time.Millisecond }), "keep_alive: 1ms is out of range, 1s to 18h12m15s"},
		{"keep-alive too long", with(func(c *Config) { c.KeepAlive = 24 * time.Hour }), "keep_alive: 24h0m0s is out of range"},
		{"no wait", with(func(c *Config) { c.ReconnectMin = 0 }), "reconnect_min: 0s is too short"},
		{"waits upside down", with(func(c *Config) { c.ReconnectMin = time.Hour }), "reconnect_max: 2m0s is shorter than reconnect_min, 1h0m0s"},
		{"one wait", with(func(c *Config) { c.ReconnectMax = c.ReconnectMin }), ""},
		{"no window", with(func(c *Config) { c.MaxInflight = 0 }), "max_inflight: 0 is out of range, 1 to 32767 messages"},
		{"window too big", with(func(c *Config) { c.MaxInflight = 65536 }), "max_inflight: 65536 is out of range"},
		{"no queue", with(func(c *Config) { c.Queue = Queue{} }), "queue.max_messages: 0 is too few\nqueue.max_bytes: 0 is too few"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.Validate()
			if test.want == "" {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("no error, want %q", test.want)
			}
			got, want := strings.Split(err.Error(), "\n"), strings.Split(test.want, "\n")
			if len(got) != len(want) {
				t.Fatalf("errors %q, want %q", got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("error %q, want it to begin with %q", got[i], want[i])
				}
			}
			for _, secret := range []string{"secret", "sec ret"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q repeats the password", err)
				}
			}
		})
	}
}

func TestDefaultRouteLosesNothing(t *testing.T) {
	if got := DefaultRoute().QoS; got != 1 {
		t.Errorf("QoS %d, want 1", got)
	}
}

// Two bridges to one upstream of which one forwards what the other brings in
// would send it in a circle.
func TestConflicts(t *testing.T) {
	a := Config{Name: "a", Address: "mqtt://x", Topics: []Route{{Filter: "#", Direction: In}}}
	b := Config{Name: "b", Address: "mqtt://y", Addresses: []string{"mqtt://x"}, Topics: []Route{{Filter: "home/#"}}}
	if err := Conflicts([]Config{a, b}); err != nil {
		t.Errorf("without transit: %v", err)
	}
	b.Transit = true
	if err := Conflicts([]Config{a, b}); err == nil || !strings.HasPrefix(err.Error(), "bridges[1].transit: a brings in from mqtt://x") {
		t.Errorf("error %v", err)
	}
	b.Addresses = nil
	if err := Conflicts([]Config{a, b}); err != nil {
		t.Errorf("to another upstream: %v", err)
	}
}

// An upstream throws out the first of two clients of one id.
func TestConflictsOfClientIDs(t *testing.T) {
	a := Config{Name: "a", Address: "mqtt://x", ClientID: "pi", Topics: []Route{{Filter: "#"}}}
	b := Config{Name: "b", Address: "mqtt://x", ClientID: "pi", Topics: []Route{{Filter: "#"}}}
	if err := Conflicts([]Config{a, b}); err == nil || !strings.HasPrefix(err.Error(), `bridges[1].client_id: "pi" is that of a, too`) {
		t.Errorf("error %v", err)
	}
	b.Address = "mqtt://y"
	if err := Conflicts([]Config{a, b}); err != nil {
		t.Errorf("at another upstream: %v", err)
	}
}

func TestBatchFitsTheUpstream(t *testing.T) {
	c, most := Default(), 10_000
	c.Name, c.Address, c.Topics, c.Batch.Topic, c.MaxMessageSize = "x", "mqtt://host", []Route{{Filter: "#", QoS: 1}}, "all", &most
	if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "batch.max_bytes: 65536 is more than max_message_size, 10000") {
		t.Errorf("error %v", err)
	}
}

func TestPresetsAreValid(t *testing.T) {
	for _, p := range Presets() {
		c := Default()
		c.Name, c.Address, c.Preset, c.ClientID, c.Topics = "x", "mqtts://host", p.Name, "pi", []Route{{Filter: "#", QoS: 1}}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if p.Title == "" || p.Name != "generic" && p.Notes == "" {
			t.Errorf("%s says nothing of itself", p.Name)
		}
	}
}

// What is written in the configuration counts, the preset where it is silent.
func TestProfile(t *testing.T) {
	c := Default()
	c.Preset = "rabbitmq"
	if p := c.profile(); p.MaxQoS != 1 || p.ReplaceInTopics != ".*" || p.BridgeBit != "off" || p.MaxInflight != 32 || p.Protocol != "3.1.1" {
		t.Errorf("RabbitMQ as %+v", p)
	}
	two, none := 2, ""
	c.MaxQoS, c.ReplaceInTopics, c.Protocol = &two, &none, "5"
	if p := c.profile(); p.MaxQoS != 2 || p.ReplaceInTopics != "" || p.Protocol != "5" {
		t.Errorf("with keys of its own %+v", p)
	}
	c = Default()
	c.Preset, c.MaxInflight = "aws-iot", 1000
	if p := c.profile(); p.MaxInflight != 100 {
		t.Errorf("AWS with %d in flight", p.MaxInflight)
	}
}

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
		{"QoS 2", routes(Route{Filter: "#", QoS: 2}), "topics[0].qos: 2 is not possible"},
		{"QoS -1", routes(Route{Filter: "#", QoS: -1}), "topics[0].qos: -1 is not possible"},
		{"prefix with a wildcard", routes(Route{Filter: "#", RemotePrefix: "pi/+/"}), `topics[0].remote_prefix: "pi/+/" cannot begin a topic`},
		{"prefix with a NUL", routes(Route{Filter: "#", RemotePrefix: "\x00"}), `topics[0].remote_prefix: "\x00" cannot begin a topic`},

		{"keep-alive too short", with(func(c *Config) { c.KeepAlive = time.Millisecond }), "keep_alive: 1ms is out of range, 1s to 18h12m15s"},
		{"keep-alive too long", with(func(c *Config) { c.KeepAlive = 24 * time.Hour }), "keep_alive: 24h0m0s is out of range"},
		{"no wait", with(func(c *Config) { c.ReconnectMin = 0 }), "reconnect_min: 0s is too short"},
		{"waits upside down", with(func(c *Config) { c.ReconnectMin = time.Hour }), "reconnect_max: 2m0s is shorter than reconnect_min, 1h0m0s"},
		{"one wait", with(func(c *Config) { c.ReconnectMax = c.ReconnectMin }), ""},
		{"no window", with(func(c *Config) { c.MaxInflight = 0 }), "max_inflight: 0 is out of range, 1 to 65535 messages"},
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

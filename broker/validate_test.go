package broker

import (
	"gateway/broker/auth"
	"gateway/broker/door"
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		c.Listeners = []Listener{{Protocol: "tcp", Address: "127.0.0.1:1883"}}
		change(&c)
		return c
	}
	listeners := func(l ...Listener) Config { return with(func(c *Config) { c.Listeners = l }) }
	for _, test := range []struct {
		name string
		cfg  Config
		want string // parts of the errors, one per line; "" for none
	}{
		{"default", Default(), ""},
		{"two doors", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1:1883"}, Listener{Protocol: "ws", Address: "[::1]:9001"}), ""},
		{"localhost", listeners(Listener{Protocol: "tcp", Address: "localhost:1883"}), ""},
		{"two free ports", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1:0"}, Listener{Protocol: "ws", Address: "127.0.0.1:0"}), ""},
		{"all addresses, allowed", listeners(Listener{Protocol: "tcp", Address: ":1883", AllowAnonymous: true}), ""},
		{"all addresses", listeners(Listener{Protocol: "tcp", Address: ":1883"}), "listeners[0].address: :1883 can be reached from the network"},
		{"IPv6 any", listeners(Listener{Protocol: "tcp", Address: "[::]:1883"}), "allow_anonymous: true"},
		{"network name", listeners(Listener{Protocol: "tcp", Address: "pi:1883"}), "allow_anonymous: true"},
		{"same twice", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1:1883"}, Listener{Protocol: "ws", Address: "127.0.0.1:1883"}),
			"listeners[1].address: 127.0.0.1:1883 is the address of listeners[0] already"},
		{"nothing said", listeners(Listener{}), "listeners[0].protocol: is missing\nlisteners[0].address: is missing"},
		{"unknown protocol", listeners(Listener{Protocol: "mqtt", Address: "127.0.0.1:1883"}), `listeners[0].protocol: "mqtt" is unknown; tcp or tls or ws or wss or unix`},
		{"password", with(func(c *Config) {
			c.Listeners = []Listener{{Protocol: "tcp", Address: ":1883"}}
			c.Auth.PasswordFile = "/etc/gateway/passwd"
		}), ""},
		{"password of its own", listeners(Listener{Protocol: "tcp", Address: ":1883", Auth: &auth.Config{PasswordFile: "x"}}), ""},
		{"certificate", listeners(Listener{Protocol: "tls", Address: ":8883", TLS: &door.TLS{Certificate: "c", Key: "k", ClientCA: "a", RequireCertificate: true}}), ""},
		{"TLS alone asks nobody", listeners(Listener{Protocol: "tls", Address: ":8883", TLS: &door.TLS{Certificate: "c", Key: "k"}}), "nobody is asked for a password"},
		{"no TLS", listeners(Listener{Protocol: "wss", Address: "127.0.0.1:8883"}), "listeners[0].tls: is missing; wss needs"},
		{"half of TLS", listeners(Listener{Protocol: "tls", Address: "127.0.0.1:8883", TLS: &door.TLS{Certificate: "c"}}), "listeners[0].tls.key: "},
		{"TLS on tcp", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1:8883", TLS: &door.TLS{Certificate: "c", Key: "k"}}), "listeners[0].tls: is for a listener whose protocol is tls or wss, and this one's is tcp"},
		{"socket", listeners(Listener{Protocol: "unix", Address: "/run/gateway/mqtt.sock", SocketMode: "0666"}), ""},
		{"no socket", listeners(Listener{Protocol: "unix"}), "listeners[0].address: is missing; the path of a file"},
		{"modes", listeners(Listener{Protocol: "unix", Address: "/x", SocketMode: "rw"}, Listener{Protocol: "tcp", Address: "localhost:1", SocketMode: "0600"}),
			`listeners[0].socket_mode: "rw" is no mode` + "\n" + "listeners[1].socket_mode: is for a listener whose protocol is unix"},
		{"wrong users", with(func(c *Config) { c.Auth.Users = []auth.User{{Name: "a:b", Password: "x"}} }), "auth.users[0].name: \nauth.users[0].password: "},
		{"mount points", listeners(Listener{Protocol: "unix", Address: "/b", MountPoint: "a/+/"}, Listener{Protocol: "unix", Address: "/c", MountPoint: "$a/"}),
			"listeners[0].mount_point: topic\nlisteners[1].mount_point: "},
		{"origins of pages", listeners(Listener{Protocol: "ws", Address: "localhost:1", Origins: []string{"https://dash.example:8443", "Dash", "*", "::1", "dash.example"}}),
			"listeners[0].origins[0]: \"https://dash.example:8443\" is no host\nlisteners[0].origins[1]: "},
		{"origins", listeners(Listener{Protocol: "tcp", Address: "localhost:1", Origins: []string{"*"}}), "listeners[0].origins: is only for"},
		{"refusal", with(func(c *Config) { c.SubscribeRefusal = "no" }), `subscribe_refusal: "no" is unknown; not_authorized or unspecified`},
		{"prefix", with(func(c *Config) { c.ClientIDPrefix = "\x00" }), "client_id_prefix: "},
		{"no port", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1"}), `listeners[0].address: "127.0.0.1" is not host:port`},
		{"bad port", listeners(Listener{Protocol: "tcp", Address: "127.0.0.1:mqtt"}), `listeners[0].address: "mqtt" is not a port`},
		{"small packets", with(func(c *Config) { c.MaxPacketSize = 10 }), "max_packet_size: 10 is out of range, 20 to 268435455 bytes"},
		{"huge packets", with(func(c *Config) { c.MaxPacketSize = 1 << 28 }), "max_packet_size: 268435456 is out of range"},
		{"no window", with(func(c *Config) { c.MaxInflight = 0 }), "max_inflight: 0 is out of range, 1 to 65535 messages"},
		{"negative queue", with(func(c *Config) { c.MaxQueuedMessages = -1; c.MaxQueuedBytes = -1 }), "max_queued_messages: -1\nmax_queued_bytes: -1"},
		{"negative limits", with(func(c *Config) { c.MaxConnections = -1; c.MaxRetained = -1; c.MaxSubscriptions = -1 }),
			"max_connections: -1\nmax_retained: -1\nmax_subscriptions: -1"},
		{"keep-alive", with(func(c *Config) { c.MaxKeepAlive = 24 * time.Hour }), "max_keep_alive: 24h0m0s is out of range, 0s to 18h12m15s"},
		{"timeouts", with(func(c *Config) { c.ConnectTimeout = 0; c.WriteTimeout = -time.Second; c.SessionExpiry = -1 }),
			"session_expiry: -1ns\nconnect_timeout: 0s is out of range, 1s to 1h0m0s\nwrite_timeout: -1s"},
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
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("error %q, want %q in it", got[i], want[i])
				}
			}
		})
	}
}

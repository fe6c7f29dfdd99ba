package dashboard

import (
	"strings"
	"testing"
)

func TestConfigValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want string // part of the error, "" for none
	}{
		{"default", Default(), ""},
		{"no page", Config{}, ""},
		{"any free port", Config{Address: "127.0.0.1:0"}, ""},
		{"localhost", Config{Address: "localhost:8080"}, ""},
		{"IPv6 loopback", Config{Address: "[::1]:8080"}, ""},
		{"all addresses, allowed", Config{Address: ":8080", AllowAnonymous: true}, ""},
		{"all addresses: there is a password", Config{Address: ":8080"}, ""},
		{"network address", Config{Address: "192.168.1.5:80"}, ""},
		{"no port", Config{Address: "127.0.0.1"}, "is not host:port"},
		{"port name", Config{Address: "127.0.0.1:http"}, `"http" is not a port`},
		{"port too large", Config{Address: "127.0.0.1:65536"}, `"65536" is not a port`},
		{"odd port", Config{Address: "127.0.0.1:080"}, "write 80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.cfg.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case test.want != "" && err == nil:
				t.Errorf("no error, want %q", test.want)
			case err != nil:
				for line := range strings.Lines(err.Error()) {
					if !strings.HasPrefix(line, "address: ") {
						t.Errorf("error %q does not begin with the key", line)
					}
				}
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q, want %q in it", err, test.want)
				}
			}
		})
	}
}

package door

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	files := TLS{Certificate: "c.pem", Key: "k.pem"}
	with := func(change func(*TLS)) *TLS {
		c := files
		change(&c)
		return &c
	}
	tests := []struct {
		name string
		o    Options
		want string // "" for none; errors one a line
	}{
		{"tcp", Options{Network: "tcp", Address: ":1883"}, ""},
		{"tls", Options{Network: "tcp", Address: "[::1]:0", TLS: &files}, ""},
		{"unix", Options{Network: "unix", Address: "/run/x.sock", UnixMode: 0o660}, ""},
		{"network", Options{Network: "udp", Address: ":1"}, `network: "udp" is unknown; tcp or unix`},
		{"no address", Options{Network: "tcp"}, "address: is missing; host:port such as 127.0.0.1:1883"},
		{"no port", Options{Network: "tcp", Address: "localhost"}, `address: "localhost" is not host:port; write for example 127.0.0.1:1883, or :1883 for all addresses`},
		{"port", Options{Network: "tcp", Address: ":mqtt"}, `address: "mqtt" is not a port; 1 to 65535, or 0 for any that is free`},
		{"no path", Options{Network: "unix"}, "address: is missing; the path of the socket file such as /run/gateway/mqtt.sock"},
		{"zero byte", Options{Network: "unix", Address: "a\x00b"}, `address: "a\x00b" has a zero byte in it`},
		{"long path", Options{Network: "unix", Address: strings.Repeat("x", 108)}, `address: "` + strings.Repeat("x", 108) + `" has 108 bytes; the path of a Unix socket has at most 107`},
		{"limits", Options{Network: "tcp", Address: ":1", MaxConnections: -1, MaxConnectionsPerAddress: -2},
			"max_connections: -1 is out of range, 0 for any number\nmax_connections_per_address: -2 is out of range, 0 for any number"},
		{"timeout", Options{Network: "tcp", Address: ":1", HandshakeTimeout: 2 * time.Hour}, "handshake_timeout: 2h0m0s is out of range, more than 0s to 1h"},
		{"mode", Options{Network: "unix", Address: "x", UnixMode: fs.ModeSetuid | 0o600}, "unix_mode: 040000600 is not a mode of a file; write for example 0660"},
		{"mode of tcp", Options{Network: "tcp", Address: ":1", UnixMode: 0o600}, "unix_mode: is only for a Unix socket"},
		{"protocol", Options{Network: "tcp", Address: ":1", NextProtos: []string{""}}, `next_protos: "" is not a name of a protocol; 1 to 255 bytes`},
		{"files", Options{Network: "tcp", Address: ":1", TLS: &TLS{}},
			"tls.certificate: is missing; the PEM file with the certificate of this gateway\ntls.key: is missing; the PEM file with the private key of the certificate"},
		{"no authority", Options{Network: "tcp", Address: ":1", TLS: with(func(c *TLS) { c.RequireCertificate, c.UsernameFrom, c.CRL = true, "cn", "l.pem" })},
			"tls.require_certificate: needs client_ca, which says whose certificates count\ntls.username_from: needs client_ca, which says whose certificates count\ntls.crl: needs client_ca, without which no client is asked for a certificate"},
		{"words", Options{Network: "tcp", Address: ":1", TLS: with(func(c *TLS) { c.ClientCA, c.UsernameFrom, c.MinVersion = "a.pem", "dn", "1.1" })},
			"tls.username_from: \"dn\" is unknown; cn or san or subject\ntls.min_version: \"1.1\" is unknown; 1.2 or 1.3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.o.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// The words that could have been meant reach whoever prints the error.
func TestChoices(t *testing.T) {
	err := Options{Network: "tcp", Address: ":1", TLS: &TLS{Certificate: "c", Key: "k", MinVersion: "1.1"}}.Validate()
	var choice interface{ Choices() (string, []string) }
	if !errors.As(err, &choice) {
		t.Fatalf("%v has no choices", err)
	}
	if word, allowed := choice.Choices(); word != "1.1" || len(allowed) != 2 {
		t.Errorf("choices are %q, %q", word, allowed)
	}
}

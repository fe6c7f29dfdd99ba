package dial

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/broker/door/pemfile"
)

func TestValidate(t *testing.T) {
	for _, x := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Config{Proxy: "environment", TLS: TLS{MinVersion: "1.3", ALPN: []string{"mqtt"}}}, ""},
		{Config{Proxy: "socks5://ann@proxy", ProxyPasswordFile: "/f"}, ""},
		{Config{TLS: TLS{Certificate: "/c"}}, "tls.key: is missing"},
		{Config{TLS: TLS{Key: "/k"}}, "tls.certificate: is missing"},
		{Config{TLS: TLS{CA: "/c", Insecure: true}}, "tls.insecure: "},
		{Config{TLS: TLS{ServerName: "mqtts://host"}}, "tls.server_name: "},
		{Config{TLS: TLS{ALPN: []string{"a", ""}}}, "tls.alpn[1]: "},
		{Config{TLS: TLS{MinVersion: "1.1"}}, `tls.min_version: "1.1" is unknown; 1.2 or 1.3`},
		{Config{Proxy: "proxy.example:3128"}, "proxy: "},
		{Config{Proxy: "https://ann:s3cret@proxy"}, "proxy: https is not a way"},
		{Config{Proxy: "http://ann:s3cret@:1"}, "proxy: names no host"},
		{Config{Proxy: "http://ann:s3cret@proxy:99999"}, "proxy: "},
		{Config{Proxy: "http://ann:s3cret@proxy/path"}, "proxy: ends with the port"},
		{Config{Proxy: "http://ann:s3cret%zz@proxy"}, "proxy: is not an address"},
		{Config{ProxyPasswordFile: "/f"}, "proxy_password_file: "},
		{Config{Proxy: "http://proxy", ProxyPasswordFile: "/f"}, "proxy_password_file: "},
		{Config{Proxy: "http://ann:s3cret@proxy", ProxyPasswordFile: "/f"}, "proxy_password_file: "},
	} {
		err := x.cfg.Validate()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if (x.want == "") != (err == nil) || !strings.HasPrefix(text, x.want) || strings.Contains(text, "s3cret") {
			t.Errorf("%+v: %q, want %q", x.cfg, text, x.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"mqtt://host": "host:1883", "tcp://host:1": "host:1", "mqtts://[::1]": "[::1]:8883", "tls://host": "host:8883",
		"ws://host": "host:80/mqtt", "ws://host/": "host:80/", "wss://host/a%20b?c=d": "host:443/a%20b?c=d",
		"": "", "host": "", "host:1883": "", "mqtt://": "", "http://host": "", "mqtt://host/path": "", "mqtt://host:0": "",
		"ws://host/#x": "", "mqtt://ann:s3cret@host": "", "ws://ho st": "",
	} {
		to, err := parseAddress(address)
		got := ""
		if err == nil {
			got = to.hostPort() + to.uri
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v repeats a password", err)
		}
		if got != want || (CheckAddress(address) == nil) != (want != "") {
			t.Errorf("%q is %q (%v), want %q", address, got, err, want)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"mqtt://host", "wss://[fe80::1%25eth0]:1/x?y", "tls://a:b@c", "ws://h/%2f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if to, err := parseAddress(s); err == nil && (to.host == "" || !isPort(to.port) || to.websocket != (to.uri != "") || strings.ContainsAny(to.uri+to.httpHost(), "\r\n ")) {
			t.Errorf("%q is %+v", s, to)
		}
	})
}

// What is wrong with a file is told with its key, its name and the line.
func TestChecksFiles(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.write("own", a.leaf("own", nil))
	_, other := a.write("other", a.leaf("other", nil))
	file := func(name, content string) string {
		path := filepath.Join(a.folder, name)
		writeFile(t, path, content)
		return path
	}
	ca, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	broken := file("broken", "# one\n"+string(ca)+"# three\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	line := strings.Count(string(ca), "\n") + 3
	der, _ := pem.Decode(ca)
	for want, cfg := range map[string]TLS{
		"":                              {CA: a.file, Certificate: cert, Key: key},
		"tls.ca: there is no file":      {CA: a.folder + "/none"},
		"tls.ca: " + a.folder:           {CA: a.folder},
		"tls.ca: " + key + " holds a p": {CA: key},
		"tls.ca: the certificate in line " + string(rune('0'+line/10)) + string(rune('0'+line%10)) + " of " + broken:                           {CA: broken},
		"tls.ca: " + file("der", string(der.Bytes)) + " is a certificate in DER form":                                                          {CA: a.folder + "/der"},
		"tls.ca: " + file("text", "hello") + " holds no certificate":                                                                           {CA: a.folder + "/text"},
		"tls.key: " + cert + " holds a certificate and no private key":                                                                         {Certificate: cert, Key: cert},
		"tls.key: " + other + " does not go with the certificate":                                                                              {Certificate: cert, Key: other},
		"tls.key: " + file("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n") + " has a password": {Certificate: cert, Key: a.folder + "/locked"},
		"tls.certificate: there is no file":                                                                                                    {Certificate: a.folder + "/none", Key: key},
	} {
		err := Config{TLS: cfg}.Check()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if (want == "") != (err == nil) || !strings.HasPrefix(text, want) {
			t.Errorf("%q, want %q", text, want)
		}
	}
	err = Config{Proxy: "http://ann@host", ProxyPasswordFile: a.folder + "/none"}.Check()
	if err == nil || !strings.HasPrefix(err.Error(), "proxy_password_file: there is no file") {
		t.Errorf("error %v", err)
	}
}

// FuzzPEM: whatever stands in a file, reading it ends, and lines are lines of it.
func FuzzPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("x\n-----BEGIN EC PRIVATE KEY-----\nA: b\n\nAAAA\n-----END EC PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range pemfile.Blocks(b, "") {
			lines := strings.Split(string(b), "\n")
			if p.Line < 1 || p.Line > len(lines) || !strings.Contains(lines[p.Line-1], "-----BEGIN ") {
				t.Errorf("block in line %d of %q", p.Line, b)
			}
		}
		_, _ = certificates("k", "f", b)
		_, _ = pemfile.PrivateKey("tls.key", "f", b)
	})
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The clients that people use, against the broker of the real binary. Those
// in Python and JavaScript are in testdata/clients.

// farewell is how long Paho's Disconnect may take to say DISCONNECT, ms; it returns
// when it has. With 0 or 1 it may return before it has begun, on a busy machine without
// ever saying it.
const farewell = uint(patience / time.Millisecond)

// authority signs certificates for a test.
type authority struct {
	t      *testing.T
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	pool   *x509.CertPool
	file   string // its certificate, PEM
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir(), pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = a.sign(a.cert)
	a.pool.AddCert(a.cert)
	a.file, _ = a.write("ca", a.cert, a.key)
	return a
}

// issue writes a certificate for this machine, and for a client of that name,
// and returns the files.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	c, k := a.leaf(name)
	return a.write(name, c, k)
}

func (a *authority) leaf(name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	return a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if signer == nil { // its own
		signer = key
	}
	a.serial++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(a.serial), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

func (a *authority) write(name string, c *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(a.folder, name+".pem"), filepath.Join(a.folder, name+".key")
	writeFile(a.t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	writeFile(a.t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	return certFile, keyFile
}

// client is how a client of that name sets up TLS; "" is one without a
// certificate.
func (a *authority) client(name string) *tls.Config {
	a.t.Helper()
	config := &tls.Config{RootCAs: a.pool}
	if name != "" {
		c, key := a.leaf(name)
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{c.Raw}, PrivateKey: key}}
	}
	return config
}

// writeFile replaces a file at once, as those do who are careful.
func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// house is a gateway with every kind of door. Anybody may use e2e/ and read
// $SYS; a user has private/ and the user's name too.
type house struct {
	*process
	*authority
	tcp, locked, tls, mutual, ws, wss string // host:port
	unix                              string // path
}

// openHouse starts a gateway with every kind of door. The users ann and sam
// have the password secret; sam can prove it with SCRAM.
func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{authority: newAuthority(t)}
	cert, key := h.issue("server")
	serverTLS := fmt.Sprintf("certificate: %s, key: %s", cert, key)
	config := strings.NewReplacer("TLS", serverTLS, "CA", h.file, "SOCKET", filepath.Join(t.TempDir(), "mqtt.sock"),
		"ANN", hashed(t, "secret"), "SAM", hashed(t, "secret", "--scram")).Replace(`
sensors: []
dashboard: {address: ""}
log: {level: debug}
broker:
  sys_interval: 500ms
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0", allow_anonymous: true}
    - {protocol: tcp, address: "127.0.0.1:0"}
    - {protocol: tls, address: "127.0.0.1:0", allow_anonymous: true, tls: {TLS}}
    - {protocol: tls, address: "127.0.0.1:0", tls: {TLS, client_ca: CA, require_certificate: true, username_from: cn}}
    - {protocol: ws, address: "127.0.0.1:0", allow_anonymous: true}
    - {protocol: wss, address: "127.0.0.1:0", allow_anonymous: true, tls: {TLS}}
    - {protocol: unix, address: SOCKET, allow_anonymous: true}
  auth:
    users:
      - {name: ann, password: 'ANN'}
      - {name: sam, password: 'SAM'}
    acl:
      - {pattern: "e2e/#"}
      - {pattern: "$SYS/#", access: read}
      - {pattern: "private/%u/#"}
`)
	h.process = spawn(t, needBinary(t), "run", "-c", writeConfig(t, config))
	at := doors(h.process, 7)
	h.tcp, h.locked, h.tls, h.mutual, h.ws, h.wss, h.unix = at[0], at[1], at[2], at[3], at[4], at[5], at[6]
	return h
}

// doors waits until a gateway runs and returns the addresses of its n
// listeners, in the order of the configuration.
func doors(p *process, n int) []string {
	p.t.Helper()
	match := p.await(`(?s)` + strings.Repeat(`msg=listening [^\n]*address=(\S+).*?`, n) + `(?m)^MQTT .*$`)
	return match[1:]
}

// hashed is what gateway passwd makes of a password.
func hashed(t *testing.T, password string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(needBinary(t), append([]string{"passwd", "--print"}, flags...)...)
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gateway passwd: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// script is a client of testdata/clients that says ok if all is well.
func script(t *testing.T, interpreter, file string, args ...string) {
	t.Helper()
	if out := command(t, interpreter, append([]string{filepath.Join("testdata/clients", file)}, args...)...); !strings.HasSuffix(out, "ok\n") {
		t.Errorf("%s %s says %q", file, strings.Join(args, " "), out)
	}
}

// TestPahoPython runs Debian's Paho, in the three versions.
func TestPahoPython(t *testing.T) {
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import paho.mqtt.client").Run() != nil {
		skipOrFail(t, "Python's paho is not installed: apt-get install python3-paho-mqtt, or run make test")
	}
	h := openHouse(t)
	cert, key := h.issue("ann")
	options := []string{h.tcp, "locked=" + h.locked, "tls=" + h.tls, "mutual=" + h.mutual, "ws=" + h.ws, "wss=" + h.wss,
		"ca=" + h.file, "cert=" + cert, "key=" + key}
	for _, tt := range []struct {
		version string // as in CONNECT
		cases   []string
	}{
		{"3", []string{"messages", "qos_bounds", "retained", "wills", "sessions", "shared", "login", "tls", "websocket", "keep_alive"}},
		{"4", []string{"messages", "qos_bounds", "retained", "wills", "sessions", "shared", "login", "tls", "websocket", "keep_alive", "client_id"}},
		{"5", []string{"messages", "qos_bounds", "retained", "wills", "sessions", "shared", "login", "tls", "websocket", "keep_alive", "client_id",
			"properties", "expiry", "aliases", "subscription_ids", "subscribe_options", "denied", "receive_maximum", "packet_size"}},
	} {
		for _, c := range tt.cases {
			t.Run(c+"/"+tt.version, func(t *testing.T) {
				t.Parallel()
				script(t, python, "client.py", append([]string{c, tt.version}, options...)...)
			})
		}
	}
}

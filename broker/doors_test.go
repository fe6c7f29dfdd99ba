package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/packet"
)

// open runs a broker with these listeners until the test ends.
func open(t *testing.T, listeners ...Listener) *Broker {
	t.Helper()
	cfg := Default()
	cfg.Listeners = listeners
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return openB(t, cfg)
}

// openB runs a broker until the test or benchmark ends.
func openB(t testing.TB, cfg Config) *Broker {
	t.Helper()
	b := New(cfg, testLog())
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return b
}

// certificate writes a certificate for this machine, and for a client of that
// name, signed by itself.
func certificate(t *testing.T, name string) (cert, key string, pool *x509.CertPool, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, content := range map[string][]byte{cert: certPEM, key: keyPEM} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	pair, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pool, pair
}

// converse lets a client on nc publish to itself, small and large.
func converse(t *testing.T, nc net.Conn, id string) {
	t.Helper()
	c := overSocket(t, nc, packet.V5, id)
	c.subscribe("echo/"+id, 2)
	for i, size := range []int{0, 1, 1000, 20_000, 300_000} {
		c.publish("echo/"+id, strings.Repeat("x", size), packet.QoS(i%3))
		c.want("echo/"+id, strings.Repeat("x", size))
	}
}

// TestDoors comes in by each kind of door at once.
func TestDoors(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "mqtt.sock")
	cert, key, pool, pair := certificate(t, "kitchen")
	files := &door.TLS{Certificate: cert, Key: key, ClientCA: cert, UsernameFrom: "cn"}
	b := open(t,
		Listener{Protocol: "tcp", Address: "127.0.0.1:0", ProxyProtocol: true, AllowAnonymous: true},
		Listener{Protocol: "tls", Address: "127.0.0.1:0", TLS: files, Auth: &auth.Config{ACL: []auth.Rule{{User: "kitchen", Topic: "echo/#"}}}},
		Listener{Protocol: "wss", Address: "127.0.0.1:0", TLS: files},
		Listener{Protocol: "unix", Address: socket, SocketMode: "0600"},
	)
	addrs := b.Addrs()
	config := &tls.Config{RootCAs: pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}}
	t.Run("PROXY", func(t *testing.T) {
		nc := dial(t, addrs[0])
		if _, err := nc.Write([]byte("PROXY TCP4 192.0.2.7 192.0.2.1 1000 1883\r\n")); err != nil {
			t.Fatal(err)
		}
		converse(t, nc, "proxied")
	})
	t.Run("TLS with a certificate", func(t *testing.T) {
		converse(t, tls.Client(dial(t, addrs[1]), config), "tls") // with the rights of its name
		other := overSocket(t, tls.Client(dial(t, addrs[1]), config), packet.V5, "other")
		other.send(&packet.Publish{Topic: "elsewhere", QoS: 1, ID: 1})
		if ack := expect[*packet.Puback](other); ack.Code != packet.NotAuthorized {
			t.Errorf("publish: %v", ack.Code)
		}
	})
	t.Run("WebSocket with TLS", func(t *testing.T) {
		ws, err := dialWebSocketTLS(t, addrs[2].String(), config)
		if err != nil {
			t.Fatal(err)
		}
		converse(t, websocket.NetConn(t.Context(), ws, websocket.MessageBinary), "wss")
	})
	t.Run("unix", func(t *testing.T) {
		if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		converse(t, dial(t, addrs[3]), "unix")
	})
	t.Run("silent", func(t *testing.T) { // in the middle of the handshake while the broker stops
		dial(t, addrs[1])
	})
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	nc, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// A listener whose files cannot be read does not open, and names them.
func TestListenErrors(t *testing.T) {
	for want, l := range map[string]Listener{
		"/no/such/passwd": {Protocol: "tcp", Address: "127.0.0.1:0", Auth: &auth.Config{PasswordFile: "/no/such/passwd"}},
		"/no/such/cert":   {Protocol: "tls", Address: "127.0.0.1:0", TLS: &door.TLS{Certificate: "/no/such/cert", Key: "/no/such/key"}},
		"192.0.2.1:1":     {Protocol: "tcp", Address: "192.0.2.1:1", AllowAnonymous: true},
	} {
		cfg := Default()
		cfg.Listeners = []Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}, l}
		b := New(cfg, testLog())
		err := b.Listen()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "listeners[1]") {
			t.Errorf("%v, want %s and listeners[1] in it", err, want)
		}
		if len(b.Addrs()) != 0 {
			t.Error("the first listener stays open")
		}
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	b := open(t, Listener{Protocol: "tcp", Address: "127.0.0.1:0", MaxConnectionsPerAddress: 2, MaxConnections: 3})
	first := overSocket(t, dial(t, b.Addrs()[0]), packet.V311, "a")
	overSocket(t, dial(t, b.Addrs()[0]), packet.V311, "b")
	third := dial(t, b.Addrs()[0])
	_ = third.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := third.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the third of an address: %d bytes, %v", n, err)
	}
	first.send(&packet.Disconnect{})
	first.gone()
	for range 1000 { // until its place is free
		nc := dial(t, b.Addrs()[0])
		p, _ := (&packet.Connect{Version: packet.V311, ClientID: "c", CleanStart: true}).Append(nil, packet.V311)
		_, _ = nc.Write(p)
		if n, _ := nc.Read(make([]byte, 4)); n == 4 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the place of a client that has left is not free again")
}

func dialWebSocketTLS(t *testing.T, address string, config *tls.Config) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "wss://"+address+"/mqtt", &websocket.DialOptions{
		Subprotocols: []string{"mqtt"},
		HTTPClient:   &http.Client{Transport: &http.Transport{TLSClientConfig: config}},
	})
	if ws != nil {
		ws.SetReadLimit(1 << 20)
	}
	return ws, err
}

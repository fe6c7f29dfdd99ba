package door

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain looks for goroutines of this package that nobody ended.
func TestMain(m *testing.M) {
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); code == 0; {
		left := goroutinesOfDoor()
		if left == "" {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
			code = 1
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

// goroutinesOfDoor returns the stacks of goroutines that are in this package,
// without the one that asks.
func goroutinesOfDoor() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, g := range strings.Split(string(buf), "\n\n")[1:] {
		if strings.Contains(g, "gateway/broker/door.") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// authority signs certificates.
type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key := newKey(t)
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: parse(t, der), key: key, serial: 1}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue signs a certificate for 127.0.0.1; change may change what it says.
func (a *authority) issue(t testing.TB, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	a.serial++
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(tmpl)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parse(t, der)}
}

// revoke returns a list, in PEM form, of the certificates taken back.
func (a *authority) revoke(t testing.TB, change func(*x509.RevocationList), certs ...tls.Certificate) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now()})
	}
	if change != nil {
		change(list)
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("X509 CRL", der)
}

func (a *authority) pem() []byte { return pemOf("CERTIFICATE", a.cert.Raw) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func certPEM(c tls.Certificate) (b []byte) {
	for _, der := range c.Certificate {
		b = append(b, pemOf("CERTIFICATE", der)...)
	}
	return b
}

func keyPEM(t testing.TB, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

// write writes a file in place of the one of that name, if there is one, and
// returns its path.
func write(t testing.TB, folder, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// pki is a folder with the files of a TLS.
type pki struct {
	ca     *authority
	folder string
	tls    TLS
}

// newPKI makes an authority and a certificate of it; clients are not asked
// for one.
func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{ca: newAuthority(t, "authority"), folder: t.TempDir()}
	p.replace(t, p.ca.issue(t, "gateway", nil))
	return p
}

// replace puts c in place of certificate and key.
func (p *pki) replace(t testing.TB, c tls.Certificate) {
	t.Helper()
	p.tls.Certificate = write(t, p.folder, "cert.pem", certPEM(c))
	p.tls.Key = write(t, p.folder, "key.pem", keyPEM(t, c.PrivateKey))
}

// askClients asks clients for certificates of the same authority.
func (p *pki) askClients(t testing.TB) {
	t.Helper()
	p.tls.ClientCA = write(t, p.folder, "ca.pem", p.ca.pem())
}

func (p *pki) client(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: p.ca.pool(), ServerName: "127.0.0.1", Certificates: certs}
}

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a door that the test closes.
func open(t testing.TB, o Options) *Door {
	t.Helper()
	if o.Network == "" {
		o.Network, o.Address = "tcp", "127.0.0.1:0"
	}
	d, err := Open(o, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func dial(t testing.TB, d *Door) net.Conn {
	t.Helper()
	nc, err := net.Dial(d.Addr().Network(), d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second)) // so that a failure does not hang
	return nc
}

func accept(t testing.TB, d *Door) *Conn {
	t.Helper()
	c, err := d.AcceptConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// shake connects with TLS by config and does the handshake of both sides.
// Errors are of the server and of the client; that of the client counts what
// it learns when it reads, because a server refuses a certificate of TLS 1.3
// after the client is done.
func shake(t testing.TB, d *Door, config *tls.Config) (server *Conn, client *tls.Conn, serverErr, clientErr error) {
	t.Helper()
	client = tls.Client(dial(t, d), config)
	server = accept(t, d)
	done := make(chan error, 1)
	go func() {
		err := server.Handshake(context.Background())
		if err == nil {
			_, err = server.Write([]byte("hello"))
		}
		done <- err
	}()
	buf := make([]byte, 5)
	_, clientErr = io.ReadFull(client, buf)
	if clientErr != nil {
		client.Close()
	}
	return server, client, <-done, clientErr
}

// mustShake is shake without errors.
func mustShake(t testing.TB, d *Door, config *tls.Config) (server *Conn, client *tls.Conn) {
	t.Helper()
	server, client, serverErr, clientErr := shake(t, d, config)
	if err := errors.Join(serverErr, clientErr); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// echo sends something to and fro.
func echo(t testing.TB, a, b net.Conn) {
	t.Helper()
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		if _, err := io.WriteString(way[0], "to and fro"); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if _, err := io.ReadFull(way[1], buf); err != nil || string(buf) != "to and fro" {
			t.Fatalf("read %q, %v", buf, err)
		}
	}
}

// wants fails the test unless err is there and has all of the texts in it.
func wants(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error is\n\t%v\nand has no %q", err, text)
		}
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

package main

import (
	"bytes"
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
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// TestRoots wants every authority that Mozilla trusts without limits, and no other,
// whatever the limits are.
func TestRoots(t *testing.T) {
	text, err := roots()
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		there[string(block.Bytes)] = true
	}
	trusted := 0
	for r := range bundle.Roots() {
		if there[string(r.Certificate)] != (r.Constraint == nil) {
			t.Errorf("%.40x…, limited: %t, is there: %t", r.Certificate, r.Constraint != nil, there[string(r.Certificate)])
		}
		if r.Constraint == nil {
			trusted++
			continue
		}
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if head, _, _ := bytes.Cut(text, []byte("\n\n")); !slices.Contains(strings.Split(string(head), "\n"), "# "+c.Subject.String()) {
			t.Errorf("%s is left out, and not named at the top: %s", c.Subject, head)
		}
	}
	if trusted != len(there) || trusted < 100 {
		t.Errorf("%d authorities, and Mozilla trusts %d", len(there), trusted)
	}
}

// TestImageTrustsItsAuthorities has the gateway in the image meet an upstream over
// TLS: it is refused, until its authority is in the file that the image has.
func TestImageTrustsItsAuthorities(t *testing.T) {
	need(t, "chroot", "coreutils")
	root, config := unpackImage(t, made(t))
	file := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := roots(); err != nil || !bytes.Equal(have, want) {
		t.Fatalf("the file in the image has other authorities: %v", err)
	}
	certificate := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conf := fmt.Sprintf("bridges: [{name: up, address: \"mqtts://%s\", topics: [{filter: \"#\"}]}]\n", l.Addr())
	if err := os.WriteFile(filepath.Join(root, "etc/gateway/gateway.yaml"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	meet := func() (says string, err error) {
		t.Helper()
		shaken := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				err = c.(*tls.Conn).Handshake()
				_ = c.Close()
			}
			shaken <- err
		}()
		c := exec.Command("chroot", "--userspec="+config.Config.User, root, config.Config.Entrypoint[0], "bridge", "test", "-c", "/etc/gateway/gateway.yaml")
		c.Env = config.Config.Env
		out, failed := c.CombinedOutput()
		if failed == nil {
			t.Fatalf("an upstream that says nothing is fine: %s", out)
		}
		select {
		case err := <-shaken:
			return string(out), err
		case <-time.After(30 * time.Second):
			t.Fatalf("it has not come: %s", out)
			return "", nil
		}
	}
	if says, err := meet(); err == nil || !strings.Contains(says, "is signed by itself") {
		t.Fatalf("an authority that nobody knows: %v\n%s", err, says)
	}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile(file, append(have, own...), 0o644); err != nil {
		t.Fatal(err)
	}
	if says, err := meet(); err != nil {
		t.Errorf("%v\n%s", err, says)
	}
}

// selfSigned is a certificate for this machine, which is its own authority.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

// issue makes a certificate of this machine that ends then, and its key, in PEM
// form.
func (a *authority) issue(name string, until time.Time) (cert *x509.Certificate, certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, err
	}
	cert, err = x509.ParseCertificate(der)
	return cert, pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", keyDER), err
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// secured is the TLS of a run: the files of both ends, who signs what is in them,
// and where the upstream listens. Either end wants a certificate of the other. A
// nil one is a run without TLS.
type secured struct {
	dir     string
	address string
	theirs  *authority        // of the upstream's certificate; that of ours stays
	ours    *authority        //
	shown   *x509.Certificate // the upstream's
}

// newSecured makes the folder with all files.
func newSecured(dir string) (*secured, error) {
	s := &secured{dir: dir}
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return nil, err
	}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.theirs, err = newAuthority("authority"); err != nil {
		return nil, err
	}
	if s.ours, err = newAuthority("authority of clients"); err != nil {
		return nil, err
	}
	return s, errors.Join(
		s.put("clients.pem", pemOf("CERTIFICATE", s.ours.cert.Raw)),
		s.trust(s.theirs), s.replaceTheirs(s.theirs, tomorrow()), s.replaceOurs(tomorrow()))
}

func tomorrow() time.Time  { return time.Now().Add(20 * time.Hour) }
func yesterday() time.Time { return time.Now().Add(-time.Hour) }

// trust has the bridge believe those authorities.
func (s *secured) trust(authorities ...*authority) error {
	var b []byte
	for _, a := range authorities {
		b = append(b, pemOf("CERTIFICATE", a.cert.Raw)...)
	}
	return s.put("trusted.pem", b)
}

// replaceTheirs replaces the files of the upstream.
func (s *secured) replaceTheirs(by *authority, until time.Time) error {
	cert, certPEM, keyPEM, err := by.issue("upstream", until)
	if err != nil {
		return err
	}
	s.shown = cert
	return errors.Join(s.put("upstream.pem", certPEM), s.put("upstream.key", keyPEM))
}

// replaceOurs replaces the files of the bridge.
func (s *secured) replaceOurs(until time.Time) error {
	_, certPEM, keyPEM, err := s.ours.issue("gateway", until)
	if err != nil {
		return err
	}
	return errors.Join(s.put("bridge.pem", certPEM), s.put("bridge.key", keyPEM))
}

// put has a file appear as a whole. Of a certificate and its key one comes first,
// as it does for everybody.
func (s *secured) put(name string, content []byte) error {
	if err := os.WriteFile(s.file(name+".new"), content, 0o600); err != nil {
		return err
	}
	return os.Rename(s.file(name+".new"), s.file(name))
}

func (s *secured) file(name string) string { return filepath.Join(s.dir, name) }

func (s *secured) scheme() string {
	if s == nil {
		return "mqtt://"
	}
	return "mqtts://"
}

// bridge is the end of the bridge's configuration.
func (s *secured) bridge() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("    tls: {ca: %q, certificate: %q, key: %q}\n", s.file("trusted.pem"), s.file("bridge.pem"), s.file("bridge.key"))
}

// listeners are those of a gateway as the upstream.
func (s *secured) listeners() []string {
	if s == nil {
		return nil
	}
	return []string{fmt.Sprintf("{protocol: tls, address: %q, allow_anonymous: true, tls: {certificate: %q, key: %q, client_ca: %q, require_certificate: true}}",
		s.address, s.file("upstream.pem"), s.file("upstream.key"), s.file("clients.pem"))}
}

// mosquitto is the listener of Mosquitto.
func (s *secured) mosquitto() string {
	if s == nil {
		return ""
	}
	host, port, _ := strings.Cut(s.address, ":")
	return fmt.Sprintf("listener %s %s\ncertfile %s\nkeyfile %s\ncafile %s\nrequire_certificate true\n",
		port, host, s.file("upstream.pem"), s.file("upstream.key"), s.file("clients.pem"))
}

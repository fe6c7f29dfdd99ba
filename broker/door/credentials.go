package door

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// credentials are what the files of a TLS held when they were read. They do
// not change.
type credentials struct {
	files        []stamp     // as they were before they were read
	choosing     *tls.Config // for clients that name a protocol of ours
	plain        *tls.Config // for all others
	expires      time.Time   // of our certificate
	warnings     []string    // sentences
	revoked      revoked
	usernameFrom string
}

// load reads the files of t. Its errors begin with the key.
func load(t TLS, protos []string) (*credentials, error) {
	c := &credentials{files: stampsOf(t), usernameFrom: t.UsernameFrom}
	pair, pairErr := t.pair()
	authorities, caErr := t.authorities()
	var crlErr error
	if caErr == nil {
		var old []string
		c.revoked, old, crlErr = t.revocations(authorities)
		c.warnings = append(c.warnings, old...)
	}
	version, versionErr := t.minVersion()
	if err := errors.Join(pairErr, caErr, crlErr, versionErr); err != nil {
		return nil, err
	}

	c.expires = pair.Leaf.NotAfter
	c.warnings = append(c.warnings, t.doubts(pair.Leaf, authorities)...)
	c.plain = &tls.Config{
		Certificates:     []tls.Certificate{*pair},
		MinVersion:       version,
		VerifyConnection: c.verify,
	}
	if authorities != nil {
		c.plain.ClientCAs = x509.NewCertPool()
		for _, a := range authorities {
			c.plain.ClientCAs.AddCert(a)
		}
		c.plain.ClientAuth = tls.VerifyClientCertIfGiven
		if t.RequireCertificate {
			c.plain.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	c.choosing = c.plain.Clone()
	c.choosing.NextProtos = protos
	return c, nil
}

// doubts returns a sentence about everything that will not work, but need
// not keep the gateway from starting: clients that do not look may connect,
// and whoever has to put it right wants the rest to run.
func (t TLS) doubts(leaf *x509.Certificate, authorities []*x509.Certificate) (doubts []string) {
	now := time.Now()
	if now.After(leaf.NotAfter) {
		doubts = append(doubts, fmt.Sprintf("the certificate in %s expired on %s; clients will refuse it", t.Certificate, leaf.NotAfter.Format(time.DateOnly)))
	}
	if now.Before(leaf.NotBefore) {
		doubts = append(doubts, fmt.Sprintf("the certificate in %s is valid from %s; clients will refuse it, unless only the clock here is wrong", t.Certificate, leaf.NotBefore.Format(time.DateOnly)))
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		doubts = append(doubts, fmt.Sprintf("the certificate in %s has no DNS name or IP address among its subject alternative names; clients that check the name will refuse it", t.Certificate))
	}
	for _, a := range authorities {
		if now.After(a.NotAfter) {
			doubts = append(doubts, fmt.Sprintf("the authority %s in %s expired on %s; certificates it signed are refused", a.Subject, t.ClientCA, a.NotAfter.Format(time.DateOnly)))
		}
	}
	if info, err := os.Stat(t.Key); err == nil && info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows" {
		doubts = append(doubts, fmt.Sprintf("every user of this machine may read the private key %s; sudo chmod o= %[1]s", t.Key))
	}
	return doubts
}

// config returns what to shake hands with a client by. A client that names
// only protocols that we do not know, as some name those of a cloud, would be
// refused if we named any.
func (c *credentials) config(hello *tls.ClientHelloInfo) *tls.Config {
	for _, p := range hello.SupportedProtos {
		if slices.Contains(c.choosing.NextProtos, p) {
			return c.choosing
		}
	}
	return c.plain
}

// verify refuses revoked certificates and ones without the user name that we
// need, after the chain is verified, and again when a session is resumed.
func (c *credentials) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if err := c.revoked.check(state.VerifiedChains); err != nil {
		return err
	}
	if c.usernameFrom == "" {
		return nil
	}
	_, err := userName(state.PeerCertificates[0], c.usernameFrom)
	return err
}

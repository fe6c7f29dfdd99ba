package door

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	server, client := mustShake(t, d, p.client())
	echo(t, client, server)
	if server.Raw() != nil {
		t.Error("raw bytes of TLS are nobody's business")
	}
	peer := server.Peer()
	if peer.TLS == nil || peer.TLS.Version != tls.VersionTLS13 || peer.Certificate != "" {
		t.Errorf("peer is %+v", peer)
	}
	if peer.Remote.String() != client.LocalAddr().String() || peer.Proxy.IsValid() {
		t.Errorf("remote is %v, want %v", peer.Remote, client.LocalAddr())
	}
	if want := d.keys.current.Load().expires; !d.Stats().CertificateExpires.Equal(want) || want.IsZero() {
		t.Errorf("expires %v, want %v", d.Stats().CertificateExpires, want)
	}
	if err := server.Handshake(context.Background()); err != nil {
		t.Error(err)
	}
}

// Client certificates: who is let in, and as whom.
func TestClientCertificates(t *testing.T) {
	p := newPKI(t)
	p.askClients(t)
	stranger := newAuthority(t, "authority") // a namesake at that
	ordinary := p.ca.issue(t, "pump 1", nil)
	san := func(uri, mail, dns string) tls.Certificate {
		return p.ca.issue(t, "common", func(c *x509.Certificate) {
			c.IPAddresses = nil
			if uri != "" {
				c.URIs = []*url.URL{mustURL(t, uri)}
			}
			if mail != "" {
				c.EmailAddresses = []string{mail}
			}
			if dns != "" {
				c.DNSNames = []string{dns, "second.example"}
			}
		})
	}
	expired := p.ca.issue(t, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	serverOnly := p.ca.issue(t, "server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	foreign := stranger.issue(t, "pump 1", nil)
	nameless := p.ca.issue(t, "", nil)
	whole := p.ca.issue(t, "pump 1", func(c *x509.Certificate) {
		c.Subject.Organization, c.Subject.Country, c.Subject.Locality = []string{"Müller, Sons"}, []string{"GB"}, []string{"Leeds"}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "pump@example.org"}}
	})
	const whole1 = `emailAddress=pump@example.org,CN=pump 1,O=M\C3\BCller\, Sons,L=Leeds,C=GB`
	control := p.ca.issue(t, "a\x00b", nil)

	tests := []struct {
		name    string
		from    string
		require bool
		cert    *tls.Certificate
		want    string // user name
		err     string // at the server
	}{
		{"none asked for a name", "", true, &ordinary, "", ""},
		{"common name", "cn", true, &ordinary, "pump 1", ""},
		{"URI", "san", true, new(san("urn:dev:1", "a@example.org", "a.example")), "urn:dev:1", ""},
		{"mail", "san", true, new(san("", "a@example.org", "a.example")), "a@example.org", ""},
		{"DNS", "san", true, new(san("", "", "a.example")), "a.example", ""},
		{"whole subject", "subject", true, &whole, whole1, ""},
		{"optional", "cn", false, nil, "", ""},
		{"optional and given", "cn", false, &ordinary, "pump 1", ""},
		{"none", "cn", true, nil, "", "client didn't provide a certificate"},
		{"no common name", "cn", false, &nameless, "", "the client's certificate has no common name"},
		{"no alternative name", "san", true, &ordinary, "", "has no URI, e-mail address or DNS name"},
		{"control character", "cn", true, &control, "", `"a\x00b", which cannot be a user name`},
		{"foreign", "cn", true, &foreign, "", "is not signed by an authority of client_ca"},
		{"foreign where optional", "", false, &foreign, "", "is not signed by an authority of client_ca"},
		{"expired", "cn", true, &expired, "", "is expired or not valid yet"},
		{"for servers only", "cn", true, &serverOnly, "", "the client's certificate is refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := p.tls
			files.UsernameFrom, files.RequireCertificate = tt.from, tt.require
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				d := open(t, Options{TLS: &files})
				config := p.client()
				config.MaxVersion = version
				if tt.cert != nil { // whatever authorities the server names
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.cert, nil }
				}
				server, _, serverErr, clientErr := shake(t, d, config)
				if tt.err != "" {
					wants(t, serverErr, tt.err)
					if clientErr == nil {
						t.Error("the client noticed nothing")
					}
					if s := d.Stats(); s.Refused.TLS != 1 || s.Open != 0 {
						t.Errorf("stats are %+v", s)
					}
					continue
				}
				if err := errors.Join(serverErr, clientErr); err != nil {
					t.Fatal(err)
				}
				if got := server.Peer().Certificate; got != tt.want {
					t.Errorf("user name is %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// Authorities in a folder, one of them below another.
func TestAuthorityFolder(t *testing.T) {
	p := newPKI(t)
	second := newAuthority(t, "second")
	folder := t.TempDir()
	write(t, folder, "1.crt", p.ca.pem())
	write(t, folder, "README", []byte("whom we trust"))
	p.tls.ClientCA, p.tls.RequireCertificate, p.tls.UsernameFrom = folder, true, "cn"
	d := open(t, Options{TLS: &p.tls})
	d.keys.every = 0
	mustShake(t, d, p.client(p.ca.issue(t, "one", nil)))
	newcomer := p.client(second.issue(t, "two", nil))
	if _, _, err, _ := shake(t, d, newcomer); err == nil {
		t.Fatal("a stranger was let in")
	}
	write(t, folder, "2.crt", second.pem())
	if server, _ := mustShake(t, d, newcomer); server.Peer().Certificate != "two" {
		t.Errorf("user name is %q", server.Peer().Certificate)
	}
}

// A certificate that is taken back is refused, also when its TLS session is
// resumed; so is one whose authority is gone.
func TestRevoked(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		p := newPKI(t)
		p.askClients(t)
		p.tls.UsernameFrom, p.tls.RequireCertificate = "cn", true
		bad, good := p.ca.issue(t, "bad", nil), p.ca.issue(t, "good", nil)
		p.tls.CRL = write(t, p.folder, "crl.pem", p.ca.revoke(t, nil))
		d := open(t, Options{TLS: &p.tls})
		resuming := func(c tls.Certificate) *tls.Config {
			config := p.client(c)
			config.MaxVersion, config.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			return config
		}
		badClient, goodClient := resuming(bad), resuming(good)
		for i := range 2 {
			for name, config := range map[string]*tls.Config{"bad": badClient, "good": goodClient} {
				server, _ := mustShake(t, d, config)
				if peer := server.Peer(); peer.TLS.DidResume != (i == 1) || peer.Certificate != name {
					t.Fatalf("%s, time %d: resumed %v, user name %q", name, i, peer.TLS.DidResume, peer.Certificate)
				}
			}
		}
		write(t, p.folder, "crl.pem", p.ca.revoke(t, nil, bad))
		if err := d.Reload(); err != nil {
			t.Fatal(err)
		}
		_, _, err, _ := shake(t, d, badClient)
		wants(t, err, "the certificate CN=bad with serial number", "is revoked")
		_, _, err, _ = shake(t, d, p.client(bad))
		wants(t, err, "is revoked")
		if server, _ := mustShake(t, d, goodClient); !server.Peer().TLS.DidResume {
			t.Error("reading files again ended all sessions")
		}

		other := newAuthority(t, "other")
		write(t, p.folder, "ca.pem", other.pem())
		write(t, p.folder, "crl.pem", other.revoke(t, nil))
		if err := d.Reload(); err != nil {
			t.Fatal(err)
		}
		if _, _, err, _ := shake(t, d, goodClient); err == nil {
			t.Error("a session outlived the trust in its authority")
		}
	}
}

// An authority between, on the list of the one above it.
func TestRevokedAuthority(t *testing.T) {
	root := newAuthority(t, "root")
	between := root.issue(t, "between", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	leaf := newAuthority(t, "leaf").cert
	var r revoked = map[revokedKey]struct{}{issuedBy(root.cert, between.Leaf.SerialNumber.Bytes()): {}}
	wants(t, r.check([][]*x509.Certificate{{leaf, between.Leaf, root.cert}}), "CN=between")
	if err := r.check([][]*x509.Certificate{{leaf, root.cert}, {root.cert}, {}}); err != nil {
		t.Error(err)
	}
}

func TestMinVersion(t *testing.T) {
	p := newPKI(t)
	for minimum, refused := range map[string]uint16{"": tls.VersionTLS11, "1.2": tls.VersionTLS11, "1.3": tls.VersionTLS12} {
		files := p.tls
		files.MinVersion = minimum
		d := open(t, Options{TLS: &files})
		config := p.client()
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, refused
		if _, _, err, _ := shake(t, d, config); err == nil {
			t.Errorf("%q: version %x was let in", minimum, refused)
		}
		config.MaxVersion = refused + 1
		mustShake(t, d, config)
	}
}

func TestALPN(t *testing.T) {
	p := newPKI(t)
	mqtt, web := open(t, Options{TLS: &p.tls}), open(t, Options{TLS: &p.tls, NextProtos: []string{"http/1.1"}})
	tests := []struct {
		d     *Door
		offer []string
		want  string
	}{
		{mqtt, nil, ""},
		{mqtt, []string{"mqtt"}, "mqtt"},
		{mqtt, []string{"x-amzn-mqtt-ca"}, ""},
		{mqtt, []string{"x-amzn-mqtt-ca", "mqtt"}, "mqtt"},
		{web, []string{"h2", "http/1.1"}, "http/1.1"},
		{web, []string{"h2"}, ""},
	}
	for _, tt := range tests {
		config := p.client()
		config.NextProtos = tt.offer
		server, client := mustShake(t, tt.d, config)
		if got := server.Peer().TLS.NegotiatedProtocol; got != tt.want || client.ConnectionState().NegotiatedProtocol != tt.want {
			t.Errorf("%q: got %q, want %q", tt.offer, got, tt.want)
		}
	}
}

// Clients that are set up wrongly are told apart in the log.
func TestExplainTLS(t *testing.T) {
	p := newPKI(t)
	tests := []struct {
		name   string
		client func(net.Conn)
		want   string
	}{
		{"plain", func(nc net.Conn) { _, _ = nc.Write([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test")) }, "the client does not speak TLS, and this door does"},
		{"does not trust us", func(nc net.Conn) { _ = tls.Client(nc, &tls.Config{ServerName: "127.0.0.1"}).Handshake() }, "the client broke off the TLS handshake; does it trust the authority of our certificate"},
		{"wrong name", func(nc net.Conn) {
			_ = tls.Client(nc, &tls.Config{ServerName: "gateway.example", RootCAs: p.ca.pool()}).Handshake()
		}, "is the name it connects to in there?"},
		{"leaves", func(nc net.Conn) { nc.Close() }, "the client left during the TLS handshake"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, Options{TLS: &p.tls})
			nc := dial(t, d)
			server := accept(t, d)
			done := make(chan struct{})
			go func() {
				defer close(done)
				tt.client(nc)
			}()
			err := server.Handshake(context.Background())
			<-done
			wants(t, err, tt.want)
			if again := server.Handshake(context.Background()); again != err {
				t.Errorf("the second time it is %v", again)
			}
			if _, readErr := server.Read(make([]byte, 1)); readErr != err {
				t.Errorf("reading says %v", readErr)
			}
			if _, writeErr := server.Write([]byte("x")); writeErr != err {
				t.Errorf("writing says %v", writeErr)
			}
			if s := d.Stats(); s.Refused.TLS != 1 || s.Refused.Total() != 1 || s.Open != 0 {
				t.Errorf("stats are %+v", s)
			}
		})
	}
}

package door

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/broker/door/pemfile"
)

// What is wrong with a file is said with its key and its name, and what to do.
func TestFileErrors(t *testing.T) {
	p := newPKI(t)
	p.askClients(t)
	folder := t.TempDir()
	good := p.ca.issue(t, "gateway", nil)
	other := newAuthority(t, "other")
	file := func(name string, b []byte) string { return write(t, folder, name, b) }
	der := file("der", good.Certificate[0])
	text := file("text", []byte("hello"))
	key := file("key", keyPEM(t, good.PrivateKey))
	cert := file("cert", certPEM(good))
	broken := file("broken", pemOf("CERTIFICATE", []byte("no")))
	brokenKey := file("broken key", pemOf("PRIVATE KEY", []byte("no")))
	encrypted := file("encrypted", pemOf("ENCRYPTED PRIVATE KEY", []byte("secret")))
	legacy := file("legacy", []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	chain := file("chain", append(p.ca.pem(), certPEM(good)...))
	huge := file("huge", make([]byte, pemfile.MaxFile+1))
	noCerts := t.TempDir()
	write(t, noCerts, "README", []byte("put certificates here"))
	badFolder := t.TempDir()
	write(t, badFolder, "bad.pem", pemOf("CERTIFICATE", []byte("no")))
	crl := file("crl", p.ca.revoke(t, nil))
	crlBlock := pemfile.Blocks(p.ca.revoke(t, nil), "X509 CRL")[0].Bytes
	foreign := file("foreign", other.revoke(t, nil))
	namesake := file("namesake", newAuthority(t, "authority").revoke(t, nil))
	crlDER := file("crl der", crlBlock)
	crlBroken := file("crl broken", pemOf("X509 CRL", []byte("no")))
	delta := file("delta", p.ca.revoke(t, func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: deltaIndicator, Critical: true, Value: []byte{2, 1, 1}}}
	}))
	indirect := file("indirect", p.ca.revoke(t, func(l *x509.RevocationList) {
		l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{{Id: certificateIssuer, Critical: true, Value: []byte{0x30, 0}}}
	}, good))

	tests := []struct {
		name   string
		change func(*TLS)
		want   string // "" for none
	}{
		{"good", func(*TLS) {}, ""},
		{"with a list", func(c *TLS) { c.CRL = crl }, ""},
		{"no file", func(c *TLS) { c.Certificate = "none" }, "certificate: there is no file none"},
		{"folder", func(c *TLS) { c.Key = folder }, "key: " + folder + " is a folder; name the file"},
		{"huge", func(c *TLS) { c.Certificate = huge }, "no PEM file for us is larger than"},
		{"device", func(c *TLS) { c.Key = os.DevNull }, "key: " + os.DevNull + " is a device or a pipe; name a file"},
		{"text", func(c *TLS) { c.Certificate = text }, "certificate: " + text + " holds no certificate in PEM form"},
		{"DER", func(c *TLS) { c.Certificate = der }, "is a certificate in DER form; make PEM of it: openssl x509 -inform der -in " + der},
		{"broken", func(c *TLS) { c.Certificate = broken }, "certificate: certificate 1 in " + broken + " cannot be read"},
		{"mixed up", func(c *TLS) { c.Certificate, c.Key = key, cert }, "certificate: " + key + " holds a private key and no certificate; are the two mixed up?\nkey: " + cert + " holds a certificate and no private key; are the two mixed up?"},
		{"no key", func(c *TLS) { c.Key = text }, "key: " + text + " holds no private key in PEM form"},
		{"broken key", func(c *TLS) { c.Key = brokenKey }, "key: the private key in " + brokenKey + " cannot be read"},
		{"password", func(c *TLS) { c.Key = encrypted }, "key: " + encrypted + " has a password, and nobody is there to type it; store it without: openssl pkey -in"},
		{"password of old", func(c *TLS) { c.Key = legacy }, "has a password"},
		{"not a pair", func(c *TLS) { c.Key = key }, "key: " + key + " is not the key of the certificate in " + p.tls.Certificate + "; was only one of the two replaced?"},
		{"order", func(c *TLS) { c.Certificate, c.Key = chain, key }, "certificate: in " + chain + " the certificate of the key is number 2; it has to come first"},
		{"no authority", func(c *TLS) { c.ClientCA = "none" }, "client_ca: there is no file none"},
		{"text for authority", func(c *TLS) { c.ClientCA = text }, "client_ca: " + text + " holds no certificate"},
		{"folder without", func(c *TLS) { c.ClientCA = noCerts }, "client_ca: no file in the folder " + noCerts + " holds a certificate"},
		{"folder with a bad one", func(c *TLS) { c.ClientCA = badFolder }, "client_ca: certificate 1 in " + filepath.Join(badFolder, "bad.pem") + " cannot be read"},
		{"no list", func(c *TLS) { c.CRL = "none" }, "crl: there is no file none"},
		{"text for list", func(c *TLS) { c.CRL = text }, "crl: " + text + " holds no revocation list in PEM form"},
		{"list in DER", func(c *TLS) { c.CRL = crlDER }, "is a revocation list in DER form; make PEM of it: openssl crl -inform der"},
		{"broken list", func(c *TLS) { c.CRL = crlBroken }, "crl: revocation list 1 in " + crlBroken + ": "},
		{"list of another", func(c *TLS) { c.CRL = foreign }, "it comes from CN=other, whose certificate is not in client_ca"},
		{"list of a namesake", func(c *TLS) { c.CRL = namesake }, "it is in the name of CN=authority, whose certificate in client_ca did not sign it"},
		{"delta list", func(c *TLS) { c.CRL = delta }, "it lists changes only; a full one is needed"},
		{"indirect list", func(c *TLS) { c.CRL = indirect }, "it lists certificates of several authorities; one list for each is needed"},
		{"word", func(c *TLS) { c.MinVersion = "1" }, `min_version: "1" is unknown`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := p.tls
			tt.change(&files)
			err := files.Check()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, tt.want)
		})
	}
}

func TestFileOfAnother(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	p := newPKI(t)
	if err := os.Chmod(p.tls.Key, 0); err != nil {
		t.Fatal(err)
	}
	wants(t, p.tls.Check(), "key: the user that the gateway runs as may not read "+p.tls.Key)
}

// Keys come in three forms.
func TestKeyForms(t *testing.T) {
	p := newPKI(t)
	key := newKey(t)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := privateKey("x", append(pemOf("EC PARAMETERS", []byte{1}), pemOf("EC PRIVATE KEY", der)...)); err != nil {
		t.Error(err)
	}
	if _, err := privateKey("x", keyPEM(t, p.ca.key)); err != nil {
		t.Error(err)
	}
	wants(t, func() error { _, err := privateKey("x", []byte("-----BEGIN PRIVATE KEY-----\n!\n")); return err }(), "holds no private key")
}

// What does not work for clients does not keep the gateway from starting.
func TestWarnings(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, p *pki)
		want   string
	}{
		{"expired", func(t *testing.T, p *pki) {
			p.replace(t, p.ca.issue(t, "x", func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
			}))
		}, "expired on"},
		{"not valid yet", func(t *testing.T, p *pki) {
			p.replace(t, p.ca.issue(t, "x", func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
			}))
		}, "unless only the clock here is wrong"},
		{"no name", func(t *testing.T, p *pki) {
			p.replace(t, p.ca.issue(t, "x", func(c *x509.Certificate) { c.IPAddresses = nil }))
		}, "has no DNS name or IP address"},
		{"open key", func(t *testing.T, p *pki) {
			if err := os.Chmod(p.tls.Key, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "every user of this machine may read the private key"},
		{"old list", func(t *testing.T, p *pki) {
			p.askClients(t)
			p.tls.CRL = write(t, p.folder, "crl.pem", p.ca.revoke(t, func(l *x509.RevocationList) { l.NextUpdate = time.Now().Add(-time.Minute) }))
		}, "the revocation list of CN=authority in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPKI(t)
			tt.change(t, p)
			var l logs
			d, err := Open(Options{Network: "tcp", Address: "127.0.0.1:0", TLS: &p.tls}, l.logger())
			if err != nil {
				t.Fatal(err)
			}
			d.Close()
			if got := l.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, tt.want) || !strings.Contains(got, "level=WARN") {
				t.Errorf("logged\n%swant one warning with %q", got, tt.want)
			}
		})
	}
}

func TestExpiredAuthority(t *testing.T) {
	p := newPKI(t)
	old := *p.ca.cert
	old.NotAfter = time.Now().Add(-time.Minute)
	doubts := p.tls.doubts(p.ca.issue(t, "x", nil).Leaf, []*x509.Certificate{&old})
	if len(doubts) != 1 || !strings.Contains(doubts[0], "the authority CN=authority") {
		t.Errorf("doubts are %q", doubts)
	}
}

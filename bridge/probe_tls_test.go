package bridge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/bridge/upstreams"
)

// selfSigned writes a certificate of 127.0.0.1 that is valid until then, and
// returns the files.
func selfSigned(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "upstream"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}

// What a probe says of a certificate: who signed it and until when it is valid, or
// why it is not accepted.
func TestProbeTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(secure)
	for _, x := range []struct {
		name  string
		until time.Time
		ok    bool
		want  string
	}{
		{"good", time.Now().Add(time.Hour), true, "TLS certificate of CN=upstream, signed by CN=upstream, valid until 20"},
		{"expired", time.Now().Add(-time.Hour), false, "expired on 20"},
	} {
		t.Run(x.name, func(t *testing.T) {
			cert, key := selfSigned(t, x.until)
			u, err := upstreams.Start(t.Context(), upstreams.Mosquitto, upstreams.Options{
				Forget: true, Config: fmt.Sprintf("listener %s 127.0.0.1\ncertfile %s\nkeyfile %s\nallow_anonymous true\n", port, cert, key),
			})
			if err != nil {
				t.Skip(err)
			}
			defer u.Close()
			c := probeConfig(secure, Route{Filter: "#", QoS: 1})
			c.Address, c.Line.TLS.CA = "mqtts://"+secure, cert
			ok, text := probed(t, c, nil)
			if ok != x.ok || !strings.Contains(text, x.want) {
				t.Errorf("ok is %v, and it does not say %q", ok, x.want)
			}
		})
	}
}

// That a certificate has expired is logged once in an outage, whatever the time at
// which it is not valid.
func TestLogsAnExpiredCertificateOnce(t *testing.T) {
	f := &far{}
	inBubble(t, testConfig(), f, func(r *rig) {
		for range 30 {
			f.cut(x509.CertificateInvalidError{
				Cert: &x509.Certificate{NotAfter: time.Now().Add(-time.Hour)}, Reason: x509.Expired,
				Detail: fmt.Sprintf("current time %s is after 1999-12-31T23:59:59Z", time.Now().UTC().Format(time.RFC3339)),
			})
			r.sleep(time.Minute)
		}
		if n := strings.Count(r.log.String(), "upstream not connected"); n != 2 { // lost with it, and not made
			t.Errorf("it is logged %d times:\n%s", n, r.log)
		}
	})
}

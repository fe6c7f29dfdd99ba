package door

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serial returns the serial number of the certificate that a client sees.
func serial(t *testing.T, p *pki, d *Door) string {
	t.Helper()
	_, client := mustShake(t, d, p.client())
	return client.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestReload(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	server, client := mustShake(t, d, p.client())
	old := serial(t, p, d)

	c := p.ca.issue(t, "gateway", nil)
	write(t, p.folder, "cert.pem", certPEM(c))
	wants(t, d.Reload(), "tls.key: ", "is not the key of the certificate")
	if got := serial(t, p, d); got != old {
		t.Errorf("a half-written pair is used: %s", got)
	}
	write(t, p.folder, "key.pem", keyPEM(t, c.PrivateKey))
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := serial(t, p, d); got == old {
		t.Error("the old certificate is still used")
	}
	if !d.Stats().CertificateExpires.Equal(c.Leaf.NotAfter) {
		t.Error("stats tell of the old certificate")
	}
	echo(t, client, server) // connections stay
	if err := open(t, Options{}).Reload(); err != nil {
		t.Errorf("without TLS: %v", err)
	}
}

// Files that change are noticed without a signal.
func TestChange(t *testing.T) {
	p := newPKI(t)
	d := open(t, Options{TLS: &p.tls})
	d.keys.every = 0
	server, client := mustShake(t, d, p.client())
	old := serial(t, p, d)
	c := p.ca.issue(t, "gateway", nil)
	write(t, p.folder, "cert.pem", certPEM(c))
	if got := serial(t, p, d); got != old {
		t.Errorf("a half-written pair is used: %s", got)
	}
	write(t, p.folder, "key.pem", keyPEM(t, c.PrivateKey))
	if got := serial(t, p, d); got == old {
		t.Error("the old certificate is still used")
	}
	echo(t, client, server)
}

// certbot points links elsewhere.
func TestChangedLink(t *testing.T) {
	p := newPKI(t)
	live, archive := t.TempDir(), t.TempDir()
	link := func(n string, target string) string {
		path := filepath.Join(live, n)
		if err := os.Symlink(target, path+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	renew := func(n string) {
		c := p.ca.issue(t, "gateway", nil)
		p.tls.Certificate = link("cert.pem", write(t, archive, "cert"+n, certPEM(c)))
		p.tls.Key = link("key.pem", write(t, archive, "key"+n, keyPEM(t, c.PrivateKey)))
	}
	renew("1")
	d := open(t, Options{TLS: &p.tls})
	d.keys.every = 0
	old := serial(t, p, d)
	renew("2")
	if got := serial(t, p, d); got == old {
		t.Error("the old certificate is still used")
	}
}

// Files are looked at every two seconds at most, and what is wrong with them
// is logged once.
func TestLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPKI(t)
		var l logs
		k, err := newKeyring(p.tls, nil, l.logger())
		if err != nil {
			t.Fatal(err)
		}
		first := k.fresh()
		p.replace(t, p.ca.issue(t, "new", nil))
		if k.fresh() != first {
			t.Error("looked at once")
		}
		time.Sleep(lookEvery)
		second := k.fresh()
		if second == first || k.fresh() != second {
			t.Error("not looked after a while")
		}
		if got := l.String(); strings.Count(got, "were read again") != 1 || strings.Count(got, "\n") != 1 {
			t.Errorf("logged\n%s", got)
		}

		newer := p.ca.issue(t, "newer", nil)
		write(t, p.folder, "cert.pem", certPEM(newer))
		for range 3 {
			time.Sleep(lookEvery)
			if k.fresh() != second {
				t.Error("a half-written pair is used")
			}
		}
		if got := l.String(); strings.Count(got, "cannot be used") != 1 {
			t.Errorf("logged\n%s", got)
		}
		if err := os.Remove(p.tls.Key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		if k.fresh() != second || strings.Count(l.String(), "cannot be used") != 2 {
			t.Errorf("something else is wrong now, and was not logged\n%s", l.String())
		}
		write(t, p.folder, "key.pem", keyPEM(t, newer.PrivateKey))
		time.Sleep(lookEvery)
		if k.fresh() == second {
			t.Error("the pair is whole again and not used")
		}
	})
}

// Whoever shakes hands while another looks does not wait.
func TestLookingIsNotWaitedFor(t *testing.T) {
	p := newPKI(t)
	k, err := newKeyring(p.tls, nil, discard())
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fresh() != k.current.Load() {
		t.Error("not the current credentials")
	}
}

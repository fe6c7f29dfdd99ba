package mosquittoconf

import (
	"path/filepath"
	"slices"

	"gateway/bridge/link/dial"
)

// trust is whom a bridge believes, and who it says that it is.
type trust struct {
	ca, caFolder written
	system       bool // the authorities of the system
	certificate  written
	key          written
}

// encrypted tells whether the connection is: with Mosquitto a certificate of its
// own alone does not make it so.
func (t *trust) encrypted() bool { return t.ca.text != "" || t.caFolder.text != "" || t.system }

// systemAuthorities are the files and folders where systems keep the authorities
// that they trust.
var systemAuthorities = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs", "/etc/ssl/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
}

func ofSystem(path string) bool { return slices.Contains(systemAuthorities, filepath.Clean(path)) }

func (c *conversion) linkTLS() *dial.TLS { return &c.link.Line.TLS }

func (c *conversion) linkFile(v value) {
	if ofSystem(v.text) {
		c.link.system = true
		return
	}
	c.link.ca = c.here(v.text)
}

func (c *conversion) linkFolder(v value) {
	if ofSystem(v.text) {
		c.link.system = true
		return
	}
	c.link.caFolder = c.here(v.text)
}

func (c *conversion) systemCertificates(v value) { c.link.system = c.link.system || v.yes }

func (c *conversion) linkALPN(v value) {
	c.linkTLS().ALPN = []string{v.text}
	c.link.origins["tls.alpn"] = c.now
}

func (c *conversion) linkVersion(v value) {
	c.linkTLS().MinVersion = c.minVersion(v, "an upstream that has nothing else is not reached")
}

// insecure is not carried over: who relies on it finds the bridge without a
// connection, and not with one to whomever. Insecure of package dial would accept
// any authority, too, which Mosquitto does not.
func (c *conversion) insecure(v value) {
	if v.yes {
		c.note(true, "the name in the upstream's certificate is checked; if it is not that of address the bridge does not connect: write that name as address, or as tls.server_name in a configuration of the gateway's own")
	}
}

// requireOCSP leaves the bridge closed, as it would believe what has been
// revoked.
func (c *conversion) requireOCSP(v value) {
	if v.yes {
		c.link.shut = true
		c.note(true, "the bridge is not opened: revocation is not asked for (OCSP), so that a revoked certificate would be believed; take this line out to do without")
	}
}

func (c *conversion) linkPSK(value) {
	c.link.shut = true
	c.note(true, "the bridge is not opened: %s", noPSK)
}

// finishTrust decides what the bridge believes. One that is to trust authorities
// that cannot be had is not opened, rather than trust others.
func (c *conversion) finishTrust(l *upstream) {
	switch {
	case l.caFolder.text == "":
	case l.ca.text == "":
		l.shut = true
		c.noteAt(l.caFolder.at, true, "the bridge is not opened: authorities of its own are read from one file; put those of the folder into one and name it with bridge_cafile")
		return
	default:
		c.noteAt(l.caFolder.at, true, "bridge_cafile counts alone; put all authorities into that file")
	}
	if l.ca.text != "" && l.system {
		c.noteAt(l.ca.at, true, "counts alone; an upstream whose authority only the system knows is refused")
	}
	if !l.encrypted() {
		for _, w := range []written{l.certificate, l.key} {
			if w.text != "" {
				c.noteAt(w.at, true, "the bridge is not encrypted without bridge_cafile or bridge_capath, as with Mosquitto, and shows no certificate")
			}
		}
		return
	}
	tls := &l.Line.TLS
	tls.CA, tls.Certificate, tls.Key = l.ca.text, l.certificate.text, l.key.text
	l.origins["tls.ca"], l.origins["tls.certificate"], l.origins["tls.key"] = l.ca.at, l.certificate.at, l.key.at
	switch { // what is missing is the fault of the other one
	case tls.Key == "":
		l.origins["tls.key"] = l.certificate.at
	case tls.Certificate == "":
		l.origins["tls.certificate"] = l.key.at
	}
}

package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"gateway/broker/door/pemfile"
)

// load reads the files and makes what crypto/tls wants for a connection to host.
func (t TLS) load(host string) (*tls.Config, error) {
	version, versionErr := t.minVersion()
	pair, pairErr := t.pair()
	roots, rootsErr := t.roots()
	if err := errors.Join(versionErr, rootsErr, pairErr); err != nil {
		return nil, err
	}
	c := &tls.Config{
		MinVersion: version, RootCAs: roots, ServerName: host, NextProtos: t.ALPN,
		InsecureSkipVerify: t.Insecure, // the person has asked for it, and was warned
	}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if pair != nil {
		c.Certificates = []tls.Certificate{*pair}
	}
	return c, nil
}

// roots returns nil for those of the system.
func (t TLS) roots() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	b, err := pemfile.Read("tls.ca", t.CA)
	if err != nil {
		return nil, err
	}
	certs, err := certificates("tls.ca", t.CA, b)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

// handshake makes TLS of nc. Asked is whether the upstream wanted a certificate
// of ours and there is none.
func (t TLS) handshake(ctx context.Context, nc net.Conn, to target) (c *tls.Conn, asked bool, err error) {
	config, err := t.load(to.host)
	if err != nil {
		return nil, false, err
	}
	if to.websocket && len(config.NextProtos) == 0 {
		config.NextProtos = []string{"http/1.1"} // an upgrade is not possible in HTTP/2
	}
	var without atomic.Bool
	if len(config.Certificates) > 0 {
		// Not chosen by what the server says that it would accept: what it then says
		// against ours tells more than having got none.
		ours := &config.Certificates[0]
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return ours, nil }
	} else {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			without.Store(true)
			return new(tls.Certificate), nil
		}
	}
	c = tls.Client(nc, config)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, false, &handshakeError{fmt.Errorf("TLS handshake: %w", err), without.Load()}
	}
	return c, without.Load(), nil
}

// handshakeError is that TLS did not come about.
type handshakeError struct {
	error
	asked bool // the server wanted a certificate of ours and there is none
}

func (e *handshakeError) Unwrap() error { return e.error }

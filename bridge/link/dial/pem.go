package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"gateway/broker/door/pemfile"
)

// certificates returns the certificates in b, at least one, which was read from
// path; err begins with key.
func certificates(key, path string, b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, p := range pemfile.Blocks(b, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(p.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: the certificate in line %d of %s cannot be read: %w", key, p.Line, path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, pemfile.NoCertificate(key, path, b)
	}
	return certs, nil
}

// pair reads our certificate and its key; nil if there is none.
func (t TLS) pair() (*tls.Certificate, error) {
	if t.Certificate == "" {
		return nil, nil
	}
	certPEM, certErr := pemfile.Read("tls.certificate", t.Certificate)
	keyPEM, keyErr := pemfile.Read("tls.key", t.Key)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	_, certErr = certificates("tls.certificate", t.Certificate, certPEM)
	_, keyErr = pemfile.PrivateKey("tls.key", t.Key, keyPEM) // which says more than tls.X509KeyPair
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("tls.key: %s does not go with the certificate in %s: %w", t.Key, t.Certificate, err)
	}
	return &pair, nil
}

package door

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gateway/broker/door/pemfile"
)

// certificates returns the certificates in b, which was read from path; err
// begins with key. There is at least one.
func certificates(key, path string, b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, block := range pemfile.Blocks(b, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d in %s cannot be read: %w", key, len(certs)+1, path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) > 0 {
		return certs, nil
	}
	return nil, pemfile.NoCertificate(key, path, b)
}

// privateKey returns the private key in b, which was read from path.
func privateKey(path string, b []byte) (crypto.Signer, error) {
	der, err := pemfile.PrivateKey("key", path, b)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(der)
	if err != nil {
		return nil, fmt.Errorf("key: the private key in %s cannot be read: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key: %s holds a %T, which cannot sign; RSA, ECDSA and Ed25519 can", path, key)
	}
	return signer, nil
}

// parseKey reads the three forms that keys come in.
func parseKey(der []byte) (crypto.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// pair reads certificate and key.
func (t TLS) pair() (*tls.Certificate, error) {
	certPEM, certErr := pemfile.Read("certificate", t.Certificate)
	keyPEM, keyErr := pemfile.Read("key", t.Key)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	certs, certErr := certificates("certificate", t.Certificate, certPEM)
	key, keyErr := privateKey(t.Key, keyPEM)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	if !belongs(key, certs[0]) {
		for i, cert := range certs[1:] {
			if belongs(key, cert) {
				return nil, fmt.Errorf("certificate: in %s the certificate of the key is number %d; it has to come first, those of the authorities below it", t.Certificate, i+2)
			}
		}
		return nil, fmt.Errorf("key: %s is not the key of the certificate in %s; was only one of the two replaced?", t.Key, t.Certificate)
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, cert := range certs {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair, nil
}

// belongs tells whether key is the private key of cert.
func belongs(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// authorities reads the certificates of ClientCA. In a folder, files without
// a certificate are passed over.
func (t TLS) authorities() ([]*x509.Certificate, error) {
	if t.ClientCA == "" {
		return nil, nil
	}
	if info, err := os.Stat(t.ClientCA); err != nil || !info.IsDir() {
		b, err := pemfile.Read("client_ca", t.ClientCA)
		if err != nil {
			return nil, err
		}
		return certificates("client_ca", t.ClientCA, b)
	}
	paths, err := filesOf(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %w", err)
	}
	var all []*x509.Certificate
	for _, path := range paths {
		b, err := pemfile.Read("client_ca", path)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(b, []byte("-----BEGIN CERTIFICATE-----")) {
			continue
		}
		certs, err := certificates("client_ca", path, b)
		if err != nil {
			return nil, err
		}
		all = append(all, certs...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("client_ca: no file in the folder %s holds a certificate in PEM form (-----BEGIN CERTIFICATE-----)", t.ClientCA)
	}
	return all, nil
}

// filesOf returns the paths of the files in a folder, links to files included.
func filesOf(folder string) (paths []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

package door

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is more than any certificate file has, bytes: authorities of the
// whole web are 250 KB.
const maxFile = 4 << 20

// readFile reads a file of the configuration; err begins with key.
func readFile(key, path string) ([]byte, error) {
	b, err := readRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no file %s", key, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: the user that the gateway runs as may not read %s; give the file to its group (sudo chgrp gateway %s && sudo chmod 640 %[2]s), and let it enter the folders above", key, path, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return b, nil
}

// readRegular reads a file, but nothing that has no end or waits for somebody.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path) // before opening, which waits if it is a pipe
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; name the file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a device or a pipe; name a file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes; no PEM file for us is larger than %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// blocks returns the PEM blocks in b whose type ends with suffix.
func blocks(b []byte, suffix string) (found []*pem.Block) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return found
		}
		if strings.HasSuffix(block.Type, suffix) {
			found = append(found, block)
		}
	}
}

// certificates returns the certificates in b, which was read from path; err
// begins with key. There is at least one.
func certificates(key, path string, b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, block := range blocks(b, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d in %s cannot be read: %w", key, len(certs)+1, path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) > 0 {
		return certs, nil
	}
	if len(blocks(b, "PRIVATE KEY")) > 0 {
		return nil, fmt.Errorf("%s: %s holds a private key and no certificate; are the two mixed up?", key, path)
	}
	if _, err := x509.ParseCertificate(b); err == nil {
		return nil, fmt.Errorf("%s: %s is a certificate in DER form; make PEM of it: openssl x509 -inform der -in %s -out %s.pem", key, path, path, path)
	}
	return nil, fmt.Errorf("%s: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", key, path)
}

// privateKey returns the private key in b, which was read from path.
func privateKey(path string, b []byte) (crypto.Signer, error) {
	found := blocks(b, "PRIVATE KEY")
	if len(found) == 0 {
		if len(blocks(b, "CERTIFICATE")) > 0 {
			return nil, fmt.Errorf("key: %s holds a certificate and no private key; are the two mixed up?", path)
		}
		return nil, fmt.Errorf("key: %s holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", path)
	}
	block := found[0]
	if strings.HasPrefix(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, fmt.Errorf("key: %s has a password, and nobody is there to type it; store it without: openssl pkey -in %s -out new.key", path, path)
	}
	key, err := parseKey(block.Bytes)
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
	certPEM, certErr := readFile("certificate", t.Certificate)
	keyPEM, keyErr := readFile("key", t.Key)
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
		b, err := readFile("client_ca", t.ClientCA)
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
		b, err := readFile("client_ca", path)
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

package dial

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// maxFile is more than any file for us has, bytes: the authorities of the whole
// web are 250 KB.
const maxFile = 4 << 20

// readFile reads a file of the configuration; err begins with key.
func readFile(key, path string) ([]byte, error) {
	info, err := os.Stat(path) // before opening, which waits if it is a pipe
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no file %s", key, path)
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s: %s is a folder; name the file", key, path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %s is a device or a pipe; name a file", key, path)
	case err == nil && info.Size() > maxFile:
		return nil, fmt.Errorf("%s: %s has %d bytes; no file for us is larger than %d", key, path, info.Size(), maxFile)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: the user that the gateway runs as may not read %s; give the file to its group (sudo chgrp gateway %[2]s && sudo chmod 640 %[2]s), and let it enter the folders above", key, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return b, nil
}

// block is a block of a PEM file.
type block struct {
	*pem.Block
	line int // that it begins in, from 1
}

// blocks returns the PEM blocks in b whose type ends with suffix.
func blocks(b []byte, suffix string) (found []block) {
	line := 1
	for {
		p, rest := pem.Decode(b)
		if p == nil {
			return found
		}
		read := b[:len(b)-len(rest)]
		if strings.HasSuffix(p.Type, suffix) {
			at := max(bytes.LastIndex(read, []byte("-----BEGIN ")), 0)
			found = append(found, block{p, line + bytes.Count(read[:at], []byte("\n"))})
		}
		line += bytes.Count(read, []byte("\n"))
		b = rest
	}
}

// certificates returns the certificates in b, at least one, which was read from
// path; err begins with key.
func certificates(key, path string, b []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, p := range blocks(b, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(p.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: the certificate in line %d of %s cannot be read: %w", key, p.line, path, err)
		}
		certs = append(certs, cert)
	}
	switch {
	case len(certs) > 0:
		return certs, nil
	case len(blocks(b, "PRIVATE KEY")) > 0:
		return nil, fmt.Errorf("%s: %s holds a private key and no certificate; are the two mixed up?", key, path)
	}
	if _, err := x509.ParseCertificate(b); err == nil {
		return nil, fmt.Errorf("%s: %s is a certificate in DER form; make PEM of it: openssl x509 -inform der -in %[2]s -out %[2]s.pem", key, path)
	}
	return nil, fmt.Errorf("%s: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", key, path)
}

// pair reads our certificate and its key; nil if there is none.
func (t TLS) pair() (*tls.Certificate, error) {
	if t.Certificate == "" {
		return nil, nil
	}
	certPEM, certErr := readFile("tls.certificate", t.Certificate)
	keyPEM, keyErr := readFile("tls.key", t.Key)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	_, certErr = certificates("tls.certificate", t.Certificate, certPEM)
	if err := errors.Join(certErr, checkKey(t.Key, keyPEM)); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("tls.key: %s does not go with the certificate in %s: %w", t.Key, t.Certificate, err)
	}
	return &pair, nil
}

// checkKey says what tls.X509KeyPair says less well.
func checkKey(path string, b []byte) error {
	found := blocks(b, "PRIVATE KEY")
	switch {
	case len(found) == 0 && len(blocks(b, "CERTIFICATE")) > 0:
		return fmt.Errorf("tls.key: %s holds a certificate and no private key; are the two mixed up?", path)
	case len(found) == 0:
		return fmt.Errorf("tls.key: %s holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", path)
	case strings.HasPrefix(found[0].Type, "ENCRYPTED"), strings.Contains(found[0].Headers["Proc-Type"], "ENCRYPTED"):
		return fmt.Errorf("tls.key: %s has a password, and nobody is there to type it; store it without: openssl pkey -in %[1]s -out new.key", path)
	}
	return nil
}

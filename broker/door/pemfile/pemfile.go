// Package pemfile reads files of certificates and keys that a configuration names,
// and says what is wrong with one so that a person can mend it. What a certificate
// is for it does not know: the doors of the broker and the lines of a bridge do.
package pemfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// MaxFile is more than any certificate file has, bytes: authorities of the
// whole web are 250 KB.
const MaxFile = 4 << 20

// Read reads a file of the configuration; the error begins with key. It reads
// nothing that has no end or waits for somebody.
func Read(key, path string) ([]byte, error) {
	b, err := readRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no file %s", key, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: the user that the gateway runs as may not read %s; give the file to its group (sudo chgrp gateway %[2]s && sudo chmod 640 %[2]s), and let it enter the folders above", key, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return b, nil
}

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path) // before opening, which waits if it is a pipe
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; name the file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a device or a pipe; name a file", path)
	case info.Size() > MaxFile:
		return nil, fmt.Errorf("%s has %d bytes; no PEM file for us is larger than %d", path, info.Size(), MaxFile)
	}
	return os.ReadFile(path)
}

// Block is a block of a PEM file.
type Block struct {
	*pem.Block
	Line int // that it begins in, from 1
}

// Blocks returns the PEM blocks in b whose type ends with suffix, in their order.
func Blocks(b []byte, suffix string) (found []Block) {
	line := 1
	for {
		p, rest := pem.Decode(b)
		if p == nil {
			return found
		}
		read := b[:len(b)-len(rest)]
		if strings.HasSuffix(p.Type, suffix) {
			at := max(bytes.LastIndex(read, []byte("-----BEGIN ")), 0)
			found = append(found, Block{p, line + bytes.Count(read[:at], []byte("\n"))})
		}
		line += bytes.Count(read, []byte("\n"))
		b = rest
	}
}

// NoCertificate says why there is no certificate in b, which was read from path;
// the error begins with key.
func NoCertificate(key, path string, b []byte) error {
	if len(Blocks(b, "PRIVATE KEY")) > 0 {
		return fmt.Errorf("%s: %s holds a private key and no certificate; are the two mixed up?", key, path)
	}
	if _, err := x509.ParseCertificate(b); err == nil {
		return fmt.Errorf("%s: %s is a certificate in DER form; make PEM of it: openssl x509 -inform der -in %[2]s -out %[2]s.pem", key, path)
	}
	return fmt.Errorf("%s: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", key, path)
}

// PrivateKey returns the first private key in b, which was read from path, as it is
// encoded. The error begins with key.
func PrivateKey(key, path string, b []byte) (der []byte, err error) {
	found := Blocks(b, "PRIVATE KEY")
	switch {
	case len(found) == 0 && len(Blocks(b, "CERTIFICATE")) > 0:
		return nil, fmt.Errorf("%s: %s holds a certificate and no private key; are the two mixed up?", key, path)
	case len(found) == 0:
		return nil, fmt.Errorf("%s: %s holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", key, path)
	case strings.HasPrefix(found[0].Type, "ENCRYPTED"), strings.Contains(found[0].Headers["Proc-Type"], "ENCRYPTED"):
		return nil, fmt.Errorf("%s: %s has a password, and nobody is there to type it; store it without: openssl pkey -in %[2]s -out new.key", key, path)
	}
	return found[0].Bytes, nil
}

package door

import (
	"crypto/x509"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// userName returns what cert has for a user name; from is cn or san.
func userName(cert *x509.Certificate, from string) (string, error) {
	var name, what string
	switch from {
	case "cn":
		name, what = cert.Subject.CommonName, "common name"
	case "san":
		what = "URI, e-mail address or DNS name among its subject alternative names"
		switch {
		case len(cert.URIs) > 0:
			name = cert.URIs[0].String()
		case len(cert.EmailAddresses) > 0:
			name = cert.EmailAddresses[0]
		case len(cert.DNSNames) > 0:
			name = cert.DNSNames[0]
		}
	}
	if name == "" {
		return "", fmt.Errorf("the client's certificate has no %s, which is to be its user name", what)
	}
	// A user name of MQTT is text; control characters have no business in it
	// and would spoil logs and access lists.
	if len(name) > 65535 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("the client's certificate has the %s %q, which cannot be a user name", what, name)
	}
	return name, nil
}

package door

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// namesFrom are the sources of user names.
var namesFrom = []string{"cn", "san", "subject"}

// attributes are the names that OpenSSL gives to attributes of a subject, and
// that Go does not know.
var attributes = map[string]string{
	"2.5.4.4":                    "SN",
	"2.5.4.12":                   "title",
	"2.5.4.42":                   "GN",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
}

// subject writes the subject of a certificate as RFC 2253 wants it, and as
// Mosquitto does: the last attribute first.
func subject(cert *x509.Certificate) string {
	var name pkix.RDNSequence
	if _, err := asn1.Unmarshal(cert.RawSubject, &name); err != nil {
		return ""
	}
	var parts []string
	for _, set := range slices.Backward(name) {
		var values []string
		for _, a := range set {
			text := (pkix.RDNSequence{{a}}).String()
			if known, ok := attributes[a.Type.String()]; ok {
				// Written as if it were a common name, to have its value escaped.
				_, value, _ := strings.Cut((pkix.RDNSequence{{{Type: commonName, Value: a.Value}}}).String(), "=")
				text = known + "=" + value
			}
			values = append(values, text)
		}
		parts = append(parts, strings.Join(values, "+"))
	}
	return escapeHigh(strings.Join(parts, ","))
}

// escapeHigh writes what is not ASCII as OpenSSL does: ü is \C3\BC.
func escapeHigh(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 0x80 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%02X", c)
		}
	}
	return b.String()
}

var commonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// userName returns what cert has for a user name; from is one of namesFrom.
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
	case "subject":
		name, what = subject(cert), "subject"
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

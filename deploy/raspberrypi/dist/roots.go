package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootsFile is where the gateway, as any program in Go on Linux, looks for the
// certificate authorities of its system.
const rootsFile = "etc/ssl/certs/ca-certificates.crt"

// roots returns the certificate authorities that Mozilla trusts, as the Go team
// keeps them in a module, in PEM, each under a line with its name. go.sum says which,
// so that the same commit has the same ones; go get brings newer ones.
//
// Some Mozilla trusts within limits only, such as for certificates issued before it
// lost its trust. PEM cannot say so, whence those are left out, and named at the top.
func roots() ([]byte, error) {
	var all, left bytes.Buffer
	for r := range bundle.Roots() {
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			return nil, fmt.Errorf("an authority of golang.org/x/crypto/x509roots: %w", err)
		}
		if r.Constraint != nil {
			fmt.Fprintf(&left, "# %s\n", c.Subject)
			continue
		}
		fmt.Fprintf(&all, "\n# %s\n", c.Subject)
		if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}); err != nil {
			return nil, err
		}
	}
	head := "# The certificate authorities that Mozilla trusts for servers.\n"
	if left.Len() > 0 {
		head += "# Left out, because it trusts them within limits that this file cannot express:\n" + left.String()
	}
	return append([]byte(head), all.Bytes()...), nil
}

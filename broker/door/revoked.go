package door

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"gateway/broker/door/pemfile"
)

// revoked is the set of certificates that authorities have taken back.
type revoked map[revokedKey]struct{}

// revokedKey names a certificate by the name and public key of who signed it,
// and its serial number. The key belongs to it because an authority that is
// renewed keeps its name.
type revokedKey struct{ issuer, publicKey, serial string }

// issuedBy returns the key of the certificate with this serial number.
func issuedBy(issuer *x509.Certificate, serial []byte) revokedKey {
	return revokedKey{string(issuer.RawSubject), string(issuer.RawSubjectPublicKeyInfo), string(serial)}
}

// Extensions of RFC 5280 that make a list mean something else than "these
// certificates of mine".
var (
	deltaIndicator    = asn1.ObjectIdentifier{2, 5, 29, 27} // section 5.2.4
	certificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29} // section 5.3.3
)

// revocations reads CRL. Each warning is a sentence about a list that is old.
func (t TLS) revocations(authorities []*x509.Certificate) (r revoked, warnings []string, err error) {
	if t.CRL == "" {
		return nil, nil, nil
	}
	b, err := pemfile.Read("crl", t.CRL)
	if err != nil {
		return nil, nil, err
	}
	var ders [][]byte
	for _, block := range pemfile.Blocks(b, "X509 CRL") {
		ders = append(ders, block.Bytes)
	}
	if len(ders) == 0 {
		if _, err := x509.ParseRevocationList(b); err == nil {
			return nil, nil, fmt.Errorf("crl: %s is a revocation list in DER form; make PEM of it: openssl crl -inform der -in %s -out %s.pem", t.CRL, t.CRL, t.CRL)
		}
		return nil, nil, fmt.Errorf("crl: %s holds no revocation list in PEM form (-----BEGIN X509 CRL-----)", t.CRL)
	}
	r = make(revoked)
	for i, der := range ders {
		list, err := x509.ParseRevocationList(der)
		if err == nil {
			err = r.add(list, authorities)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("crl: revocation list %d in %s: %w", i+1, t.CRL, err)
		}
		if !list.NextUpdate.IsZero() && time.Now().After(list.NextUpdate) {
			warnings = append(warnings, fmt.Sprintf("the revocation list of %s in %s should have been replaced on %s; certificates revoked since are let in",
				list.Issuer, t.CRL, list.NextUpdate.Format(time.DateOnly)))
		}
	}
	return r, warnings, nil
}

// add takes over the certificates on a list, if one of authorities signed it.
func (r revoked) add(list *x509.RevocationList, authorities []*x509.Certificate) error {
	for _, e := range list.Extensions {
		if e.Id.Equal(deltaIndicator) {
			return fmt.Errorf("it lists changes only; a full one is needed")
		}
	}
	issuer, err := signer(list, authorities)
	if err != nil {
		return err
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Id.Equal(certificateIssuer) {
				return fmt.Errorf("it lists certificates of several authorities; one list for each is needed")
			}
		}
		r[issuedBy(issuer, entry.SerialNumber.Bytes())] = struct{}{}
	}
	return nil
}

// signer returns which of authorities signed list.
func signer(list *x509.RevocationList, authorities []*x509.Certificate) (*x509.Certificate, error) {
	var why error
	for _, a := range authorities {
		if !bytes.Equal(a.RawSubject, list.RawIssuer) {
			continue
		}
		if why = list.CheckSignatureFrom(a); why == nil {
			return a, nil
		}
	}
	if why != nil {
		return nil, fmt.Errorf("it is in the name of %s, whose certificate in client_ca did not sign it: %w", list.Issuer, why)
	}
	return nil, fmt.Errorf("it comes from %s, whose certificate is not in client_ca", list.Issuer)
}

// check returns an error if a certificate of any chain is revoked. Each chain
// begins with the client's certificate and ends with one of client_ca.
func (r revoked) check(chains [][]*x509.Certificate) error {
	if len(r) == 0 {
		return nil
	}
	for _, chain := range chains {
		for i, cert := range chain[:max(len(chain)-1, 0)] {
			if _, ok := r[issuedBy(chain[i+1], cert.SerialNumber.Bytes())]; ok {
				return fmt.Errorf("the certificate %s with serial number %x is revoked", cert.Subject, cert.SerialNumber)
			}
		}
	}
	return nil
}

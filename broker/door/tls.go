package door

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TLS names the files that encrypt a door, and what is asked of its clients.
// All files are PEM. Cipher suites and curves are those that Go chooses.
type TLS struct {
	// Certificate is the certificate that clients are shown; below it in the
	// same file come those of the authorities between it and the one that
	// clients trust.
	Certificate string `yaml:"certificate"`
	// Key is the private key of Certificate, without a password.
	Key string `yaml:"key"`
	// ClientCA asks clients for a certificate, signed by one of those in this
	// file, or in the files of this folder. A client that has none is let in
	// all the same, to give a user name and password.
	ClientCA string `yaml:"client_ca"`
	// RequireCertificate lets nobody in without a certificate.
	RequireCertificate bool `yaml:"require_certificate"`
	// UsernameFrom makes the user name of what the client's certificate says:
	// cn is the common name of its subject; san the first URI among its
	// subject alternative names, without one the first e-mail address, without
	// that the first DNS name; subject is the whole subject as RFC 2253 writes
	// it, CN=kitchen,O=Example,C=GB. A certificate that does not have it is
	// refused.
	UsernameFrom string `yaml:"username_from"`
	// MinVersion is the lowest version of TLS, 1.2 or 1.3; empty is 1.2.
	MinVersion string `yaml:"min_version"`
	// CRL is a file of revocation lists: client certificates on them are
	// refused. Each list has to be signed by a certificate of ClientCA. A list
	// past its next update stays in force, with a warning.
	CRL string `yaml:"crl"`
}

// Validate tells everything that is wrong with t, joined by errors.Join. Each
// error begins with the key, a colon and a space. It does not look at the
// files: [Open] and [TLS.Check] do.
func (t TLS) Validate() error {
	var errs []error
	add := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	add(t.Certificate == "", "certificate: is missing; the PEM file with the certificate of this gateway")
	add(t.Key == "", "key: is missing; the PEM file with the private key of the certificate")
	add(t.RequireCertificate && t.ClientCA == "", "require_certificate: needs client_ca, which says whose certificates count")
	add(t.UsernameFrom != "" && t.ClientCA == "", "username_from: needs client_ca, which says whose certificates count")
	add(t.CRL != "" && t.ClientCA == "", "crl: needs client_ca, without which no client is asked for a certificate")
	if t.UsernameFrom != "" && !slices.Contains(namesFrom, t.UsernameFrom) {
		errs = append(errs, &choiceError{"username_from", t.UsernameFrom, namesFrom})
	}
	if _, err := t.minVersion(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Check reads the files as [Open] would, and tells everything that is wrong
// with them, each error beginning with the key.
func (t TLS) Check() error {
	if err := t.Validate(); err != nil {
		return err
	}
	_, err := load(t, nil)
	return err
}

func (t TLS) minVersion() (uint16, error) {
	switch t.MinVersion {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, &choiceError{"min_version", t.MinVersion, []string{"1.2", "1.3"}}
}

// choiceError is a word that is none of those allowed.
type choiceError struct {
	key, word string
	allowed   []string
}

func (e *choiceError) Error() string {
	return fmt.Sprintf("%s: %q is unknown; %s", e.key, e.word, strings.Join(e.allowed, " or "))
}

// Choices returns the word and what it could have been.
func (e *choiceError) Choices() (word string, allowed []string) { return e.word, e.allowed }

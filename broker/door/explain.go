package door

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
)

// explainTLS says in plain words why a handshake failed, for the log: it is
// read by whoever sets a client up.
func explainTLS(err error) error {
	var (
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		remote  *net.OpError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("the client does not speak TLS, and this door does; is TLS switched on in the client? %w", err)
	case errors.As(err, &verify) && errors.As(err, &unknown):
		return fmt.Errorf("the client's certificate is not signed by an authority of client_ca: %w", err)
	case errors.As(err, &verify) && errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the client's certificate is expired or not valid yet: %w", err)
	case errors.As(err, &verify):
		return fmt.Errorf("the client's certificate is refused: %w", err)
	case errors.As(err, &remote) && remote.Op == "remote error":
		return fmt.Errorf("the client broke off the TLS handshake; does it trust the authority of our certificate, and is the name it connects to in there? %w", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the client left during the TLS handshake: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

package dial

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

const day = "2006-01-02 15:04 MST"

// certificate is for one that we do not accept.
func certificate(err error, now time.Time) string {
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	host, isHost := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, noRoots := errors.AsType[x509.SystemRootsError](err)
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		return outOfTime(invalid.Cert, now)
	case isUnknown:
		return unknownAuthority(cmp.Or(unknown.Cert, shownCertificate(err)))
	case isHost:
		return wrongHost(host)
	case isInvalid && invalid.Reason == x509.NotAuthorizedToSign:
		return "the upstream's certificate is signed by one that is no authority; name the authority's certificate in tls.ca"
	case isInvalid && invalid.Reason == x509.IncompatibleUsage:
		return "the upstream's certificate is not one for servers (extended key usage serverAuth); it needs another"
	case isInvalid:
		return "the upstream's certificate is not valid; it needs another"
	case noRoots:
		return "this system has no authorities of its own (package ca-certificates); install them or name a file in tls.ca"
	}
	return ""
}

// outOfTime is for a certificate whose time is over or has not come. A clock that
// was never set is the cause more often than the certificate.
func outOfTime(c *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(clockSet):
		return fmt.Sprintf("this machine's clock says %s, which is wrong, and the certificate is valid from %s on; the clock is the cause: let it be set (timedatectl set-ntp true), or give the board a battery clock", now.UTC().Format(day), c.NotBefore.UTC().Format(day))
	case now.Before(c.NotBefore):
		return fmt.Sprintf("the certificate of %s is valid from %s on, and this machine's clock says %s; if that is wrong, set the clock", subject(c), c.NotBefore.UTC().Format(day), now.UTC().Format(day))
	}
	return fmt.Sprintf("the certificate of %s expired on %s, and this machine's clock says %s; whoever runs the upstream has to renew it", subject(c), c.NotAfter.UTC().Format(day), now.UTC().Format(day))
}

func unknownAuthority(c *x509.Certificate) string {
	if c == nil {
		return "nobody whom this machine believes has signed the upstream's certificate; name the authority's certificate in tls.ca"
	}
	if c.Subject.String() == c.Issuer.String() {
		return fmt.Sprintf("the certificate of %s is signed by itself; name it, or the authority whose name it has, in tls.ca", subject(c))
	}
	return fmt.Sprintf("the certificate of %s is signed by %s, and neither the authorities in tls.ca nor (without tls.ca) those of this system are that; name its certificate in tls.ca. The upstream also has to send those between", subject(c), c.Issuer)
}

// shownCertificate is the one that the upstream has sent; nil if none is known.
func shownCertificate(err error) *x509.Certificate {
	e, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(e.UnverifiedCertificates) == 0 {
		return nil
	}
	return e.UnverifiedCertificates[0]
}

// maxNames is how many names of a certificate are worth reading.
const maxNames = 10

func wrongHost(e x509.HostnameError) string {
	names := slices.Clone(e.Certificate.DNSNames)
	for _, ip := range e.Certificate.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return fmt.Sprintf("the upstream's certificate (%s) names no host at all (subject alternative names), and %s has to stand there; it needs another", subject(e.Certificate), e.Host)
	case len(names) > maxNames:
		names = append(names[:maxNames], fmt.Sprintf("and %d more", len(names)-maxNames))
	}
	return fmt.Sprintf("the upstream's certificate is for %s and not for %s; write one of these in address, or in tls.server_name if the address is right", strings.Join(names, ", "), e.Host)
}

func subject(c *x509.Certificate) string {
	if s := c.Subject.String(); s != "" {
		return s
	}
	return "the upstream"
}

// alertOf returns what the other end says by an alert of TLS, "" if nothing.
func alertOf(err error) string {
	for err != nil {
		op, ok := errors.AsType[*net.OpError](err)
		if !ok {
			return ""
		}
		if op.Op == "remote error" && op.Err != nil {
			return strings.TrimPrefix(op.Err.Error(), "tls: ")
		}
		err = op.Err
	}
	return ""
}

func isAlert(err error) bool { return alertOf(err) != "" }

// alert is for what the upstream does not accept in TLS. The names are those that
// crypto/tls gives the alerts of RFC 8446, section 6.2.
func alert(err error, now time.Time) string {
	switch a := alertOf(err); a {
	case "":
		return ""
	case "certificate required":
		return "the upstream wants a client certificate; name it in tls.certificate and tls.key"
	case "bad certificate", "unsupported certificate", "certificate unknown", "unknown certificate":
		return asked(err, "the upstream does not accept our certificate; has it been registered there, and is it the one for this upstream?")
	case "unknown certificate authority":
		return asked(err, "the upstream does not believe the authority that signed our certificate; tls.certificate has to come from the one that it knows, with those between below it in the file")
	case "expired certificate":
		if now.Before(clockSet) {
			return "the upstream says that our certificate is not valid at this time, and this machine's clock is wrong; set it, then look at the certificate's dates"
		}
		return "our certificate has expired, says the upstream; renew the files tls.certificate and tls.key, which are read at the next attempt"
	case "revoked certificate":
		return "our certificate was revoked; get another for tls.certificate and tls.key"
	case "access denied":
		return "the upstream knows our certificate and does not let it in; it has to be allowed there"
	case "no application protocol":
		return "the upstream speaks none of the protocols in tls.alpn; AWS IoT on port 443 wants x-amzn-mqtt-ca, and mqtt with a custom authoriser; most others want none"
	case "unrecognized name":
		return "the upstream does not know itself by that name; correct the host in address, or tls.server_name"
	case "protocol version not supported":
		return "the upstream speaks no version of TLS that we do; lower tls.min_version to 1.2 if it is 1.3; TLS 1.0 and 1.1 are not safe and not spoken"
	case "handshake failure", "insufficient security level":
		return asked(err, "the upstream and we have no cipher in common, or it wants another certificate of ours")
	default:
		return asked(err, "the upstream ends TLS with \""+a+"\"; its log may say why")
	}
}

// asked prefers the likely cause where the upstream wanted a certificate and got
// none.
func asked(err error, otherwise string) string {
	h, _ := errors.AsType[*handshakeError](err)
	n, _ := errors.AsType[*noAnswerError](err)
	if h != nil && h.asked || n != nil && n.asked {
		return "the upstream wants a client certificate; name it in tls.certificate and tls.key"
	}
	return otherwise
}

// handshake is for a handshake of TLS that ended in another way.
func handshake(err error, _ time.Time) string {
	record, isRecord := errors.AsType[tls.RecordHeaderError](err)
	h, _ := errors.AsType[*handshakeError](err)
	switch {
	case isRecord && strings.HasPrefix(string(record.RecordHeader[:]), "HTTP"):
		return "a web server without TLS answers on that port; write ws:// in address if this is the upstream's WebSocket port"
	case isRecord:
		return "that port does not speak TLS; write mqtt:// (or ws://) in address, or the upstream's TLS port, usually 8883"
	case h == nil || !isEnd(err):
		return ""
	case h.asked:
		return "the upstream asks for a client certificate and closes without one; name it in tls.certificate and tls.key"
	}
	return "the connection was closed during the TLS handshake; is this a port without TLS (write mqtt://), or does something on the way not let TLS through?"
}

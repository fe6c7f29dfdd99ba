//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"gateway/bridge/badline"
)

// certificateFaults are what happens to certificates. The files of the bridge are
// replaced under it; the upstream is told by SIGHUP.
func certificateFaults() []fault {
	return []fault{
		{"certificate rotated", rotateCertificates},
		{"certificate authority rotated", rotateAuthority},
		{"certificate expired", func(ctx context.Context, r *run) error {
			return r.wrong(ctx, "the certificate of CN=upstream expired on", func() error {
				return r.renew(ctx, r.secured.theirs, yesterday())
			})
		}},
		{"certificate of somebody else", func(ctx context.Context, r *run) error {
			return r.wrong(ctx, "is signed by CN=somebody else, and neither the authorities in tls.ca", func() error {
				somebody, err := newAuthority("somebody else")
				if err != nil {
					return err
				}
				return r.renew(ctx, somebody, tomorrow())
			})
		}},
		{"certificate of ours expired", func(ctx context.Context, r *run) error {
			return r.wrong(ctx, "our certificate has expired, says the upstream", func() error {
				return r.secured.replaceOurs(yesterday())
			})
		}},
	}
}

// rotateCertificates gives both ends another certificate.
func rotateCertificates(ctx context.Context, r *run) error {
	if err := r.secured.replaceOurs(tomorrow()); err != nil {
		return err
	}
	if err := r.renew(ctx, r.secured.theirs, tomorrow()); err != nil {
		return err
	}
	return r.comesBack(ctx)
}

// rotateAuthority has another authority sign the upstream's certificate. For a
// while the bridge believes both, and then the new one only.
func rotateAuthority(ctx context.Context, r *run) error {
	s := r.secured
	next, err := newAuthority("next authority")
	if err != nil {
		return err
	}
	if err := s.trust(s.theirs, next); err != nil {
		return err
	}
	if err := r.comesBack(ctx); err != nil {
		return err
	}
	s.theirs = next
	if err := r.renew(ctx, next, tomorrow()); err != nil {
		return err
	}
	if err := s.trust(next); err != nil {
		return err
	}
	return r.comesBack(ctx)
}

// renew gives the upstream a certificate, and returns when it shows that.
func (r *run) renew(ctx context.Context, by *authority, until time.Time) error {
	if err := r.secured.replaceTheirs(by, until); err != nil {
		return err
	}
	if err := r.upstream.Reload(); err != nil {
		return err
	}
	return r.becomes(ctx, "the upstream shows its new certificate", func() bool { return r.secured.shows(ctx) })
}

// shows tells whether the upstream shows the certificate that it was given.
func (s *secured) shows(ctx context.Context) bool {
	pair, err := tls.LoadX509KeyPair(s.file("bridge.pem"), s.file("bridge.key"))
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Whoever signed it: what is asked is which it is.
	d := tls.Dialer{NetDialer: new(net.Dialer), Config: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}}
	nc, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return false
	}
	defer nc.Close()
	return nc.(*tls.Conn).ConnectionState().PeerCertificates[0].Equal(s.shown)
}

// wrong does something wrong with a certificate, and waits until the bridge has
// said so in its log. It is put right with the line.
func (r *run) wrong(ctx context.Context, says string, do func() error) error {
	said := len(r.gateway.logged(says))
	r.mend = r.mendCertificates
	if err := do(); err != nil {
		return err
	}
	return r.cutUntil(ctx, "the log says: "+says, func() bool { return len(r.gateway.logged(says)) > said })
}

func (r *run) mendCertificates(ctx context.Context) error {
	if err := r.secured.replaceOurs(tomorrow()); err != nil {
		return err
	}
	if err := r.renew(ctx, r.secured.theirs, tomorrow()); err != nil {
		return err
	}
	return r.comesBack(ctx)
}

// comesBack cuts the line, and waits until the bridge is connected again.
func (r *run) comesBack(ctx context.Context) error {
	const says = "upstream connected"
	said := len(r.gateway.logged(says))
	return r.cutUntil(ctx, "the bridge is connected again", func() bool { return len(r.gateway.logged(says)) > said })
}

// cutUntil cuts the line, and again when what is to come of that does not come: a
// connection that is just being made, with what was there before, is not cut.
func (r *run) cutUntil(ctx context.Context, what string, is func() bool) error {
	var cut time.Time
	return r.becomes(ctx, what, func() bool {
		if time.Since(cut) > 3*time.Second {
			cut = time.Now()
			r.line.Cut(badline.Reset)
		}
		return is()
	})
}

// becomes waits until something is so.
func (r *run) becomes(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, arrives)
	defer cancel()
	for !is() {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waited until %s: %w; %s", what, err, r.gateway.lastWords())
		}
	}
	return nil
}

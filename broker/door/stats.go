package door

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// Stats are figures of a door since it was opened.
type Stats struct {
	Open     int    // connections now
	Accepted uint64 // connections that Accept has returned
	Refused  Refused
	// CertificateExpires is the last moment that the certificate is valid; zero
	// without TLS.
	CertificateExpires time.Time
}

// Refused counts the connections that came to nothing, by reason. All but the
// first, and some of the second, are among the accepted ones.
type Refused struct {
	Connections uint64 // over MaxConnections
	Address     uint64 // over MaxConnectionsPerAddress
	ProxyHeader uint64 // no PROXY header, or one that cannot be read
	TLS         uint64 // a TLS handshake that failed
	Timeout     uint64 // PROXY header or TLS handshake not done in time
}

// Total returns the sum.
func (r Refused) Total() uint64 {
	return r.Connections + r.Address + r.ProxyHeader + r.TLS + r.Timeout
}

// Stats returns the figures of now.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	s := Stats{Open: d.open, Accepted: d.accepted, Refused: d.refused}
	d.mu.Unlock()
	if d.keys != nil {
		s.CertificateExpires = d.keys.current.Load().expires
	}
	return s
}

// countFailure counts a handshake that failed with err; where is what to count
// it as, unless it was too slow. One that the owner of the connection gave up
// is not the peer's failure.
func (d *Door) countFailure(where *uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(err, errSlow), errors.Is(err, os.ErrDeadlineExceeded):
		d.refused.Timeout++
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
	default:
		*where++
	}
}

package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// forwarded are headers that proxies add. A request that has one has not been
// made on this machine, whatever it says in it.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// here tells whether a request was made on this machine, as far as can be seen,
// to a listener that only this machine reaches. It says nothing of the name that
// was asked for.
func (a *Access) here(r *http.Request) bool {
	if !a.local.Load() || !peer(r).IsLoopback() {
		return false
	}
	for _, name := range forwarded {
		if r.Header[name] != nil {
			return false
		}
	}
	return true
}

// peer returns who is at the other end of the connection; the zero Addr if that
// is not known.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// loopbackName tells whether a Host header means this machine. A page elsewhere
// whose name was made to lead here (DNS rebinding) has its own name in it.
func loopbackName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

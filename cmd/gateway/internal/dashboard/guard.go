package dashboard

import (
	"net"
	"net/http"
	"strings"
)

// policy lets the page use its own files and streams, and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'self'"

// guard sets the headers that every answer has, and refuses requests for
// another host: a page elsewhere whose name was made to lead here (DNS
// rebinding) would otherwise read what only this machine may.
func (d *Dashboard) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !d.allowedHost(r.Host) {
			http.Error(w, "This gateway's page is for this machine only: open it as http://localhost. "+
				"If everybody who reaches it may see it, by a proxy for example, set dashboard.allow_anonymous to true.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowedHost tells whether a request for this host is for us. Whoever set
// allow_anonymous has said that everybody may see the page.
func (d *Dashboard) allowedHost(host string) bool {
	if d.cfg.AllowAnonymous {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return loopback(strings.ToLower(host))
}

package dashboard

import (
	"net"
	"net/http"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// session is what the page is told of who looks: on this machine everything may
// be done.
type session struct {
	Role      string `json:"role"`      // admin, viewer or ""
	Setup     bool   `json:"setup"`     // there is no password yet
	Code      bool   `json:"code"`      // setting one needs the code in the log
	Anonymous bool   `json:"anonymous"` // everybody may see the page
}

func (d *Dashboard) session(w http.ResponseWriter, r *http.Request) {
	s := session{Anonymous: true}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && loopback(host) {
		s.Role = "admin"
	}
	answer.JSON(w, s)
}

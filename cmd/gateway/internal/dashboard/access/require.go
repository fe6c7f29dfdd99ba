package access

import (
	"context"
	"net/http"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// refusal is why a request is not served, in words for whoever made it.
type refusal struct {
	status int
	text   *answer.Text
}

var (
	errSetFirst = answer.Say("access.setfirst", "Nobody may do this until there is a password: open the page and set one.")
	errLogIn    = answer.Say("access.login", "Log in first: open the page and give the password, or send a token (Authorization: Bearer gw_…).")
	errOnlyLook = answer.Say("access.onlylook", "This login may only look. To change something, log in with the password.")
	errNoToken  = answer.Say("access.notoken", "This token is unknown, or was revoked. Make a new one on the page, under Settings.")
	errHost     = answer.Say("access.host", "This gateway's page has no password and is for this machine only: open it as http://localhost, and set one. Then any name will do.")
	errDamaged  = answer.Say("access.damaged", "The password of this page cannot be read, so nobody can log in; the gateway's log says why. Set a new one with gateway passwd --page.")
	errOthers   = answer.Say("access.others", "Another site has asked your browser to do this, so it was not done. If this gateway is behind a proxy, "+
		"the proxy has to pass on the name that the browser asked for (Host).")
)

// Require serves what h has to whoever has the right. Whatever the right, nothing
// is served that another site makes a browser ask for and that may change
// something. The request that h gets ends when the right does: when the session
// or the token that it was given to is no more.
func (a *Access) Require(right Right, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.others.Check(r) != nil {
			answer.Fail(w, http.StatusForbidden, errOthers)
			return
		}
		if right == Open {
			h.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		leave, no := a.enter(right, r, cancel)
		if no != nil {
			no.answer(w)
			return
		}
		defer leave()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (no *refusal) answer(w http.ResponseWriter) {
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // which is required, and makes no browser ask
	}
	answer.Fail(w, no.status, no.text)
}

// May tells whether a request has a right.
func (a *Access) May(right Right, r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.look(now)
	return a.refuse(right, r, a.shown(r, now)) == nil
}

// enter lets a request in that has the right; cancel is called if it loses it.
// leave is to be called when the request has been served.
func (a *Access) enter(right Right, r *http.Request, cancel context.CancelFunc) (leave func(), no *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.look(now)
	shown := a.shown(r, now)
	if no := a.refuse(right, r, shown); no != nil {
		return nil, no
	}
	requests := a.free
	switch {
	case shown.token != nil:
		shown.token.used = now
		requests = shown.token.requests
	case shown.session != nil:
		shown.session.used = now
		requests = shown.session.requests
	}
	requests[r] = cancel
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(requests, r)
	}, nil
}

// shown is what a request shows of who makes it.
type shown struct {
	bearer  bool // it shows a token, and token is nil if that is none
	token   *token
	session *session
}

// right is what that allows.
func (s shown) right() Right {
	switch {
	case s.token != nil:
		return s.token.right
	case s.session != nil:
		return s.session.right()
	}
	return Open
}

// shown returns what a request shows. Without a password nothing counts. The
// caller holds mu.
func (a *Access) shown(r *http.Request, now time.Time) (s shown) {
	if a.password == nil && a.damaged == nil {
		return s
	}
	// What does not look like a token of ours is a proxy's affair.
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if text = strings.TrimSpace(text); strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(text, tokenPrefix) {
		s.bearer, s.token = true, a.grants.findToken(text)
		return s
	}
	for _, c := range r.CookiesNamed(a.cookieName()) {
		one := a.grants.find(c.Value, now)
		if one == nil || one.token == "" && (a.damaged != nil || one.of != a.password.mark()) {
			continue // its password is not the one, as far as is known
		}
		s.session = one
		return s
	}
	return s
}

// refuse returns why a request does not have the right, nil if it does. The
// caller holds mu.
func (a *Access) refuse(right Right, r *http.Request, s shown) *refusal {
	unset := a.password == nil && a.damaged == nil
	switch {
	case s.bearer && s.token == nil:
		return &refusal{http.StatusUnauthorized, errNoToken}
	case right == Admin && a.damaged != nil:
		return &refusal{http.StatusForbidden, errDamaged}
	case s.right() >= right:
		return nil
	case right == Read && a.mayLook(r, unset):
		return nil
	case unset && right == Read && a.here(r):
		return &refusal{http.StatusMisdirectedRequest, errHost}
	case unset:
		return &refusal{http.StatusForbidden, errSetFirst}
	case s.right() == Read:
		return &refusal{http.StatusForbidden, errOnlyLook}
	case a.damaged != nil:
		return &refusal{http.StatusUnauthorized, errDamaged}
	}
	return &refusal{http.StatusUnauthorized, errLogIn}
}

// mayLook tells whether a request that shows nothing may look.
func (a *Access) mayLook(r *http.Request, unset bool) bool {
	return a.anonymous.Load() || unset && a.here(r) && loopbackName(r.Host)
}

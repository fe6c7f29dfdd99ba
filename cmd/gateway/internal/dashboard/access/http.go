package access

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Mount gives handle what the page logs in with, and who may have it.
func (a *Access) Mount(handle func(right Right, pattern string, h http.Handler)) {
	handle(Open, "GET /api/v1/session", http.HandlerFunc(a.serveSession))
	handle(Open, "POST /api/v1/setup", http.HandlerFunc(a.serveSetup))
	handle(Open, "POST /api/v1/login", http.HandlerFunc(a.serveLogin))
	handle(Open, "POST /api/v1/logout", http.HandlerFunc(a.serveLogout))
	handle(Admin, "POST /api/v1/password", http.HandlerFunc(a.servePassword))
	handle(Admin, "GET /api/v1/tokens", http.HandlerFunc(a.serveTokens))
	handle(Admin, "POST /api/v1/tokens", http.HandlerFunc(a.serveNewToken))
	handle(Admin, "DELETE /api/v1/tokens/{id}", http.HandlerFunc(a.serveRevoke))
}

// Session is what a page has to know of who looks at it.
type Session struct {
	Role      string `json:"role"`      // "admin", "viewer", or "": not logged in
	Setup     bool   `json:"setup"`     // there is no password yet
	Code      bool   `json:"code"`      // and the code of the log is needed to set one
	Anonymous bool   `json:"anonymous"` // whoever asks may look without logging in
	Kept      bool   `json:"kept"`      // what is set outlives a restart
	Token     string `json:"token"`     // the name of the token that is shown, or that the session was begun with
	Problem   string `json:"problem"`   // why nobody can log in, "" if that is possible
}

// serveSession tells who asks. A display's cookie is renewed.
func (a *Access) serveSession(w http.ResponseWriter, r *http.Request) {
	s, renew := a.session(r)
	if renew != nil {
		a.setCookie(w, r, renew.Value, cookieAge)
	}
	if s.Code {
		a.announce()
	}
	answer.JSON(w, s)
}

// session returns who makes a request, and the cookie that is to be renewed, nil
// for none.
func (a *Access) session(r *http.Request) (Session, *http.Cookie) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.look(now)
	who := a.shown(r, now)
	unset := a.password == nil && a.damaged == nil
	s := Session{Role: roleOf(who.right()), Setup: unset, Code: unset && !a.trusts(r), Anonymous: a.mayLook(r, unset), Kept: a.folder != ""}
	if a.damaged != nil {
		s.Problem = errDamaged.Error()
	}
	t := who.token
	if who.session != nil {
		who.session.used = now
		t = a.grants.tokenWithID(who.session.token)
	}
	if t == nil {
		return s, nil
	}
	s.Token = t.name
	if who.session == nil {
		return s, nil
	}
	for _, c := range r.CookiesNamed(a.cookieName()) {
		if a.grants.find(c.Value, now) == who.session {
			return s, c
		}
	}
	return s, nil
}

// trusts tells whether a request may set the first password without the code.
func (a *Access) trusts(r *http.Request) bool { return a.here(r) && loopbackName(r.Host) }

// wrong is a refusal that the page has its own words for.
type wrong struct {
	answer.Failure
	Why string `json:"why"` // "password", "code" or "wait"
}

// hear reports whether an address may try a password or a code now, and answers
// if it may not.
func (a *Access) hear(w http.ResponseWriter, r *http.Request) bool {
	wait := a.tries.begin(peer(r), time.Now())
	if wait > 0 {
		answerWait(w, wait)
	}
	return wait <= 0
}

func answerWait(w http.ResponseWriter, wait time.Duration) {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	answer.Status(w, http.StatusTooManyRequests, wrong{answer.FailureOf(answer.Say("access.wait", "Too many wrong tries. Wait {n} s, and try again.", seconds)), "wait"})
}

// miss answers that what was tried is wrong.
func (a *Access) miss(w http.ResponseWriter, r *http.Request, what string, text *answer.Text) {
	a.failed.note(what, peer(r))
	answer.Status(w, http.StatusForbidden, wrong{answer.FailureOf(text), what})
}

// serveSetup sets the first password, and logs in.
func (a *Access) serveSetup(w http.ResponseWriter, r *http.Request) {
	var said struct{ Password, Code string }
	if !answer.Decode(w, r, &said) {
		return
	}
	now, _ := a.session(r)
	switch err := checkPassword(said.Password); {
	case now.Problem != "":
		answer.Fail(w, http.StatusForbidden, errDamaged)
		return
	case !now.Setup:
		answer.Fail(w, http.StatusConflict, errPasswordThere)
		return
	case err != nil:
		answer.Status(w, http.StatusBadRequest, answer.Sentence(err))
		return
	}
	if now.Code && !a.hearCode(w, r, said.Code) {
		return
	}
	mark, err := a.setPassword(r.Context(), "", said.Password, nil)
	if err != nil {
		a.answerUnset(w, err)
		return
	}
	a.log.Info("the page's password is set", "from", peer(r))
	a.logIn(w, r, mark)
}

var errPasswordThere = answer.Say("access.set", "There is a password already: log in with it. If nobody knows it, set a new one with gateway passwd --page.")

// hearCode reports whether said is the code, and answers if it is not.
func (a *Access) hearCode(w http.ResponseWriter, r *http.Request, said string) bool {
	text := answer.Say("access.code", "The code is wrong. It is in the gateway's log, in the last line that has code=; with systemd: journalctl -u gateway | grep code=")
	a.announce()
	if said == "" {
		answer.Status(w, http.StatusForbidden, wrong{answer.FailureOf(text), "code"})
		return false
	}
	if !a.hear(w, r) {
		return false
	}
	if !a.takeCode(said) {
		a.miss(w, r, "code", text)
		return false
	}
	a.tries.succeed(peer(r))
	return true
}

// answerUnset answers that a password was not set.
func (a *Access) answerUnset(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errBusy):
		answerWait(w, turnPatience)
	case errors.Is(err, errSet):
		answer.Fail(w, http.StatusConflict, errPasswordThere)
	default:
		a.log.Error("the page's password cannot be kept", "error", err)
		answer.Fail(w, http.StatusInternalServerError, answer.Say("password.unset", "The password was not set: {why}.", err))
	}
}

// hearPassword returns the mark of the password if said is it, and answers if it is
// not.
func (a *Access) hearPassword(w http.ResponseWriter, r *http.Request, said string) (mark string, ok bool) {
	if !a.hear(w, r) {
		return "", false
	}
	mark, err := a.verify(r.Context(), said)
	switch {
	case err != nil:
		answerWait(w, turnPatience)
		return "", false
	case mark == "":
		a.miss(w, r, "password", answer.Say("password.wrong", "The password is wrong. If nobody knows it, set a new one with gateway passwd --page."))
		return "", false
	}
	a.tries.succeed(peer(r))
	return mark, true
}

// serveLogin begins a session for whoever knows the password.
func (a *Access) serveLogin(w http.ResponseWriter, r *http.Request) {
	var said struct{ Password string }
	if !answer.Decode(w, r, &said) {
		return
	}
	a.mu.Lock()
	a.read(time.Now()) // there may be a new password since a moment
	a.mu.Unlock()
	switch now, _ := a.session(r); {
	case now.Problem != "":
		answer.Fail(w, http.StatusForbidden, errDamaged)
		return
	case now.Setup:
		answer.Fail(w, http.StatusConflict, errSetFirst)
		return
	}
	if mark, ok := a.hearPassword(w, r, said.Password); ok {
		a.logIn(w, r, mark)
	}
}

// logIn begins a session, of the password with a mark, in place of the one that
// whoever asks may have.
func (a *Access) logIn(w http.ResponseWriter, r *http.Request, mark string) {
	a.mu.Lock()
	now := time.Now()
	if old := a.shown(r, now).session; old != nil {
		a.grants.end(old)
	}
	id := a.grants.begin(mark, "", now)
	a.mu.Unlock()
	a.keepGrants() // logged if it fails
	a.setCookie(w, r, id, maxAge)
	answer.JSON(w, Session{Role: roleOf(Admin), Anonymous: a.anonymous.Load(), Kept: a.folder != ""})
}

// unwritten says that what was asked for lasts until the next start.
func unwritten(err error) *answer.Text {
	return answer.Say("access.unwritten", "This is done until the gateway restarts, but it cannot be written down: {why}.", err)
}

// serveLogout ends the session of whoever asks, or, everywhere, all that were
// begun with the password.
func (a *Access) serveLogout(w http.ResponseWriter, r *http.Request) {
	var said struct{ Everywhere bool }
	if r.ContentLength != 0 && !answer.Decode(w, r, &said) {
		return
	}
	a.mu.Lock()
	who := a.shown(r, time.Now())
	if said.Everywhere && who.right() != Admin {
		a.mu.Unlock()
		answer.Fail(w, http.StatusForbidden, errOnlyLook)
		return
	}
	if who.session != nil {
		a.grants.end(who.session)
	}
	if said.Everywhere {
		a.grants.endAll()
	}
	a.mu.Unlock()
	a.dropCookie(w, r)
	if err := a.keepGrants(); err != nil {
		answer.Fail(w, http.StatusInternalServerError, unwritten(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// servePassword changes the password, and ends all other sessions that were begun
// with the old one.
func (a *Access) servePassword(w http.ResponseWriter, r *http.Request) {
	var said struct{ Old, New string }
	if !answer.Decode(w, r, &said) {
		return
	}
	if err := checkPassword(said.New); err != nil {
		answer.Status(w, http.StatusBadRequest, answer.Sentence(err))
		return
	}
	a.mu.Lock()
	own := a.shown(r, time.Now()).session
	a.mu.Unlock()
	was, ok := a.hearPassword(w, r, said.Old)
	if !ok {
		return
	}
	if _, err := a.setPassword(r.Context(), was, said.New, own); err != nil {
		a.answerUnset(w, err)
		return
	}
	a.keepGrants() // logged if it fails: sessions of the old password end all the same
	a.log.Info("the page's password is changed", "from", peer(r))
	w.WriteHeader(http.StatusNoContent)
}

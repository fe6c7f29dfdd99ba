package access

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// cookieAge is how long a browser keeps the cookie of a display. Browsers keep
// none longer; it is renewed when the page is opened.
const cookieAge = 400 * 24 * time.Hour

// cookieName is this gateway's: cookies of a host go to all of its ports, and a
// proxy may give many gateways one name. What is kept in memory goes with a
// restart, and its cookies are to be written over and not to pile up.
func (a *Access) cookieName() string {
	if a.folder == "" {
		return fmt.Sprintf("gateway_%d", a.port.Load())
	}
	return "gateway_" + a.grants.id
}

// setCookie gives a browser the id of a session.
func (a *Access) setCookie(w http.ResponseWriter, r *http.Request, id string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: a.cookieName(), Value: id, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// dropCookie takes it away.
func (a *Access) dropCookie(w http.ResponseWriter, r *http.Request) {
	a.setCookie(w, r, "", -time.Second)
}

// textDeadLink is for a display on a wall: there is nobody to read a log.
const textDeadLink = "This link's token is unknown, or was revoked. Make a new one on the page, under Settings.\n" +
	"이 링크의 토큰을 찾을 수 없거나 폐기되었습니다. 페이지의 설정에서 새 토큰을 만드세요.\n"

// Links turns the token of a link, as a display on a wall opens it, into a session
// that may look, and goes on to the page without it: GET /?token=gw_…&kiosk=1. A
// token anywhere else in an address is not taken: addresses are logged, by
// proxies and browsers.
func (a *Access) Links(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/" || !r.URL.Query().Has("token") {
			next.ServeHTTP(w, r)
			return
		}
		query := r.URL.Query()
		text := query.Get("token")
		query.Del("token")
		w.Header().Set("Cache-Control", "no-store")
		id, ok := a.follow(r, text)
		if !ok {
			http.Error(w, textDeadLink, http.StatusUnauthorized)
			return
		}
		if id != "" {
			a.keepGrants() // logged if it fails: the display comes back with its link
			a.setCookie(w, r, id, cookieAge)
		}
		// Beside the page itself, wherever a proxy has put it.
		w.Header().Set("Location", (&url.URL{Path: "./", RawQuery: query.Encode()}).String())
		w.WriteHeader(http.StatusSeeOther)
	})
}

// follow begins a session of a token, and returns its id, "" if whoever asks has
// one already.
func (a *Access) follow(r *http.Request, text string) (id string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.look(now)
	t := a.grants.findToken(text)
	if t == nil || a.password == nil && a.damaged == nil {
		return "", false
	}
	t.used = now
	if s := a.shown(r, now).session; s != nil && s.token == t.id {
		s.used = now
		return "", true
	}
	return a.grants.begin("", t.id, now), true
}

package access

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestTokens(t *testing.T) {
	p := newPage(t, Options{}).setUp()
	viewer, admin := p.newToken("grafana", "viewer"), p.newToken("script", "admin")
	if !strings.HasPrefix(viewer.Token, "gw_") || len(viewer.Token) != 46 || viewer.Used != 0 {
		t.Errorf("%+v", viewer)
	}
	script := p.other(remote)
	script.want(http.StatusOK, "GET", "/look", nil, bearer(viewer.Token)...)
	if w := script.want(http.StatusForbidden, "POST", "/change", nil, bearer(viewer.Token)...); !strings.Contains(w.Body.String(), "only look") {
		t.Errorf("%s", w.Body)
	}
	script.want(http.StatusOK, "POST", "/change", nil, bearer(admin.Token)...)
	script.want(http.StatusOK, "POST", "/change", nil, "authorization", "bearer "+admin.Token)
	script.want(http.StatusUnauthorized, "GET", "/look", nil, bearer("gw_"+strings.Repeat("A", 43))...)
	script.want(http.StatusUnauthorized, "GET", "/look?token="+viewer.Token, nil)
	for _, proxys := range []string{"Basic cHJveHk6cHJveHk=", "Bearer eyJhbGciOiJub25lIn0.e30."} {
		p.want(http.StatusOK, "GET", "/look", nil, "Authorization", proxys)
	}
	if s := script.session(bearer(viewer.Token)...); s != (Session{Role: "viewer", Token: "grafana"}) {
		t.Errorf("%+v", s)
	}
	p.want(http.StatusConflict, "POST", "/api/v1/tokens", say{"name": "grafana", "role": "viewer"})
	p.want(http.StatusBadRequest, "POST", "/api/v1/tokens", say{"name": "x", "role": "root"})
	p.want(http.StatusBadRequest, "POST", "/api/v1/tokens", say{"name": " ", "role": "viewer"})
	w := p.want(http.StatusOK, "GET", "/api/v1/tokens", nil)
	var list struct{ Tokens []Token }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Tokens) != 2 || list.Tokens[0].Name != "grafana" || list.Tokens[0].Used == 0 || list.Tokens[0].Token != "" {
		t.Errorf("%s: %v", w.Body, err)
	}
	script.want(http.StatusForbidden, "DELETE", "/api/v1/tokens/"+admin.ID, nil, bearer(viewer.Token)...)
	p.want(http.StatusNoContent, "DELETE", "/api/v1/tokens/"+viewer.ID, nil)
	p.want(http.StatusNotFound, "DELETE", "/api/v1/tokens/"+viewer.ID, nil)
	script.want(http.StatusUnauthorized, "GET", "/look", nil, bearer(viewer.Token)...)
	script.want(http.StatusOK, "GET", "/look", nil, bearer(admin.Token)...)
	if strings.Contains(p.log.String(), "gw_") {
		t.Errorf("the log has a token: %s", p.log)
	}
	for i := range maxTokens {
		status := http.StatusCreated
		if i == maxTokens-1 {
			status = http.StatusConflict
		}
		p.want(status, "POST", "/api/v1/tokens", say{"name": strings.Repeat("x", i+1), "role": "viewer"})
	}
}

// TestDisplay: a display on a wall opens a link, looks, and is never asked again
// until the token is revoked.
func TestDisplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{Folder: t.TempDir()}).setUp()
		token := p.newToken("hallway", "admin")
		d := p.other(remote)
		w := d.want(http.StatusSeeOther, "GET", "/?kiosk=1&token="+token.Token, nil)
		if to := w.Header().Get("Location"); to != "./?kiosk=1" {
			t.Errorf("it goes to %q", to)
		}
		d.want(http.StatusOK, "GET", "/", nil)
		d.want(http.StatusForbidden, "POST", "/change", nil) // whatever the token may
		if s := d.session(); s != (Session{Role: "viewer", Kept: true, Token: "hallway"}) {
			t.Errorf("%+v", s)
		}
		before := d.cookies[d.cookieName()]
		d.want(http.StatusSeeOther, "GET", "/?token="+token.Token, nil)
		if d.cookies[d.cookieName()] != before {
			t.Error("a display that is logged in gets another session")
		}
		for range 10 {
			time.Sleep(20 * 24 * time.Hour)
			if c := d.do("GET", "/api/v1/session", nil).Result().Cookies(); len(c) != 1 || c[0].MaxAge != int(cookieAge/time.Second) {
				t.Errorf("the cookie is not renewed: %v", c)
			}
		}
		d.want(http.StatusOK, "GET", "/look", nil)
		d.want(http.StatusUnauthorized, "GET", "/?token=gw_"+strings.Repeat("A", 43), nil)
		for range 2 * maxOfToken {
			p.other(remote).want(http.StatusSeeOther, "GET", "/?token="+token.Token, nil)
		}
		if n := len(p.grants.sessions); n > maxOfToken+1 {
			t.Errorf("%d sessions", n)
		}
		p.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret}) // its session has expired
		p.want(http.StatusNoContent, "DELETE", "/api/v1/tokens/"+token.ID, nil)
		d.want(http.StatusUnauthorized, "GET", "/look", nil)
	})
}

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).setUp()
		stop := runFor(t, p)
		defer stop()
		idle := p.other(local)
		idle.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		for range 4 {
			time.Sleep(20 * 24 * time.Hour)
			p.want(http.StatusOK, "GET", "/look", nil)
		}
		idle.want(http.StatusUnauthorized, "GET", "/look", nil)
		time.Sleep(20 * 24 * time.Hour) // 100 days
		p.want(http.StatusUnauthorized, "GET", "/look", nil)
		if n := len(p.grants.sessions); n != 0 {
			t.Errorf("%d sessions are remembered", n)
		}
	})
}

// TestSessionsAreBounded: the one that has rested longest goes.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).setUp()
		second := p.other(local)
		second.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		for range maxSessions - 1 {
			time.Sleep(time.Second)
			p.want(http.StatusOK, "GET", "/look", nil)
			p.other(local).want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		}
		p.want(http.StatusOK, "GET", "/look", nil)
		second.want(http.StatusUnauthorized, "GET", "/look", nil)
		if n := len(p.grants.sessions); n != maxSessions {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestStreamsEnd: with the session, the token, or the time when everybody on this
// machine might look. One that is open keeps its session.
func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{})
		stop := runFor(t, p)
		defer stop()
		var open sync.WaitGroup
		follow := func(q *page, headers ...string) (ended func() bool) {
			done := make(chan struct{})
			stream := q.Require(Read, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			r := httptest.NewRequest("GET", "http://localhost:8080/stream", nil).WithContext(t.Context())
			r.RemoteAddr = q.from
			for name, value := range q.cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			open.Go(func() { stream.ServeHTTP(httptest.NewRecorder(), r); close(done) })
			synctest.Wait()
			return func() bool {
				synctest.Wait()
				select {
				case <-done:
					return true
				default:
					return false
				}
			}
		}
		free := follow(p)
		if free() {
			t.Fatal("this machine may not look")
		}
		p.setUp()
		if !free() {
			t.Error("who has shown nothing still follows after a password was set")
		}
		mine, other := follow(p), p.other(local)
		other.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		others := follow(other)
		token := p.newToken("script", "viewer")
		tokens := follow(p.other(local), bearer(token.Token)...)
		time.Sleep(40 * 24 * time.Hour)
		p.want(http.StatusOK, "GET", "/look", nil) // by the stream, nobody has asked for anything
		if mine() || others() || tokens() {
			t.Error("a stream ends by itself")
		}
		p.want(http.StatusNoContent, "DELETE", "/api/v1/tokens/"+token.ID, nil)
		p.want(http.StatusNoContent, "POST", "/api/v1/password", say{"old": secret, "new": "another secret"})
		if !tokens() || !others() || mine() {
			t.Errorf("ended: of the token %v, of another session %v, of this one %v", tokens(), others(), mine())
		}
		p.want(http.StatusNoContent, "POST", "/api/v1/logout", nil)
		if !mine() {
			t.Error("it is logged out and follows")
		}
		open.Wait()
	})
}

// TestRestart: who was logged in still is, and tokens are good.
func TestRestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "dashboard")
	p := newPage(t, Options{Folder: folder}).setUp()
	token := p.newToken("script", "admin")
	for _, name := range []string{passwordFile, grantsFile} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		for _, hidden := range []string{token.Token, token.Token[3:], p.cookies[p.cookieName()], secret} {
			if strings.Contains(string(b), hidden) {
				t.Errorf("%s has a secret", name)
			}
		}
	}
	q := newPage(t, Options{Folder: folder})
	q.cookies = p.cookies
	q.want(http.StatusOK, "POST", "/change", nil)
	q.other(local).want(http.StatusOK, "POST", "/change", nil, bearer(token.Token)...)
	q.other(local).want(http.StatusUnauthorized, "GET", "/look", nil)
	if strings.Contains(q.log.String(), "level=") {
		t.Errorf("%s", q.log)
	}
}

// TestSparing: a day of looking writes once.
func TestSparing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		p := newPage(t, Options{Folder: folder}).setUp()
		stop := runFor(t, p)
		defer stop()
		writes, last := 0, os.FileInfo(nil)
		for range 10 * 24 {
			time.Sleep(time.Hour)
			p.want(http.StatusOK, "GET", "/look", nil)
			info, err := os.Stat(filepath.Join(folder, grantsFile))
			if err != nil {
				t.Fatal(err)
			}
			if last != nil && !same(info, last) {
				writes++
			}
			last = info
		}
		if writes < 8 || writes > 11 {
			t.Errorf("%d writes in ten days", writes)
		}
	})
}

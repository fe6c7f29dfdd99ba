package access

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/auth"
)

// TestSetPasswordBeside: a password that gateway passwd --page sets counts while
// the gateway runs, and ends what was logged in.
func TestSetPasswordBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "store", "dashboard")
		p := newPage(t, Options{Folder: folder})
		p.want(http.StatusOK, "GET", "/look", nil)
		if err := SetPassword(folder, "short"); err == nil {
			t.Error("a short one is taken")
		}
		if err := SetPassword(folder, secret); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookInterval)
		p.want(http.StatusUnauthorized, "GET", "/look", nil)
		p.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		token := p.newToken("script", "viewer")
		q := p.other(remote)
		for range freeTries {
			q.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": "forgotten"})
		}
		q.want(http.StatusTooManyRequests, "POST", "/api/v1/login", say{"password": "forgotten"})
		if err := SetPassword(folder, "another secret"); err != nil {
			t.Fatal(err)
		}
		q.want(http.StatusOK, "POST", "/api/v1/login", say{"password": "another secret"}) // at once
		p.want(http.StatusUnauthorized, "GET", "/look", nil)
		p.other(local).want(http.StatusOK, "GET", "/look", nil, bearer(token.Token)...)
	})
}

// TestSetPasswordWhileStopped ends what was logged in, too.
func TestSetPasswordWhileStopped(t *testing.T) {
	folder := t.TempDir()
	p := newPage(t, Options{Folder: folder}).setUp()
	if err := SetPassword(folder, "another secret"); err != nil {
		t.Fatal(err)
	}
	q := newPage(t, Options{Folder: folder})
	q.cookies = p.cookies
	q.want(http.StatusUnauthorized, "GET", "/look", nil)
}

// TestDamagedPassword: nobody gets in, also not whoever would set a first one,
// until there is a new password.
func TestDamagedPassword(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "torn": `{"version":1,"passw`, "no hash": `{"version":1,"password":"secret"}`, "newer": `{"version":2,"password":"x"}`,
		"no password": `{"version":1}`, "long": strings.Repeat(" ", maxFile+1) + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder := t.TempDir()
				before := newPage(t, Options{Folder: folder}).setUp()
				token := before.newToken("script", "admin")
				file := filepath.Join(folder, passwordFile)
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				p := newPage(t, Options{Folder: folder})
				p.cookies = before.cookies
				for _, headers := range [][]string{nil, bearer(token.Token)} {
					if w := p.want(http.StatusForbidden, "POST", "/change", nil, headers...); !strings.Contains(w.Body.String(), "gateway passwd --page") {
						t.Errorf("%s", w.Body)
					}
				}
				p.want(http.StatusUnauthorized, "GET", "/look", nil)
				p.want(http.StatusOK, "GET", "/look", nil, bearer(token.Token)...)
				p.want(http.StatusForbidden, "POST", "/api/v1/setup", say{"password": secret})
				p.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": secret})
				if s := p.session(); s.Problem == "" || s.Setup || s.Anonymous {
					t.Errorf("%+v", s)
				}
				if n := strings.Count(p.log.String(), "level=ERROR"); n != 1 {
					t.Errorf("%d errors in %s", n, p.log)
				}
				if err := SetPassword(folder, "another secret"); err != nil {
					t.Fatal(err)
				}
				p.want(http.StatusOK, "POST", "/api/v1/login", say{"password": "another secret"})
				p.want(http.StatusOK, "POST", "/change", nil)
			})
		})
	}
}

// TestPasswordGone: without its file the page is as it was before there was one.
func TestPasswordGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		p := newPage(t, Options{Folder: folder}).setUp()
		token := p.newToken("script", "admin")
		if err := os.Remove(filepath.Join(folder, passwordFile)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookInterval)
		p.want(http.StatusForbidden, "POST", "/change", nil)
		p.want(http.StatusForbidden, "POST", "/change", nil, bearer(token.Token)...)
		p.setUp()
		p.want(http.StatusOK, "POST", "/change", nil)
	})
}

// TestDamagedGrants: they are set aside, and everybody logs in again.
func TestDamagedGrants(t *testing.T) {
	folder := t.TempDir()
	newPage(t, Options{Folder: folder}).setUp()
	file := filepath.Join(folder, grantsFile)
	if err := os.WriteFile(file, []byte(`{"version":1,`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPage(t, Options{Folder: folder})
	if !strings.Contains(p.log.String(), "grants.json.damaged") {
		t.Errorf("%s", p.log)
	}
	if b, err := os.ReadFile(file + ".damaged"); err != nil || string(b) != `{"version":1,` {
		t.Errorf("%s, %v", b, err)
	}
	p.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
}

// block puts what cannot be a folder in the place of one, also for root.
func block(t *testing.T, folder string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(folder), os.Symlink(filepath.Join(filepath.Dir(folder), "nowhere", "at", "all"), folder)); err != nil {
		t.Skip(err)
	}
}

// TestUnwritable: a password that cannot be kept is not set, neither is a token,
// and one that is revoked is said to come back.
func TestUnwritable(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "dashboard")
	block(t, folder)
	p := newPage(t, Options{Folder: folder})
	if w := p.do("POST", "/api/v1/setup", say{"password": secret}); w.Code < 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	p.want(http.StatusForbidden, "POST", "/change", nil)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	p.setUp()
	token := p.newToken("script", "viewer")
	grants := filepath.Join(folder, grantsFile)
	if err := errors.Join(os.Remove(grants), os.MkdirAll(filepath.Join(grants, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	p.want(http.StatusInternalServerError, "POST", "/api/v1/tokens", say{"name": "other", "role": "viewer"})
	if w := p.want(http.StatusOK, "GET", "/api/v1/tokens", nil); strings.Contains(w.Body.String(), "other") {
		t.Errorf("there is %s", w.Body)
	}
	p.want(http.StatusInternalServerError, "DELETE", "/api/v1/tokens/"+token.ID, nil)
	p.want(http.StatusUnauthorized, "GET", "/look", nil, bearer(token.Token)...)
	p.want(http.StatusInternalServerError, "POST", "/api/v1/logout", say{"everywhere": true})
	p.want(http.StatusUnauthorized, "GET", "/look", nil)
}

// TestSetUpAtOnce: of many who set the first password at once one does.
func TestSetUpAtOnce(t *testing.T) {
	p := newPage(t, Options{Folder: t.TempDir()})
	var wg sync.WaitGroup
	var set atomic.Int32
	for range 8 {
		q := p.other(local)
		wg.Go(func() {
			switch w := q.do("POST", "/api/v1/setup", say{"password": secret}); w.Code {
			case http.StatusOK:
				set.Add(1)
			case http.StatusConflict:
			default:
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	if n := set.Load(); n != 1 {
		t.Errorf("%d have set it", n)
	}
}

func FuzzAccessFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"password":"$6$c2FsdA==$` + strings.Repeat("A", 86) + `=="}`))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseKept(b); (err == nil) != (p != nil) || p != nil && len(p.mark()) != 64 {
			t.Errorf("%v, %v", p, err)
		}
	})
}

func FuzzGrants(f *testing.F) {
	g := newGrants()
	now := time.UnixMilli(1_800_000_000_000)
	_, token, err := g.newToken("display", Read, now)
	if err != nil {
		f.Fatal(err)
	}
	g.begin("", token.id, now)
	g.begin("mark", "", now)
	f.Add(g.marshal(now))
	f.Add([]byte(`{"version":1,"id":"00000000","sessions":[{}],"tokens":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseGrants(b)
		if err != nil {
			return
		}
		if len(g.sessions) > maxSessions || len(g.tokens) > maxTokens {
			t.Errorf("%d sessions, %d tokens", len(g.sessions), len(g.tokens))
		}
		again, err := parseGrants(g.marshal(now))
		if err != nil || len(again.sessions) != len(g.sessions) || len(again.tokens) != len(g.tokens) {
			t.Errorf("what was read cannot be written: %v", err)
		}
		g.expire(now)
	})
}

// FuzzCookie: whatever a browser shows, it is a session or it is none.
func FuzzCookie(f *testing.F) {
	a := New(Options{Log: quiet()})
	p, err := parsePassword(auth.NewVerifier([]byte(secret))) // cheaper than ours
	if err != nil {
		f.Fatal(err)
	}
	a.take(p)
	id := a.grants.begin(p.mark(), "", time.Now())
	f.Add("gateway_0="+id, "")
	f.Add("gateway_0=x; gateway_0="+id, "Bearer gw_"+id)
	f.Add("gateway_0=", "bearer")
	f.Fuzz(func(t *testing.T, cookie, authorization string) {
		r := &http.Request{Method: "POST", Header: http.Header{"Cookie": {cookie}, "Authorization": {authorization}}}
		if a.May(Admin, r) && !strings.Contains(cookie, id) {
			t.Errorf("%q and %q may change something", cookie, authorization)
		}
	})
}

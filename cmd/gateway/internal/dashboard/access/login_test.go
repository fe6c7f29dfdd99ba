package access

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// runFor runs p until the function that it returns is called.
func runFor(t *testing.T, p *page) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	ctx, cancel := contextOf(t)
	wg.Go(func() { _ = p.Run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		wg.Wait()
	}
}

// patient makes a request again as long as it is told to wait, in a bubble.
func (p *page) patient(method, path string, body any) *httptest.ResponseRecorder {
	p.t.Helper()
	for {
		w := p.do(method, path, body)
		if w.Code != http.StatusTooManyRequests {
			return w
		}
		wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil || wait < 1 {
			p.t.Fatalf("Retry-After is %q", w.Header().Get("Retry-After"))
		}
		time.Sleep(time.Duration(wait) * time.Second)
	}
}

func TestLogin(t *testing.T) {
	p := newPage(t, Options{}).setUp()
	q := p.other(remote)
	if w := q.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": "wrong horse"}); !strings.Contains(w.Body.String(), `"why":"password"`) {
		t.Errorf("%s", w.Body)
	}
	q.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
	q.want(http.StatusOK, "POST", "/change", nil)
	if s := q.session(); s != (Session{Role: "admin"}) {
		t.Errorf("%+v", s)
	}
	q.host = "any.name.example" // who is logged in may use any
	q.want(http.StatusOK, "GET", "/look", nil)
	q.want(http.StatusNoContent, "POST", "/api/v1/logout", nil)
	q.want(http.StatusUnauthorized, "POST", "/change", nil)
	p.want(http.StatusOK, "POST", "/change", nil)
	if log := p.log.String(); strings.Contains(log, "horse") || !strings.Contains(log, "from=192.168.1.7") {
		t.Errorf("the log has %s", log)
	}
}

func TestCookie(t *testing.T) {
	p := newPage(t, Options{})
	w := p.want(http.StatusOK, "POST", "/api/v1/setup", say{"password": secret})
	c := w.Result().Cookies()[0]
	if c.Name != "gateway_8080" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.MaxAge != int(maxAge/time.Second) || len(c.Value) != 43 {
		t.Errorf("%+v", c)
	}
	w = p.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret}, "X-Forwarded-Proto", "https")
	if next := w.Result().Cookies()[0]; !next.Secure || next.Value == c.Value {
		t.Errorf("%+v", next)
	}
	p.cookies[c.Name] = c.Value // the one before has ended
	p.want(http.StatusUnauthorized, "GET", "/look", nil)
	kept := newPage(t, Options{Folder: t.TempDir()})
	w = kept.want(http.StatusOK, "POST", "/api/v1/setup", say{"password": secret})
	if c := w.Result().Cookies()[0]; len(c.Name) != len("gateway_")+8 || c.Name == "gateway_8080" {
		t.Errorf("%+v", c)
	}
}

func TestLogoutEverywhere(t *testing.T) {
	p := newPage(t, Options{}).setUp()
	q := p.other(remote)
	q.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
	display := p.other("192.168.1.9:1")
	display.want(http.StatusSeeOther, "GET", "/?token="+p.newToken("display", "viewer").Token, nil)
	display.want(http.StatusForbidden, "POST", "/api/v1/logout", say{"everywhere": true})
	p.want(http.StatusNoContent, "POST", "/api/v1/logout", say{"everywhere": true})
	p.want(http.StatusUnauthorized, "GET", "/look", nil)
	q.want(http.StatusUnauthorized, "GET", "/look", nil)
	display.want(http.StatusOK, "GET", "/look", nil)
}

func TestChangePassword(t *testing.T) {
	p := newPage(t, Options{}).setUp()
	q := p.other(remote)
	q.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
	p.want(http.StatusForbidden, "POST", "/api/v1/password", say{"old": "wrong horse", "new": "another secret"})
	p.want(http.StatusBadRequest, "POST", "/api/v1/password", say{"old": secret, "new": "short"})
	p.want(http.StatusNoContent, "POST", "/api/v1/password", say{"old": secret, "new": "another secret"})
	p.want(http.StatusOK, "POST", "/change", nil)
	q.want(http.StatusUnauthorized, "GET", "/look", nil)
	q.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": secret})
	q.want(http.StatusOK, "POST", "/api/v1/login", say{"password": "another secret"})
}

// TestOtherSites: what another site asks a browser for is not done, whether or not
// there is a cookie.
func TestOtherSites(t *testing.T) {
	p := newPage(t, Options{})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}, {"Origin", "null"}, {"Origin", "http://localhost:9090"},
	} {
		p.want(http.StatusForbidden, "POST", "/api/v1/setup", say{"password": secret}, headers...)
	}
	p.setUp()
	for _, test := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{[]string{"Origin", "http://evil.example"}, http.StatusForbidden},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:8080"}, http.StatusOK},
		{[]string{"Origin", "http://localhost:8080"}, http.StatusOK},
		{nil, http.StatusOK},
	} {
		p.want(test.status, "POST", "/change", nil, test.headers...)
		q := p.other(local)
		q.want(test.status, "POST", "/api/v1/login", say{"password": secret}, test.headers...)
	}
}

// TestGuessing: it takes longer and longer, and one who guesses does not keep
// others out for long.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).setUp()
		evil := p.other(remote)
		for range freeTries {
			evil.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": "guess guess"})
		}
		if w := evil.want(http.StatusTooManyRequests, "POST", "/api/v1/login", say{"password": secret}); w.Header().Get("Retry-After") != "1" {
			t.Errorf("%v", w.Header())
		}
		p.other("192.168.1.8:1").want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		began, tries := time.Now(), 0
		for time.Since(began) < 24*time.Hour {
			evil.patient("POST", "/api/v1/login", say{"password": "guess guess"})
			tries++
		}
		if tries > 110 {
			t.Errorf("%d tries in a day", tries)
		}
		if n := strings.Count(p.log.String(), "somebody failed"); n != 1 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(longestWait)
		evil.want(http.StatusOK, "POST", "/api/v1/login", say{"password": secret})
		evil.want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": "mistyped it"})
	})
}

// TestGuessingTogether: neither have those with many addresses many tries, and
// whoever sits at the machine is not kept out by them.
func TestGuessingTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newThrottle()
		heard := 0
		for i := range 100_000 {
			a := peer(&http.Request{RemoteAddr: fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff)})
			if tr.begin(a, time.Now()) == 0 {
				heard++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if heard > 150 || len(tr.peers) > maxAddresses {
			t.Errorf("%d were heard, %d are remembered", heard, len(tr.peers))
		}
		if wait := tr.begin(peer(&http.Request{RemoteAddr: local}), time.Now()); wait != 0 {
			t.Errorf("this machine waits %v", wait)
		}
		for range freeTries { // one customer has all of a /64
			tr.begin(peer(&http.Request{RemoteAddr: "[2001:db9::1]:1"}), time.Now())
			time.Sleep(longestWaitOfAll)
		}
		time.Sleep(forgiven / 2)
		tr.begin(peer(&http.Request{RemoteAddr: "[2001:db9::2]:1"}), time.Now())
		if wait := tr.begin(peer(&http.Request{RemoteAddr: "[2001:db9::3]:1"}), time.Now()); wait < time.Second {
			t.Errorf("another address of the same network waits %v", wait)
		}
	})
}

// TestManyAddressesAreForgotten, and not who waits longest.
func TestManyAddressesAreForgotten(t *testing.T) {
	tr, now := newThrottle(), time.Now()
	guesser := peer(&http.Request{RemoteAddr: "10.2.0.0:1"})
	for range freeTries {
		tr.begin(guesser, now)
	}
	for i := range 10 * maxAddresses {
		tr.all = tries{} // as if they came slowly
		tr.begin(peer(&http.Request{RemoteAddr: fmt.Sprintf("10.1.%d.%d:1", i>>8&255, i&255)}), now)
	}
	if n := len(tr.peers); n != maxAddresses {
		t.Errorf("%d are remembered", n)
	}
	if tr.begin(guesser, now) == 0 {
		t.Error("who has to wait is forgotten")
	}
}

// TestFailuresAreCounted: five lines and a number an hour, whatever comes.
func TestFailuresAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).setUp()
		stop := runFor(t, p)
		for i := range 20 {
			p.other(fmt.Sprintf("10.0.0.%d:1", i)).want(http.StatusForbidden, "POST", "/api/v1/login", say{"password": "guess guess"})
		}
		time.Sleep(tidyInterval + time.Second)
		if log := p.log.String(); strings.Count(log, "somebody failed") != linesAnHour || !strings.Contains(log, "times=20") {
			t.Errorf("%s", log)
		}
		stop()
	})
}

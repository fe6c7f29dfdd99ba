package access

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestBeforeThePassword: this machine may look, nobody may change anything.
func TestBeforeThePassword(t *testing.T) {
	p := newPage(t, Options{})
	if s := p.session(); s != (Session{Setup: true, Anonymous: true}) {
		t.Errorf("%+v", s)
	}
	p.want(http.StatusOK, "GET", "/", nil)
	p.want(http.StatusOK, "GET", "/look", nil)
	if w := p.want(http.StatusForbidden, "POST", "/change", nil); !strings.Contains(w.Body.String(), "until there is a password: open the page") {
		t.Errorf("it says %s", w.Body)
	}
	p.setUp()
	p.want(http.StatusOK, "POST", "/change", nil)
	p.want(http.StatusOK, "GET", "/look", nil)
	stranger := p.other(local)
	stranger.want(http.StatusUnauthorized, "GET", "/look", nil)
	if w := stranger.want(http.StatusUnauthorized, "POST", "/change", nil); w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%v", w.Header())
	}
	stranger.want(http.StatusConflict, "POST", "/api/v1/setup", say{"password": "another password"})
}

// TestOnlyThisMachine: whoever may not be here, however it looks, sees nothing and
// needs the code.
func TestOnlyThisMachine(t *testing.T) {
	for _, test := range []struct {
		name, from, host string
		headers          []string
		network          bool // the listener
		look             int
	}{
		{"a name that was made to lead here", local, "evil.example:8080", nil, false, http.StatusMisdirectedRequest},
		{"a name like ours", local, "localhost.evil.example", nil, false, http.StatusMisdirectedRequest},
		{"no address", local, "2130706433", nil, false, http.StatusMisdirectedRequest},
		{"a proxy here", local, "localhost:8080", []string{"X-Forwarded-For", "127.0.0.1"}, false, http.StatusForbidden},
		{"another proxy here", local, "localhost:8080", []string{"Forwarded", "for=127.0.0.1"}, false, http.StatusForbidden},
		{"another machine", remote, "localhost:8080", nil, true, http.StatusForbidden},
		{"another machine that says it is this one", remote, "localhost:8080", []string{"X-Forwarded-For", "127.0.0.1", "X-Real-Ip", "::1"}, true, http.StatusForbidden},
		{"this machine, to a listener that others reach", local, "localhost:8080", nil, true, http.StatusForbidden},
		{"nobody knows who", "pipe", "localhost:8080", nil, false, http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPage(t, Options{})
			if test.network {
				p.network()
			}
			p.from, p.host = test.from, test.host
			p.want(test.look, "GET", "/look", nil, test.headers...)
			p.want(http.StatusForbidden, "POST", "/change", nil, test.headers...)
			if s := p.session(test.headers...); s.Anonymous || !s.Code || !s.Setup {
				t.Errorf("%+v", s)
			}
			p.want(http.StatusForbidden, "POST", "/api/v1/setup", say{"password": secret}, test.headers...)
			code := p.codeOf()
			if strings.Count(p.log.String(), "code=") != 1 || len(code) != 9 {
				t.Fatalf("the log has %s", p.log)
			}
			p.want(http.StatusForbidden, "POST", "/api/v1/setup", say{"password": secret, "code": "AAAA-AAAA"}, test.headers...)
			p.want(http.StatusOK, "POST", "/api/v1/setup", say{"password": secret, "code": strings.ToLower(strings.ReplaceAll(code, "-", " "))}, test.headers...)
			p.want(http.StatusOK, "POST", "/change", nil, test.headers...)
		})
	}
}

// TestLocalNames: all of these are this machine.
func TestLocalNames(t *testing.T) {
	for _, host := range []string{"127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "[::1]", "127.1.2.3", "LOCALHOST:80", "[0:0::1]:80"} {
		p := newPage(t, Options{})
		p.host = host
		p.want(http.StatusOK, "GET", "/look", nil)
	}
}

// TestCodeIsSaidAtTheStart: where everybody needs it.
func TestCodeIsSaidAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).network()
		ran := runFor(t, p)
		if p.codeOf() == "" {
			t.Errorf("the log has %s", p.log)
		}
		ran()
		p = newPage(t, Options{})
		ran = runFor(t, p)
		if p.codeOf() != "" {
			t.Errorf("nobody needs it and the log has %s", p.log)
		}
		ran()
	})
}

// TestCodeWearsOut: after ten wrong ones another is good, which cannot be found by
// asking often.
func TestCodeWearsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, Options{}).network()
		p.session()
		first := p.codeOf()
		for range wrongCodes {
			p.patient("POST", "/api/v1/setup", say{"password": secret, "code": "2222-2222"})
		}
		if second := p.codeOf(); second == first || strings.Count(p.log.String(), "code=") != 2 {
			t.Errorf("after %d wrong ones the log has %s", wrongCodes, p.log)
		}
		if w := p.patient("POST", "/api/v1/setup", say{"password": secret, "code": first}); w.Code != http.StatusForbidden {
			t.Errorf("the old code: %d", w.Code)
		}
		if w := p.patient("POST", "/api/v1/setup", say{"password": secret, "code": p.codeOf()}); w.Code != http.StatusOK {
			t.Errorf("the new code: %d %s", w.Code, w.Body)
		}
	})
}

// TestEverybodyMayLook: allow_anonymous is for looking.
func TestEverybodyMayLook(t *testing.T) {
	p := newPage(t, Options{AllowAnonymous: true}).network()
	p.host = "gateway.example"
	p.want(http.StatusOK, "GET", "/look", nil)
	p.want(http.StatusForbidden, "POST", "/change", nil)
	if s := p.session(); s != (Session{Setup: true, Code: true, Anonymous: true}) {
		t.Errorf("%+v", s)
	}
	p.want(http.StatusOK, "POST", "/api/v1/setup", say{"password": secret, "code": p.codeOf()})
	stranger := p.other("10.1.1.1:1")
	stranger.want(http.StatusOK, "GET", "/look", nil)
	stranger.want(http.StatusUnauthorized, "POST", "/change", nil)
	stranger.want(http.StatusUnauthorized, "GET", "/look", nil, bearer("gw_wrong")...)
}

func TestPasswordRules(t *testing.T) {
	for password, fine := range map[string]bool{
		"1234567": false, "12345678": true, "가나다라마바사아": true, "가나다": false, strings.Repeat("x", maxPassword): true,
		strings.Repeat("x", maxPassword+1): false, "\xff2345678": false, "": false, "        ": true,
	} {
		if err := checkPassword(password); (err == nil) != fine {
			t.Errorf("%.20q: %v", password, err)
		}
	}
	p := newPage(t, Options{})
	if w := p.want(http.StatusBadRequest, "POST", "/api/v1/setup", say{"password": "short"}); !strings.Contains(w.Body.String(), "The password has 5 characters; at least 8 are needed.") {
		t.Errorf("%s", w.Body)
	}
	p.want(http.StatusUnsupportedMediaType, "POST", "/api/v1/setup", nil)
}

package access

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// page is an Access behind a mux, and what of it a browser has.
type page struct {
	*Access
	t       *testing.T
	h       http.Handler
	log     *lockedBuffer
	from    string // RemoteAddr
	host    string
	cookies map[string]string
}

const local, remote = "127.0.0.1:50000", "192.168.1.7:50000"

// newPage returns a page on loopback that is asked from this machine.
func newPage(t *testing.T, o Options) *page {
	t.Helper()
	log := &lockedBuffer{}
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	p := &page{Access: New(o), t: t, log: log, from: local, host: "localhost:8080", cookies: make(map[string]string)}
	p.Bind(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	mux := http.NewServeMux()
	handle := func(right Right, pattern string, h http.Handler) { mux.Handle(pattern, p.Require(right, h)) }
	p.Mount(handle)
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") })
	handle(Open, "GET /{$}", ok)
	handle(Read, "GET /look", ok)
	handle(Admin, "POST /change", ok)
	p.h = p.Links(mux)
	return p
}

// network is the same page as another machine reaches it.
func (p *page) network() *page {
	p.Bind(&net.TCPAddr{IP: net.IPv4zero, Port: 8080})
	return p.other(remote)
}

// other is another browser, at an address.
func (p *page) other(from string) *page {
	q := *p
	q.from, q.cookies = from, make(map[string]string)
	return &q
}

// do makes a request, with headers in pairs, and keeps its cookies. A body that is
// not nil is JSON.
func (p *page) do(method, path string, body any, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		sent = bytes.NewReader(b)
	}
	r := httptest.NewRequest(method, "http://"+p.host+path, sent)
	r.RemoteAddr = p.from
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		p.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
	return w
}

// want makes a request and fails the test if it is not answered with a status.
func (p *page) want(status int, method, path string, body any, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	w := p.do(method, path, body, headers...)
	if w.Code != status {
		p.t.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w
}

// say is the body of a request.
type say map[string]any

const secret = "correct horse 배터리"

func (p *page) setUp() *page {
	p.t.Helper()
	p.want(http.StatusOK, "POST", "/api/v1/setup", say{"password": secret})
	return p
}

func (p *page) session(headers ...string) (s Session) {
	p.t.Helper()
	w := p.want(http.StatusOK, "GET", "/api/v1/session", nil, headers...)
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// newToken makes a token, and returns it.
func (p *page) newToken(name, role string) Token {
	p.t.Helper()
	var made Token
	w := p.want(http.StatusCreated, "POST", "/api/v1/tokens", say{"name": name, "role": role})
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
		p.t.Fatal(err)
	}
	return made
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// codeOf returns the last code that the log has, "" if it has none.
func (p *page) codeOf() string {
	_, after, ok := strings.Cut(p.log.String()[max(0, strings.LastIndex(p.log.String(), "code=")):], "code=")
	if !ok {
		return ""
	}
	return strings.TrimSpace(after[:min(9, len(after))])
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

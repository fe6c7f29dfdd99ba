package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
)

// runHere runs a gateway in this process, so that what it serves can be listed,
// and returns where its page is.
func runHere(t *testing.T, text string) (g *gateway, page string, log *syncBuffer) {
	t.Helper()
	cfg, err := config.Parse("gateway.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	log = &syncBuffer{grown: make(chan struct{})}
	g, err = build(cfg, true, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.run(ctx, g.parts()) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return g, "http://" + strings.Replace(g.dashboard.Addr().String(), "[::]", "127.0.0.1", 1), log
}

// ask makes a request, with a token if there is one, and returns the status and
// what of the answer comes within a moment: a stream does not end.
func ask(t *testing.T, method, url, token string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var body io.Reader
	if method != "GET" {
		body = strings.NewReader("{}")
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		first := make([]byte, 64<<10)
		n, _ := io.ReadAtLeast(resp.Body, first, 1)
		return resp.StatusCode, string(first[:n])
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// at returns the method of a route, and an address that it is for.
func at(r dashboard.Route) (method, path string) {
	method, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		method, path = "POST", r.Pattern // any method
	}
	return method, placeholder.ReplaceAllString(path, "x")
}

// openToAll are what may be sent by who has shown nothing.
var openToAll = []string{"POST /api/v1/setup", "POST /api/v1/login", "POST /api/v1/logout"}

// TestPageRights: check 25, and the server's part of check 4. Whatever there is to
// change, nobody does before there is a password, and a viewer's token never.
func TestPageRights(t *testing.T) {
	g, page, _ := runHere(t, freePorts+"persistence: {path: "+t.TempDir()+"}\n")
	var changes []dashboard.Route
	for _, r := range g.dashboard.Routes() {
		method, _ := at(r)
		switch {
		case r.Right == access.Admin:
			changes = append(changes, r)
		case method != "GET" && !slices.Contains(openToAll, r.Pattern):
			t.Errorf("%s needs the right to %v only, and is not for looking: give it access.Admin", r.Pattern, r.Right)
		}
	}
	if len(changes) < 4 {
		t.Fatalf("only %v can be changed", changes)
	}
	for _, r := range changes {
		method, path := at(r)
		if status, said := ask(t, method, page+path, ""); status != http.StatusForbidden || !strings.Contains(said, "password") {
			t.Errorf("before there is a password, %s %s: %d %s", method, path, status, said)
		}
	}
	admin := (&gatewayProcess{page: page}).admin(t)
	viewer := newToken(t, admin, page, "viewer")
	for _, r := range g.dashboard.Routes() {
		method, path := at(r)
		wantViewer, wantNobody := http.StatusForbidden, http.StatusUnauthorized
		if r.Right != access.Admin {
			wantViewer = 0
		}
		if r.Right == access.Open {
			wantNobody = 0
		}
		if status, said := ask(t, method, page+path, viewer); wantViewer != 0 && status != wantViewer || wantViewer == 0 && (status == http.StatusUnauthorized || status == http.StatusForbidden && !slices.Contains(openToAll, r.Pattern)) {
			t.Errorf("%s %s with a viewer's token: %d %.200s", method, path, status, said)
		}
		if status, said := ask(t, method, page+path, ""); wantNobody != 0 && status != wantNobody {
			t.Errorf("%s %s without a login: %d %.200s", method, path, status, said)
		}
	}
}

// TestPagePasswordForgotten: gateway passwd --page while the gateway runs.
func TestPagePasswordForgotten(t *testing.T) {
	store := t.TempDir()
	g := startGateway(t, "persistence: {path: "+store+"}\n")
	before := g.admin(t)
	status := func(c *http.Client, method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, g.page+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if s := status(before, "GET", "/api/v1/tokens", ""); s != http.StatusOK {
		t.Fatalf("who has set the password: %d", s)
	}
	cmd := exec.CommandContext(t.Context(), needBinary(t), "passwd", "--page", "--dir", store)
	cmd.Stdin = strings.NewReader("another password\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if s := status(http.DefaultClient, "POST", "/api/v1/login", `{"password":"another password"}`); s != http.StatusOK {
		t.Errorf("the new password: %d", s)
	}
	if s := status(http.DefaultClient, "POST", "/api/v1/login", `{"password":"`+pagePassword+`"}`); s != http.StatusForbidden {
		t.Errorf("the old password: %d", s)
	}
	if s := status(before, "GET", "/api/v1/tokens", ""); s != http.StatusUnauthorized {
		t.Errorf("who was logged in with the old one: %d", s)
	}
}

// newToken makes a token.
func newToken(t *testing.T, admin *http.Client, page, role string) string {
	t.Helper()
	resp, err := admin.Post(page+"/api/v1/tokens", "application/json", strings.NewReader(`{"name":"test","role":"`+role+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Token == "" {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return made.Token
}

// TestPageCodeIsInTheLogOnly: where everybody may look, the code that the first
// password is set with is nowhere to be seen.
func TestPageCodeIsInTheLogOnly(t *testing.T) {
	text := strings.Split(freePorts, "dashboard:")[0] + "dashboard: {address: ':0', allow_anonymous: true}\n"
	g, page, log := runHere(t, text+"persistence: {path: "+t.TempDir()+"}\n")
	code := log.await(t, `code=(\S+)`)
	for _, r := range g.dashboard.Routes() {
		method, path := at(r)
		if method != "GET" || r.Right == access.Admin || strings.HasPrefix(path, "/static/") {
			continue
		}
		for _, query := range []string{"", "?feed=logs", "?feed=logs&level=debug"} {
			if status, said := ask(t, method, page+path+query, ""); strings.Contains(said, code) {
				t.Errorf("%s %s%s answers %d with the code", method, path, query, status)
			}
		}
	}
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{} // closed and replaced when there is more
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.grown)
	s.grown = make(chan struct{})
	return s.b.Write(p)
}

// await waits until a line matches, and returns what the first group has.
func (s *syncBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		m, grown := re.FindStringSubmatch(s.b.String()), s.grown
		s.mu.Unlock()
		if m != nil {
			return m[1]
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("the log does not match %q", pattern)
		}
	}
}

// TestPageAccess: checks 4 and 25 in a browser.
func TestPageAccess(t *testing.T) {
	g := startGateway(t, "sensors: []\n")
	browse(t, "access", g.page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		switch name {
		case "publish":
			publishTo(t, g, rest)
		case "revoke": // as the browser that has this cookie
			revokeAll(t, g.page, rest)
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}

// TestPageAccessFromElsewhere: the first run where others reach the page.
func TestPageAccessFromElsewhere(t *testing.T) {
	config := strings.Split(freePorts, "dashboard:")[0] + "dashboard: {address: ':0'}\n"
	g := awaitGateway(spawn(t, needBinary(t), "run", "-c", writeConfig(t, "sensors: []\n"+config)))
	_, port, _ := strings.Cut(strings.TrimPrefix(g.page, "http://"), ":")
	browse(t, "access_code", "http://127.0.0.1:"+port, func(what string) string {
		if topic, ok := strings.CutPrefix(what, "publish "); ok {
			publishTo(t, g, topic)
			return ""
		}
		return g.await(`code=(\S{4}-\S{4})`)[1]
	})
}

// publishTo publishes "topic payload", retained.
func publishTo(t *testing.T, g *gatewayProcess, what string) {
	t.Helper()
	topic, payload, _ := strings.Cut(what, " ")
	command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-r", "-t", topic, "-m", payload)...)
}

// revokeAll revokes all tokens.
func revokeAll(t *testing.T, page, cookie string) {
	t.Helper()
	do := func(method, path string) []byte {
		r, err := http.NewRequestWithContext(t.Context(), method, page+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			t.Errorf("%s %s: %s %s, %v", method, path, resp.Status, b, err)
		}
		return b
	}
	var list struct{ Tokens []struct{ ID string } }
	if err := json.Unmarshal(do("GET", "/api/v1/tokens"), &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Tokens {
		do("DELETE", "/api/v1/tokens/"+one.ID)
	}
}

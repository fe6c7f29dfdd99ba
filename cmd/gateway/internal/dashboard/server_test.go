package dashboard

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
)

func testDashboard(cfg Config) *Dashboard {
	quiet := slog.New(slog.DiscardHandler)
	return New(cfg, broker.New(broker.Default(), quiet), func() About {
		return About{Version: "v1", Host: "pi", MQTT: []string{"127.0.0.1:1883"}}
	}, quiet)
}

// request asks the handler as a browser on this machine.
func request(d *Dashboard, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://127.0.0.1:8080"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	d.handler().ServeHTTP(w, r)
	return w
}

func TestStaticFiles(t *testing.T) {
	d := testDashboard(Default())
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/static/main.js": "text/javascript; charset=utf-8", "/static/vendor/preact.js": "text/javascript; charset=utf-8",
		"/static/app.css": "text/css; charset=utf-8", "/static/icon.svg": "image/svg+xml",
	} {
		w := request(d, path)
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType || w.Body.Len() == 0 {
			t.Errorf("%s: %d %s, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		for header, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if w.Header().Get(header) != want {
				t.Errorf("%s: %s is %q", path, header, w.Header().Get(header))
			}
		}
		z := request(d, path, "Accept-Encoding", "gzip, br")
		r, err := gzip.NewReader(z.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, w.Body.Bytes()) || z.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s compressed is something else: %v", path, err)
		}
		if again := request(d, path, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s again: %d", path, again.Code)
		}
	}
	for _, path := range []string{"/static/", "/static/nothing.js", "/other", "/static/../server.go"} {
		if w := request(d, path); w.Code != 404 && w.Code != 307 && w.Code != 301 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	d.handler().ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// TestFirstLoad: what a phone loads at first is small, and all of it is ours.
func TestFirstLoad(t *testing.T) {
	d := testDashboard(Default())
	total := 0
	elsewhere := regexp.MustCompile(`(src|href|from|import|url)[ (=]*["'(](https?:)?//`)
	for name, a := range d.assets {
		if strings.HasSuffix(name, ".txt") || name == "vendor/VERSIONS" {
			continue
		}
		total += len(a.gzip)
		if found := elsewhere.Find(a.plain); found != nil {
			t.Errorf("%s loads from elsewhere: %s", name, found)
		}
	}
	if total > 120<<10 {
		t.Errorf("the page has %d kB compressed, want at most 120", total>>10)
	}
	t.Logf("the page has %d bytes compressed", total)
}

// TestVendored holds the files of others to the checksums in VERSIONS.
func TestVendored(t *testing.T) {
	versions, err := os.ReadFile("static/vendor/VERSIONS")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`(?m)^file: (\S+) .*\n(?:npm: .*\n)here: ([0-9a-f]{64})$`).FindAllStringSubmatch(string(versions), -1)
	seen := map[string]bool{}
	for _, l := range listed {
		b, err := os.ReadFile("static/vendor/" + l[1])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != l[2] {
			t.Errorf("%s is not what VERSIONS says", l[1])
		}
		seen[l[1]] = true
	}
	files, err := os.ReadDir("static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".js") && !seen[f.Name()] {
			t.Errorf("%s is not in VERSIONS", f.Name())
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d files in VERSIONS, want 5", len(seen))
	}
}

func TestHost(t *testing.T) {
	local, open := testDashboard(Default()), testDashboard(Config{Address: ":8080", AllowAnonymous: true})
	for host, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "localhost": true, "[::1]:8080": true, "[::1]": true, "127.1.2.3": true,
		"evil.example": false, "evil.example:8080": false, "192.168.1.5:8080": false, "": false, "localhost.evil.example": false,
	} {
		want := http.StatusOK
		if !allowed {
			want = http.StatusMisdirectedRequest
		}
		if w := request(local, "/api/v1/sensors", "Host", host); w.Code != want {
			t.Errorf("for this machine only, host %q: %d, want %d", host, w.Code, want)
		}
		if w := request(open, "/", "Host", host); w.Code != http.StatusOK {
			t.Errorf("for everybody, host %q: %d", host, w.Code)
		}
	}
}

func TestSensorsAPI(t *testing.T) {
	d := testDashboard(Default())
	var s Snapshot
	w := request(d, "/api/v1/sensors")
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Sensors == nil || s.Gateway.WebSocket == nil || s.Gateway.Host != "pi" {
		t.Errorf("%s: %v", w.Body, err)
	}
	d.model.take(msg("a/b/<script>", `{"temperature":1}`), time.Now())
	w = request(d, "/api/v1/sensors")
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("markup in JSON is not escaped")
	}
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Sensors[0].Sensor != "<script>" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %v", w.Body, err)
	}
}

// event is one server-sent event.
type event struct{ name, data string }

// streamOf opens a stream over a pipe in memory, inside a bubble.
func streamOf(t *testing.T, d *Dashboard) (events chan event, end func()) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	req := httptest.NewRequest("GET", "http://localhost/api/v1/stream", nil).WithContext(ctx)
	events = make(chan event, 10_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		d.handler().ServeHTTP(&pipeWriter{header: http.Header{}, w: w}, req)
		w.Close()
	})
	wg.Go(func() {
		defer close(events)
		var e event
		for lines := bufio.NewScanner(r); lines.Scan(); {
			switch line := lines.Text(); {
			case strings.HasPrefix(line, "event: "):
				e.name = line[7:]
			case strings.HasPrefix(line, "data: "):
				e.data = line[6:]
			case line == "":
				events <- e
			}
		}
	})
	return events, func() {
		cancel()
		r.Close()
		wg.Wait()
	}
}

type pipeWriter struct {
	header http.Header
	w      *io.PipeWriter
}

func (p *pipeWriter) Header() http.Header         { return p.header }
func (p *pipeWriter) WriteHeader(int)             {}
func (p *pipeWriter) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *pipeWriter) Flush()                      {}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		d.model.take(msg("a/b/c", `{"temperature":1}`), time.Now())
		events, end := streamOf(t, d)
		defer end()
		if e := <-events; e.name != "snapshot" || !strings.Contains(e.data, `"a/b/c"`) || !strings.Contains(e.data, `"history"`) {
			t.Errorf("first %+v", e)
		}
		began := time.Now()
		if e := <-events; e.name != "beat" || time.Since(began) != beatInterval {
			t.Errorf("after %v %+v", time.Since(began), e)
		}
		d.model.take(msg("a/b/c", `{"temperature":2}`), time.Now())
		if e := <-events; e.name != "update" || !strings.Contains(e.data, `"number":2`) || strings.Contains(e.data, `"history"`) {
			t.Errorf("%+v", e)
		}
	})
}

// TestStreamIsCoalesced: a thousand messages a second are four updates.
func TestStreamIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		events, end := streamOf(t, d)
		defer end()
		for range 10_000 {
			d.model.take(msg("a/b/c", `{"temperature":1}`), time.Now())
			time.Sleep(time.Millisecond)
		}
		if n := len(events); n < 38 || n > 42 {
			t.Errorf("%d events in ten seconds, want four a second", n)
		}
	})
}

// TestSlowReader: a stream nobody reads holds up nobody.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		r, w := io.Pipe()
		ended := make(chan struct{})
		go func() {
			d.handler().ServeHTTP(&pipeWriter{header: http.Header{}, w: w}, httptest.NewRequest("GET", "http://localhost/api/v1/stream", nil))
			close(ended)
		}()
		synctest.Wait() // it is stuck in its first write
		began := time.Now()
		for range 10_000 {
			d.model.take(msg("a/b/c", `{"temperature":1}`), time.Now())
		}
		if time.Since(began) != 0 {
			t.Error("messages waited for a reader")
		}
		r.CloseWithError(errors.New("gone"))
		<-ended
	})
}

// TestRunStops: with a stream open, Run returns at once when it is to stop.
func TestRunStops(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:0"})
	if err := d.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	resp, err := http.Get("http://" + d.Addr().String() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFollowsTheTree(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:0"})
	if err := d.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	if err := d.b.Publish(&broker.Message{Topic: "home/kitchen/climate", Payload: []byte(`{"temperature":21.5}`), Retain: true}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + d.Addr().String() + "/api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), `"home/kitchen/climate"`) {
			return
		}
	}
	t.Error("the reading does not come")
}

func TestListenErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := testDashboard(Config{Address: ln.Addr().String()})
	if err := d.Listen(); err == nil || !strings.Contains(err.Error(), "dashboard.address: cannot listen on "+ln.Addr().String()) || d.Addr() != nil {
		t.Errorf("%v, %v", err, d.Addr())
	}
	none := testDashboard(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := none.Listen(); err != nil || none.Addr() != nil || none.Run(ctx) != nil {
		t.Errorf("without a page: %v, %v", err, none.Addr())
	}
}

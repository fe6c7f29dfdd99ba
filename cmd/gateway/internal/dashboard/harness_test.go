package dashboard

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"gateway/broker"
)

func testDashboard(cfg Config) *Dashboard {
	quiet := slog.New(slog.DiscardHandler)
	d := New(cfg, broker.New(broker.Default(), quiet), func() About {
		return About{Version: "v1", Host: "pi", MQTT: []string{"127.0.0.1:1883"}}
	}, quiet)
	d.access.Bind(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	return d
}

// request asks the handler as a browser on this machine.
func request(d *Dashboard, path string, headers ...string) *httptest.ResponseRecorder {
	return requestBy(d, "GET", path, headers...)
}

func requestBy(d *Dashboard, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	r.RemoteAddr = "127.0.0.1:50000"
	w := httptest.NewRecorder()
	d.handler().ServeHTTP(w, r)
	return w
}

// event is one server-sent event.
type event struct{ retry, name, data string }

// streamOf opens a stream over a pipe in memory, inside a bubble.
func streamOf(t *testing.T, d *Dashboard) (events chan event, end func()) {
	t.Helper()
	return streamOfPath(t, d, "/api/v1/stream")
}

func streamOfRequest(t *testing.T, d *Dashboard, req *http.Request) (events chan event, end func()) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	req = req.WithContext(ctx)
	req.RemoteAddr = "127.0.0.1:50000"
	events = make(chan event, 10_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		d.handler().ServeHTTP(&pipeWriter{header: http.Header{}, w: w}, req)
		w.Close()
	})
	wg.Go(func() {
		defer close(events)
		readEvents(r, events)
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

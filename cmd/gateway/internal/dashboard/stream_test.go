package dashboard

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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

package dashboard

import (
	"errors"
	"fmt"
	"io"
	"net"
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
		if e := <-events; e.name != "snapshot" || e.retry != "1000" || !strings.Contains(e.data, `"a/b/c"`) || !strings.Contains(e.data, `"history"`) {
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

// TestStreamTellsWhatItMissed: when more was removed than is remembered, a
// stream begins again.
func TestStreamTellsWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		d.model.take(msg("a/b/gone", "1", kept), time.Now())
		d.model.take(msg("a/b/stays", "1", kept), time.Now())
		events, end := streamOf(t, d)
		defer end()
		<-events
		d.model.take(msg("a/b/gone", "", kept), time.Now())
		if e := <-events; e.name != "update" || e.data != `{"sensors":[],"removed":["a/b/gone"],"demo":false,"alarms":[]}` {
			t.Errorf("%+v", e)
		}
		for i := range maxTombstones + 2 {
			topic := fmt.Sprintf("a/b/%d", i)
			d.model.take(msg(topic, "1", kept), time.Now())
			d.model.take(msg(topic, "", kept), time.Now())
		}
		if e := <-events; e.name != "snapshot" || strings.Contains(e.data, "gone") || !strings.Contains(e.data, "stays") {
			t.Errorf("%+v", e)
		}
	})
}

// TestStreamGoesOn: the time limits of requests and answers are not those of
// a stream.
func TestStreamGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		l, stop := runInMemory(t, d)
		c := l.dial(t, askForStream)
		defer c.Close()
		resp := answered(t, c)
		if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", resp.Header)
		}
		events := make(chan event, 1000)
		ended := make(chan struct{})
		go func() {
			readEvents(resp.Body, events)
			close(ended)
		}()
		time.Sleep(time.Hour + time.Second)
		if n := len(events); n != 361 {
			t.Errorf("%d events in an hour, want a snapshot and 360 beats", n)
		}
		if took := stop(); took > 100*time.Millisecond {
			t.Errorf("it took %v to stop", took)
		}
		<-ended
	})
}

// TestSlowReader: a stream nobody reads holds up nobody, and is dropped.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		l, stop := runInMemory(t, d)
		defer stop()
		c := l.dial(t, askForStream)
		defer c.Close()
		synctest.Wait() // the stream is stuck in its first event
		began := time.Now()
		for range 10_000 {
			d.model.take(msg("a/b/c", `{"temperature":1}`), time.Now())
		}
		if time.Since(began) != 0 {
			t.Error("messages waited for a reader")
		}
		time.Sleep(streamWriteTimeout - time.Second)
		if d.streams.Load() != 1 {
			t.Error("it was dropped too early")
		}
		time.Sleep(2 * time.Second)
		if d.streams.Load() != 0 {
			t.Error("a reader that takes nothing is kept")
		}
	})
}

// TestTrickle: it does not help to read a byte now and then.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		for i := range 100 {
			d.model.take(msg(fmt.Sprintf("a/b/%d", i), `{"temperature":1}`), time.Now())
		}
		l, stop := runInMemory(t, d)
		defer stop()
		c := l.dial(t, askForStream)
		defer c.Close()
		began := time.Now()
		for {
			if _, err := c.Read(make([]byte, 1)); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took > streamWriteTimeout+2*time.Second {
			t.Errorf("dropped after %v", took)
		}
	})
}

// TestStopWithStuckStream: a stream that waits for its reader does not hold
// up the end.
func TestStopWithStuckStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		l, stop := runInMemory(t, d)
		c := l.dial(t, askForStream)
		defer c.Close()
		synctest.Wait()
		if took := stop(); took > 100*time.Millisecond {
			t.Errorf("it took %v to stop", took)
		}
		if d.streams.Load() != 0 {
			t.Error("the stream goes on")
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Default())
		l, stop := runInMemory(t, d)
		defer stop()
		var open []net.Conn
		for range maxStreams {
			c := l.dial(t, askForStream)
			defer c.Close()
			open = append(open, c)
		}
		synctest.Wait()
		refused := l.dial(t, askForStream)
		defer refused.Close()
		if resp := answered(t, refused); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("one more: %s", resp.Status)
		}
		open[0].Close()
		synctest.Wait()
		c := l.dial(t, askForStream)
		defer c.Close()
		if resp := answered(t, c); resp.StatusCode != http.StatusOK {
			t.Errorf("after one has gone: %s", resp.Status)
		}
	})
}

func TestStreamHead(t *testing.T) {
	d := testDashboard(Default())
	w := requestBy(d, "HEAD", "/api/v1/stream") // would hang
	if w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() != 0 {
		t.Errorf("%v, %d bytes", w.Header(), w.Body.Len())
	}
}

// TestEventStreamErrors: what cannot be written ends the stream, and nothing
// more is written after it.
func TestEventStreamErrors(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(errors.New("gone"))
	s := newEventStream(t.Context(), &pipeWriter{header: http.Header{}, w: w})
	s.send(t.Context(), "beat", struct{}{})
	s.release()
	if s.err == nil || s.err.Error() != "gone" {
		t.Errorf("%v", s.err)
	}
	rec := httptest.NewRecorder()
	s = newEventStream(t.Context(), rec)
	defer s.release()
	s.send(t.Context(), "beat", func() {})
	if s.err == nil || strings.Contains(rec.Body.String(), "beat") {
		t.Errorf("%v, %q", s.err, rec.Body)
	}
}

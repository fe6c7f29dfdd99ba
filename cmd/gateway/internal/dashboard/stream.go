package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	// updateInterval is the shortest time between two updates of a stream.
	updateInterval = 250 * time.Millisecond
	// beatInterval is the longest silence, by which the page knows that the
	// line is up.
	beatInterval = 10 * time.Second
	// streamWriteTimeout is how long a reader may take for one event. Tabs that
	// a browser put to sleep come back and begin again.
	streamWriteTimeout = 20 * time.Second
	// maxStreams bounds what readers cost: each holds one event while it is
	// sent.
	maxStreams = 32
)

// stream serves server-sent events until the reader is gone, does not take an
// event within streamWriteTimeout, or the server stops.
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request) {
	defer d.streams.Add(-1)
	if d.streams.Add(1) > maxStreams {
		w.Header().Set("Retry-After", "10")
		answer.Fail(w, http.StatusServiceUnavailable, answer.Say("pages.many", "Too many pages of this gateway are open; close one."))
		return
	}
	feeds, err := d.followFeeds(r)
	if err != nil {
		answer.Fail(w, http.StatusBadRequest, err)
		return
	}
	defer feeds.close()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		return
	}
	s := newEventStream(r.Context(), w)
	defer s.release()
	d.tell(r.Context(), s, feeds)
}

// tell sends everything, and from then on what changes, until s fails or ctx
// ends.
func (d *Dashboard) tell(ctx context.Context, s *eventStream, feeds followers) {
	sensors, version := d.model.snapshot(time.Now())
	s.send(ctx, "snapshot", Snapshot{d.gateway(), sensors})
	s.sendAll(ctx, feeds.events())
	told := time.Now() // when how the gateway is was
	for s.err == nil {
		news := d.await(ctx, version, feeds, beatInterval-time.Since(told))
		if ctx.Err() != nil {
			return
		}
		newest := d.tellChanges(ctx, s, version)
		s.sendAll(ctx, feeds.events()) // also beside a beat: to wait may have taken what News had
		switch {
		case newest != version:
			version, told = newest, time.Now()
		case time.Since(told) >= beatInterval: // feeds may never rest
			s.send(ctx, "beat", d.beat())
			told = time.Now()
		}
		if !news {
			continue
		}
		select { // whatever changes meanwhile goes into one update
		case <-time.After(updateInterval):
		case <-ctx.Done():
			return
		}
	}
}

// await waits until there is something to tell. It reports false if there is
// nothing for so long, or if ctx ends.
func (d *Dashboard) await(ctx context.Context, version uint64, feeds followers, most time.Duration) bool {
	changed := d.model.news(version)
	if changed == nil {
		return true
	}
	news, stop := feeds.wait()
	defer stop()
	beat := time.NewTimer(most)
	defer beat.Stop()
	select {
	case <-changed:
		return true
	case <-news:
		return true
	case <-beat.C:
	case <-ctx.Done():
	}
	return false
}

// tellChanges sends what has changed in the model after a version, and returns
// the version that has been told.
func (d *Dashboard) tellChanges(ctx context.Context, s *eventStream, version uint64) uint64 {
	u, newest, ok := d.model.since(version, time.Now())
	switch {
	case !ok:
		var sensors []Sensor
		sensors, newest = d.model.snapshot(time.Now())
		s.send(ctx, "snapshot", Snapshot{d.gateway(), sensors})
	case newest != version:
		u.Beat = d.beat()
		s.send(ctx, "update", u)
	}
	return newest
}

// eventStream writes events; after an error it does nothing.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
	release func() // is to be called when the request has been served
}

// newEventStream begins a stream. When ctx ends, so does a write that is
// waiting for its reader.
func newEventStream(ctx context.Context, w http.ResponseWriter) *eventStream {
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	released := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(released)
		_ = s.control.SetWriteDeadline(time.Unix(1, 0))
	})
	s.release = func() {
		if !stop() {
			<-released // w is not to be used when the request has been served
			// To a reader who takes it the end goes out, too: no browser complains then.
			_ = s.control.SetWriteDeadline(time.Now().Add(stopTimeout / 2))
		}
	}
	_, s.err = w.Write([]byte("retry: 1000\n")) // ms
	return s
}

func (s *eventStream) sendAll(ctx context.Context, events []Event) {
	for _, e := range events {
		s.send(ctx, e.Name, e.Data)
	}
}

func (s *eventStream) send(ctx context.Context, event string, data any) {
	if s.err != nil {
		return
	}
	body, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // a writer in a test may have none
	if s.err = ctx.Err(); s.err != nil {
		return // that may have undone the deadline of the past
	}
	for _, part := range [][]byte{[]byte("event: " + event + "\ndata: "), body, []byte("\n\n")} {
		if _, s.err = s.w.Write(part); s.err != nil {
			return
		}
	}
	s.err = s.control.Flush()
}

// beat is what every event says.
func (d *Dashboard) beat() Beat {
	g := d.gateway()
	return Beat{g.Demo, g.Alarms, g.AlarmsSaid, g.Bridges}
}

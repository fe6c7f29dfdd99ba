package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// updateInterval is the shortest time between two updates of a stream.
	updateInterval = 250 * time.Millisecond
	// beatInterval is the longest silence, by which the page knows that the
	// line is up.
	beatInterval = 10 * time.Second
	// writeTimeout is how long a reader may take nothing.
	writeTimeout = 20 * time.Second
)

// stream serves server-sent events until the reader is gone, takes nothing
// for writeTimeout, or the server stops.
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request) {
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	sensors, version := d.model.snapshot(time.Now())
	s.send("snapshot", Snapshot{d.gateway(), sensors})
	beat := time.NewTimer(beatInterval)
	defer beat.Stop()
	for s.err == nil {
		beat.Reset(beatInterval)
		if news := d.model.news(version); news != nil {
			select {
			case <-news:
			case <-beat.C:
				s.send("beat", struct{}{})
				continue
			case <-r.Context().Done():
				return
			}
		}
		u, newest, ok := d.model.since(version, time.Now())
		if ok {
			s.send("update", u)
		} else {
			sensors, newest = d.model.snapshot(time.Now())
			s.send("snapshot", Snapshot{d.gateway(), sensors})
		}
		version = newest
		select { // whatever changes meanwhile goes into one update
		case <-time.After(updateInterval):
		case <-r.Context().Done():
			return
		}
	}
}

// eventStream writes events; after an error it does nothing.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *eventStream) send(event string, data any) {
	if s.err != nil {
		return
	}
	body, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // some writers have none
	if _, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, body); s.err == nil {
		s.err = s.control.Flush()
	}
}

package dashboard

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard/access"
)

// states are all of them, from good to bad.
func states() []State { return []State{Live, Late, Unknown, Stale, Fault, Offline} }

// SetHealth has /healthz answered by h. It is called before Run.
func (d *Dashboard) SetHealth(h http.Handler) { d.verdict = h }

// health answers whether the gateway works, and, with ?verbose, a person with
// the figures of this part, if he may look. That sensors are stale does not make the page
// unwell.
func (d *Dashboard) health(w http.ResponseWriter, r *http.Request) {
	if d.verdict != nil && !(r.URL.Query().Has("verbose") && d.access.May(access.Read, r)) {
		d.verdict.ServeHTTP(w, r)
		return
	}
	var b strings.Builder
	b.WriteString("ok\n")
	if d.access.May(access.Read, r) {
		d.figures(&b)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(b.String())) // the reader may be gone
}

// figures writes how many there are of what.
func (d *Dashboard) figures(b *strings.Builder) {
	sensors, counts := d.model.count(time.Now())
	fmt.Fprintf(b, "\nsensors %d of at most %d\n", sensors, maxSensors)
	for _, s := range states() {
		fmt.Fprintf(b, "  %-8s %d\n", s, counts[s])
	}
	fmt.Fprintf(b, "messages left out, for want of room %d\n", d.leftOut.Load())
	if d.sub != nil {
		fmt.Fprintf(b, "messages lost, as they came too fast %d\n", d.sub.Stats().Dropped)
	}
	for _, a := range d.gateway().Alarms {
		fmt.Fprintf(b, "alarm: %s\n", a)
	}
	fmt.Fprintf(b, "open pages %d of at most %d\n", d.streams.Load(), maxStreams)
	for _, f := range d.healths {
		f(b)
	}
}

// AddHealth has another part write its figures, in lines, for a person who looks
// at /healthz?verbose. It is called before Run.
func (d *Dashboard) AddHealth(f func(io.Writer)) { d.healths = append(d.healths, f) }

// count returns how many sensors there are, and how many in each state.
func (m *model) count(now time.Time) (sensors int, counts map[State]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts = make(map[State]int)
	for _, s := range m.sensors {
		counts[s.state(now)]++
	}
	return len(m.sensors), counts
}

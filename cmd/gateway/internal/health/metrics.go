package health

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gateway/bridge"
)

// Metrics answers with the metrics of this moment, in Prometheus' text format
// 0.0.4. bridges and others are called with each request.
func Metrics(version string, bridges func() []bridge.State, others ...func() []Figure) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var e exposition
		e.family("gateway_build_info", "gauge", "The version that runs.")
		e.sample("gateway_build_info", 1, "version", version)
		e.bridges(bridges(), time.Now())
		for _, f := range others {
			e.figures(f())
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, e.String()) // the reader may be gone
	})
}

// bridgeMetric is one figure of a bridge.
type bridgeMetric struct {
	name, typ, help string
	// value is false if it is not known.
	value func(s bridge.State, now time.Time) (float64, bool)
}

func known(f func(s bridge.State) float64) func(bridge.State, time.Time) (float64, bool) {
	return func(s bridge.State, _ time.Time) (float64, bool) { return f(s), true }
}

func stamp(t time.Time) (float64, bool) {
	return float64(t.UnixMilli()) / 1000, !t.IsZero()
}

func bridgeMetrics() []bridgeMetric {
	return []bridgeMetric{
		{"gateway_bridge_connected", "gauge", "1 if the line to the upstream is up.", known(func(s bridge.State) float64 {
			if s.Connected {
				return 1
			}
			return 0
		})},
		{"gateway_bridge_paused", "gauge", "1 if there is no line by plan: windows, daily_bytes, or lazy.", known(func(s bridge.State) float64 {
			if s.Paused != "" {
				return 1
			}
			return 0
		})},
		{"gateway_bridge_queue_messages", "gauge", "Messages that the upstream has not acknowledged.", known(func(s bridge.State) float64 { return float64(s.Queue.Waiting + s.Queue.Unacked) })},
		{"gateway_bridge_queue_bytes", "gauge", "Bytes of the messages that the upstream has not acknowledged.", known(func(s bridge.State) float64 { return float64(s.Queue.Bytes) })},
		{"gateway_bridge_queue_oldest_seconds", "gauge", "Age of the oldest message that waits; 0 if none does.", func(s bridge.State, now time.Time) (float64, bool) {
			return max(0, bridge.Age(s.Queue.Oldest, now).Seconds()), true
		}},
		{"gateway_bridge_drain_seconds", "gauge", "Estimated time until nothing waits; left out if more comes than goes.", func(s bridge.State, _ time.Time) (float64, bool) {
			return s.Drain.Seconds(), s.Drain >= 0
		}},
		{"gateway_bridge_last_ack_timestamp_seconds", "gauge", "When the upstream last acknowledged a message.", func(s bridge.State, _ time.Time) (float64, bool) { return stamp(s.LastAck) }},
		{"gateway_bridge_last_error_timestamp_seconds", "gauge", "When the line was last lost or not made.", func(s bridge.State, _ time.Time) (float64, bool) { return stamp(s.ErrorTime) }},
		{"gateway_bridge_forwarded_messages_total", "counter", "Messages that the upstream has acknowledged.", known(func(s bridge.State) float64 { return float64(s.Forwarded) })},
		{"gateway_bridge_received_messages_total", "counter", "Messages that came from the upstream.", known(func(s bridge.State) float64 { return float64(s.Received) })},
		{"gateway_bridge_echoes_total", "counter", "Messages of our own that the upstream has sent back, and that went no further.", known(func(s bridge.State) float64 { return float64(s.Echoes) })},
		{"gateway_bridge_set_aside_messages_total", "counter", "Messages that the upstream does not take.", known(func(s bridge.State) float64 { return float64(s.SetAside) })},
		{"gateway_bridge_set_aside_messages", "gauge", "Messages that the upstream does not take, and that are kept.", known(func(s bridge.State) float64 { return float64(s.Aside) })},
		{"gateway_bridge_refused_subscriptions", "gauge", "Subscriptions that the upstream does not grant.", known(func(s bridge.State) float64 { return float64(len(s.Refused)) })},
	}
}

// droppedReasons are why messages are dropped that waited.
func droppedReasons(s bridge.State) []struct {
	reason string
	n      uint64
} {
	return []struct {
		reason string
		n      uint64
	}{{"full", s.Queue.Dropped}, {"too_old", s.Queue.TooOld}, {"superseded", s.Queue.Superseded}, {"no_route", s.Unrouted}}
}

// exposition is a page of metrics that is being written.
type exposition struct{ strings.Builder }

func (e *exposition) bridges(all []bridge.State, now time.Time) {
	if len(all) == 0 {
		return
	}
	for _, m := range bridgeMetrics() {
		e.family(m.name, m.typ, m.help)
		for _, s := range all {
			if v, ok := m.value(s, now); ok {
				e.sample(m.name, v, "bridge", s.Name)
			}
		}
	}
	const dropped = "gateway_bridge_dropped_messages_total"
	e.family(dropped, "counter", "Messages that waited and were dropped, by reason.")
	for _, s := range all {
		for _, d := range droppedReasons(s) {
			e.sample(dropped, float64(d.n), "bridge", s.Name, "reason", d.reason)
		}
	}
}

// Figure is one that a part says of itself.
type Figure struct {
	Name, Type, Help string // Type is gauge or counter; what follows a Name of one kind has the same three
	Value            float64
	Labels           []string // name after name and value
}

func (e *exposition) figures(all []Figure) {
	for i, f := range all {
		if i == 0 || all[i-1].Name != f.Name {
			e.family(f.Name, f.Type, f.Help)
		}
		e.sample(f.Name, f.Value, f.Labels...)
	}
}

// family begins the samples of one name.
func (e *exposition) family(name, typ, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, typ)
}

// sample writes a value with its labels, name after name and value.
func (e *exposition) sample(name string, v float64, labels ...string) {
	e.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(e, "%s%s=%q", sep, labels[i], labels[i+1])
	}
	if len(labels) > 0 {
		e.WriteString("}")
	}
	e.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}

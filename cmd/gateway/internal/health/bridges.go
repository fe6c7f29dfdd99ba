package health

import (
	"time"

	"gateway/bridge"
)

// Bridges gives the figures of the bridges. states is called with each request.
func Bridges(states func() []bridge.State) Source {
	return func() []Figure { return bridgeFigures(states(), time.Now()) }
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
	return seconds(t), !t.IsZero()
}

func bridgeMetrics() []bridgeMetric {
	return []bridgeMetric{
		{"gateway_bridge_connected", "gauge", "1 if the line to the upstream is up.", known(func(s bridge.State) float64 { return number(s.Connected) })},
		{"gateway_bridge_paused", "gauge", "1 if there is no line by plan: windows, daily_bytes, or lazy.", known(func(s bridge.State) float64 { return number(s.Paused != "") })},
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

func bridgeFigures(all []bridge.State, now time.Time) (figures []Figure) {
	for _, m := range bridgeMetrics() {
		for _, s := range all {
			if v, ok := m.value(s, now); ok {
				figures = append(figures, Figure{m.name, m.typ, m.help, v, []string{"bridge", s.Name}})
			}
		}
	}
	for _, s := range all {
		for _, d := range droppedReasons(s) {
			figures = append(figures, counter("gateway_bridge_dropped_messages_total", "Messages that waited and were dropped, by reason.", float64(d.n), "bridge", s.Name, "reason", d.reason))
		}
	}
	return figures
}

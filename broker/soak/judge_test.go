//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"gateway/broker/packet"
)

// log makes a journal of one publisher whose messages are all acknowledged, on
// one topic, and of one subscriber that received those with the numbers of got.
func log(qos packet.QoS, messages int, got ...int) (*journal, *sink) {
	j := newJournal(1)
	for range messages {
		k := key{0, j.send(0, message{topic: "load/a/0/0", qos: qos})}
		j.ack(k, packet.Success)
	}
	s := &sink{name: "s", prefix: "load/a/", qos: 2}
	j.sinks = append(j.sinks, s)
	for _, seq := range got {
		p := &packet.Publish{QoS: qos, Topic: "load/a/0/0", Payload: payload(key{0, seq}, qos, "load/a/0/0", 50)}
		j.receive(s, "s", p)
	}
	return j, s
}

func TestJudgeSink(t *testing.T) {
	for _, tt := range []struct {
		name   string
		qos    packet.QoS
		n      int
		got    []int
		change func(*journal, *sink)
		want   [kinds]int
	}{
		{name: "all well", qos: 2, n: 3, got: []int{0, 1, 2}},
		{name: "a loss", qos: 1, n: 3, got: []int{0, 2}, want: [kinds]int{lost: 1}},
		{name: "all lost", qos: 2, n: 3, want: [kinds]int{lost: 3}},
		{name: "twice at QoS 1", qos: 1, n: 3, got: []int{0, 1, 0, 1, 2}},
		{name: "twice at QoS 2", qos: 2, n: 3, got: []int{0, 1, 0, 1, 0, 2}, want: [kinds]int{doubled: 2}},
		{name: "twice at QoS 2, to a subscriber of QoS 1", qos: 2, n: 2, got: []int{0, 0, 1}, change: func(_ *journal, s *sink) { s.qos = 1 }},
		{name: "late", qos: 1, n: 4, got: []int{0, 2, 1, 3}, want: [kinds]int{disordered: 1}},
		{name: "late in a group", qos: 1, n: 4, got: []int{0, 2, 1, 3}, change: func(_ *journal, s *sink) { s.shared = true }},
		{name: "late on another topic", qos: 1, n: 2, got: []int{1, 0}, change: func(j *journal, _ *sink) { j.sent[0][0].topic = "load/a/0/1" }},
		{name: "never acknowledged", qos: 1, n: 2, got: []int{0}, change: func(j *journal, _ *sink) { j.sent[0][1].acked = 0 }},
		{name: "refused", qos: 1, n: 2, got: []int{0}, change: func(j *journal, _ *sink) { j.sent[0][1].refused = packet.QuotaExceeded }},
		{name: "not subscribed to", qos: 1, n: 2, got: []int{0}, change: func(j *journal, _ *sink) { j.sent[0][1].topic = "load/b" }},
		{name: "nobody sent it", qos: 1, n: 1, got: []int{0, 7}, want: [kinds]int{altered: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j, s := log(tt.qos, tt.n, tt.got...)
			if tt.change != nil {
				tt.change(j, s)
			}
			v := j.judge()
			if v.count != tt.want || v.failed() != (tt.want != [kinds]int{}) {
				t.Errorf("%v, want %v; %v", v.count, tt.want, v.faults)
			}
		})
	}
}

func TestJudgeEvidence(t *testing.T) {
	j, _ := log(2, 2, 0, 0)
	j.note("killed")
	var all strings.Builder
	for _, f := range j.judge().faults {
		all.WriteString(f.text)
	}
	for _, want := range []string{"publisher 0, message 1", "topic load/a/0/0", "received by s", "killed"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, all.String())
		}
	}
}

func TestJudgeRetained(t *testing.T) {
	// '+' sets and is acknowledged, '-' clears; the others were not acknowledged.
	for _, tt := range []struct {
		history string
		found   int // -1: nothing
		wrong   bool
	}{
		{"+", 0, false}, {"+", -1, true},
		{"++", 1, false}, {"++", 0, true}, {"++", -1, true},
		{"+-", -1, false}, {"+-", 0, true},
		{"+-+", 2, false}, {"+-+", 0, true}, {"+-+", -1, true},
		{"+s", 0, false}, {"+s", 1, false}, {"+s", -1, true},
		{"+c", 0, false}, {"+c", -1, false},
		{"++cs", 3, false}, {"++cs", -1, false}, {"++cs", 0, true},
		{"s", -1, false}, {"s", 0, false}, {"c", -1, false},
		{"-s+", 1, true},
	} {
		j := newJournal(1)
		for _, c := range tt.history {
			seq := j.send(0, message{topic: "t", qos: 1, retain: true, clear: c == '-' || c == 'c'})
			if c == '+' || c == '-' {
				j.ack(key{0, seq}, packet.Success)
			}
		}
		j.retained = make(map[string]key)
		if tt.found >= 0 {
			j.retained["t"] = key{0, tt.found}
		}
		want := 0
		if tt.wrong {
			want = 1
		}
		if got := j.judge().count[retainedWrong]; got != want {
			t.Errorf("%s with %d: %d wrong, want %d", tt.history, tt.found, got, want)
		}
	}
}

func TestJudgeWills(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name           string
		will           will
		missing, wrong int
	}{
		{"came", will{connected: 1, lost: s, delay: s, came: []time.Duration{3 * s}}, 0, 0},
		{"did not come", will{connected: 1, lost: s, delay: s}, 1, 0},
		{"came early", will{connected: 1, lost: s, delay: s, came: []time.Duration{1900 * time.Millisecond}}, 0, 1},
		{"came twice", will{connected: 1, lost: s, qos: 2, came: []time.Duration{2 * s, 3 * s}}, 0, 1},
		{"came twice at QoS 1", will{connected: 1, lost: s, qos: 1, came: []time.Duration{2 * s, 3 * s}}, 0, 0},
		{"client came back", will{connected: 1, lost: s, delay: s, tried: true, back: 1500 * time.Millisecond}, 0, 0},
		{"client came back, and it came", will{connected: 1, lost: s, delay: s, tried: true, back: 1500 * time.Millisecond, came: []time.Duration{3 * s}}, 0, 1},
		{"client came back late", will{connected: 1, lost: s, delay: s, tried: true, back: 3 * s, came: []time.Duration{2500 * time.Millisecond}}, 0, 0},
		{"client came back late, and before it", will{connected: 1, lost: s, delay: s, tried: true, back: 3 * s}, 0, 0},
		{"never connected", will{lost: s}, 0, 0},
		{"never lost", will{connected: s}, 0, 0},
	} {
		var v verdict
		tt.will.judge(&v)
		if v.count[willMissing] != tt.missing || v.count[willWrong] != tt.wrong {
			t.Errorf("%s: %d missing, %d wrong; want %d, %d", tt.name, v.count[willMissing], v.count[willWrong], tt.missing, tt.wrong)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, size := range []int{0, 30, 300} {
		k, qos, topic, ok := parse(payload(key{3, 17}, 2, "load/x/3/1", size))
		if k != (key{3, 17}) || qos != 2 || topic != "load/x/3/1" || !ok {
			t.Errorf("size %d: %v, %d, %q, %t", size, k, qos, topic, ok)
		}
	}
	for _, b := range []string{"", "soak", "soak 1 2 3 t", "soak a 2 1 t ", "soak 1 2 9 t ", "soak 1 2 1 t ..x", "other 1 2 1 t ", "soak -1 2 1 t "} {
		if _, _, _, ok := parse([]byte(b)); ok {
			t.Errorf("%q is a payload", b)
		}
	}
}

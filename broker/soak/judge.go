//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// kind is what can go wrong.
type kind int

const (
	lost kind = iota
	doubled
	disordered
	altered
	retainedWrong
	willMissing
	willWrong
	sessionGone
	refusedStart
	kinds
)

func (k kind) String() string {
	return [...]string{
		"acknowledged messages lost", "QoS 2 messages doubled", "out of order", "altered messages",
		"retained messages wrong", "wills that did not come", "wills early, twice or not due",
		"sessions lost", "refused starts",
	}[k]
}

// fault is one thing that went wrong, with the evidence.
type fault struct {
	kind kind
	at   time.Duration
	text string
}

// verdict is what there is to say of a run.
type verdict struct {
	rounds  int
	acked   int // messages acknowledged
	refused int // messages refused with a reason
	wills   int // that had to come
	torn    int // rounds in which the store was torn
	count   [kinds]int
	faults  []fault // the first few of each kind
	history string  // of the broker
}

// failed tells whether anything is wrong.
func (v *verdict) failed() bool { return v.count != [kinds]int{} }

// few is how many faults of one kind are described.
const few = 20

// add counts a fault. Its text is made only for the first few of its kind.
func (v *verdict) add(k kind, at time.Duration, text func() string) {
	if v.count[k]++; v.count[k] <= few {
		v.faults = append(v.faults, fault{k, at, text()})
	}
}

// judge compares what was promised with what came. Nobody may write to the
// journal any more.
func (j *journal) judge() *verdict {
	v := &verdict{rounds: j.round}
	for _, f := range j.faults {
		v.add(f.kind, f.at, func() string { return f.text })
	}
	for _, messages := range j.sent {
		for i := range messages {
			if messages[i].promised() {
				v.acked++
			} else if messages[i].acked != 0 {
				v.refused++
			}
		}
	}
	for _, e := range j.events {
		v.history += fmt.Sprintf("  %s %s\n", seconds(e.at), e.text)
	}
	for _, s := range j.sinks {
		j.judgeSink(v, s)
	}
	j.judgeRetained(v)
	for _, w := range j.wills {
		w.judge(v)
	}
	return v
}

// judgeSink looks for messages that a subscriber did not get, got twice, or
// late. First deliveries of one publisher and topic have to be in order; a
// publisher has one QoS.
func (j *journal) judgeSink(v *verdict, s *sink) {
	type stream struct {
		publisher int
		topic     string
	}
	got := make(map[key]int, len(s.receipts))
	last := make(map[stream]int)
	for _, r := range s.receipts {
		m := &j.sent[r.publisher][r.seq]
		got[r.key]++
		if n := got[r.key]; n > 1 {
			if n == 2 && m.qos == 2 && s.qos == 2 {
				v.add(doubled, r.at, func() string { return j.evidence(s, r.key) })
			}
			continue
		}
		of := stream{r.publisher, m.topic}
		if before, ok := last[of]; ok && before > r.seq && !s.shared {
			v.add(disordered, r.at, func() string {
				return fmt.Sprintf("%s\n    after message %d of the same topic", j.evidence(s, r.key), before)
			})
			continue
		}
		last[of] = r.seq
	}
	for p, messages := range j.sent {
		for seq := range messages {
			m, k := &messages[seq], key{p, seq}
			if m.promised() && !m.clear && strings.HasPrefix(m.topic, s.prefix) && got[k] == 0 {
				v.add(lost, m.acked, func() string { return j.evidence(s, k) })
			}
		}
	}
}

// complete tells whether everybody has what was promised.
func (j *journal) complete() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := new(verdict)
	for _, s := range j.sinks {
		j.judgeSink(v, s)
	}
	for _, w := range j.wills {
		w.judge(v)
	}
	return v.count[lost] == 0 && v.count[willMissing] == 0
}

// judgeRetained compares what is retained at the end with what was acknowledged
// last on each topic: it has to be that, or something sent later.
func (j *journal) judgeRetained(v *verdict) {
	if j.retained == nil { // nobody looked
		return
	}
	topics := make(map[string][]key)
	for p, messages := range j.sent {
		for seq := range messages {
			if m := &messages[seq]; m.retain {
				topics[m.topic] = append(topics[m.topic], key{p, seq})
			}
		}
	}
	for topic, history := range topics {
		from := 0
		for i, k := range history {
			if j.message(k).promised() {
				from = i
			}
		}
		found, there := j.retained[topic]
		right := slices.ContainsFunc(history[from:], func(k key) bool {
			return j.message(k).clear == !there && (!there || k == found)
		})
		if !there && !j.message(history[from]).promised() {
			right = true // nothing was promised
		}
		if !right {
			last := j.message(history[from])
			v.add(retainedWrong, last.acked, func() string {
				is := "nothing"
				if there {
					is = found.String()
				}
				return fmt.Sprintf("%s has %s; acknowledged last was message %d (clears it: %t) of round %d at %s, after it %d more were sent",
					topic, is, history[from].seq, last.clear, last.round, seconds(last.acked), len(history)-from-1)
			})
		}
	}
}

func (j *journal) message(k key) *message { return &j.sent[k.publisher][k.seq] }

// clockError is how much earlier than due a will may seem to come: the broker
// counts milliseconds.
const clockError = 10 * time.Millisecond

func (w *will) judge(v *verdict) {
	if w.connected == 0 || w.lost == 0 {
		return
	}
	due := w.lost + w.delay
	text := func() string {
		return fmt.Sprintf("will %s, QoS %d, delay %v, round %d: connected %s, lost %s, back %s, published %s",
			w.name, w.qos, w.delay, w.round, seconds(w.connected), seconds(w.lost), seconds(w.back), times(w.came))
	}
	switch {
	case !w.tried:
		v.wills++
		if len(w.came) == 0 {
			v.add(willMissing, due, text)
		}
	case w.back != 0 && w.back < due && len(w.came) > 0:
		v.add(willWrong, w.came[0], text)
		return
	}
	if len(w.came) > 0 && w.came[0] < due-clockError || len(w.came) > 1 && w.qos == 2 {
		v.add(willWrong, w.came[0], text)
	}
}

// evidence is all that is known of a message.
func (j *journal) evidence(s *sink, k key) string {
	m := j.message(k)
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s (QoS %d): %v, QoS %d, topic %s, round %d: sent %s, acknowledged %s", kindOf(s), s.name, s.qos, k, m.qos, m.topic, m.round, seconds(m.sent), seconds(m.acked))
	for _, r := range s.receipts {
		if r.key == k {
			fmt.Fprintf(&b, "\n    received by %s at %s in round %d, QoS %d, DUP %t", r.member, seconds(r.at), r.round, r.qos, r.dup)
		}
	}
	for i, e := range j.events {
		if next := i + 1; e.at >= m.sent-time.Second && e.at <= m.sent+4*time.Second || next < len(j.events) && e.at < m.sent && j.events[next].at > m.sent {
			fmt.Fprintf(&b, "\n    %s %s", seconds(e.at), e.text)
		}
	}
	return b.String()
}

func kindOf(s *sink) string {
	if s.shared {
		return "group"
	}
	return "subscriber"
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

func times(all []time.Duration) string {
	if len(all) == 0 {
		return "never"
	}
	var b []string
	for _, d := range all {
		b = append(b, seconds(d))
	}
	return strings.Join(b, ", ")
}

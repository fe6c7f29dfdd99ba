package alerts

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gateway/sensors/reading"
)

// epoch is when the clock of the wall was 0 of the other.
var epoch = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func at(d time.Duration) moment { return moment{d, epoch.Add(d)} }

func limit(x float64) *float64 { return &x }

// step is something that happens to a machine, and what it is then.
type step struct {
	at   time.Duration
	do   func(m *machine, now moment) // nil: time passes
	want Phase
	why  Reason
}

// is is a value that was just measured.
func is(x float64) func(*machine, moment) {
	return func(m *machine, now moment) { m.take(sample{value: x, number: true, time: now.wall}, now) }
}

// was is a value that was measured some time ago.
func was(x float64, ago time.Duration) func(*machine, moment) {
	return func(m *machine, now moment) { m.take(sample{value: x, number: true, time: now.wall.Add(-ago)}, now) }
}

// plain is a value that does not say when it was measured.
func plain(x float64) func(*machine, moment) {
	return func(m *machine, now moment) { m.take(sample{value: x, number: true}, now) }
}

// retained is a value that was there already, measured some time ago.
func retained(x float64, ago time.Duration) func(*machine, moment) {
	return func(m *machine, now moment) {
		m.take(sample{value: x, number: true, time: now.wall.Add(-ago), replay: true}, now)
	}
}

func reports(s reading.Status) func(*machine, moment) {
	return func(m *machine, now moment) { m.say(s, now.mono) }
}

const s, minute, hour = time.Second, time.Minute, time.Hour

func TestMachine(t *testing.T) {
	hot := Rule{Above: limit(30), Hysteresis: 1, For: 5 * minute}
	now := Rule{Above: limit(30), Hysteresis: 1}
	silent := Rule{Missing: 10 * minute}
	both := Rule{Above: limit(30), Missing: 10 * minute, For: minute}
	for _, tt := range []struct {
		name  string
		rule  Rule
		floor time.Duration
		steps []step
	}{
		{"beyond for long enough", hot, 0, []step{
			{0, is(29), OK, ""}, {s, is(31), Pending, ""}, {2 * minute, is(32), Pending, ""}, {5 * minute, nil, Pending, ""},
			{5*minute + s, nil, Firing, Above}, {6 * minute, is(31), Firing, Above}}},
		{"not for long enough", hot, 0, []step{
			{0, is(31), Pending, ""}, {4 * minute, is(30), OK, ""}, {5 * minute, is(31), Pending, ""}, {9 * minute, nil, Pending, ""}, {10 * minute, nil, Firing, Above}}},
		{"the limit itself is not beyond it", now, 0, []step{{0, is(30), OK, ""}, {s, is(30.001), Firing, Above}}},
		{"hysteresis stops flapping", now, 0, []step{
			{0, is(31), Firing, Above}, {s, is(29.9), Firing, Above}, {2 * s, is(30.1), Firing, Above}, {3 * s, is(29.01), Firing, Above},
			{4 * s, is(29), OK, ""}, {5 * s, is(29.9), OK, ""}, {6 * s, is(30.1), Firing, Above}}},
		{"below", Rule{Below: limit(3), Hysteresis: 0.5}, 0, []step{{0, is(2.9), Firing, Below}, {s, is(3.4), Firing, Below}, {2 * s, is(3.5), OK, ""}}},
		{"outside a band", Rule{Above: limit(30), Below: limit(10), Hysteresis: 2}, 0, []step{
			{0, is(31), Firing, Above}, {s, is(9), Firing, Below}, {2 * s, is(11), Firing, Below}, {3 * s, is(29), Firing, Below}, {4 * s, is(20), OK, ""}}},
		{"from one side to the other, which has to last", Rule{Above: limit(30), Below: limit(10), For: minute}, 0, []step{
			{0, is(31), Pending, ""}, {minute, nil, Firing, Above}, {2 * minute, is(9), Pending, ""}, {3 * minute, nil, Firing, Below}}},
		{"it has to be over for a while", Rule{Above: limit(30), ClearFor: minute}, 0, []step{
			{0, is(31), Firing, Above}, {s, is(30), Clearing, Above}, {30 * s, is(31), Firing, Above}, {40 * s, is(29), Clearing, Above},
			{99 * s, nil, Clearing, Above}, {100 * s, nil, OK, ""}}},
		{"in between begins anew", Rule{Above: limit(30), Hysteresis: 1, ClearFor: minute}, 0, []step{
			{0, is(31), Firing, Above}, {s, is(29), Clearing, Above}, {30 * s, is(29.5), Firing, Above}, {40 * s, is(29), Clearing, Above}, {99 * s, nil, Clearing, Above}, {100 * s, nil, OK, ""}}},

		{"missing", silent, 0, []step{{0, is(1), OK, ""}, {10*minute - s, nil, OK, ""}, {10 * minute, nil, Firing, Missing}, {11 * minute, is(1), OK, ""}, {21 * minute, nil, Firing, Missing}}},
		{"never there", silent, 0, []step{{10*minute - s, nil, OK, ""}, {10 * minute, nil, Firing, Missing}}},
		{"by the time of measurement", silent, 0, []step{{minute, is(1), OK, ""}, {9 * minute, was(1, 7*minute), OK, ""}, {12 * minute, nil, Firing, Missing}, {13 * minute, was(1, 11*minute+s), Firing, Missing}, {14 * minute, is(1), OK, ""}}},
		{"the same value again is news", silent, 0, []step{{0, plain(1), OK, ""}, {9 * minute, plain(1), OK, ""}, {18 * minute, plain(1), OK, ""}}},
		{"one that is missing is beyond nothing", both, 0, []step{
			{0, is(31), Pending, ""}, {minute, nil, Firing, Above}, {10 * minute, nil, Firing, Missing}, {20 * minute, is(31), Pending, ""}, {21 * minute, nil, Firing, Above}}},
		{"and back, when nothing has to last", Rule{Above: limit(30), Missing: minute}, 0, []step{{0, is(31), Firing, Above}, {minute, nil, Firing, Missing}, {2 * minute, is(31), Firing, Above}}},

		{"a late one does not fire", now, 0, []step{{hour, is(20), OK, ""}, {hour + s, was(99, minute), OK, ""}, {hour + 2*s, is(20), OK, ""}}},
		{"nor does it clear", now, 0, []step{{hour, is(31), Firing, Above}, {hour + s, was(20, minute), Firing, Above}}},
		{"a backlog beside what is live", now, 0, []step{
			{hour, is(20), OK, ""}, {hour + 4*minute, was(99, 50*minute), OK, ""}, {hour + 5*minute, is(20), OK, ""}, {hour + 9*minute, was(99, 45*minute), OK, ""}}},
		{"a sensor whose clock was set back", now, 0, []step{
			{hour, is(20), OK, ""}, {hour + minute, was(31, 30*minute), OK, ""}, {hour + 3*minute, was(31, 30*minute), OK, ""}, {hour + 6*minute, was(31, 30*minute), Firing, Above}}},
		{"our clock was set back", now, 0, []step{
			{hour, is(20), OK, ""},
			{hour + s, func(m *machine, now moment) {
				m.clockSet()
				now.wall = now.wall.Add(-24 * hour)
				is(31)(m, now)
			}, Firing, Above}}},

		{"after a restart: what was retained counts", now, 0, []step{{0, retained(31, hour), Firing, Above}, {2 * s, is(20), OK, ""}}},
		{"subscribed again: what is retained is old", now, 0, []step{{0, is(31), Firing, Above}, {s, retained(20, s), Firing, Above}, {2 * s, retained(20, hour), Firing, Above}, {3 * s, plain(32), Firing, Above}, {4 * s, retained(20, 0), Firing, Above}}},
		{"subscribed again: what is retained was missed", now, 0, []step{{0, is(31), Firing, Above}, {3 * s, retained(20, s), OK, ""}}},
		{"after a restart: nobody is missing before he could be heard", silent, 0, []step{{0, retained(1, hour), OK, ""}, {10*minute - s, nil, OK, ""}, {10 * minute, nil, Firing, Missing}}},
		{"after a restart: what was silence before counts", silent, -8 * minute, []step{{0, retained(1, hour), OK, ""}, {2*minute - s, nil, OK, ""}, {2 * minute, nil, Firing, Missing}}},
		{"after a restart: one that is missing is not there for being retained", silent, 0, []step{
			{0, func(m *machine, _ moment) { m.phase, m.reason = Firing, Missing }, Firing, Missing},
			{s, retained(1, hour), Firing, Missing}, {2 * s, is(1), OK, ""}}},
		{"after a restart: an alert goes on until its value is fine", now, 0, []step{
			{0, func(m *machine, _ moment) { m.phase, m.reason = Firing, Above }, Firing, Above},
			{s, is(29.5), Firing, Above}, {2 * s, is(29), OK, ""}}},
		{"after a restart: the rule has changed", Rule{Below: limit(5)}, 0, []step{
			{0, func(m *machine, _ moment) { m.phase, m.reason = Firing, Above }, OK, ""}}},

		{"the sensor says so", Rule{Status: true}, 0, []step{
			{0, reports(reading.Online), OK, ""}, {s, reports(reading.Stale), Firing, Fault}, {2 * s, reports(reading.Fault), Firing, Fault}, {3 * s, reports(reading.Online), OK, ""}, {4 * s, reports(reading.Offline), Firing, Fault}}},
		{"the sensor says so, and nobody asked", now, 0, []step{{0, reports(reading.Fault), OK, ""}}},
		{"what it said before it could say something else", Rule{Status: true}, 0, []step{
			{0, func(m *machine, _ moment) { m.say(reading.Offline, grace) }, OK, ""}, {grace - s, nil, OK, ""}, {grace, nil, Firing, Fault}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := machine{phase: OK, floor: tt.floor}
			for i, st := range tt.steps {
				now := at(st.at)
				if st.do != nil {
					st.do(&m, now)
				}
				m.judge(tt.rule, now)
				if m.phase != st.want || m.reason != st.why {
					t.Fatalf("step %d at %v: %s %q, want %s %q", i, st.at, m.phase, m.reason, st.want, st.why)
				}
			}
		})
	}
}

// naive is the package comment once more, in its own way: it keeps what was in
// each second, and looks back.
type naive struct {
	rule    Rule
	beyond  []Reason // in each second, "" also while silent
	over    []bool   // in each second, whether what it fires for is no more
	fires   bool
	reason  Reason
	newest  time.Time
	value   float64
	heard   int // s
	has     bool
	lateFor int // since when only late ones have come, s; -1
}

func (n *naive) sample(x float64, measured time.Time, second int) {
	if n.has && measured.Before(n.newest) {
		if n.lateFor < 0 {
			n.lateFor = second
		}
		if second-n.lateFor < int(lateIsClock/time.Second) {
			return
		}
	}
	age := int(epoch.Add(time.Duration(second)*time.Second).Sub(measured) / time.Second)
	if n.heard < second-age || !n.has {
		n.heard = second - age
	}
	n.lateFor, n.newest, n.value, n.has = -1, measured, x, true
}

func (n *naive) second(t int) {
	silent := n.rule.Missing > 0 && t-max(n.heard, 0) >= int(n.rule.Missing/time.Second)
	var beyond Reason
	fine := false
	if n.has && !silent {
		r := n.rule
		fine = true
		if r.Above != nil {
			fine = fine && n.value <= *r.Above-r.Hysteresis
			if n.value > *r.Above {
				beyond = Above
			}
		}
		if r.Below != nil {
			fine = fine && n.value >= *r.Below+r.Hysteresis
			if n.value < *r.Below {
				beyond = Below
			}
		}
	}
	n.beyond = append(n.beyond, beyond)
	held := beyond != ""
	for u := t - int(n.rule.For/time.Second); u < t && held; u++ {
		held = u >= 0 && n.beyond[u] == beyond
	}
	over := false
	switch {
	case silent:
		n.fires, n.reason = true, Missing
	case held:
		n.fires, n.reason = true, beyond
	case n.fires && n.reason == Missing:
		over = true
	case n.fires:
		over = fine || beyond != "" && beyond != n.reason
	}
	n.over = append(n.over, over)
	for u := t - int(n.rule.ClearFor/time.Second); u < t && over; u++ {
		over = u >= 0 && n.over[u]
	}
	if over {
		n.fires, n.reason = false, ""
	}
}

// TestMachineAgainstModel compares the machine with the naive one for random
// rules and values. The machine is judged only when something came, or was due.
func TestMachineAgainstModel(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 7))
		second := func(n int) time.Duration { return time.Duration(rnd.IntN(n)) * time.Second }
		r := Rule{For: second(20), ClearFor: second(20), Hysteresis: float64(rnd.IntN(3))}
		if rnd.IntN(3) > 0 {
			r.Above = limit(6)
		}
		if rnd.IntN(3) > 0 {
			r.Below = limit(0)
		}
		if !r.limited() {
			r.Missing = 10 * time.Second
		}
		if rnd.IntN(2) == 0 {
			r.Missing = time.Duration(5+rnd.IntN(40)) * time.Second
		}
		if rnd.IntN(3) == 0 {
			r.For, r.ClearFor = 0, 0
		}
		model := naive{rule: r, lateFor: -1}
		m := machine{phase: OK}
		due, walk := time.Duration(0), 3
		for sec := range 600 {
			now := at(time.Duration(sec) * time.Second)
			if rnd.IntN(1+sec/100%3*5) == 0 {
				walk = min(8, max(-2, walk+rnd.IntN(5)-2))
				age := 0
				if rnd.IntN(5) == 0 {
					age = rnd.IntN(15)
				}
				measured := now.wall.Add(-time.Duration(age) * time.Second)
				m.take(sample{value: float64(walk), number: true, time: measured}, now)
				model.sample(float64(walk), measured, sec)
				due = now.mono
			}
			model.second(sec)
			if now.mono >= due {
				m.judge(r, now)
				due = 1 << 62
				if next, ok := m.due(r, now); ok {
					due = next
				}
			}
			if m.phase.fires() != model.fires || m.reason != model.reason {
				t.Fatalf("seed %d, rule %s: at %v %s %q, and the model fires: %v %q", seed, describe(r), now.mono, m.phase, m.reason, model.fires, model.reason)
			}
		}
	}
}

func describe(r Rule) string {
	return fmt.Sprintf("above %s below %s hysteresis %v for %v clear_for %v missing %v", numberText(r.Above), numberText(r.Below), r.Hysteresis, r.For, r.ClearFor, r.Missing)
}

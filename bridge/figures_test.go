package bridge

import (
	"strings"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	var r rates
	now := time.Now()
	out, in := uint64(0), uint64(0)
	for range 60 {
		r.tick(now, out, in)
		now = now.Add(10 * time.Second)
		out, in = out+1000, in+500
	}
	if r.out < 99 || r.out > 101 || r.in < 49 || r.in > 51 {
		t.Errorf("%f out and %f in, want 100 and 50", r.out, r.in)
	}
	for waiting, want := range map[int]time.Duration{0: 0, 50_000: 1000 * time.Second} {
		if got := r.drain(waiting); got < want*99/100 || got > want*101/100 {
			t.Errorf("%d are gone in %v, want %v", waiting, got, want)
		}
	}
	if got := (&rates{out: 10, in: 10}).drain(5); got >= 0 {
		t.Errorf("a queue that does not shrink is empty in %v", got)
	}
}

// That a line is up but dead shows by the age of the last acknowledgement.
func TestFigures(t *testing.T) {
	f := &far{}
	inBubble(t, testConfig(), f, func(r *rig) {
		figure := func(name string) string {
			m := r.broker.Retained("$SYS/broker/connection/cloud/" + name)
			if m == nil {
				return "none"
			}
			return string(m.Payload)
		}
		if got := figure("last_ack_age"); got != "-1" {
			t.Errorf("before the first acknowledgement its age is %s", got)
		}
		r.publish("home/x", 1)
		r.sleep(15 * time.Second)
		f.hold(true)
		r.publish("home/x", 2)
		r.publish("home/x", 3)
		r.sleep(20 * time.Second)
		if got := figure("last_ack_age"); got != "30" {
			t.Errorf("the last acknowledgement is %s s old", got)
		}
		if m, a := figure("queue/messages"), figure("queue/oldest_age"); m != "2" || a != "15" {
			t.Errorf("%s wait, the oldest for %s s", m, a)
		}
		f.cut(errCut)
		r.sleep(20 * time.Second)
		if e := figure("error"); !strings.Contains(e, "line cut") {
			t.Errorf("error %q", e)
		}
		f.hold(false)
		f.repair()
	})
}

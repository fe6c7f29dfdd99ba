package bridge

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"gateway/broker"
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

// The guide has a row for each figure, and for no other.
func TestTheGuideNamesEveryFigure(t *testing.T) {
	guide, err := os.ReadFile("GUIDE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(guide), "| below `$SYS/broker/connection/NAME/` |")
	table, _, _ = strings.Cut(table, "\n\n")
	told := make(map[string]bool)
	for _, row := range strings.Split(table, "\n") {
		if cells := strings.Split(row, "|"); len(cells) > 1 {
			for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				told[name[1]] = true
			}
		}
	}
	cfg := testConfig()
	cfg.Start, cfg.LazyMessages, cfg.IdleTimeout = Lazy, 1, time.Hour
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		r.sleep(5 * time.Second)
		f.cut(errCut) // there is an error, and no reason to connect again
		r.sleep(30 * time.Second)
		const below = "$SYS/broker/connection/cloud/"
		sub, err := r.broker.Subscribe(broker.SubscribeOptions{}, below+"#")
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		defer cancel()
		for {
			d, err := sub.Next(ctx)
			if err != nil {
				break // that was all
			}
			name := strings.TrimPrefix(d.Topic, below)
			if !strings.Contains(table, "`"+name+"`") {
				t.Errorf("the guide does not have %s", name)
			}
			delete(told, name)
		}
		if len(told) > 0 {
			t.Errorf("the guide has figures that there are not: %v", told)
		}
	})
}

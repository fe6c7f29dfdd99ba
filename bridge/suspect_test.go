package bridge

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
)

// A message on which the upstream drops the connection every time does not keep
// the others, and is set aside with the reason.
func TestPoison(t *testing.T) {
	f := &far{poison: func(m link.Message) bool { return string(m.Payload) == "bad" }}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/a", 1)
		r.publish("home/bad", "bad")
		for i := range 10 {
			r.publish("home/x", i)
		}
		r.sleep(10 * time.Minute)
		got := f.text()
		for i := range 10 {
			if !strings.Contains(got, fmt.Sprintf("home/x=%d", i)) {
				t.Errorf("%d is missing: %s", i, got)
			}
		}
		if len(r.shelf.all) != 1 || !strings.HasPrefix(r.shelf.all[0], "pi1/home/bad=bad: the connection is lost whenever it is sent") {
			t.Errorf("set aside: %q", r.shelf.all)
		}
		s := r.bridge.State()
		if s.SetAside != 1 || s.Aside != 1 || s.Queue.Waiting+s.Queue.Unacked != 0 || s.Suspect {
			t.Errorf("state %+v", s)
		}
		if n := len(f.connects); n > 10 {
			t.Errorf("it took %d connections", n)
		}
	})
}

// A message with QoS 2 or RETAIN on which the upstream drops the connection goes
// without in the end, and further ones without QoS 2 at once.
func TestPoisonGoesInThePlainestForm(t *testing.T) {
	f := &far{poison: func(m link.Message) bool { return m.QoS == 2 || m.Retain }}
	cfg := testConfig()
	cfg.Topics = append(cfg.Topics, Route{Filter: "twice/#", QoS: 2, RemotePrefix: "pi1/"})
	inBubble(t, cfg, f, func(r *rig) {
		r.send(&broker.Message{Topic: "twice/x", Payload: []byte("exactly once"), QoS: 2})
		r.send(&broker.Message{Topic: "home/y", Payload: []byte("kept"), QoS: 1, Retain: true})
		for i := range 10 { // others that go through show that it is not the line
			r.publish("home/z", i)
			r.sleep(time.Minute)
		}
		got, connects := f.text(), len(f.connects)
		if len(r.shelf.all) != 0 || !strings.Contains(got, "exactly once") || !strings.Contains(got, "kept") {
			t.Errorf("came %s, set aside %q", got, r.shelf.all)
		}
		r.send(&broker.Message{Topic: "twice/x", Payload: []byte("learnt"), QoS: 2})
		synctest.Wait()
		if !strings.Contains(f.text(), "learnt") || len(f.connects) != connects {
			t.Errorf("%d connections more; came %s", len(f.connects)-connects, f.text())
		}
	})
}

// Several such messages, also one right behind the other, keep nobody from being
// sent, however much comes meanwhile.
func TestManyPoisons(t *testing.T) {
	f := &far{poison: func(m link.Message) bool { return strings.HasPrefix(string(m.Payload), "bad") }}
	cfg := testConfig()
	cfg.ReconnectMax = 5 * time.Second // eight times five attempts are to fit into the test
	inBubble(t, cfg, f, func(r *rig) {
		for i := range 40 {
			r.publish("home/x", i)
			if i%10 == 5 {
				r.publish("home/bad", fmt.Sprint("bad", i))
				r.publish("home/bad", fmt.Sprint("bad again", i))
			}
		}
		for range 600 {
			r.publish("home/y", "y")
			r.sleep(time.Second)
		}
		got := f.text() + " "
		for i := range 40 {
			if !strings.Contains(got, fmt.Sprintf("home/x=%d ", i)) {
				t.Errorf("%d is missing", i)
			}
		}
		if s := r.bridge.State(); len(r.shelf.all) != 8 || s.Queue.Waiting+s.Queue.Unacked != 0 || s.Suspect {
			t.Errorf("set aside: %q; %+v", r.shelf.all, s)
		}
	})
}

// A message that has let others go first is tried again after parkTime, even if
// there was none.
func TestPoisonAloneIsTriedAgain(t *testing.T) {
	var bad atomic.Bool
	bad.Store(true)
	f := &far{poison: func(m link.Message) bool { return bad.Load() }}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", "first")
		r.sleep(24 * time.Hour)
		bad.Store(false)
		r.sleep(parkTime + time.Minute)
		if got := f.text(); !strings.Contains(got, "first") {
			t.Errorf("upstream got %q", got)
		}
	})
}

// With nothing else to send there is no proof that it is the message: it waits.
func TestPoisonAloneIsKept(t *testing.T) {
	var bad atomic.Bool
	bad.Store(true)
	f := &far{poison: func(m link.Message) bool { return bad.Load() }}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", "first")
		r.sleep(24 * time.Hour)
		if len(r.shelf.all) != 0 || r.bridge.State().Queue.Unacked+r.bridge.State().Queue.Waiting != 1 {
			t.Fatalf("set aside %q, %+v", r.shelf.all, r.bridge.State())
		}
		bad.Store(false)
		r.publish("home/y", "second")
		r.sleep(10 * time.Minute)
		if got := f.text(); !strings.Contains(got, "first") || !strings.Contains(got, "second") {
			t.Errorf("upstream got %s", got)
		}
	})
}

// A line that breaks again and again is no reason to set anything aside.
func TestBadLineIsNoPoison(t *testing.T) {
	n := 0
	f := &far{poison: func(link.Message) bool { n++; return n%3 != 0 }}
	inBubble(t, testConfig(), f, func(r *rig) {
		for i := range 30 {
			r.publish("home/x", i)
		}
		r.sleep(24 * time.Hour)
		if len(r.shelf.all) != 0 {
			t.Errorf("set aside: %q", r.shelf.all)
		}
		var first []string
		for _, m := range f.got {
			if !slices.Contains(first, m.payload) {
				first = append(first, m.payload)
			}
		}
		if len(first) != 30 {
			t.Errorf("%d of 30 arrived: %v", len(first), first)
		}
	})
}

// What MQTT 5 refuses by a reason code is set aside, and the rest goes on over
// the same connection.
func TestRefused(t *testing.T) {
	f := &far{refuse: func(m link.Message) error {
		if strings.HasSuffix(m.Topic, "/secret") {
			return &link.Refused{Packet: "PUBACK", Code: link.NotAuthorized, Reason: "no"}
		}
		return nil
	}}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/secret", 1)
		r.publish("home/x", 2)
		synctest.Wait()
		if f.text() != "pi1/home/x=2" || len(f.connects) != 1 {
			t.Errorf("upstream got %s over %d connections", f.text(), len(f.connects))
		}
		if len(r.shelf.all) != 1 || !strings.Contains(r.shelf.all[0], `PUBACK: not authorized (0x87): "no"`) {
			t.Errorf("set aside: %q", r.shelf.all)
		}
	})
}

// A quota is no reason to set aside: it is tried again.
func TestQuotaIsTriedAgain(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	f := &far{refuse: func(m link.Message) error {
		if full.Load() {
			return &link.Refused{Packet: "PUBACK", Code: link.QuotaExceeded}
		}
		return nil
	}}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", 1)
		r.publish("home/x", 2)
		r.sleep(time.Hour)
		full.Store(false)
		r.sleep(10 * time.Minute)
		if f.text() != "pi1/home/x=1 pi1/home/x=2" || len(r.shelf.all) != 0 {
			t.Errorf("upstream got %s, set aside %q", f.text(), r.shelf.all)
		}
	})
}

// Where nothing can be set aside, the message stays in the queue.
func TestCannotSetAside(t *testing.T) {
	f := &far{refuse: func(m link.Message) error { return &link.Refused{Packet: "PUBACK", Code: link.TopicNameInvalid} }}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.shelf.fail = errCut
		r.publish("home/x", 1)
		r.sleep(time.Hour)
		if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 1 || !strings.Contains(s.LastError, "set aside") {
			t.Errorf("state %+v", s)
		}
		f.mu.Lock()
		f.refuse = nil
		f.mu.Unlock()
		r.sleep(10 * time.Minute)
		if f.text() != "pi1/home/x=1" {
			t.Errorf("upstream got %s", f.text())
		}
	})
}

func TestLimitsOfTheUpstream(t *testing.T) {
	size, levels := 10, 3
	cfg := testConfig()
	cfg.MaxMessageSize, cfg.MaxTopicLevels = &size, &levels
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", "0123456789")
		r.publish("home/x", "0123456789a")
		r.publish("home/x/y", "deep")
		synctest.Wait()
		if f.text() != "pi1/home/x=0123456789" || len(r.shelf.all) != 2 {
			t.Errorf("upstream got %s, set aside %q", f.text(), r.shelf.all)
		}
	})
}

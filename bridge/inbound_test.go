package bridge

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
)

func bothWays() Config {
	cfg := testConfig()
	cfg.Preset = "mosquitto"
	cfg.Topics = []Route{{Filter: "home/#", Direction: Both, QoS: 1}, {Filter: "#", Direction: In, QoS: 2, LocalPrefix: "up/", RemotePrefix: "down/"}}
	return cfg
}

// watch collects what is published here below filter.
func (r *rig) watch(filter string) func() []string {
	sub, err := r.broker.Subscribe(broker.SubscribeOptions{}, filter)
	if err != nil {
		r.t.Fatal(err)
	}
	return func() []string {
		synctest.Wait()
		var got []string
		for sub.Stats().Waiting > 0 {
			d, err := sub.Next(r.t.Context())
			if err != nil {
				r.t.Fatal(err)
			}
			got = append(got, d.Topic+"="+string(d.Payload))
		}
		return got
	}
}

func TestBringsIn(t *testing.T) {
	f := &far{}
	inBubble(t, bothWays(), f, func(r *rig) {
		got := r.watch("#")
		want := []link.Subscription{
			{Filter: "home/#", QoS: 1, NoLocal: true, RetainAsPublished: true, SkipRetained: true},
			{Filter: "down/#", QoS: 2, NoLocal: true, RetainAsPublished: true, SkipRetained: true},
		}
		if !slices.Equal(f.wishes, want) {
			t.Errorf("subscribed to %+v", f.wishes)
		}
		for _, m := range []link.Message{
			{Topic: "down/lamp", Payload: []byte("on"), QoS: 2, ID: 7},
			{Topic: "down/lamp", Payload: []byte("on"), QoS: 2, ID: 7, Dup: true}, // and not a second time
			{Topic: "home/x", Payload: []byte("1"), QoS: 1, ID: 8},
			{Topic: "elsewhere", Payload: []byte("1")},
			{Topic: "ActiveMQ/Advisory/Connection", Payload: []byte("1")},
		} {
			if err := f.sends(m); err != nil {
				t.Error(err)
			}
		}
		if s := got(); !slices.Equal(s, []string{"up/lamp=on", "home/x=1"}) {
			t.Errorf("published here: %v", s)
		}
		if len(f.got) != 0 {
			t.Errorf("it went back: %v", f.got)
		}
		if s := r.bridge.State(); s.Received != 2 || s.Ignored != 2 {
			t.Errorf("state %+v", s)
		}
	})
}

// What we have published and an upstream sends back is dropped once for each
// time, so that somebody else's equal message is let through.
func TestEchoes(t *testing.T) {
	f := &far{noBit: true}
	inBubble(t, bothWays(), f, func(r *rig) {
		got := r.watch("home/#")
		r.publish("home/x", "on")
		got()
		echo := link.Message{Topic: "home/x", Payload: []byte("on"), QoS: 1, ID: 1}
		for range 2 {
			if err := f.sends(echo); err != nil {
				t.Error(err)
			}
		}
		if s := got(); !slices.Equal(s, []string{"home/x=on"}) {
			t.Errorf("published here: %v", s)
		}
		if n := r.bridge.State().Echoes; n != 1 {
			t.Errorf("%d echoes", n)
		}
		r.publish("home/x", "on")
		got()
		r.sleep(2 * echoWindow)
		if err := f.sends(echo); err != nil {
			t.Error(err)
		}
		if s := got(); len(s) != 1 {
			t.Errorf("after %v an equal message is taken for an echo", 2*echoWindow)
		}
	})
}

// The bridge bit is tried where an echo is possible, and a refusal remembered.
func TestBridgeBit(t *testing.T) {
	f := &far{noBit: true}
	inBubble(t, bothWays(), f, func(r *rig) {
		f.cut(errCut)
		f.repair()
		r.sleep(2 * time.Minute)
		var bits []bool
		for _, h := range f.hellos {
			bits = append(bits, h.Bridge)
		}
		if !slices.Equal(bits, []bool{true, false, false}) {
			t.Errorf("tried %v", bits)
		}
	})
	f = &far{}
	inBubble(t, testConfig(), f, func(r *rig) {
		if f.hellos[0].Bridge {
			t.Error("the bit is of no use where nothing comes in")
		}
	})
}

// What the upstream has retained comes again with each subscription.
func TestRetainedComesOnce(t *testing.T) {
	f := &far{}
	inBubble(t, bothWays(), f, func(r *rig) {
		got := r.watch("#")
		m := link.Message{Topic: "down/set", Payload: []byte("21"), QoS: 1, ID: 1, Retain: true}
		for range 3 {
			if err := f.sends(m); err != nil {
				t.Error(err)
			}
		}
		if s := got(); !slices.Equal(s, []string{"up/set=21"}) {
			t.Errorf("published here: %v", s)
		}
		if here := r.broker.Retained("up/set"); here == nil || string(here.Payload) != "21" {
			t.Errorf("retained here: %v", here)
		}
	})
}

// What is retained here and waits to go out is newer than what the upstream has.
func TestRetainedDoesNotGoBackInTime(t *testing.T) {
	f := &far{}
	inBubble(t, bothWays(), f, func(r *rig) {
		r.send(&broker.Message{Topic: "home/t", Payload: []byte("4"), QoS: 1, Retain: true})
		r.sleep(time.Minute)
		f.cut(errCut)
		r.sleep(time.Minute)
		r.send(&broker.Message{Topic: "home/t", Payload: []byte("5"), QoS: 1, Retain: true})
		f.hold(true)
		f.repair()
		r.sleep(5 * time.Second)
		for range 60 {
			if r.bridge.State().Connected {
				break
			}
			r.sleep(time.Second)
		}
		if err := f.sends(link.Message{Topic: "home/t", Payload: []byte("4"), QoS: 1, ID: 1, Retain: true}); err != nil {
			t.Error(err)
		}
		if here := r.broker.Retained("home/t"); string(here.Payload) != "5" {
			t.Errorf("retained here is %s", here.Payload)
		}
		f.hold(false)
	})
}

// History is not retained upstream, and what is retained there in the end is what
// is retained here.
func TestHistoryIsNotRetained(t *testing.T) {
	f := &far{down: errCut}
	inBubble(t, testConfig(), f, func(r *rig) {
		for _, p := range []string{"1", "2", "3"} {
			r.send(&broker.Message{Topic: "home/t", Payload: []byte(p), QoS: 1, Retain: true})
			r.sleep(time.Second)
		}
		r.send(&broker.Message{Topic: "home/gone", Payload: []byte("1"), QoS: 1, Retain: true})
		r.send(&broker.Message{Topic: "home/gone", QoS: 1, Retain: true})
		f.repair()
		r.sleep(2 * time.Minute)
		want := []message{
			{"pi1/home/t", "1", 1, false}, {"pi1/home/t", "2", 1, false}, {"pi1/home/t", "3", 1, true},
			{"pi1/home/gone", "1", 1, false}, {"pi1/home/gone", "", 1, true},
		}
		if !slices.Equal(f.got, want) {
			t.Errorf("upstream got %v", f.got)
		}
	})
}

func TestLiveFirst(t *testing.T) {
	f := &far{down: errCut}
	cfg := testConfig()
	cfg.CatchUp, cfg.MaxInflight = LiveFirst, 1
	inBubble(t, cfg, f, func(r *rig) {
		for i := range 5 {
			r.publish("home/x", i)
		}
		f.hold(true)
		f.repair()
		for !r.bridge.State().Connected {
			r.sleep(time.Second)
		}
		r.publish("home/x", "live")
		f.hold(false)
		synctest.Wait()
		if got := f.text(); got != "pi1/home/x=0 pi1/home/x=live pi1/home/x=1 pi1/home/x=2 pi1/home/x=3 pi1/home/x=4" {
			t.Errorf("upstream got %s", got)
		}
	})
}

// A QoS 2 message keeps its packet identifier until it is complete.
func TestQoS2ComesAgainAsItself(t *testing.T) {
	cfg := testConfig()
	cfg.Topics[0].QoS = 2
	f := &far{holdAcks: true, present: true}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		r.publish("home/x", 2)
		synctest.Wait()
		ln := f.current.session.(*line)
		d, ok := ln.window.of(1)
		if !ok {
			t.Fatal("the first message is not under way as 1")
		}
		if err := ln.Released(t.Context(), d.PacketID()); err != nil {
			t.Fatal(err)
		}
		f.take()
		f.cut(errCut)
		f.hold(false)
		f.repair()
		r.sleep(2 * time.Minute)
		if !slices.Equal(f.released, []uint16{1}) || f.text() != "pi1/home/x=2" {
			t.Errorf("released %v, published %s", f.released, f.text())
		}
		if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 0 || s.Forwarded != 2 {
			t.Errorf("state %+v", s)
		}
	})
}

// The first session of a queue is a new one: packet identifiers of an earlier
// queue, whose store was lost, would be taken for those of this one.
func TestFirstSessionIsClean(t *testing.T) {
	f := &far{}
	cfg := testConfig()
	cfg.SessionExpiry = time.Hour
	inBubble(t, cfg, f, func(r *rig) {
		f.cut(errCut)
		f.repair()
		r.sleep(2 * time.Minute)
		var clean []bool
		for _, h := range f.hellos {
			clean = append(clean, h.CleanStart)
		}
		if !slices.Equal(clean, []bool{true, false}) {
			t.Errorf("clean starts: %v", clean)
		}
	})
}

// An upstream that never completes QoS 2, as mosca, gets QoS 1.
func TestQoS2ThatNeverCompletes(t *testing.T) {
	cfg := testConfig()
	cfg.Topics[0].QoS = 2
	f := &far{}
	inBubble(t, cfg, f, func(r *rig) {
		f.hold(true)
		r.publish("home/x", 1)
		r.sleep(3 * time.Minute)
		f.mu.Lock()
		last := f.got[len(f.got)-1]
		f.mu.Unlock()
		if last.qos != 1 {
			t.Errorf("the last try has QoS %d", last.qos)
		}
		if !strings.Contains(r.log.String(), "does not complete QoS 2") {
			t.Error("the log says nothing of it")
		}
		f.hold(false)
	})
}

func TestRefusedSubscription(t *testing.T) {
	cfg := testConfig()
	cfg.Topics = append(cfg.Topics, Route{Filter: "forbidden/#", Direction: In, QoS: 1})
	inBubble(t, cfg, &far{}, func(r *rig) {
		if s := r.bridge.State(); !slices.Equal(s.Refused, []string{"forbidden/#"}) || !s.Connected {
			t.Errorf("state %+v", s)
		}
	})
}

func TestStatusTopic(t *testing.T) {
	f := &far{}
	cfg := testConfig()
	cfg.StatusTopic = "pi1/$gateway/status"
	inBubble(t, cfg, f, func(r *rig) {
		if w := f.hellos[0].Will; w == nil || w.Topic != cfg.StatusTopic || string(w.Payload) != "offline" || !w.Retain {
			t.Errorf("will %+v", w)
		}
		r.stop()
		if got := f.text(); got != "pi1/$gateway/status=online pi1/$gateway/status=offline" {
			t.Errorf("upstream got %s", got)
		}
	})
}

// The second address is tried at once, the first one first after that.
func TestFailOver(t *testing.T) {
	f := &far{down: errCut}
	tried := func() []string { f.mu.Lock(); defer f.mu.Unlock(); return slices.Clone(f.tries) }
	cfg := testConfig()
	cfg.Addresses = []string{"mqtt://second:1883"}
	inBubble(t, cfg, f, func(r *rig) {
		if got := tried(); !slices.Equal(got, []string{"mqtt://far:1883", "mqtt://second:1883"}) {
			t.Errorf("tried %v", got)
		}
		r.sleep(time.Hour)
		f.repair()
		r.sleep(2 * time.Minute)
		if s := r.bridge.State(); !s.Connected || s.Address != "mqtt://far:1883" {
			t.Errorf("state %+v", s)
		}
	})
}

// What another bridge has brought in is forwarded only with transit.
func TestTransit(t *testing.T) {
	for _, transit := range []bool{false, true} {
		f := &far{}
		cfg := testConfig()
		cfg.Transit = transit
		inBubble(t, cfg, f, func(r *rig) {
			r.send(&broker.Message{Topic: "home/x", Payload: []byte("1"), Origin: "bridge/other"})
			r.send(&broker.Message{Topic: "home/x", Payload: []byte("2"), Origin: "bridge/cloud"})
			synctest.Wait()
			if got, want := f.text(), map[bool]string{true: "pi1/home/x=1", false: ""}[transit]; got != want {
				t.Errorf("transit %t: upstream got %q", transit, got)
			}
		})
	}
}

// An upstream that has lost our session has a new one by the time that the line is
// lost again, and no subscription in it if that was before SUBSCRIBE.
func TestSubscribesUntilTheUpstreamHasIt(t *testing.T) {
	f := &far{}
	inBubble(t, bothWays(), f, func(r *rig) {
		f.mu.Lock()
		f.wishes, f.unheard = nil, errors.New("EOF")
		f.mu.Unlock()
		f.cut(errors.New("reset"))
		f.repair()
		r.sleep(time.Minute)
		f.mu.Lock()
		f.present, f.unheard = true, nil
		f.mu.Unlock()
		r.sleep(5 * time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.wishes) != 2 {
			t.Errorf("subscribed to %+v", f.wishes)
		}
	})
}

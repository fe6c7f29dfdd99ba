package bridge

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
)

// A subscription that was refused is not taken for one that the session has: when
// the upstream allows it, it is made with the next connection.
func TestRefusedSubscriptionIsAskedForAgain(t *testing.T) {
	cfg := testConfig()
	cfg.Topics = append(cfg.Topics, Route{Filter: "forbidden/#", Direction: In, QoS: 1})
	f := &far{present: true}
	inBubble(t, cfg, f, func(r *rig) {
		f.mu.Lock()
		f.wishes = nil
		f.mu.Unlock()
		f.cut(errCut)
		f.repair()
		r.sleep(2 * time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.wishes) != 1 {
			t.Errorf("subscribed to %+v", f.wishes)
		}
		if s := r.bridge.State(); !slices.Equal(s.Refused, []string{"forbidden/#"}) {
			t.Errorf("refused: %q", s.Refused)
		}
	})
}

// An upstream that answers pings and no SUBSCRIBE is dead: what waits goes when
// another connection is better.
func TestSubscribeThatIsNotAnswered(t *testing.T) {
	f := &far{silent: true}
	inBubble(t, bothWays(), f, func(r *rig) {
		r.publish("home/x", 1)
		r.sleep(10 * time.Second)
		f.mu.Lock()
		f.silent = false
		f.mu.Unlock()
		r.sleep(2 * time.Minute)
		if got := f.text(); got != "home/x=1" {
			t.Errorf("upstream got %q; %s", got, r.log)
		}
	})
}

func TestRoundRobinGoesRound(t *testing.T) {
	f := &far{}
	cfg := testConfig()
	cfg.Addresses = []string{"mqtt://second:1883", "mqtt://third:1883"}
	cfg.RoundRobin = true
	inBubble(t, cfg, f, func(r *rig) {
		for range 3 {
			f.cut(errCut)
			f.repair()
			r.sleep(2 * time.Minute)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if want := []string{"mqtt://far:1883", "mqtt://second:1883", "mqtt://third:1883", "mqtt://far:1883"}; !slices.Equal(f.tries, want) {
			t.Errorf("tried %v", f.tries)
		}
	})
}

// What the upstream has kept for us is news also if it is retained and what we
// have already: the lamp was switched twice.
func TestWhatWasKeptForUsIsNews(t *testing.T) {
	f := &far{present: true}
	inBubble(t, bothWays(), f, func(r *rig) {
		m := link.Message{Topic: "down/set", Payload: []byte("toggle"), QoS: 1, ID: 1, Retain: true}
		if err := f.sends(m); err != nil {
			t.Fatal(err)
		}
		f.cut(errCut)
		f.repair()
		r.sleep(3 * time.Second)
		got := r.watch("up/set")
		got() // what is retained
		if err := f.sends(m); err != nil {
			t.Fatal(err)
		}
		if s := got(); !slices.Equal(s, []string{"up/set=toggle"}) {
			t.Errorf("published here: %v", s)
		}
	})
}

func (l *farLink) waitForAnswer(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.gone:
		return l.err
	}
}

// Packet identifiers are of a session: a message from another address is not taken
// for one that came from the last one.
func TestIdentifiersOfAnotherAddress(t *testing.T) {
	f := &far{present: true}
	cfg := bothWays()
	cfg.Addresses, cfg.RoundRobin = []string{"mqtt://second:1883"}, true
	inBubble(t, cfg, f, func(r *rig) {
		got := r.watch("up/#")
		if err := f.sends(link.Message{Topic: "down/lamp", Payload: []byte("on"), QoS: 2, ID: 7}); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.wishes = nil
		f.mu.Unlock()
		f.cut(errCut)
		f.repair()
		r.sleep(3 * time.Second)
		for range 2 {
			if err := f.sends(link.Message{Topic: "down/lamp", Payload: []byte("off"), QoS: 2, ID: 7}); err != nil {
				t.Fatal(err)
			}
		}
		if s := got(); r.bridge.State().Address != "mqtt://second:1883" || !slices.Equal(s, []string{"up/lamp=on", "up/lamp=off"}) {
			t.Errorf("published here: %v", s)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.wishes) != 2 {
			t.Errorf("subscribed there to %+v", f.wishes)
		}
	})
}

// MQTT 3.1 does not say that the session was kept: what the upstream has recorded
// is released, or it may wait there for that for ever.
func TestReleaseInMQTT31(t *testing.T) {
	cfg := testConfig()
	cfg.Protocol, cfg.Topics[0].QoS = "3.1", 2
	f := &far{holdAcks: true}
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		synctest.Wait()
		if err := f.current.session.Released(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		f.cut(errCut)
		f.hold(false)
		f.repair()
		r.sleep(time.Minute)
		if !slices.Equal(f.released, []uint16{1}) {
			t.Errorf("released %v", f.released)
		}
	})
}

func TestRetainAlways(t *testing.T) {
	f := &far{}
	cfg := testConfig()
	cfg.Topics[0].Retain = Always
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		synctest.Wait()
		if want := []message{{"pi1/home/x", "1", 1, true}}; !slices.Equal(f.take(), want) {
			t.Error("it is not retained upstream")
		}
	})
}

// The status is not online when it is we who give a connection up: DISCONNECT
// takes the will back.
func TestStatusAfterAckTimeout(t *testing.T) {
	f := &far{holdAcks: true}
	cfg := testConfig()
	cfg.StatusTopic = "status"
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		f.mu.Lock()
		f.down = errCut
		f.mu.Unlock()
		r.sleep(time.Minute)
		if got := f.text(); got != "status=online pi1/home/x=1 status=offline" {
			t.Errorf("upstream got %s", got)
		}
		f.hold(false)
	})
}

// An upstream that takes nothing does not keep us from stopping.
func TestStopWhileTheUpstreamTakesNothing(t *testing.T) {
	f := &far{stuck: "offline"}
	cfg := testConfig()
	cfg.StatusTopic = "status"
	inBubble(t, cfg, f, func(r *rig) {
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > drainTimeout+2*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// What was under way when the line was lost, and is sent again after longer than an
// echo is waited for, is ours still when it comes back.
func TestEchoOfWhatIsSentAgain(t *testing.T) {
	f := &far{holdAcks: true, noBit: true}
	inBubble(t, bothWays(), f, func(r *rig) {
		r.publish("home/x", 1)
		synctest.Wait()
		f.cut(errCut)
		r.sleep(5 * time.Minute)
		f.hold(false)
		f.repair()
		for n := 0; n < 300 && f.text() != "home/x=1 home/x=1"; n++ {
			r.sleep(time.Second)
		}
		got := r.watch("home/#")
		if err := f.sends(link.Message{Topic: "home/x", Payload: []byte("1"), QoS: 1, ID: 1}); err != nil {
			t.Fatal(err)
		}
		if s := got(); len(s) > 0 || r.bridge.State().Echoes != 1 {
			t.Errorf("taken in: %v", s)
		}
	})
}

// What the upstream has kept for us may come while Connect has not returned. This
// is for the race detector.
func TestWhatComesBeforeConnectReturns(t *testing.T) {
	f := &far{present: true, early: &link.Message{Topic: "home/x", Payload: []byte("1"), QoS: 1, ID: 1}}
	inBubble(t, bothWays(), f, func(r *rig) {
		if s := r.bridge.State(); s.Received != 1 {
			t.Errorf("state %+v", s)
		}
	})
}

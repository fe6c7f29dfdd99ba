package bridge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
)

var errCut = errors.New("line cut")

func TestForwards(t *testing.T) {
	cfg := testConfig()
	cfg.Topics = append(cfg.Topics, Route{Filter: "home/+/raw", QoS: 0, RemotePrefix: "never/"}, Route{Filter: "fast/#", QoS: 0})
	inBubble(t, cfg, &far{}, func(r *rig) {
		r.publish("home/a/raw", 1) // matched twice, the first route counts
		r.publish("other/b", 2)
		r.publish("fast/c", 3)
		if err := r.broker.Publish(&broker.Message{Topic: "home/kept", Payload: []byte("4"), Retain: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := []message{{"pi1/home/a/raw", "1", 1, false}, {"fast/c", "3", 0, false}, {"pi1/home/kept", "4", 1, true}}
		if !slices.Equal(r.far.got, want) {
			t.Errorf("upstream got %v, want %v", r.far.got, want)
		}
		s := r.bridge.State()
		if !s.Connected || s.Forwarded != 3 || s.Queue.Waiting+s.Queue.Unacked != 0 || s.LastAck.IsZero() || r.state() != "1" {
			t.Errorf("state %+v, in the tree %q", s, r.state())
		}
	})
}

// What is sent is what Rewrite makes of a message at that moment, not when it
// was queued.
func TestRewrite(t *testing.T) {
	f := &far{down: errCut}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", 1)
		r.bridge.Rewrite(func(m *broker.Message) []byte { return []byte(m.Topic + " " + string(m.Payload)) })
		f.repair()
		r.sleep(2 * time.Minute)
		if got := f.text(); got != "pi1/home/x=home/x 1" {
			t.Errorf("upstream got %s", got)
		}
	})
}

// What is published while the line is down arrives when it is back, once and
// in its order.
func TestOutageLosesNothing(t *testing.T) {
	f := &far{down: errCut}
	inBubble(t, testConfig(), f, func(r *rig) {
		for i := range 20 {
			r.publish("home/x", i)
		}
		if r.state() != "0" || r.bridge.State().Connected {
			t.Error("it says it is connected")
		}
		r.sleep(time.Hour)
		f.repair()
		r.sleep(2 * time.Minute)
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprintf("pi1/home/x=%d", i))
		}
		if got := f.text(); got != strings.Join(want, " ") {
			t.Errorf("upstream got %s", got)
		}
		if r.state() != "1" {
			t.Errorf("state %q", r.state())
		}
	})
}

// What the upstream did not acknowledge before the line broke comes again, in
// its order, before anything newer.
func TestCutBeforeAcknowledgement(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, testConfig(), f, func(r *rig) {
		for i := range 6 {
			r.publish("home/x", i)
		}
		synctest.Wait()
		if got := f.text(); got != "pi1/home/x=0 pi1/home/x=1 pi1/home/x=2 pi1/home/x=3" {
			t.Errorf("before the cut the upstream got %s, want the window of 4", got)
		}
		f.cut(errCut)
		synctest.Wait()
		if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 6 || s.Forwarded != 0 || !strings.Contains(s.LastError, "line cut") {
			t.Errorf("state %+v", s)
		}
		f.mu.Lock()
		f.got = nil
		f.mu.Unlock()
		f.hold(false)
		f.repair()
		r.sleep(time.Minute)
		if got := f.text(); got != "pi1/home/x=0 pi1/home/x=1 pi1/home/x=2 pi1/home/x=3 pi1/home/x=4 pi1/home/x=5" {
			t.Errorf("after the cut the upstream got %s", got)
		}
	})
}

func TestWindow(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, testConfig(), f, func(r *rig) {
		for i := range 100 {
			r.publish("home/x", i)
		}
		for range 50 {
			synctest.Wait()
			f.mu.Lock()
			l := f.current
			f.mu.Unlock()
			l.ackAll()
		}
		f.hold(false)
		synctest.Wait()
		if len(f.got) != 100 || f.most != 4 {
			t.Errorf("%d messages, %d at once; want 100, and 4 as max_inflight says", len(f.got), f.most)
		}
	})
}

// Before MQTT 5 nobody says how many messages of QoS 2 an upstream takes: more than
// Mosquitto does by default are lost, so there are not more at once.
func TestWindowOfQoS2(t *testing.T) {
	for _, c := range []struct {
		protocol string
		qos      int
		want     int
	}{{"3.1.1", 2, mostQoS2}, {"3.1.1", 1, 30}, {"5", 2, 30}} {
		cfg := testConfig()
		cfg.Protocol, cfg.MaxInflight, cfg.Topics[0].QoS = c.protocol, 30, c.qos
		f := &far{holdAcks: true}
		inBubble(t, cfg, f, func(r *rig) {
			for i := range 100 {
				r.publish("home/x", i)
			}
			synctest.Wait()
			f.hold(false)
			synctest.Wait()
			if len(f.got) != 100 || f.most != c.want {
				t.Errorf("MQTT %s, QoS %d: %d messages, %d at once; want 100, and %d", c.protocol, c.qos, len(f.got), f.most, c.want)
			}
		})
	}
}

// A line that is up but dead acknowledges nothing; it is given up.
func TestAckTimeout(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", 1)
		r.sleep(29 * time.Second)
		if len(f.connects) != 1 {
			t.Errorf("%d connections before the timeout", len(f.connects))
		}
		f.mu.Lock()
		f.holdAcks = false
		f.mu.Unlock()
		r.sleep(10 * time.Second)
		if len(f.connects) != 2 || f.text() != "pi1/home/x=1 pi1/home/x=1" {
			t.Errorf("%d connections, upstream got %s", len(f.connects), f.text())
		}
		if e := r.bridge.State().LastError; !strings.Contains(e, "no acknowledgement for 30s") {
			t.Errorf("last error %q", e)
		}
	})
}

// An upstream that sends a long backlog has our acknowledgements behind it: that is
// not a dead line.
func TestAckBehindABacklog(t *testing.T) {
	f := &far{holdAcks: true}
	cfg := bothWays()
	inBubble(t, cfg, f, func(r *rig) {
		r.publish("home/x", 1)
		for i := range 10 {
			r.sleep(20 * time.Second)
			if err := f.sends(link.Message{Topic: "down/x", Payload: fmt.Append(nil, i), QoS: 1, ID: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if _, n := f.numbers(); n != 1 {
			t.Errorf("%d connections", n)
		}
		r.sleep(2 * time.Minute)
		if _, n := f.numbers(); n < 2 {
			t.Error("a dead line is not given up")
		}
		f.hold(false)
	})
}

// A quiet line is no dead line.
func TestSilenceIsNoTimeout(t *testing.T) {
	f := &far{}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", 1)
		r.sleep(24 * time.Hour)
		r.publish("home/x", 2)
		synctest.Wait()
		if len(f.connects) != 1 || len(f.got) != 2 {
			t.Errorf("%d connections, %d messages", len(f.connects), len(f.got))
		}
	})
}

// Two addresses take turns, and our own port is another one each time.
func TestAnOutageIsLoggedOnceForEachReason(t *testing.T) {
	cfg := testConfig()
	cfg.Addresses = []string{"mqtt://other:1883"}
	cfg.ReconnectMin = 15 * time.Second // below 100 attempts, each hundredth is logged
	f := &far{}
	f.fails = func(address string) error {
		return fmt.Errorf("read tcp 10.0.0.1:%d->10.0.0.2:1883: refused by %s", 40000+len(f.tries), address)
	}
	inBubble(t, cfg, f, func(r *rig) {
		r.sleep(8 * time.Minute)
		if n := strings.Count(r.log.String(), "upstream not connected"); len(f.tries) < 10 || len(f.tries) > 99 || n != 2 {
			t.Errorf("%d lines for %d attempts with two reasons:\n%s", n, len(f.tries), r.log)
		}
	})
}

func TestReconnectsForEverWithinTheBounds(t *testing.T) {
	f := &far{down: errCut}
	cfg := testConfig()
	inBubble(t, cfg, f, func(r *rig) {
		r.sleep(24 * time.Hour)
		if n := len(f.tries); n < 24*60 {
			t.Errorf("%d attempts in a day, want one a minute at least", n)
		}
		for i := 1; i < len(f.tries); i++ {
			if d := f.triedAt[i].Sub(f.triedAt[i-1]); d < cfg.ReconnectMin || d > cfg.ReconnectMax {
				t.Fatalf("attempt %d came %v after the one before", i, d)
			}
		}
		if n := strings.Count(r.log.String(), "upstream not connected"); n < 1 || n > 60 {
			t.Errorf("%d log lines about a line that was down for a day", n)
		}
	})
}

// A line that breaks as soon as it is up does not become a storm.
func TestFlapping(t *testing.T) {
	f := &far{}
	inBubble(t, testConfig(), f, func(r *rig) {
		for range 1000 {
			f.cut(errCut)
			f.repair()
			r.sleep(time.Second)
		}
		if n := len(f.connects); n > 150 {
			t.Errorf("%d connections in 1000 s on a line that breaks at once", n)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	f := &far{down: errCut}
	cfg := testConfig()
	cfg.Queue.MaxMessages = 10
	inBubble(t, cfg, f, func(r *rig) {
		for i := range 25 {
			r.publish("home/x", i)
		}
		if s := r.bridge.State().Queue; s.Waiting != 10 || s.Dropped != 15 {
			t.Errorf("queue %+v", s)
		}
		f.repair()
		r.sleep(2 * time.Minute)
		if got := f.text(); !strings.HasPrefix(got, "pi1/home/x=15 ") || len(f.got) != 10 {
			t.Errorf("upstream got %s, want the newest ten", got)
		}
	})
}

// What waits when the gateway is stopped is still sent if the line is up.
func TestStopDrains(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, testConfig(), f, func(r *rig) {
		for i := range 10 {
			r.publish("home/x", i)
		}
		r.end()
		r.sleep(time.Second)
		f.hold(false)
		<-r.ended
		if len(f.got) != 10 {
			t.Errorf("upstream got %s", f.text())
		}
		if r.state() != "0" {
			t.Errorf("after the stop its state is %q", r.state())
		}
	})
}

func TestStopDoesNotWaitForADeadLine(t *testing.T) {
	f := &far{holdAcks: true}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.publish("home/x", 1)
		synctest.Wait()
		began := time.Now()
		r.stop()
		if d := time.Since(began); d != drainTimeout {
			t.Errorf("it stopped after %v, want %v", d, drainTimeout)
		}
		if !strings.Contains(r.log.String(), "stopped before everything was forwarded") {
			t.Error("the log does not say that something waits")
		}
	})
}

func TestStopWhileWaitingToReconnect(t *testing.T) {
	f := &far{down: errCut}
	inBubble(t, testConfig(), f, func(r *rig) {
		r.sleep(30 * time.Minute)
		began := time.Now()
		r.stop()
		if d := time.Since(began); d != 0 {
			t.Errorf("it stopped after %v", d)
		}
	})
}

// Two bridges of one name would steal each other's messages.
func TestCollectTwice(t *testing.T) {
	inBubble(t, testConfig(), &far{}, func(r *rig) {
		second := New(testConfig(), Deps{Broker: r.broker, Log: r.bridge.log, Upstream: &far{}, Dial: (&far{}).dial, Aside: &shelf{}})
		if err := second.Collect(); err == nil || !strings.Contains(err.Error(), `bridge "cloud"`) {
			t.Errorf("Collect of a second bridge: %v", err)
		}
	})
}

func TestBackoff(t *testing.T) {
	b := backoff{min: time.Second, max: time.Minute}
	last := time.Duration(0)
	different := make(map[time.Duration]bool)
	for range 1000 {
		d := b.next()
		if d < time.Second || d > time.Minute || last > 0 && d > 3*last {
			t.Fatalf("%v after %v", d, last)
		}
		last = d
		different[d] = true
	}
	if len(different) < 100 {
		t.Errorf("only %d different waits: 200 gateways would come at once", len(different))
	}
	b.reset()
	if d := b.next(); d > time.Second {
		t.Errorf("after a reset %v", d)
	}
}

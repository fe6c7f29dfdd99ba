package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

// What outlives the process, whether it ends or is killed.

// life is a broker that is started again and again on the same store.
type life struct {
	*testBroker
	t      *testing.T
	cfg    Config
	dir    string
	disk   *store.Disk
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// lives runs test with a broker that has a store on disk.
func lives(t *testing.T, cfg Config, test func(t *testing.T, l *life)) {
	t.Helper()
	def := Default()
	if cfg.MaxQoS == 0 {
		cfg.MaxQoS, cfg.RetainAvailable, cfg.AssignClientIDs, cfg.ClientIDPrefix = 2, true, true, "auto-"
	}
	cfg.QueueFull = cmpOr(cfg.QueueFull, def.QueueFull)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t, cfg: cfg, dir: dir}
		l.start()
		defer l.stop() // also when the test fails, or the bubble would wait for the store
		test(t, l)
	})
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (l *life) start() {
	l.t.Helper()
	disk, err := store.Open(l.dir, store.Options{Interval: 5 * time.Second})
	if err != nil {
		l.t.Fatal(err)
	}
	b := Open(l.cfg, Persistence{Store: disk}, testLog())
	l.disk, l.testBroker = disk, &testBroker{b, l.t}
	ctx, cancel := context.WithCancel(l.t.Context())
	l.cancel = cancel
	l.ended.Go(func() {
		if err := b.Run(ctx); err != nil {
			l.t.Error(err)
		}
	})
	synctest.Wait()
}

func (l *life) stop() {
	l.t.Helper()
	l.cancel()
	l.ended.Wait()
	if err := l.disk.Close(); err != nil {
		l.t.Error(err)
	}
}

// restart ends the broker and starts it again.
func (l *life) restart() {
	l.t.Helper()
	l.stop()
	l.start()
}

// crash takes the files as they are at this moment, and goes on with them.
func (l *life) crash() {
	l.t.Helper()
	synctest.Wait()
	dir := l.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
		l.t.Fatal(err)
	}
	l.stop()
	l.dir = dir
	l.start()
}

// again runs a test with an orderly end in the middle, and with a crash.
func again(t *testing.T, cfg Config, test func(t *testing.T, l *life, again func())) {
	t.Helper()
	t.Run("restart", func(t *testing.T) {
		lives(t, cfg, func(t *testing.T, l *life) { test(t, l, l.restart) })
	})
	t.Run("crash", func(t *testing.T) {
		lives(t, cfg, func(t *testing.T, l *life) { test(t, l, l.crash) })
	})
}

// keepsOn gives a client a session that lasts in each version.
func keepsOn(v packet.Version) func(*packet.Connect) {
	if v == packet.V5 {
		return expires(3600)
	}
	return resume
}

var bothVersions = []packet.Version{packet.V311, packet.V5}

// TestQueueSurvives keeps what waits for a client that is away, in its order.
func TestQueueSurvives(t *testing.T) {
	for _, v := range bothVersions {
		again(t, Config{}, func(t *testing.T, l *life, again func()) {
			c := l.connect(v, "c", resume, keepsOn(v))
			c.subscribe("t/#", 2)
			c.send(&packet.Disconnect{})
			c.gone()
			p := l.connect(v, "p", resume, keepsOn(v))
			for i := range 100 {
				p.publish(fmt.Sprint("t/", i%7), fmt.Sprint(i), QoS(1+i%2))
			}
			again()
			c = l.connect(v, "c", resume, keepsOn(v))
			if !c.connack.SessionPresent {
				t.Fatal("the session is gone")
			}
			for i := range 100 {
				if m := c.want(fmt.Sprint("t/", i%7), fmt.Sprint(i)); m.QoS != QoS(1+i%2) || m.Dup {
					t.Fatalf("message %d: QoS %d, DUP %v", i, m.QoS, m.Dup)
				}
			}
			c.silent()
			time.Sleep(6 * time.Second) // the interval
			again()
			c = l.connect(v, "c", resume, keepsOn(v))
			c.silent()
			if st := l.disk.Stats(); st.Waiting != 0 {
				t.Errorf("%d messages wait in the store", st.Waiting)
			}
		})
	}
}

// TestFlightSurvives crashes with messages at every stage of their way to the
// client.
func TestFlightSurvives(t *testing.T) {
	for _, v := range bothVersions {
		again(t, Config{}, func(t *testing.T, l *life, again func()) {
			c := l.connect(v, "c", resume, keepsOn(v))
			c.subscribe("t", 2)
			p := l.connect(v, "p")
			for i := range 4 {
				p.publish("t", fmt.Sprint(i), 2)
			}
			p.publish("t", "4", 1)
			var ids []uint16
			for range 5 {
				ids = append(ids, expect[*packet.Publish](c).ID)
			}
			// 0 is complete, 1 released, 2 only sent, 3 released and 4 sent.
			for _, i := range []int{0, 1, 3} {
				c.send(&packet.Pubrec{ID: ids[i]})
				expect[*packet.Pubrel](c)
			}
			c.send(&packet.Pubcomp{ID: ids[0]})
			c.silent()
			time.Sleep(6 * time.Second) // the interval
			again()
			c = l.connect(v, "c", resume, keepsOn(v))
			if rel := expect[*packet.Pubrel](c); rel.ID != ids[1] {
				t.Errorf("PUBREL %d, want %d", rel.ID, ids[1])
			}
			if m := expect[*packet.Publish](c); m.ID != ids[2] || !m.Dup || string(m.Payload) != "2" {
				t.Errorf("got %+v, want message 2 as %d", m, ids[2])
			}
			if rel := expect[*packet.Pubrel](c); rel.ID != ids[3] {
				t.Errorf("PUBREL %d, want %d", rel.ID, ids[3])
			}
			if m := expect[*packet.Publish](c); m.ID != ids[4] || !m.Dup || string(m.Payload) != "4" {
				t.Errorf("got %+v, want message 4 as %d", m, ids[4])
			}
			p = l.connect(v, "p")
			p.publish("t", "5", 1)
			if m := expect[*packet.Publish](c); string(m.Payload) != "5" || m.Dup || m.ID != ids[4]+1 {
				t.Errorf("got %+v, want message 5", m)
			}
		})
	}
}

// TestReceivedSurvives crashes at every stage of the way of a QoS 2 message from
// its publisher.
func TestReceivedSurvives(t *testing.T) {
	for _, v := range bothVersions {
		again(t, Config{}, func(t *testing.T, l *life, again func()) {
			c := l.connect(v, "c", resume, keepsOn(v))
			c.subscribe("t", 2)
			c.send(&packet.Disconnect{})
			c.gone()
			p := l.connect(v, "p", resume, keepsOn(v))
			p.send(&packet.Publish{Topic: "t", Payload: []byte("0"), QoS: 2, ID: 5})
			expect[*packet.Pubrec](p)
			again()
			p = l.connect(v, "p", resume, keepsOn(v))
			p.send(&packet.Publish{Topic: "t", Payload: []byte("0"), QoS: 2, ID: 5, Dup: true})
			expect[*packet.Pubrec](p)
			p.send(&packet.Pubrel{ID: 5})
			expect[*packet.Pubcomp](p)
			again()
			p = l.connect(v, "p", resume, keepsOn(v))
			p.send(&packet.Publish{Topic: "t", Payload: []byte("1"), QoS: 2, ID: 5}) // a new one
			expect[*packet.Pubrec](p)
			c = l.connect(v, "c", resume, keepsOn(v))
			c.want("t", "0")
			c.want("t", "1")
			c.silent()
		})
	}
}

// TestSubscriptionsSurvive keeps their options, also of shared ones, and forgets
// those that were given up.
func TestSubscriptionsSurvive(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		c := l.connect(packet.V5, "c", resume, expires(1000))
		c.send(&packet.Subscribe{ID: 1, Properties: &packet.Properties{SubscriptionIDs: []uint32{77}}, Filters: []packet.Subscription{
			{Filter: "a/+", QoS: 1, NoLocal: true, RetainAsPublished: true},
			{Filter: "$share/g/b", QoS: 1},
			{Filter: "gone", QoS: 1},
		}})
		expect[*packet.Suback](c)
		c.send(&packet.Unsubscribe{ID: 2, Filters: []string{"gone"}})
		expect[*packet.Unsuback](c)
		c.send(&packet.Disconnect{})
		c.gone()
		p := l.connect(packet.V5, "p")
		p.publish("b", "before", 1)
		again()
		p = l.connect(packet.V5, "p")
		p.publish("a/1", "x", 1, retained)
		p.publish("b", "y", 1)
		p.publish("gone", "z", 1)
		c = l.connect(packet.V5, "c", resume, expires(1000))
		c.want("b", "before")
		m := c.want("a/1", "x")
		if !m.Retain || len(m.Properties.SubscriptionIDs) != 1 || m.Properties.SubscriptionIDs[0] != 77 {
			t.Errorf("got %+v %+v", m, m.Properties)
		}
		c.want("b", "y")
		c.publish("a/2", "own", 1)
		c.silent()
		if st := l.Stats(); st.Subscriptions != 2 || st.SharedSubscriptions != 1 {
			t.Errorf("%d subscriptions, %d shared", st.Subscriptions, st.SharedSubscriptions)
		}
	})
}

// TestRetainedSurvives keeps what is retained, not what was, and not the
// broker's own figures.
func TestRetainedSurvives(t *testing.T) {
	again(t, Config{SysInterval: time.Second}, func(t *testing.T, l *life, again func()) {
		p := l.connect(packet.V5, "p")
		p.publish("a", "1", 1, retained)
		p.publish("a", "2", 1, retained)
		p.publish("b", "1", 2, retained)
		p.publish("b", "", 1, retained)
		p.publish("c", "props", 1, retained, func(p *packet.Publish) {
			p.Properties = &packet.Properties{ContentType: packet.Some("text/plain"), MessageExpiry: packet.Some[uint32](100), User: []packet.UserProperty{{Name: "n", Value: "v"}}}
		})
		p.publish("d", "short", 1, retained, func(p *packet.Publish) {
			p.Properties = &packet.Properties{MessageExpiry: packet.Some[uint32](10)}
		})
		again()
		time.Sleep(20 * time.Second)
		if n := l.Retained("$SYS/broker/uptime"); n == nil {
			t.Error("no $SYS after the start")
		}
		c := l.connect(packet.V5, "c")
		c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "a"}, {Filter: "b"}, {Filter: "c"}, {Filter: "d"}}})
		expect[*packet.Suback](c)
		c.want("a", "2")
		m := c.want("c", "props")
		if m.Properties.ContentType.V != "text/plain" || len(m.Properties.User) != 1 || m.Properties.MessageExpiry.V > 80 {
			t.Errorf("properties %+v", m.Properties)
		}
		c.silent()
	})
}

// TestWillsSurvive publishes the wills of clients that were connected when the
// broker was killed, and those that were waiting for their delay.
func TestWillsSurvive(t *testing.T) {
	will := func(topic string, delay uint32) func(*packet.Connect) {
		return func(p *packet.Connect) {
			p.Will = &packet.Will{Topic: topic, Payload: []byte("gone"), QoS: 1, Retain: true, Properties: &packet.Properties{WillDelay: packet.Some(delay)}}
		}
	}
	lives(t, Config{}, func(t *testing.T, l *life) {
		watch := l.connect(packet.V5, "watch", resume, expires(10_000))
		watch.subscribe("will/#", 1)
		l.connect(packet.V5, "clean", will("will/clean", 0))
		l.connect(packet.V5, "lasting", resume, expires(1000), will("will/lasting", 0))
		l.connect(packet.V5, "delayed", resume, expires(1000), will("will/delayed", 100))
		l.connect(packet.V5, "returns", resume, expires(1000), will("will/returns", 100))
		polite := l.connect(packet.V5, "polite", resume, expires(1000), will("will/polite", 0))
		polite.send(&packet.Disconnect{})
		polite.gone()
		left := l.connect(packet.V5, "left", resume, expires(1000), will("will/left", 200))
		left.conn.Close()
		time.Sleep(50 * time.Second)
		l.crash()
		got := map[string]time.Duration{}
		began := time.Now()
		watch = l.connect(packet.V5, "watch", resume, expires(10_000))
		time.Sleep(time.Second)
		l.connect(packet.V5, "returns", resume, expires(1000))
		for range 4 {
			m := watch.message()
			got[m.Topic] = time.Since(began).Round(10 * time.Second)
		}
		watch.silent()
		want := map[string]time.Duration{"will/clean": 0, "will/lasting": 0, "will/delayed": 100 * time.Second, "will/left": 150 * time.Second}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		time.Sleep(time.Hour)
		watch.silent()
	})
}

// A will that a reconnect has prevented stays prevented, also if the broker is
// killed the moment after CONNACK [MQTT-3.1.3-9].
func TestPreventedWillStaysPrevented(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		watch := l.connect(packet.V5, "watch", resume, expires(10_000))
		watch.subscribe("will/#", 1)
		lost := l.connect(packet.V5, "c", resume, expires(1000), func(p *packet.Connect) {
			p.Will = &packet.Will{Topic: "will/c", Payload: []byte("gone"), QoS: 1, Properties: &packet.Properties{WillDelay: packet.Some[uint32](100)}}
		})
		lost.conn.Close()
		time.Sleep(50 * time.Second)
		l.connect(packet.V5, "c", resume, expires(1000))
		l.crash()
		watch = l.connect(packet.V5, "watch", resume, expires(10_000))
		time.Sleep(time.Hour)
		watch.silent()
	})
}

// TestSessionExpirySurvives ends sessions at the time that was planned, whenever
// the broker was started.
func TestSessionExpirySurvives(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		for _, s := range []uint32{100, 10_000} {
			c := l.connect(packet.V5, fmt.Sprint(s), resume, expires(s))
			c.subscribe("t", 1)
			c.send(&packet.Disconnect{})
			c.gone()
		}
		time.Sleep(60 * time.Second)
		again()
		time.Sleep(50 * time.Second)
		for id, want := range map[string]bool{"100": false, "10000": true} {
			if c := l.connect(packet.V5, id, resume); c.connack.SessionPresent != want {
				t.Errorf("session %s present: %v", id, c.connack.SessionPresent)
			}
		}
	})
}

// TestDurableSurvives keeps what a part of this process has not acknowledged.
func TestDurableSurvives(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s, err := l.Subscribe(SubscribeOptions{Name: "up"}, "t/#")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := l.Publish(&Message{Topic: "t/x", Payload: []byte(fmt.Sprint(i)), QoS: 1, Retain: true}); err != nil {
				t.Fatal(err)
			}
		}
		next := func(want string) Delivery {
			t.Helper()
			d, err := s.Next(t.Context())
			if err != nil || string(d.Payload) != want {
				t.Fatalf("got %+v, %v; want %s", d.Message, err, want)
			}
			return d
		}
		first := next("0")
		next("1")
		s.Ack(first)
		time.Sleep(6 * time.Second) // the interval
		oldest := s.Stats().Oldest
		again()
		if s, err = l.Subscribe(SubscribeOptions{Name: "up"}, "t/#"); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Waiting != 9 || !st.Oldest.Equal(oldest) {
			t.Errorf("%d wait, the oldest since %v; want 9 since %v", st.Waiting, st.Oldest, oldest)
		}
		for i := 1; i < 10; i++ {
			s.Ack(next(fmt.Sprint(i)))
		}
		if st := s.Stats(); st.Waiting+st.Unacked != 0 { // nothing retained again
			t.Errorf("%d wait", st.Waiting)
		}
		s.Close()
	})
}

// slowStore is a store whose changes become stable when the test says so.
type slowStore struct {
	*store.Memory
	mu       sync.Mutex
	mark     store.Mark
	stable   store.Mark
	full     error
	advanced func(store.Mark)
}

func (s *slowStore) Append(u store.Urgency, c ...store.Change) (store.Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range c {
		if x.Op == store.Publish && s.full != nil {
			return 0, s.full
		}
	}
	_, err := s.Memory.Append(u, c...)
	if len(c) > 0 {
		s.mark++
	}
	return s.mark, err
}

func (s *slowStore) Stable() store.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stable
}

func (s *slowStore) Wait(ctx context.Context, m store.Mark) error {
	for s.Stable() < m {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *slowStore) Watch(f func(store.Mark)) { s.advanced = f }

// settle makes everything stable.
func (s *slowStore) settle() {
	s.mu.Lock()
	s.stable = s.mark
	s.mu.Unlock()
	s.advanced(s.stable)
	synctest.Wait()
}

// inSlowBubble runs test with a broker whose store is slow.
func inSlowBubble(t *testing.T, cfg Config, test func(t *testing.T, b *testBroker, s *slowStore)) {
	t.Helper()
	cfg.MaxQoS, cfg.RetainAvailable = 2, true
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{Memory: store.NewMemory()}
		b := &testBroker{Open(cfg, Persistence{Store: s}, testLog()), t}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = b.Run(ctx) })
		test(t, b, s)
		cancel()
		wg.Wait()
	})
}

// lastingSession leaves a session behind that subscribes to t.
func (b *testBroker) lastingSession(s *slowStore, id string) *testClient {
	b.t.Helper()
	c := b.dial(packet.V5)
	c.send(&packet.Connect{Version: packet.V5, ClientID: id, Properties: &packet.Properties{SessionExpiry: packet.Some[uint32](1000)}})
	synctest.Wait()
	if len(c.in) > 0 {
		b.t.Error("CONNACK before the session is stable")
	}
	s.settle()
	expect[*packet.Connack](c)
	c.send(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "t", QoS: 2}}})
	synctest.Wait()
	if len(c.in) > 0 {
		b.t.Error("SUBACK before the subscription is stable")
	}
	s.settle()
	expect[*packet.Suback](c)
	return c
}

// TestAcknowledgedWhenStable holds every acknowledgement until what it promises
// is on stable storage, in order, and nothing else.
func TestAcknowledgedWhenStable(t *testing.T) {
	inSlowBubble(t, Config{}, func(t *testing.T, b *testBroker, s *slowStore) {
		c := b.lastingSession(s, "c")
		p := b.lastingSession(s, "p")
		p.send(&packet.Publish{Topic: "t", QoS: 1, ID: 1, Payload: []byte("1")})
		p.send(&packet.Publish{Topic: "nobody", QoS: 1, ID: 2})
		p.send(&packet.Publish{Topic: "t", QoS: 2, ID: 3, Payload: []byte("2")})
		p.send(&packet.Publish{Topic: "nobody", QoS: 2, ID: 4})
		p.send(&packet.Pingreq{})
		synctest.Wait()
		var got []string // its own, of QoS 1, and the answer, in any order
		for len(p.in) > 0 {
			got = append(got, fmt.Sprintf("%T", (<-p.in).packet))
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"*packet.Pingresp", "*packet.Publish"}) {
			t.Fatalf("before anything is stable: %v", got)
		}
		expect[*packet.Publish](c) // QoS 1 need not wait
		if len(c.in) > 0 {
			t.Fatalf("QoS 2 goes out before it is stable: %+v", (<-c.in).packet)
		}
		s.settle()
		if m := expect[*packet.Publish](c); m.QoS != 2 {
			t.Errorf("got %+v", m)
		}
		for _, want := range []uint16{1, 2} {
			if a := answer[*packet.Puback](p); a.ID != want {
				t.Errorf("PUBACK %d, want %d", a.ID, want)
			}
		}
		for _, want := range []uint16{3, 4} {
			if a := answer[*packet.Pubrec](p); a.ID != want {
				t.Errorf("PUBREC %d, want %d", a.ID, want)
			}
		}
		// PUBREL and PUBCOMP.
		c.send(&packet.Pubrec{ID: 2})
		p.send(&packet.Pubrel{ID: 3})
		synctest.Wait()
		p.held = nil
		for len(p.in) > 0 {
			if r := <-p.in; r.packet.Type() != packet.TypePublish {
				t.Errorf("PUBCOMP before the store has forgotten the identifier: %+v", r.packet)
			}
		}
		if len(c.in) > 0 {
			t.Error("PUBREL before the store has the release")
		}
		s.settle()
		expect[*packet.Pubrel](c)
		expect[*packet.Pubcomp](p)
	})
}

// TestStoreFull tells publishers that a message was not taken, and does not
// stop this process's own.
func TestStoreFull(t *testing.T) {
	inSlowBubble(t, Config{ReasonStrings: true}, func(t *testing.T, b *testBroker, s *slowStore) {
		c := b.lastingSession(s, "c")
		s.mu.Lock()
		s.full = fmt.Errorf("%w: no space", store.ErrFull)
		s.mu.Unlock()
		five, three := b.connect(packet.V5, "5"), b.connect(packet.V311, "3")
		for _, qos := range []QoS{1, 2} {
			five.send(&packet.Publish{Topic: "t", QoS: qos, ID: 9, Payload: []byte("lost")})
		}
		if a := expect[*packet.Puback](five); a.Code != packet.QuotaExceeded || a.Properties == nil {
			t.Errorf("PUBACK %+v", a)
		}
		if a := expect[*packet.Pubrec](five); a.Code != packet.QuotaExceeded {
			t.Errorf("PUBREC %+v", a)
		}
		three.send(&packet.Publish{Topic: "t", QoS: 1, ID: 9})
		three.gone()
		if err := b.Publish(&Message{Topic: "t", QoS: 1, Payload: []byte("own")}); !errors.Is(err, store.ErrFull) {
			t.Errorf("publish: %v", err)
		}
		c.want("t", "own")
		c.silent()
		if st := b.Stats(); st.NotStored != 4 {
			t.Errorf("%d not stored", st.NotStored)
		}
		s.mu.Lock()
		s.full = nil
		s.mu.Unlock()
		five.send(&packet.Publish{Topic: "t", QoS: 1, ID: 10, Payload: []byte("again")})
		synctest.Wait()
		s.settle()
		expect[*packet.Puback](five)
		c.want("t", "again")
	})
}

// TestQueueFullPolicies tries what happens when a session's queue is full.
func TestQueueFullPolicies(t *testing.T) {
	for policy, want := range map[string][]string{dropNewest: {"0", "1", "2"}, dropOldest: {"2", "3", "4"}, refuseNew: {"0", "1", "2"}} {
		t.Run(policy, func(t *testing.T) {
			lives(t, Config{MaxQueuedMessages: 3, QueueFull: policy}, func(t *testing.T, l *life) {
				c := l.connect(packet.V5, "c", resume, expires(1000))
				c.subscribe("t", 1)
				c.send(&packet.Disconnect{})
				c.gone()
				p := l.connect(packet.V5, "p")
				for i := range 5 {
					p.send(&packet.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1), Payload: []byte(fmt.Sprint(i))})
					a := expect[*packet.Puback](p)
					if refused := a.Code == packet.QuotaExceeded; refused != (policy == refuseNew && i >= 3) {
						t.Errorf("message %d: %v", i, a.Code)
					}
				}
				l.crash()
				c = l.connect(packet.V5, "c", resume, expires(1000))
				for _, payload := range want {
					c.want("t", payload)
				}
				c.silent()
			})
		})
	}
}

// TestQueueBounds gives some clients other bounds than the others.
func TestQueueBounds(t *testing.T) {
	two, five := 2, int64(5)
	cfg := Config{MaxQueuedMessages: 3, QueueFull: dropNewest, Queues: []QueueBounds{
		{ClientID: "page-*", MaxQueuedMessages: &two, QueueFull: dropOldest},
		{ClientID: "*-small", MaxQueuedBytes: &five},
		{ClientID: "page-*", QueueFull: refuseNew}, // comes too late
	}}
	lives(t, cfg, func(t *testing.T, l *life) {
		ids := map[string]string{"other": "0 1 2", "page-1": "3 4", "a-small": "0 1"} // topic and payload are 2 bytes
		for id := range ids {
			c := l.connect(packet.V5, id, resume, expires(1000))
			c.subscribe("t", 1)
			c.send(&packet.Disconnect{})
			c.gone()
		}
		p := l.connect(packet.V5, "p")
		for i := range 5 {
			if i == 3 {
				l.crash() // the bounds are those of the session after a restart, too
				p = l.connect(packet.V5, "p")
			}
			p.send(&packet.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1), Payload: []byte(fmt.Sprint(i))})
			if a := expect[*packet.Puback](p); a.Code >= 0x80 {
				t.Errorf("message %d: %v", i, a.Code)
			}
		}
		for id, want := range ids {
			c := l.connect(packet.V5, id, resume, expires(1000))
			for payload := range strings.FieldsSeq(want) {
				c.want("t", payload)
			}
			c.silent()
		}
	})
}

// TestSubscriptionFull bounds what waits for a subscription of this process.
func TestSubscriptionFull(t *testing.T) {
	for policy, want := range map[string]string{"": "3 4", dropOldest: "3 4", dropNewest: "0 1", refuseNew: "0 1"} {
		lives(t, Config{}, func(t *testing.T, l *life) {
			s, err := l.Subscribe(SubscribeOptions{Name: "queue", MaxMessages: 2, Full: policy}, "t")
			if err != nil {
				t.Fatal(err)
			}
			p := l.connect(packet.V5, "p")
			for i := range 5 {
				p.send(&packet.Publish{Topic: "t", QoS: 1, ID: uint16(i + 1), Payload: []byte(fmt.Sprint(i))})
				a := expect[*packet.Puback](p)
				if refused := a.Code == packet.QuotaExceeded; refused != (policy == refuseNew && i >= 2) {
					t.Errorf("%q, message %d: %v", policy, i, a.Code)
				}
			}
			for payload := range strings.FieldsSeq(want) {
				d, err := s.Next(t.Context())
				if err != nil || string(d.Payload) != payload {
					t.Errorf("%q: %s, want %s, %v", policy, d.Payload, payload, err)
				}
			}
			if st := s.Stats(); st.Dropped != 3 {
				t.Errorf("%q: %+v", policy, st)
			}
		})
	}
}

// TestMoreThanMemory keeps more waiting than may be in memory.
func TestMoreThanMemory(t *testing.T) {
	again(t, Config{MaxQueueMemory: 10_000}, func(t *testing.T, l *life, again func()) {
		c := l.connect(packet.V5, "c", resume, expires(1000))
		c.subscribe("t", 1)
		c.send(&packet.Disconnect{})
		c.gone()
		p := l.connect(packet.V5, "p")
		const messages = 500
		for i := range messages {
			p.publish("t", fmt.Sprintf("%0100d", i), 1)
		}
		if st := l.Stats(); st.QueuedBytes > 11_000 || st.Queued != messages {
			t.Errorf("%d messages wait, %d bytes of them in memory", st.Queued, st.QueuedBytes)
		}
		c = l.connect(packet.V5, "c", resume, expires(1000))
		for i := range messages / 2 {
			c.want("t", fmt.Sprintf("%0100d", i))
		}
		time.Sleep(6 * time.Second) // the interval
		again()
		c = l.connect(packet.V5, "c", resume, expires(1000))
		for i := messages / 2; i < messages; i++ {
			c.want("t", fmt.Sprintf("%0100d", i))
		}
		c.silent()
	})
}

// TestClockSet has a session and messages from before the clock was set, which
// was a moment ago and looks like years.
func TestClockSet(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		c := l.connect(packet.V5, "c", resume, expires(3600))
		c.subscribe("t", 1)
		c.send(&packet.Disconnect{})
		c.gone()
		p := l.connect(packet.V5, "p")
		p.send(&packet.Publish{Topic: "t", QoS: 1, ID: 1, Payload: []byte("short"), Properties: &packet.Properties{MessageExpiry: packet.Some[uint32](60)}})
		expect[*packet.Puback](p)
		p.send(&packet.Publish{Topic: "kept", QoS: 1, ID: 2, Retain: true, Payload: []byte("value"), Properties: &packet.Properties{MessageExpiry: packet.Some[uint32](60)}})
		expect[*packet.Puback](p)
		l.stop()
		time.Sleep(time.Until(clockSet.AddDate(1, 0, 0))) // in the bubble it is 2000
		l.start()
		again()
		c = l.connect(packet.V5, "c", resume, expires(3600))
		c.want("t", "short")
		c.subscribe("kept", 0)
		c.want("kept", "value")
	})
}

func TestSinceStored(t *testing.T) {
	now := clockSet.AddDate(1, 0, 0)
	early := time.Unix(100, 0)
	for _, x := range []struct{ at, now, want time.Time }{
		{now.Add(-time.Hour), now, now.Add(-time.Hour)},
		{now.Add(time.Hour), now, now},
		{early, now, now},
		{early, early.Add(time.Hour), early},
		{now, early, early},
	} {
		if got := sinceStored(x.at, x.now); !got.Equal(x.want) {
			t.Errorf("%v at %v: %v, want %v", x.at, x.now, got, x.want)
		}
	}
}

// TestStrangeSession has a session whose state cannot be read. It keeps nobody
// from starting, and what waits for it waits on.
func TestStrangeSession(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		c := l.connect(packet.V311, "c", resume)
		c.subscribe("t", 1)
		c.subscribe("u", 1)
		c.send(&packet.Disconnect{})
		c.gone()
		p := l.connect(packet.V5, "p")
		p.send(&packet.Publish{Topic: "t", QoS: 1, ID: 1, Payload: []byte("waits")})
		expect[*packet.Puback](p)
		id := l.sessions["c"].num
		if _, err := l.disk.Append(store.Now,
			store.Change{Op: store.PutSession, Session: id, Name: "c", Data: []byte("no JSON")},
			store.Change{Op: store.Subscribe, Session: id, Name: "u", Data: []byte("neither")}); err != nil {
			t.Fatal(err)
		}
		l.crash()
		c = l.connect(packet.V311, "c", resume)
		c.want("t", "waits")
	})
}

// TestSync has what this process publishes on disk before it counts as published,
// where that is wished, and together with others where it is not.
func TestSync(t *testing.T) {
	for _, wished := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			disk, err := store.Open(t.TempDir(), store.Options{Interval: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer disk.Close()
			b := Open(Default(), Persistence{Store: disk, Sync: wished}, testLog())
			if err := b.Publish(&Message{Topic: "t", Payload: []byte("21.5"), Retain: true}); err != nil {
				t.Fatal(err)
			}
			if waits := disk.Stats().Pending > 0; waits == wished {
				t.Errorf("wished %v: %+v", wished, disk.Stats())
			}
		})
	}
}

// TestSyncLate does not stop this process while the disk does not answer, and
// waits again when it does.
func TestSyncLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{Memory: store.NewMemory()}
		b := Open(Default(), Persistence{Store: s, Sync: true}, testLog())
		publish := func() (time.Duration, error) {
			began := time.Now()
			err := b.Publish(&Message{Topic: "t", Retain: true, Payload: []byte("1")})
			return time.Since(began), err
		}
		if took, err := publish(); err == nil || took != storePatience {
			t.Errorf("%v after %v", err, took)
		}
		if took, err := publish(); err == nil || took != 0 {
			t.Errorf("the second: %v after %v", err, took)
		}
		s.settle()
		time.AfterFunc(time.Second, func() {
			s.mu.Lock()
			s.stable = s.mark
			s.mu.Unlock()
		})
		if took, err := publish(); err != nil || took < time.Second || took > 2*time.Second {
			t.Errorf("again: %v after %v", err, took)
		}
	})
}

package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

// What a bridge needs of its queue, which is a durable subscription: while the
// process lives, and across its end.

// bridged is how a bridge opens its queue.
func bridged(with ...func(*SubscribeOptions)) SubscribeOptions {
	o := SubscribeOptions{Name: "bridge/cloud"}
	for _, f := range with {
		f(&o)
	}
	return o
}

// drain wants exactly these payloads to be delivered, and acknowledges them.
func drain(t *testing.T, s *Subscription, payloads ...string) {
	t.Helper()
	for i, want := range payloads {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		d, err := s.Next(ctx)
		cancel()
		if err != nil || string(d.Payload) != want {
			t.Fatalf("delivery %d of %q: %+v, %v", i, payloads, d.Message, err)
		}
		s.Ack(d)
	}
	none(t, s)
	if st := s.Stats(); st.Waiting+st.Unacked != 0 || st.Bytes != 0 {
		t.Errorf("everything is delivered: %+v", st)
	}
}

func TestMaxAge(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		o := bridged(func(o *SubscribeOptions) { o.MaxAge = time.Hour })
		s := subscribe(t, l.testBroker, o, "#")
		for i := range 6 {
			put(t, l.testBroker, "a", fmt.Sprint(i))
			time.Sleep(15 * time.Minute)
		}
		// 0 is 90 minutes old, 5 is 15. When 4 came, an hour after 0, it was not too
		// old; when 5 did, it was.
		if st := s.Stats(); st.TooOld != 1 || st.Waiting != 5 {
			t.Errorf("when messages arrive: %+v", st)
		}
		d := next(t, s, "a", "2")
		if st := s.Stats(); st.TooOld != 2 || st.Waiting != 3 {
			t.Errorf("when Next is called: %+v", st)
		}
		time.Sleep(6 * time.Second)
		again()
		s = subscribe(t, l.testBroker, o, "#")
		time.Sleep(2 * time.Hour)
		put(t, l.testBroker, "a", "6")
		// What may have been delivered may be under way, and that is as many as are
		// noted ahead.
		if st := s.Stats(); st.TooOld != 0 || st.Waiting != 5 {
			t.Errorf("after a restart: %+v", st)
		}
		s.Ack(next(t, s, "a", string(d.Payload)))
	})
}

func TestMaxAgeSparesWhatCameBeforeTheClockWasSet(t *testing.T) {
	now := clockSet.Add(24 * time.Hour)
	for came, want := range map[time.Time]bool{
		time.Unix(100, 0):                   false,
		now.Add(-time.Hour):                 false,
		now.Add(-time.Hour - time.Second):   true,
		now.Add(time.Hour):                  false,
		clockSet.Add(-time.Second):          false,
		clockSet.Add(time.Second):           true,
		now.Add(-time.Hour + time.Second):   false,
		now.Add(-time.Hour - 3*time.Second): true,
	} {
		if got := tooOld(uint32(came.Unix()), now, time.Hour); got != want {
			t.Errorf("came %v, now %v: %v", came, now, got)
		}
	}
}

func TestLatest(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		o := bridged(func(o *SubscribeOptions) { o.Latest = []string{"state/#"} })
		s := subscribe(t, l.testBroker, o, "#")
		put(t, l.testBroker, "state/a", "a0")
		next(t, s, "state/a", "a0") // stays, whatever comes
		for i := 1; i < 5; i++ {
			put(t, l.testBroker, "state/a", fmt.Sprint("a", i))
			put(t, l.testBroker, "history", fmt.Sprint("h", i))
			put(t, l.testBroker, "state/b", fmt.Sprint("b", i))
		}
		if st := s.Stats(); st.Superseded != 6 || st.Waiting != 6 || st.Unacked != 1 {
			t.Errorf("stats %+v", st)
		}
		s.Rewind()
		s.Ack(next(t, s, "state/a", "a0"))
		time.Sleep(6 * time.Second) // until all of this is on disk
		again()
		s = subscribe(t, l.testBroker, o, "#")
		if st := s.Stats(); st.Waiting != 6 {
			t.Errorf("after a restart: %+v", st)
		}
		drain(t, s, "h1", "h2", "h3", "a4", "h4", "b4")
		for i := range 3 {
			put(t, l.testBroker, "state/a", fmt.Sprint("x", i))
		}
		drain(t, s, "x2")
	})
}

// TestLatestAfterARestart supersedes what an earlier process has left, unless it
// may have been sent.
func TestLatestAfterARestart(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		o := bridged(func(o *SubscribeOptions) { o.Latest = []string{"#"} })
		subscribe(t, l.testBroker, o, "#")
		for i := range 2 * ahead {
			put(t, l.testBroker, fmt.Sprint(i), "old")
		}
		l.restart()
		s := subscribe(t, l.testBroker, o, "#")
		for i := range 2 * ahead {
			put(t, l.testBroker, fmt.Sprint(i), "new")
		}
		if st := s.Stats(); st.Superseded != ahead || st.Waiting != 3*ahead {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestLatestIsBounded publishes to one topic again and again.
func TestLatestIsBounded(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(func(o *SubscribeOptions) { o.Latest = []string{"#"} }), "#")
		put(t, b, "first", "x")
		for i := range 10_000 {
			put(t, b, "a", fmt.Sprint(i))
			if n := s.waiting.rest.len; n > 2*2+2*lineSlack || len(s.waiting.rest.blocks) > 10 {
				t.Fatalf("%d places for 2 messages", n)
			}
		}
		drain(t, s, "x", "9999")
		if st := s.Stats(); st.Superseded != 9999 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestSkipByOrigin(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(func(o *SubscribeOptions) {
			o.Skip = func(m *Message) bool { return m.Origin == "bridge/cloud" || strings.HasPrefix(m.Topic, "private/") }
		}), "#")
		put(t, b, "a", "1", func(m *Message) { m.Origin = "bridge/cloud" })
		put(t, b, "a", "2", func(m *Message) { m.Origin = "bridge/other" })
		b.connect(packet.V5, "c").publish("private/a", "3", 1)
		b.connect(packet.V5, "d").publish("a", "4", 1)
		drain(t, s, "2", "4")
		if st := s.Stats(); st.Arrived != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestPacketIDsAreStable(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		for i := range 5 {
			put(t, l.testBroker, "a", fmt.Sprint(i))
		}
		s.Ack(next(t, s, "a", "0"))
		first := next(t, s, "a", "1")
		if first.Again || first.PacketID() != 2 || first.Seq() != 2 {
			t.Errorf("the second message: %+v", first)
		}
		s.Rewind()
		if d := next(t, s, "a", "1"); !d.Again || d.PacketID() != 2 || d.Seq() != 2 {
			t.Errorf("after Rewind: %+v", d)
		}
		time.Sleep(6 * time.Second)
		again()
		s = subscribe(t, l.testBroker, bridged(), "#")
		if d := next(t, s, "a", "1"); !d.Again || d.PacketID() != 2 || d.Seq() != 2 {
			t.Errorf("after a restart: %+v", d)
		}
		for i := 2; i < 5; i++ {
			next(t, s, "a", fmt.Sprint(i))
		}
		put(t, l.testBroker, "a", "5")
		if d := next(t, s, "a", "5"); d.Again || d.Seq() != 6 {
			t.Errorf("a new one: %+v", d)
		}
	})
	for seq, id := range map[uint64]uint16{1: 1, 65_535: 65_535, 65_536: 1, 131_071: 1} {
		if d := (Delivery{seq: seq}); d.PacketID() != id {
			t.Errorf("message %d has %d", seq, d.PacketID())
		}
	}
}

// TestPacketIDsAreUnique holds back a live message while one of the backlog with
// its identifier is under way.
func TestPacketIDsAreUnique(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(), "#")
		put(t, b, "a", "backlog 1")
		put(t, b, "a", "backlog 2")
		old := next(t, s, "a", "backlog 1")
		s.Live()
		s.mu.Lock()
		s.seq = old.Seq() + maxSpan - 1
		s.mu.Unlock()
		put(t, b, "a", "live 1")
		put(t, b, "a", "live 2")
		next(t, s, "a", "backlog 2")
		none(t, s)
		s.Ack(old)
		if d := next(t, s, "a", "live 1"); d.PacketID() != old.PacketID() {
			t.Errorf("%d and %d", d.PacketID(), old.PacketID())
		}
		none(t, s)
		s.Rewind() // and also while one of them is to be sent again
		for _, want := range []string{"backlog 2", "live 1"} {
			s.Ack(next(t, s, "a", want))
		}
		drain(t, s, "live 2")
	})
}

func TestReleaseOutlives(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		o := bridged(func(o *SubscribeOptions) { o.MaxMessages = 3 })
		s := subscribe(t, l.testBroker, o, "#")
		for i := range 3 {
			put(t, l.testBroker, "a", fmt.Sprint(i), func(m *Message) { m.QoS = 2 })
		}
		next(t, s, "a", "0")
		second := next(t, s, "a", "1")
		for range 2 { // the second time it is known
			if err := s.Release(t.Context(), second); err != nil {
				t.Fatal(err)
			}
		}
		check := func() {
			t.Helper()
			next(t, s, "a", "0")
			d, err := s.Next(t.Context())
			if err != nil || !d.Released || !d.Again || d.Message == nil || d.Topic != "" || d.PacketID() != second.PacketID() {
				t.Fatalf("%+v, %v", d, err)
			}
		}
		s.Rewind()
		for i := range 20 { // no bound takes those away
			put(t, l.testBroker, "a", fmt.Sprint("more", i))
		}
		check()
		time.Sleep(6 * time.Second)
		again()
		s = subscribe(t, l.testBroker, o, "#")
		check()
		s.Ack(second)
		time.Sleep(6 * time.Second)
		again()
		s = subscribe(t, l.testBroker, o, "#")
		next(t, s, "a", "0")
		if d, err := s.Next(t.Context()); err != nil || d.Released {
			t.Errorf("what was acknowledged comes again: %+v, %v", d, err)
		}
	})
}

// TestReleasesWaitTogether has many deliveries released before any of it is
// stable: one write is for all of them.
func TestReleasesWaitTogether(t *testing.T) {
	inSlowBubble(t, Config{}, func(t *testing.T, b *testBroker, slow *slowStore) {
		s := subscribe(t, b, bridged(), "#")
		var all sync.WaitGroup
		var released atomic.Int64
		for i := range 100 {
			put(t, b, "a", fmt.Sprint(i))
			d := next(t, s, "a", fmt.Sprint(i))
			all.Go(func() {
				if err := s.Release(t.Context(), d); err != nil {
					t.Error(err)
				}
				released.Add(1)
			})
		}
		time.Sleep(time.Second)
		if n := released.Load(); n > 0 {
			t.Errorf("%d were released before that was stable", n)
		}
		slow.settle()
		all.Wait()
	})
}

// receive has s take a message with an identifier, and waits until it may be
// acknowledged.
func receive(t *testing.T, s *Subscription, payload string, id uint16) (again bool) {
	t.Helper()
	again, stable, err := s.Receive(&Message{Topic: "in", Payload: []byte(payload), QoS: 2, Origin: "bridge/cloud"}, id)
	if err == nil {
		err = stable(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestReceiveOnce(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s := subscribe(t, l.testBroker, bridged(), "out")
		in := SubscribeOptions{Name: "collector"}
		subscribe(t, l.testBroker, in, "in")
		if receive(t, s, "1", 7) || !receive(t, s, "1", 7) || receive(t, s, "2", 8) {
			t.Error("a message was taken for another")
		}
		again() // with no time to write anything that was not waited for
		s = subscribe(t, l.testBroker, bridged(), "out")
		subscribe(t, l.testBroker, in, "in")
		if !receive(t, s, "1", 7) || !receive(t, s, "2", 8) {
			t.Error("taken twice after a restart")
		}
		if err := s.Forget(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		if receive(t, s, "3", 7) {
			t.Error("an identifier that was forgotten is known")
		}
		if err := s.ForgetAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		again()
		s = subscribe(t, l.testBroker, bridged(), "out")
		got := subscribe(t, l.testBroker, in, "in")
		if receive(t, s, "4", 7) || receive(t, s, "5", 8) {
			t.Error("identifiers that were forgotten are known after a restart")
		}
		if receive(t, s, "6", 0) || receive(t, s, "7", 0) {
			t.Error("again without an identifier")
		}
		drain(t, got, "1", "2", "3", "4", "5", "6", "7")
	})
}

// TestReceiveAndPublicationAreOne takes a message that nobody waits to be stable,
// and kills the process at every moment.
func TestReceiveAndPublicationAreOne(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		in := SubscribeOptions{Name: "collector"}
		s := subscribe(t, l.testBroker, bridged(), "out")
		subscribe(t, l.testBroker, in, "in")
		time.Sleep(6 * time.Second)
		for i := range 20 {
			if _, _, err := s.Receive(&Message{Topic: "in", Payload: fmt.Append(nil, i), QoS: 2}, uint16(i+1)); err != nil {
				t.Fatal(err)
			}
			if i == 10 {
				time.Sleep(time.Second)
			}
		}
		l.crash()
		s = subscribe(t, l.testBroker, bridged(), "out")
		got := subscribe(t, l.testBroker, in, "in")
		var want []string
		for i := range 20 { // all of them are sent again
			receive(t, s, fmt.Sprint(i), uint16(i+1))
			want = append(want, fmt.Sprint(i))
		}
		drain(t, got, want...)
	})
}

// TestReceiveRefused does not take what a subscriber has no room for.
func TestReceiveRefused(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		s := subscribe(t, l.testBroker, bridged(), "out")
		full := subscribe(t, l.testBroker, SubscribeOptions{Name: "full", MaxMessages: 1, Full: refuseNew}, "in")
		receive(t, s, "1", 1)
		m := &Message{Topic: "in", Payload: []byte("2"), QoS: 2}
		if _, _, err := s.Receive(m, 2); !errors.Is(err, errNotTaken) {
			t.Errorf("Receive: %v", err)
		}
		s.Forget(t.Context(), 1)
		full.Ack(next(t, full, "in", "1"))
		if receive(t, s, "2", 2) {
			t.Error("a message that was refused is known")
		}
		if _, _, err := s.Receive(&Message{Topic: "#"}, 3); err == nil {
			t.Error("a topic with a wildcard was taken")
		}
		l.restart()
		s = subscribe(t, l.testBroker, bridged(), "out")
		if !receive(t, s, "2", 2) {
			t.Error("taken twice")
		}
	})
}

func TestLiveComesFirst(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		for i := range 4 {
			put(t, l.testBroker, "a", fmt.Sprint("old", i))
		}
		next(t, s, "a", "old0")
		s.Rewind()
		s.Live()
		if d := next(t, s, "a", "old0"); !d.Backlog || !d.Again {
			t.Errorf("%+v", d)
		}
		put(t, l.testBroker, "a", "new0")
		put(t, l.testBroker, "a", "new1")
		if d := next(t, s, "a", "new0"); d.Backlog || d.Again {
			t.Errorf("%+v", d)
		}
		done := next(t, s, "a", "new1")
		if d := next(t, s, "a", "old1"); !d.Backlog || d.Again {
			t.Errorf("%+v", d)
		}
		s.Ack(done)
		if st := s.Stats(); st.Waiting != 2 || st.Unacked != 3 {
			t.Errorf("%+v", st)
		}
		time.Sleep(6 * time.Second)
		check := func() {
			t.Helper()
			for _, want := range []string{"old0", "old1", "old2", "old3", "new0", "new2"} {
				d := next(t, s, "a", want)
				if d.Backlog || d.Again && want == "new2" {
					t.Errorf("%s: %+v", want, d)
				}
				if !d.Again && (want == "old0" || want == "old1" || want == "new0") {
					t.Errorf("%s may have been delivered", want)
				}
			}
			put(t, l.testBroker, "a", "last")
			next(t, s, "a", "last")
		}
		s.Rewind()
		put(t, l.testBroker, "a", "new2")
		check()
		again()
		s = subscribe(t, l.testBroker, bridged(), "#")
		// Everything up to here may have been sent.
		for _, want := range []string{"old0", "old1", "old2", "old3", "new0"} {
			s.Ack(next(t, s, "a", want))
		}
	})
}

func TestMark(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(), "#")
		put(t, b, "a", "old")
		s.Mark()
		put(t, b, "a", "new")
		if d := next(t, s, "a", "old"); !d.Backlog {
			t.Errorf("%+v", d)
		}
		if d := next(t, s, "a", "new"); d.Backlog {
			t.Errorf("%+v", d)
		}
	})
}

func TestIsRetainedOutlives(t *testing.T) {
	again(t, Config{}, func(t *testing.T, l *life, again func()) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		retained := func(want ...bool) {
			t.Helper()
			s.Rewind()
			var got []bool
			for range want {
				d, err := s.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, l.IsRetained(d.Message))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		put(t, l.testBroker, "a", "1", keep)
		time.Sleep(time.Second)
		put(t, l.testBroker, "a", "1", keep) // the same, but later
		put(t, l.testBroker, "b", "1")
		put(t, l.testBroker, "c", "", keep)
		retained(false, true, false, true)
		put(t, l.testBroker, "c", "again", keep)
		retained(false, true, false, false, true)
		time.Sleep(6 * time.Second)
		again()
		s = subscribe(t, l.testBroker, bridged(), "#")
		retained(false, true, false, false, true)
	})
}

// TestOldestIsRead reads the oldest message once, however often one asks.
func TestOldestIsRead(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		put(t, l.testBroker, "a", "1")
		want := s.Stats().Oldest
		for range ahead {
			put(t, l.testBroker, "a", "2")
		}
		l.restart()
		counted := &countingStore{Store: l.store}
		l.store = counted
		s = subscribe(t, l.testBroker, bridged(), "#")
		for range 10 {
			if got := s.Stats().Oldest; !got.Equal(want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		if counted.reads != 1 {
			t.Errorf("%d reads", counted.reads)
		}
	})
}

// countingStore counts what is read.
type countingStore struct {
	store.Store
	reads int
}

func (c *countingStore) Read(id store.SessionID, seq uint64) (*store.Message, []byte, error) {
	c.reads++
	return c.Store.Read(id, seq)
}

// TestNextWakesForAnIdentifier has Next wait for an identifier, not for a
// message.
func TestNextWakesForAnIdentifier(t *testing.T) {
	inBubble(t, Default(), func(t *testing.T, b *testBroker) {
		s := subscribe(t, b, bridged(), "#")
		put(t, b, "a", "1")
		first := next(t, s, "a", "1")
		s.mu.Lock()
		s.seq = first.Seq() + maxSpan - 1
		s.mu.Unlock()
		put(t, b, "a", "2")
		got := make(chan string)
		go func() {
			d, _ := s.Next(t.Context())
			got <- string(d.Payload)
		}()
		synctest.Wait()
		select {
		case p := <-got:
			t.Fatalf("%s has the identifier of what is under way", p)
		default:
		}
		s.Ack(first)
		if p := <-got; p != "2" {
			t.Errorf("got %s", p)
		}
	})
}

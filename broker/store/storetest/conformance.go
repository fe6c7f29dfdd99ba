package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/broker/store"
)

// Kind is a kind of store that is to be tested.
type Kind struct {
	// Open opens an empty store, in which what is not urgent waits for longer
	// than a test takes. It is closed, if it can be, when the test ends.
	Open func(t *testing.T) store.Store
	// Reopen closes a store that Open or Reopen has made, and opens it again. It
	// is nil if a store lasts as long as the process.
	Reopen func(t *testing.T, s store.Store) store.Store
}

// Run tests that a kind of store does what [store.Store] promises.
func Run(t *testing.T, k Kind) {
	t.Helper()
	t.Run("Changes", k.changes)
	t.Run("Order", k.order)
	t.Run("Read", k.read)
	t.Run("NoMessage", k.noMessage)
	t.Run("Owner", k.owner)
	t.Run("Queue", k.queue)
	t.Run("NewSession", k.newSession)
	t.Run("Stable", k.stable)
	t.Run("Watch", k.watch)
	t.Run("Wait", k.wait)
	t.Run("Closed", k.closed)
	t.Run("Concurrent", k.concurrent)
}

// both has check look at a store, and again at what it has when it is reopened.
func (k Kind) both(t *testing.T, s store.Store, check func(t *testing.T, s store.Store)) {
	t.Helper()
	check(t, s)
	if k.Reopen != nil && !t.Failed() {
		t.Run("reopened", func(t *testing.T) { check(t, k.Reopen(t, s)) })
	}
}

func appended(t *testing.T, s store.Store, u store.Urgency, changes ...store.Change) store.Mark {
	t.Helper()
	mark, err := s.Append(u, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// session returns a new session that was put.
func session(t *testing.T, s store.Store, name string) store.SessionID {
	t.Helper()
	id := s.NewSession()
	appended(t, s, store.Later, store.Change{Op: store.PutSession, Session: id, Name: name})
	return id
}

func publish(m *store.Message, to ...store.Delivery) store.Change {
	return store.Change{Op: store.Publish, Message: m, To: to}
}

// changes makes every change by itself and with others, and says what there has
// to be then.
func (k Kind) changes(t *testing.T) {
	hello := &store.Message{Topic: "t/hello", Payload: []byte("hello"), QoS: 2, Came: 1}
	whole := &store.Message{
		Topic: "t/whole", Publisher: "publisher", Properties: []byte{0, 1}, Payload: []byte{0xff, 0}, QoS: 1, Retain: true,
		Came: 1_795_000_000_000, Expires: 1_795_000_000_001,
	}
	large := &store.Message{Topic: strings.Repeat("t", 65535), Payload: bytes.Repeat([]byte("large "), 60_000), Publisher: "p"}
	const a, b, none = 0, 1, 2 // sessions: two that were put, and one that was not
	for _, x := range []struct {
		name    string
		changes []store.Change
		want    []string // %a and %b are the sessions
	}{
		{"nothing", nil, []string{`session %a "a" "A" received [] next 1, 0 wait`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"put again", []store.Change{
			{Op: store.Subscribe, Session: a, Name: "f"},
			{Op: store.PutSession, Session: a, Name: "other", Data: []byte("D")},
		}, []string{`session %a "other" "D" received [] next 1, 0 wait`, `session %a subscription "f" ""`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"end", []store.Change{
			{Op: store.Subscribe, Session: a, Name: "f"},
			{Op: store.Publish, Message: hello, Session: a, PacketID: 1, Retain: true, To: []store.Delivery{{Session: a, Seq: 1}, {Session: b, Seq: 1}}},
			{Op: store.EndSession, Session: a},
		}, []string{`delivery %b/1 flags 0 extra "" ` + describe(hello), `retained ` + describe(hello), `session %b "b" "" received [] next 2, 1 wait`}},
		{"subscribe", []store.Change{
			{Op: store.Subscribe, Session: a, Name: "f", Data: []byte("1")},
			{Op: store.Subscribe, Session: a, Name: "g", Data: []byte("2")},
			{Op: store.Subscribe, Session: b, Name: "f", Data: []byte("3")},
			{Op: store.Subscribe, Session: a, Name: "f", Data: []byte("4")},
			{Op: store.Subscribe, Session: none, Name: "f"},
		}, []string{`session %a "a" "A" received [] next 1, 0 wait`, `session %a subscription "f" "4"`, `session %a subscription "g" "2"`,
			`session %b "b" "" received [] next 1, 0 wait`, `session %b subscription "f" "3"`}},
		{"unsubscribe", []store.Change{
			{Op: store.Subscribe, Session: a, Name: "f"},
			{Op: store.Subscribe, Session: b, Name: "f"},
			{Op: store.Unsubscribe, Session: a, Name: "f"},
			{Op: store.Unsubscribe, Session: a, Name: "never"},
			{Op: store.Unsubscribe, Session: none, Name: "f"},
		}, []string{`session %a "a" "A" received [] next 1, 0 wait`, `session %b "b" "" received [] next 1, 0 wait`, `session %b subscription "f" ""`}},
		{"publish", []store.Change{
			publish(whole, store.Delivery{Session: a, Seq: 7, Flags: 255, Extra: []byte("x")}, store.Delivery{Session: b, Seq: 1 << 40}, store.Delivery{Session: none, Seq: 1}, store.Delivery{Session: a, Seq: 9}),
		}, []string{`delivery %a/7 flags 255 extra "x" ` + describe(whole), `delivery %a/9 flags 0 extra "" ` + describe(whole), `delivery %b/1099511627776 flags 0 extra "" ` + describe(whole),
			`session %a "a" "A" received [] next 10, 2 wait`, `session %b "b" "" received [] next 1099511627777, 1 wait`}},
		{"a large message", []store.Change{publish(large, store.Delivery{Session: a, Seq: 1})}, []string{`delivery %a/1 flags 0 extra "" ` + describe(large),
			`session %a "a" "A" received [] next 2, 1 wait`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"for nobody", []store.Change{publish(hello), publish(hello, store.Delivery{Session: none, Seq: 1})}, []string{
			`session %a "a" "A" received [] next 1, 0 wait`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"retain", []store.Change{
			{Op: store.Publish, Message: hello, Retain: true},
			{Op: store.Publish, Message: whole, Retain: true},
			{Op: store.Publish, Message: &store.Message{Topic: hello.Topic}, Retain: true},
		}, []string{`retained ` + describe(&store.Message{Topic: hello.Topic}), `retained ` + describe(whole),
			`session %a "a" "A" received [] next 1, 0 wait`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"clear retained", []store.Change{
			{Op: store.Publish, Message: hello, Retain: true, To: []store.Delivery{{Session: a, Seq: 1}}},
			{Op: store.Publish, Message: whole, Retain: true},
			{Op: store.ClearRetained, Name: hello.Topic},
			{Op: store.ClearRetained, Name: "never"},
		}, []string{`delivery %a/1 flags 0 extra "" ` + describe(hello), `retained ` + describe(whole),
			`session %a "a" "A" received [] next 2, 1 wait`, `session %b "b" "" received [] next 1, 0 wait`}},
		{"receive", []store.Change{
			{Op: store.Publish, Message: hello, Session: a, PacketID: 65535},
			{Op: store.Publish, Message: hello, Session: a, PacketID: 1},
			{Op: store.Publish, Message: hello, Session: a, PacketID: 1},
			{Op: store.Publish, Message: hello, Session: b, PacketID: 2},
			{Op: store.Publish, Message: hello, Session: none, PacketID: 3},
		}, []string{`session %a "a" "A" received [1 65535] next 1, 0 wait`, `session %b "b" "" received [2] next 1, 0 wait`}},
		{"forget", []store.Change{
			{Op: store.Publish, Message: hello, Session: a, PacketID: 1},
			{Op: store.Publish, Message: hello, Session: a, PacketID: 2},
			{Op: store.Publish, Message: hello, Session: b, PacketID: 1},
			{Op: store.Forget, Session: a, PacketID: 1},
			{Op: store.Forget, Session: a, PacketID: 3},
			{Op: store.Forget, Session: none, PacketID: 2},
		}, []string{`session %a "a" "A" received [2] next 1, 0 wait`, `session %b "b" "" received [1] next 1, 0 wait`}},
		{"done", []store.Change{
			publish(hello, store.Delivery{Session: a, Seq: 1}, store.Delivery{Session: a, Seq: 2}, store.Delivery{Session: b, Seq: 1}),
			{Op: store.Done, Session: a, Seq: 2},
			{Op: store.Done, Session: a, Seq: 2},
			{Op: store.Done, Session: a, Seq: 3},
			{Op: store.Done, Session: none, Seq: 1},
		}, []string{`delivery %a/1 flags 0 extra "" ` + describe(hello), `delivery %b/1 flags 0 extra "" ` + describe(hello),
			`session %a "a" "A" received [] next 3, 1 wait`, `session %b "b" "" received [] next 2, 1 wait`}},
		{"release", []store.Change{
			publish(hello, store.Delivery{Session: a, Seq: 1, Flags: 5, Extra: []byte("x")}, store.Delivery{Session: b, Seq: 1}, store.Delivery{Session: a, Seq: 2}),
			{Op: store.Release, Session: a, Seq: 1},
			{Op: store.Release, Session: a, Seq: 1},
			{Op: store.Release, Session: a, Seq: 2},
			{Op: store.Release, Session: a, Seq: 9},
			{Op: store.Release, Session: none, Seq: 1},
			{Op: store.Done, Session: a, Seq: 2},
		}, []string{`delivery %a/1 flags 5 released`, `delivery %b/1 flags 0 extra "" ` + describe(hello),
			`session %a "a" "A" received [] next 3, 1 wait`, `session %b "b" "" received [] next 2, 1 wait`}},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, together := range []bool{false, true} {
				s := k.Open(t)
				ids := []store.SessionID{s.NewSession(), s.NewSession(), s.NewSession()}
				changes := []store.Change{
					{Op: store.PutSession, Session: a, Name: "a", Data: []byte("A")},
					{Op: store.PutSession, Session: b, Name: "b"},
				}
				changes = append(changes, x.changes...)
				for i := range changes {
					changes[i].Session = ids[changes[i].Session]
					changes[i].To = slices.Clone(changes[i].To)
					for j := range changes[i].To {
						changes[i].To[j].Session = ids[changes[i].To[j].Session]
					}
				}
				if together {
					appended(t, s, store.Later, changes...)
				} else {
					for i := range changes {
						appended(t, s, store.Urgency(i%2), changes[i])
					}
				}
				want := strings.Join(slices.Sorted(slices.Values(x.want)), "\n")
				want = strings.NewReplacer("%a", fmt.Sprint(ids[a]), "%b", fmt.Sprint(ids[b])).Replace(want)
				k.both(t, s, func(t *testing.T, s store.Store) {
					got, err := State(s)
					if err != nil || got != want {
						t.Errorf("all in one: %v; %v; + is too much, - is missing:\n%s", together, err, Diff(got, want))
					}
				})
			}
		})
	}
}

// order has what is appended later win, in one Append as in several.
func (k Kind) order(t *testing.T) {
	s := k.Open(t)
	id := session(t, s, "a")
	last := store.Mark(0)
	for i := range byte(20) {
		m := &store.Message{Topic: "t", Payload: []byte{i}}
		mark := appended(t, s, store.Urgency(i%2),
			store.Change{Op: store.Subscribe, Session: id, Name: "f", Data: []byte{i}},
			store.Change{Op: store.ClearRetained, Name: "t"},
			store.Change{Op: store.Publish, Message: m, Retain: true},
			store.Change{Op: store.Unsubscribe, Session: id, Name: "f"},
			store.Change{Op: store.Subscribe, Session: id, Name: "f", Data: []byte{i, i}},
		)
		if mark < last {
			t.Errorf("mark %d after %d", mark, last)
		}
		last = mark
	}
	k.both(t, s, func(t *testing.T, s store.Store) {
		retained := 0
		err := s.Load(func(x *store.Session) {
			if got := x.Subscriptions["f"]; len(x.Subscriptions) != 1 || !bytes.Equal(got, []byte{19, 19}) {
				t.Errorf("subscriptions %v", x.Subscriptions)
			}
		}, func(m *store.Message) {
			if retained++; !bytes.Equal(m.Payload, []byte{19}) {
				t.Errorf("retained %v", m.Payload)
			}
		})
		if err != nil || retained != 1 {
			t.Errorf("%d are retained; %v", retained, err)
		}
	})
}

// read has several sessions read what they share and what they do not.
func (k Kind) read(t *testing.T) {
	s := k.Open(t)
	const sessions, messages = 5, 40
	var ids []store.SessionID
	for i := range sessions {
		ids = append(ids, session(t, s, fmt.Sprint(i)))
	}
	for n := range messages {
		var to []store.Delivery
		for i, id := range ids {
			if n%(i+1) == 0 {
				to = append(to, store.Delivery{Session: id, Seq: uint64(n + 1), Extra: fmt.Appendf(nil, "%d for %d", n, i)})
			}
		}
		appended(t, s, store.Urgency(n%2), publish(&store.Message{Topic: fmt.Sprint("t/", n), Payload: fmt.Appendf(nil, "payload %d", n)}, to...))
	}
	k.both(t, s, func(t *testing.T, s store.Store) {
		for n := range messages {
			for i, id := range ids {
				m, extra, err := s.Read(id, uint64(n+1))
				switch {
				case n%(i+1) != 0:
					if !errors.Is(err, store.ErrNoMessage) {
						t.Errorf("session %d message %d: %v, and it is not for it", i, n, err)
					}
				case err != nil:
					t.Errorf("session %d message %d: %v", i, n, err)
				case m.Topic != fmt.Sprint("t/", n) || string(m.Payload) != fmt.Sprint("payload ", n) || string(extra) != fmt.Sprintf("%d for %d", n, i):
					t.Errorf("session %d message %d: %+v, %q", i, n, m, extra)
				}
			}
		}
	})
}

// noMessage reads what is not there.
func (k Kind) noMessage(t *testing.T) {
	s := k.Open(t)
	a, ended, never := session(t, s, "a"), session(t, s, "ended"), s.NewSession()
	appended(t, s, store.Now,
		publish(&store.Message{Topic: "t"}, store.Delivery{Session: a, Seq: 1}, store.Delivery{Session: a, Seq: 2}, store.Delivery{Session: ended, Seq: 1}, store.Delivery{Session: never, Seq: 1}),
		store.Change{Op: store.Done, Session: a, Seq: 1},
		store.Change{Op: store.Release, Session: a, Seq: 2},
		store.Change{Op: store.EndSession, Session: ended},
	)
	k.both(t, s, func(t *testing.T, s store.Store) {
		for _, x := range []struct {
			what string
			id   store.SessionID
			seq  uint64
		}{
			{"that is done", a, 1}, {"that is released", a, 2}, {"that never was", a, 3}, {"0", a, 0}, {"of a chunk that never was", a, 1 << 50},
			{"of a session that has ended", ended, 1}, {"of one that was not put", never, 1}, {"of no session", 0, 1}, {"of a far one", 1 << 60, 1},
		} {
			if m, extra, err := s.Read(x.id, x.seq); !errors.Is(err, store.ErrNoMessage) || m != nil || extra != nil {
				t.Errorf("a delivery %s: %v, %q, %v", x.what, m, extra, err)
			}
		}
	})
}

// owner writes to what a store was given, and to what it gave.
func (k Kind) owner(t *testing.T) {
	s := k.Open(t)
	id := s.NewSession()
	data, filter, extra := []byte("data"), []byte("options"), []byte("extra")
	m := &store.Message{Topic: "t", Payload: []byte("payload"), Properties: []byte("properties")}
	to := []store.Delivery{{Session: id, Seq: 1, Extra: extra}}
	changes := []store.Change{
		{Op: store.PutSession, Session: id, Name: "a", Data: data},
		{Op: store.Subscribe, Session: id, Name: "f", Data: filter},
		{Op: store.Publish, Message: m, Retain: true, To: to},
	}
	appended(t, s, store.Later, changes...)
	want, err := State(s)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(all ...[]byte) {
		for _, b := range all {
			for i := range b {
				b[i] = '!'
			}
		}
	}
	spoil(data, filter, extra, m.Payload, m.Properties)
	m.Topic, to[0].Seq = "!", 99
	clear(changes)
	look := func(t *testing.T, s store.Store, what string) {
		t.Helper()
		if got, err := State(s); err != nil || got != want {
			t.Errorf("%s: %v\n%s", what, err, Diff(got, want))
		}
	}
	look(t, s, "what it was given was written to")
	k.both(t, s, func(t *testing.T, s store.Store) {
		got, gotExtra, err := s.Read(id, 1)
		if err != nil {
			t.Fatal(err)
		}
		spoil(got.Payload, got.Properties, gotExtra)
		err = s.Load(func(x *store.Session) {
			spoil(x.Data, x.Subscriptions["f"])
			x.Subscriptions["g"] = nil
		}, func(m *store.Message) { spoil(m.Payload, m.Properties) })
		if err != nil {
			t.Error(err)
		}
		look(t, s, "what it gave was written to")
	})
}

// queue has Queue give deliveries by rising Seq, however they came.
func (k Kind) queue(t *testing.T) {
	s := k.Open(t)
	id := session(t, s, "a")
	const n = 1000
	for i := range uint64(n) {
		seq := (i*619)%n + 1 // every one, in another order
		var extra []byte
		if seq%2 == 0 {
			extra = []byte("x")
		}
		appended(t, s, store.Later, publish(&store.Message{Topic: "t"}, store.Delivery{Session: id, Seq: seq, Flags: byte(seq), Extra: extra}))
		if seq%3 == 0 {
			appended(t, s, store.Later, store.Change{Op: store.Done, Session: id, Seq: seq})
		}
		if seq%5 == 0 {
			appended(t, s, store.Later, store.Change{Op: store.Release, Session: id, Seq: seq})
		}
	}
	k.both(t, s, func(t *testing.T, s store.Store) {
		err := s.Load(func(x *store.Session) {
			seq, got := uint64(0), 0
			x.Queue(func(q store.Queued) bool {
				if seq++; seq%3 == 0 {
					seq++
				}
				released := seq%5 == 0
				if q.Seq != seq || q.Flags != byte(seq) || q.Released != released || q.Extra != (seq%2 == 0 && !released) {
					t.Errorf("%+v, want %d", q, seq)
				}
				got++
				return !t.Failed()
			})
			if x.Next != n+1 || x.Waiting != got || got != n-n/3 {
				t.Errorf("next %d, %d wait, and there are %d", x.Next, x.Waiting, got)
			}
			got = 0
			x.Queue(func(store.Queued) bool { got++; return got < 300 })
			if got != 300 {
				t.Errorf("%d calls, though the 300th returned false", got)
			}
		}, func(*store.Message) { t.Error("something is retained") })
		if err != nil {
			t.Error(err)
		}
	})
}

// newSession wants no id twice.
func (k Kind) newSession(t *testing.T) {
	s := k.Open(t)
	seen := map[store.SessionID]bool{0: true}
	for range 3 {
		for range 10 {
			id := s.NewSession()
			if seen[id] {
				t.Errorf("session %d again", id)
			}
			seen[id] = true
			appended(t, s, store.Now,
				store.Change{Op: store.PutSession, Session: id, Name: fmt.Sprint(id)},
				store.Change{Op: store.EndSession, Session: id})
		}
		if k.Reopen == nil {
			return
		}
		s = k.Reopen(t, s)
	}
}

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// eventually waits until everything up to m is stable, without asking for it.
func eventually(t *testing.T, s store.Store, m store.Mark) {
	t.Helper()
	for began := time.Now(); s.Stable() < m; time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("mark %d is not stable, %d is", m, s.Stable())
		}
	}
}

// stable has what is urgent become stable by itself, and all that was before.
func (k Kind) stable(t *testing.T) {
	s := k.Open(t)
	id := s.NewSession()
	put := appended(t, s, store.Now, store.Change{Op: store.PutSession, Session: id, Name: "a"})
	eventually(t, s, put)
	later := appended(t, s, store.Later, store.Change{Op: store.Subscribe, Session: id, Name: "f"})
	if later != 0 && s.Stable() >= later {
		t.Errorf("mark %d is stable already", later)
	}
	everything := appended(t, s, store.Now)
	if everything < later {
		t.Errorf("the mark of everything is %d, and one before is %d", everything, later)
	}
	eventually(t, s, later)
	eventually(t, s, everything)
	// What makes a change do nothing may not be stable itself.
	later = appended(t, s, store.Later, store.Change{Op: store.Unsubscribe, Session: id, Name: "f"}, store.Change{Op: store.EndSession, Session: id})
	nothing := appended(t, s, store.Now, store.Change{Op: store.Unsubscribe, Session: id, Name: "f"})
	if nothing < later {
		t.Errorf("the mark of a change that does nothing is %d, and that of its cause is %d", nothing, later)
	}
	eventually(t, s, nothing)
}

// watch wants to be told of every rise.
func (k Kind) watch(t *testing.T) {
	s := k.Open(t)
	told := make(chan store.Mark, 1000)
	s.Watch(func(m store.Mark) { told <- m })
	last := store.Mark(0)
	for i := range 20 {
		mark := appended(t, s, store.Now, store.Change{Op: store.PutSession, Session: s.NewSession(), Name: fmt.Sprint(i)})
		deadline := time.After(patience)
		for last < mark {
			select {
			case m := <-told:
				if m < last {
					t.Errorf("told of %d after %d", m, last)
				}
				last = m
			case <-deadline:
				t.Fatalf("not told of %d", mark)
			}
		}
		if s.Stable() < mark {
			t.Errorf("told of %d, and %d is stable", mark, s.Stable())
		}
	}
}

// wait has Wait make stable what nobody was in a hurry with.
func (k Kind) wait(t *testing.T) {
	s := k.Open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Error(err)
	}
	later := appended(t, s, store.Later, store.Change{Op: store.PutSession, Session: s.NewSession(), Name: "a"})
	if err := s.Wait(t.Context(), later); err != nil || s.Stable() < later {
		t.Errorf("%v, and %d of %d are stable", err, s.Stable(), later)
	}
	if err := s.Wait(cancelled, later); err != nil {
		t.Errorf("for what is stable: %v", err)
	}
	if later == 0 {
		return // there is nothing to wait for
	}
	if err := s.Wait(cancelled, later+1000); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Wait(ctx, later+1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too late: %v", err)
	}
}

// closed has a store that can be closed do nothing then.
func (k Kind) closed(t *testing.T) {
	s := k.Open(t)
	c, ok := s.(io.Closer)
	if !ok {
		t.Skip("it cannot be closed")
	}
	id := s.NewSession()
	mark := appended(t, s, store.Later, store.Change{Op: store.PutSession, Session: id, Name: "a"})
	waits := make(chan error)
	go func() { waits <- s.Wait(context.Background(), mark+1000) }()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Wait, when it was closed: %v", err)
	}
	if s.Stable() < mark {
		t.Errorf("mark %d is not stable, %d is", mark, s.Stable())
	}
	if err := s.Wait(t.Context(), mark); err != nil {
		t.Errorf("Wait for what is stable: %v", err)
	}
	if err := s.Wait(t.Context(), mark+1000); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
	for _, changes := range [][]store.Change{nil, {{Op: store.EndSession, Session: id}}, {publish(&store.Message{}, store.Delivery{Session: id, Seq: 1})}} {
		for _, u := range []store.Urgency{store.Later, store.Now} {
			if _, err := s.Append(u, changes...); !errors.Is(err, store.ErrClosed) {
				t.Errorf("Append of %d: %v", len(changes), err)
			}
		}
	}
	if err := c.Close(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Close again: %v", err)
	}
}

// concurrent has several append, read, wait and load at once.
func (k Kind) concurrent(t *testing.T) {
	s := k.Open(t)
	const appenders, messages = 8, 100
	s.Watch(func(store.Mark) {})
	var all sync.WaitGroup
	ids := make([]store.SessionID, appenders)
	for i := range ids {
		all.Go(func() {
			id := s.NewSession()
			ids[i] = id
			if _, err := s.Append(store.Now, store.Change{Op: store.PutSession, Session: id, Name: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
			last := store.Mark(0)
			for n := range uint64(messages) {
				m := &store.Message{Topic: fmt.Sprint("t/", n%7), Payload: fmt.Appendf(nil, "%d of %d", n, i)}
				mark, err := s.Append(store.Urgency(n%2), store.Change{Op: store.Publish, Message: m, Retain: true, To: []store.Delivery{{Session: id, Seq: n + 1}}})
				if err != nil || mark < last {
					t.Errorf("mark %d after %d: %v", mark, last, err)
				}
				last = mark
				if got, _, err := s.Read(id, n+1); err != nil || !bytes.Equal(got.Payload, m.Payload) {
					t.Errorf("message %d of %d: %v", n, i, err)
				}
				switch {
				case n%10 == 0:
					if err := s.Wait(t.Context(), mark); err != nil || s.Stable() < mark {
						t.Errorf("mark %d, %d is stable: %v", mark, s.Stable(), err)
					}
				case n%10 == 5:
					_ = s.Load(func(x *store.Session) { x.Queue(func(store.Queued) bool { return true }) }, func(*store.Message) {})
				case n%2 == 0:
					_, _ = s.Append(store.Later, store.Change{Op: store.Done, Session: id, Seq: n + 1})
				}
			}
		})
	}
	all.Wait()
	k.both(t, s, func(t *testing.T, s store.Store) {
		if _, err := State(s); err != nil {
			t.Error(err)
		}
		for i, id := range ids {
			for n := range uint64(messages) {
				m, _, err := s.Read(id, n+1)
				switch gone := n%2 == 0 && n%10 != 0; {
				case gone && !errors.Is(err, store.ErrNoMessage), !gone && err != nil:
					t.Errorf("message %d of %d: %v", n, i, err)
				case !gone && string(m.Payload) != fmt.Sprintf("%d of %d", n, i):
					t.Errorf("message %d of %d: %q", n, i, m.Payload)
				}
			}
		}
	})
}

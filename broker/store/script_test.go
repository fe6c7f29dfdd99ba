package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/store"
	"gateway/broker/store/storetest"
)

// history is what was appended, with the marks that it got.
type history struct{ entries []entry }

type entry struct {
	mark    store.Mark
	changes []store.Change
}

// at returns what a store has to keep of which everything up to mark is stable.
func (h *history) at(mark store.Mark) *store.Memory {
	m := store.NewMemory()
	for _, e := range h.entries {
		if e.mark > mark {
			break
		}
		_, _ = m.Append(store.Now, e.changes...)
	}
	return m
}

// cut forgets what a crash has taken.
func (h *history) cut(mark store.Mark) {
	if i := slices.IndexFunc(h.entries, func(e entry) bool { return e.mark > mark }); i >= 0 {
		h.entries = h.entries[:i]
	}
}

// actor makes changes as a broker does, at random, to a store and to its
// history.
type actor struct {
	r        *rand.Rand
	d        *store.Disk
	h        *history
	sessions []*actorSession
	used     store.SessionID // no new session may have an id up to this one
	n        int
	payload  int // how large payloads are at most
}

type actorSession struct {
	id      store.SessionID
	next    uint64
	waiting []uint64
	recv    []uint16
}

// reset takes over a store as it was found, which has to have what m has.
func (a *actor) reset(d *store.Disk, m *store.Memory) {
	a.d, a.sessions, a.used = d, nil, 0
	for _, e := range a.h.entries {
		for _, c := range e.changes {
			if c.Op == store.PutSession {
				a.used = max(a.used, c.Session)
			}
		}
	}
	_ = m.Load(func(x *store.Session) {
		s := &actorSession{id: x.ID, next: x.Next, recv: slices.Sorted(slices.Values(x.Received))}
		x.Queue(func(q store.Queued) bool {
			s.waiting = append(s.waiting, q.Seq)
			return true
		})
		a.sessions = append(a.sessions, s)
	}, func(*store.Message) {})
	slices.SortFunc(a.sessions, func(a, b *actorSession) int { return int(a.id) - int(b.id) })
}

// step appends a few changes that belong together.
func (a *actor) step(t *testing.T, u store.Urgency) (store.Mark, error) {
	t.Helper()
	var changes []store.Change
	for range 1 + a.r.IntN(2) {
		changes = append(changes, a.change(t))
	}
	mark, err := a.d.Append(u, changes...)
	if err == nil {
		a.h.entries = append(a.h.entries, entry{mark, changes})
	}
	return mark, err
}

func (a *actor) change(t *testing.T) store.Change {
	a.n++
	r := a.r
	if len(a.sessions) == 0 || len(a.sessions) < 4 && r.IntN(20) == 0 {
		id := a.d.NewSession()
		if id <= a.used {
			t.Fatalf("session id %d again", id)
		}
		a.used = id
		a.sessions = append(a.sessions, &actorSession{id: id, next: 1})
		return store.Change{Op: store.PutSession, Session: id, Name: fmt.Sprint("client", id), Data: fmt.Append(nil, a.n)}
	}
	i := r.IntN(len(a.sessions))
	s := a.sessions[i]
	switch n := r.IntN(100); {
	case n < 2:
		a.sessions = slices.Delete(a.sessions, i, i+1)
		return store.Change{Op: store.EndSession, Session: s.id}
	case n < 5:
		return store.Change{Op: store.PutSession, Session: s.id, Name: fmt.Sprint("client", s.id), Data: fmt.Append(nil, a.n)}
	case n < 10:
		return store.Change{Op: store.Subscribe, Session: s.id, Name: fmt.Sprint("t/", r.IntN(5)), Data: []byte{byte(a.n)}}
	case n < 13:
		return store.Change{Op: store.Unsubscribe, Session: s.id, Name: fmt.Sprint("t/", r.IntN(5))}
	case n < 16:
		return store.Change{Op: store.ClearRetained, Name: fmt.Sprint("t/", r.IntN(8))}
	case n < 22 && len(s.recv) > 0:
		return store.Change{Op: store.Forget, Session: s.id, PacketID: s.recv[r.IntN(len(s.recv))]}
	case n < 30 && len(s.waiting) > 0:
		return store.Change{Op: store.Release, Session: s.id, Seq: s.waiting[r.IntN(len(s.waiting))]}
	case n < 62 && len(s.waiting) > 0:
		// Mostly the oldest; some stay long enough to be moved.
		i := 0
		if r.IntN(3) == 0 || len(s.waiting) > 3 {
			i = r.IntN(len(s.waiting))
		}
		seq := s.waiting[i]
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return store.Change{Op: store.Done, Session: s.id, Seq: seq}
	}
	m := &store.Message{
		Topic:   fmt.Sprint("t/", r.IntN(8)),
		Payload: fmt.Appendf(nil, "payload %d %*d", a.n, r.IntN(a.payload), a.n),
		QoS:     byte(r.IntN(3)), Retain: r.IntN(4) == 0, Came: int64(a.n),
	}
	if r.IntN(4) == 0 {
		m.Publisher, m.Properties, m.Expires = "p", []byte("properties"), int64(a.n)
	}
	c := store.Change{Op: store.Publish, Message: m, Retain: r.IntN(4) == 0}
	if r.IntN(4) == 0 {
		c.Session, c.PacketID = s.id, uint16(1+r.IntN(5))
		if !slices.Contains(s.recv, c.PacketID) {
			s.recv = append(s.recv, c.PacketID)
		}
	}
	for _, to := range a.sessions {
		if r.IntN(2) == 0 {
			d := store.Delivery{Session: to.id, Seq: to.next, Flags: byte(a.n)}
			if r.IntN(3) == 0 {
				d.Extra = fmt.Append(nil, "extra ", a.n)
			}
			to.waiting = append(to.waiting, to.next)
			to.next++
			c.To = append(c.To, d)
		}
	}
	return c
}

// script is a workload, the same every time: some changes are waited for, some
// are urgent, some are not, and time passes now and then.
type script struct {
	seed  uint64
	steps int
	o     store.Options
}

func newScript(seed uint64, steps int) script {
	return script{seed, steps, store.Options{Interval: 5 * time.Second, SegmentSize: 4 << 10}}
}

// run does the workload on disk until it is done or the power goes. It has to
// be called in a bubble of synctest.
func (sc script) run(t *testing.T, disk *storetest.Disk) (*store.Disk, *actor) {
	t.Helper()
	d, err := store.OpenFS(disk, sc.o)
	if err != nil {
		return nil, &actor{h: new(history)}
	}
	a := &actor{r: rand.New(rand.NewPCG(sc.seed, 1)), d: d, h: new(history), payload: 300}
	for i := 0; i < sc.steps && !disk.Off(); i++ {
		u := store.Urgency(a.r.IntN(2))
		mark, err := a.step(t, u)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		switch a.r.IntN(6) {
		case 0:
			time.Sleep(time.Second)
		case 1, 2:
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_ = d.Wait(ctx, mark)
			cancel()
		}
		synctest.Wait()
	}
	return d, a
}

// check opens a disk as a crash has left it, and compares what is there with
// what was appended. stable is the mark that was reported. It returns the store.
func check(t *testing.T, disk *storetest.Disk, o store.Options, h *history, stable store.Mark) *store.Disk {
	t.Helper()
	files := disk.List()
	d, err := store.OpenFS(disk, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if r := d.Recovered(); len(r.Damage) > 0 {
		t.Errorf("damage is reported: %+v of %q", r.Damage, files)
	}
	if d.Stable() < stable {
		t.Errorf("mark %d was stable, and there is %d", stable, d.Stable())
	}
	same(t, d, h.at(d.Stable()))
	if t.Failed() {
		d.Close()
		t.FailNow()
	}
	return d
}

// same compares what two stores keep.
func same(t *testing.T, got, want store.Store) {
	t.Helper()
	w, err := storetest.State(want)
	if err != nil {
		t.Error(err)
	}
	g, err := storetest.State(got)
	if err != nil {
		t.Error(err)
	}
	if g != w {
		t.Errorf("+ is too much, - is missing:\n%.3000s", storetest.Diff(g, w))
	}
}

// goOn appends a little to a store as it was found after a crash, and waits.
func goOn(t *testing.T, d *store.Disk, h *history, seed uint64) *history {
	t.Helper()
	after := &history{slices.Clone(h.entries)}
	after.cut(d.Stable())
	a := &actor{r: newRand(seed), h: after, payload: 300}
	a.reset(d, after.at(d.Stable()))
	for range 5 {
		mark, err := a.step(t, store.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Wait(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
	}
	return after
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

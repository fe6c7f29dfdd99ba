package broker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"gateway/broker/store"
)

// queueModel is what a durable subscription promises, without a thought of
// memory.
type queueModel struct {
	waiting []modelDelivery // by seq
	unacked []modelDelivery
	seq     uint64
	live    uint64 // what came after it is delivered first; none if it is 0
	bound   int
}

type modelDelivery struct {
	seq            uint64
	topic, payload string
	latest, again  bool
}

func (m *queueModel) publish(topic, payload string, latest bool) {
	m.seq++
	if latest {
		m.waiting = slices.DeleteFunc(m.waiting, func(d modelDelivery) bool { return d.latest && d.topic == topic && !d.again })
	}
	for m.bound > 0 && len(m.waiting)+len(m.unacked) >= m.bound {
		i := slices.IndexFunc(m.waiting, func(d modelDelivery) bool { return !d.again })
		if i < 0 {
			return
		}
		m.waiting = slices.Delete(m.waiting, i, i+1)
	}
	m.waiting = append(m.waiting, modelDelivery{m.seq, topic, payload, latest, false})
}

func (m *queueModel) next() modelDelivery {
	i := 0
	if m.live > 0 {
		i = max(0, slices.IndexFunc(m.waiting, func(d modelDelivery) bool { return d.seq > m.live }))
	}
	d := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	m.unacked = append(m.unacked, d)
	return d
}

func (m *queueModel) rewind() {
	for _, d := range m.unacked {
		d.again = true
		m.waiting = append(m.waiting, d)
	}
	slices.SortFunc(m.waiting, func(a, b modelDelivery) int { return int(a.seq) - int(b.seq) })
	m.unacked, m.live = nil, 0
}

// restarted takes from s what may have been delivered, which is at least what
// was.
func (m *queueModel) restarted(t *testing.T, s *Subscription) {
	t.Helper()
	m.rewind()
	for i := range m.waiting {
		d := &m.waiting[i]
		_, again := slices.BinarySearchFunc(s.again, d.seq, bySeq)
		if d.again && !again {
			t.Fatalf("%d may have been delivered before the restart", d.seq)
		}
		d.again = again
	}
}

// TestQueueAgainstModel does the same to a subscription, most of which is on disk,
// and to a model.
func TestQueueAgainstModel(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		lives(t, Config{}, func(t *testing.T, l *life) {
			r := rand.New(rand.NewPCG(seed, 3))
			m := &queueModel{}
			if seed%2 == 1 {
				m.bound = 6000
			}
			o := bridged(func(o *SubscribeOptions) { o.Latest, o.MaxMessages = []string{"latest/#"}, m.bound })
			s := subscribe(t, l.testBroker, o, "#")
			held := make(map[uint64]Delivery)
			publish := func(n int) {
				for range n {
					name, latest := fmt.Sprint("history/", r.IntN(5)), r.IntN(4) == 0
					if latest {
						name = fmt.Sprint("latest/", r.IntN(1000))
					}
					payload := fmt.Sprint(m.seq+1, " ", string(make([]byte, r.IntN(150))))
					put(t, l.testBroker, name, payload)
					m.publish(name, payload, latest)
				}
			}
			next := func(n int) {
				for range min(n, len(m.waiting)) {
					want := m.next()
					d, err := s.Next(t.Context())
					if err != nil || d.Topic != want.topic || string(d.Payload) != want.payload || d.Seq() != want.seq || d.Again != want.again {
						t.Fatalf("seed %d: %d %+v again %v, %v; want %+v", seed, d.Seq(), d.Message, d.Again, err, want)
					}
					held[d.Seq()] = d
				}
			}
			ack := func(n int) {
				for range min(n, len(m.unacked)) {
					i := r.IntN(min(len(m.unacked), 40))
					s.Ack(held[m.unacked[i].seq])
					delete(held, m.unacked[i].seq)
					m.unacked = slices.Delete(m.unacked, i, i+1)
				}
			}
			cold := 0
			for range 60 {
				switch r.IntN(9) {
				case 0, 1:
					publish(r.IntN(3000))
				case 2, 3:
					publish(r.IntN(100))
				case 4:
					next(r.IntN(300))
				case 5:
					ack(r.IntN(300))
				case 6:
					for range r.IntN(1500) {
						next(1)
						ack(1)
					}
				case 7:
					if s.Rewind(); r.IntN(2) == 0 {
						m.rewind()
						s.Live()
						m.live = m.seq
					} else {
						m.rewind()
					}
				case 8:
					if r.IntN(3) == 0 {
						l.restart()
						s = subscribe(t, l.testBroker, o, "#")
						m.restarted(t, s)
					}
				}
				if st := s.Stats(); st.Waiting != len(m.waiting) || st.Unacked != len(m.unacked) || st.Bytes < 0 {
					t.Fatalf("seed %d: %+v, want %d and %d", seed, st, len(m.waiting), len(m.unacked))
				}
				cold = max(cold, s.waiting.cold.len+s.fresh.cold.len)
				if n := s.waiting.front.len + s.waiting.rest.len + s.fresh.front.len + s.fresh.rest.len; n > 10*lineEnd {
					t.Fatalf("seed %d: %d deliveries in memory", seed, n)
				}
			}
			if cold < 1000 {
				t.Errorf("seed %d: no more than %d were on disk only", seed, cold)
			}
			for len(m.waiting)+len(m.unacked) > 0 {
				next(200)
				ack(200)
			}
			if st := s.Stats(); st.Waiting+st.Unacked != 0 || st.Bytes != 0 {
				t.Errorf("seed %d: %+v in the end", seed, st)
			}
		})
	}
}

// TestLineWithoutTheStore keeps in memory what cannot be stored, in its order among
// what was.
func TestLineWithoutTheStore(t *testing.T) {
	lives(t, Config{}, func(t *testing.T, l *life) {
		s := subscribe(t, l.testBroker, bridged(), "#")
		n := 0
		publish := func(k int) {
			for range k {
				put(t, l.testBroker, "a", fmt.Sprint(n))
				n++
			}
		}
		publish(5 * lineEnd)
		disk := l.store
		full := &fullStore{Store: disk}
		l.store = full
		for range 100 {
			if err := l.Publish(&Message{Topic: "a", Payload: fmt.Append(nil, n)}); err == nil {
				t.Fatal("it was stored")
			}
			n++
		}
		l.store = disk
		publish(5 * lineEnd)
		s.Live() // and also where two lines become one
		publish(5 * lineEnd)
		s.Rewind()
		if s.waiting.strays.len != 100 || s.waiting.cold.len < 10*lineEnd {
			t.Errorf("%d strays, %d cold", s.waiting.strays.len, s.waiting.cold.len)
		}
		for i := range n {
			s.Ack(next(t, s, "a", fmt.Sprint(i)))
		}
		none(t, s)
	})
}

// fullStore takes no messages.
type fullStore struct{ store.Store }

func (f *fullStore) Append(u store.Urgency, changes ...store.Change) (store.Mark, error) {
	for _, c := range changes {
		if c.Op == store.Publish {
			return 0, store.ErrFull
		}
	}
	return f.Store.Append(u, changes...)
}

// queueBench is a broker with a store on disk.
func queueBench(tb testing.TB, dir string) (*Broker, *store.Disk) {
	tb.Helper()
	disk, err := store.Open(dir, store.Options{Interval: 5 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	return Open(Default(), Persistence{Store: disk}, slog.New(slog.NewTextHandler(io.Discard, nil))), disk
}

// fill publishes n messages of 95 bytes, as fast as the disk takes them.
func fill(tb testing.TB, b *Broker, n int) {
	tb.Helper()
	const text = `{"value":61.5,"unit":"%","time":"2026-11-23T22:00:00Z","quality":"good"}`
	for i := range n {
		if err := b.Publish(&Message{Topic: "sensors/cellar/humidity", Payload: []byte(text), QoS: 1}); err != nil {
			tb.Fatal(err)
		}
		if i%20_000 == 0 {
			settle(tb, b)
		}
	}
	settle(tb, b)
}

// settle waits until everything is on disk.
func settle(tb testing.TB, b *Broker) {
	tb.Helper()
	mark, err := b.store.Append(store.Now)
	if err == nil {
		err = b.store.Wait(context.Background(), mark)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func heapNow() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfWhatWaits has no more than a few bytes in memory for each message
// that waits, also after a restart.
func TestMemoryOfWhatWaits(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("it is of many messages")
	}
	const base, more, limit = 50_000, 250_000, 8
	dir := t.TempDir()
	o := bridged()
	b, disk := queueBench(t, dir)
	s, err := b.Subscribe(o, "#")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, b, base)
	before := heapNow()
	fill(t, b, more)
	check := func(when string) {
		t.Helper()
		each := float64(heapNow()-before) / more
		t.Logf("%s: %.1f bytes each", when, each)
		if each > limit {
			t.Errorf("%s: %.1f bytes for each message", when, each)
		}
		if st := s.Stats(); st.Waiting != base+more {
			t.Errorf("%s: %d wait", when, st.Waiting)
		}
	}
	check("in the process that collected it")
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	s, b, disk = nil, nil, nil
	b, disk = queueBench(t, dir)
	defer disk.Close()
	if s, err = b.Subscribe(o, "#"); err != nil {
		t.Fatal(err)
	}
	check("after a restart")
	runtime.KeepAlive(b)
}

// BenchmarkEnqueue publishes to a durable subscription on disk.
func BenchmarkEnqueue(b *testing.B) {
	br, disk := queueBench(b, b.TempDir())
	defer disk.Close()
	if _, err := br.Subscribe(SubscribeOptions{Name: "bridge/cloud"}, "#"); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.ReportAllocs()
	fill(b, br, b.N)
}

// BenchmarkDrain takes what waits on disk and acknowledges it, 32 at once.
func BenchmarkDrain(b *testing.B) {
	br, disk := queueBench(b, b.TempDir())
	defer disk.Close()
	s, err := br.Subscribe(SubscribeOptions{Name: "bridge/cloud"}, "#")
	if err != nil {
		b.Fatal(err)
	}
	fill(b, br, b.N)
	b.ResetTimer()
	b.ReportAllocs()
	var window []Delivery
	for range b.N {
		d, err := s.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if window = append(window, d); len(window) == 32 {
			for _, d := range window {
				s.Ack(d)
			}
			window = window[:0]
		}
	}
}

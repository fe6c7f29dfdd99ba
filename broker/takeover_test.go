package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// survivor is a client with a session that goes through many connections, as
// the specification has it: it remembers which QoS 2 messages it has got.
type survivor struct {
	t    *testing.T
	b    *testBroker
	v    packet.Version
	got  map[packet.QoS][]int // numbers, in the order they came
	open map[uint16]bool      // QoS 2 packet identifiers received and not released
	old  []*testClient        // connections that were taken over or broken
	c    *testClient
}

func (s *survivor) connect() {
	s.t.Helper()
	keep := expires(3600)
	if s.v < packet.V5 {
		keep = func(*packet.Connect) {}
	}
	if s.c != nil {
		s.old = append(s.old, s.c)
	}
	s.c = s.b.connect(s.v, "survivor", resume, keep)
}

// handle handles one packet that came, if one did, as far as steps go.
func (s *survivor) handle() bool {
	s.t.Helper()
	synctest.Wait()
	if len(s.c.in) == 0 && len(s.c.held) == 0 {
		return false
	}
	switch p := s.c.recv().(type) {
	case *packet.Publish:
		var n int
		_, _ = fmt.Sscan(string(p.Payload), &n)
		switch {
		case p.QoS == 1:
			if got := s.got[1]; len(got) > 0 && got[len(got)-1] >= n && !p.Dup {
				s.t.Errorf("QoS 1: %d after %d without DUP", n, got[len(got)-1])
			}
			s.got[1] = append(s.got[1], n)
			s.c.send(&packet.Puback{ID: p.ID})
		case s.open[p.ID]: // again
			if !p.Dup {
				s.t.Errorf("QoS 2: %d again without DUP", n)
			}
			s.c.send(&packet.Pubrec{ID: p.ID})
		default:
			s.open[p.ID] = true
			s.got[2] = append(s.got[2], n)
			s.c.send(&packet.Pubrec{ID: p.ID})
		}
	case *packet.Pubrel:
		delete(s.open, p.ID)
		s.c.send(&packet.Pubcomp{ID: p.ID})
	default:
		s.t.Fatalf("got %v", p.Type())
	}
	return true
}

// TestTakeoverStorm lets a subscriber lose its connection at every possible
// moment, by taking it over itself and by breaking it, while messages come:
// none is lost, none of QoS 2 comes twice, and each QoS keeps its order.
func TestTakeoverStorm(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%v/%d", v, seed), func(t *testing.T) {
				inBubble(t, Config{MaxInflight: 7}, func(t *testing.T, b *testBroker) { takeoverStorm(t, b, v, seed) })
			})
		}
	}
}

func takeoverStorm(t *testing.T, b *testBroker, v packet.Version, seed uint64) {
	const messages = 300
	r := rand.New(rand.NewPCG(seed, uint64(v)))
	s := &survivor{t: t, b: b, v: v, got: make(map[packet.QoS][]int), open: make(map[uint16]bool)}
	s.connect()
	s.c.subscribe("storm", 2)
	sent := [3]int{}
	for sent[1]+sent[2] < messages {
		switch r.IntN(10) {
		case 0:
			s.connect() // while the old one is still there
		case 1:
			s.c.conn.Close()
			s.connect()
		case 2, 3, 4:
			qos := QoS(1 + r.IntN(2))
			if err := b.Publish(&Message{Topic: "storm", QoS: qos, Payload: []byte(fmt.Sprint(sent[qos]))}); err != nil {
				t.Fatal(err)
			}
			sent[qos]++
		default:
			s.handle()
		}
	}
	s.connect()
	for s.handle() {
	}
	if len(s.got[2]) != sent[2] {
		t.Errorf("QoS 2: got %d messages, sent %d", len(s.got[2]), sent[2])
	}
	for i, n := range s.got[2] {
		if n != i {
			t.Fatalf("QoS 2: message %d came in place of %d", n, i)
		}
	}
	next := 0
	for _, n := range s.got[1] { // each came, and first came in order
		if n > next {
			t.Fatalf("QoS 1: message %d came before %d", n, next)
		}
		if n == next {
			next++
		}
	}
	if next != sent[1] {
		t.Errorf("QoS 1: got %d messages, sent %d", next, sent[1])
	}
	if st := b.Stats(); st.Queued != 0 || st.QueuedBytes != 0 {
		t.Errorf("%d messages of %d bytes are left", st.Queued, st.QueuedBytes)
	}
}

// TestEverythingInFlight has as many messages in flight as there are packet
// identifiers. The next ones wait, and come in order.
func TestEverythingInFlight(t *testing.T) {
	inBubble(t, Config{MaxInflight: 65_535}, func(t *testing.T, b *testBroker) {
		const messages = 70_000
		c := b.connect(packet.V311, "c", resume)
		c.subscribe("t", 1)
		for i := range messages {
			if err := b.Publish(&Message{Topic: "t", QoS: 1, Payload: []byte(fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(c.in) != 65_535 {
			t.Fatalf("%d messages are on their way, want 65535", len(c.in))
		}
		c.conn.Close() // and all of them again
		c = b.connect(packet.V311, "c", resume)
		time.Sleep(time.Second)
		seen := make(map[uint16]bool)
		for i := range messages {
			p := expect[*packet.Publish](c)
			if string(p.Payload) != fmt.Sprint(i) || p.Dup != (i < 65_535) {
				t.Fatalf("message %d: %s, DUP %v", i, p.Payload, p.Dup)
			}
			if i < 65_535 && seen[p.ID] {
				t.Fatalf("packet identifier %d twice", p.ID)
			}
			seen[p.ID] = true
			c.send(&packet.Puback{ID: p.ID})
		}
	})
}

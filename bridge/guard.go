package bridge

import (
	"hash/maphash"
	"sync"
	"time"
)

// echoWindow is how long a message that went out is expected back. An upstream
// that is slower has its echo taken for news.
const echoWindow = time.Minute

// maxEchoes bounds what a guard remembers.
const maxEchoes = 10_000

// guard recognises our own messages when an upstream sends them back, before
// MQTT 5 and where the bridge bit is not taken. It counts: of two equal messages
// of which one is ours, one is let through.
type guard struct {
	mu     sync.Mutex
	seed   maphash.Seed
	counts map[uint64]int
	order  []echo // by time
}

type echo struct {
	sum uint64
	at  time.Time
}

func newGuard() *guard {
	return &guard{seed: maphash.MakeSeed(), counts: make(map[uint64]int)}
}

// sent notes a message that goes out.
func (g *guard) sent(topic string, payload []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.forget(now)
	sum := g.sum(topic, payload)
	g.counts[sum]++
	g.order = append(g.order, echo{sum, now})
}

// again notes a message that goes out once more, if no equal one is expected
// back: the first may be long ago, or before a restart.
func (g *guard) again(topic string, payload []byte) {
	g.mu.Lock()
	g.forget(time.Now())
	known := g.counts[g.sum(topic, payload)] > 0
	g.mu.Unlock()
	if !known {
		g.sent(topic, payload)
	}
}

// back tells whether a message that came in is one of ours.
func (g *guard) back(topic string, payload []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(time.Now())
	sum := g.sum(topic, payload)
	if g.counts[sum] == 0 {
		return false
	}
	g.less(sum)
	return true
}

// forget lets go of what is too old, or too much.
func (g *guard) forget(now time.Time) {
	n := 0
	for n < len(g.order) && (now.Sub(g.order[n].at) > echoWindow || len(g.order)-n >= maxEchoes) {
		g.less(g.order[n].sum)
		n++
	}
	g.order = g.order[n:]
}

func (g *guard) less(sum uint64) {
	if g.counts[sum]--; g.counts[sum] <= 0 {
		delete(g.counts, sum)
	}
}

func (g *guard) sum(topic string, payload []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.WriteString(topic)
	h.WriteByte(0) // in no topic
	h.Write(payload)
	return h.Sum64()
}

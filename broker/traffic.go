package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// Flow is what came from clients and went to them.
type Flow struct {
	Messages, SentMessages int64 // PUBLISH
	Bytes, SentBytes       int64 // of all packets
}

// traffic is the flow of one connection, which costs the connection next to
// nothing: what came is counted by the reading goroutine for itself and told to
// others once for everything it has read at once; what went is counted with the
// lock that is held anyway.
type traffic struct {
	messages, bytes atomic.Int64 // written by the reading goroutine only

	// Guarded by conn.mu.
	sentMessages, sentBytes int64
	dropped                 uint32 // messages that the client does not get

	fresh struct{ packets, messages, bytes int32 } // the reading goroutine's
}

// tell makes known what came since the last time. The reading goroutine calls
// it.
func (t *traffic) tell(of *doorFlow) {
	f := &t.fresh
	t.bytes.Store(t.bytes.Load() + int64(f.bytes)) // nobody else writes it
	of.bytes.Add(int64(f.bytes))
	if f.messages > 0 {
		t.messages.Store(t.messages.Load() + int64(f.messages))
		of.messages.Add(int64(f.messages))
	}
	f.packets, f.messages, f.bytes = 0, 0, 0
}

// sentLocked counts what is about to be sent. conn.mu is held.
func (t *traffic) sentLocked(o *outbox, of *doorFlow) {
	t.sentMessages += o.messages
	t.sentBytes += int64(o.size)
	of.sentMessages.Add(o.messages)
	of.sentBytes.Add(int64(o.size))
}

// doorFlow is the flow of all connections of a listener.
type doorFlow struct {
	clients                atomic.Int64 // let in, now
	messages, sentMessages atomic.Int64
	bytes, sentBytes       atomic.Int64
}

func (d *doorFlow) sample() sample {
	return sample{d.messages.Load(), d.sentMessages.Load(), d.bytes.Load(), d.sentBytes.Load()}
}

// Rates are what comes and goes each second, averaged over the last minute.
type Rates struct {
	Messages, SentMessages float64 // 1/s, PUBLISH; of the broker, with what this process publishes
	Bytes, SentBytes       float64 // 1/s
}

// sample is a flow at a moment: messages, bytes, both ways.
type sample struct{ messages, sentMessages, bytes, sentBytes int64 }

func (s sample) since(old sample, passed time.Duration) Rates {
	if passed <= 0 {
		return Rates{}
	}
	per := func(now, then int64) float64 { return float64(now-then) / passed.Seconds() }
	return Rates{
		per(s.messages, old.messages), per(s.sentMessages, old.sentMessages),
		per(s.bytes, old.bytes), per(s.sentBytes, old.sentBytes),
	}
}

const (
	pulseInterval = 10 * time.Second
	pulseSamples  = 7 // of the last minute
)

// pulse remembers the flow of the last minute: of the broker, and of each
// listener.
type pulse struct {
	mu   sync.Mutex
	past [pulseSamples]beat
	n    int // beats there were
}

// beat is the flow at a time: [0] of the broker, then of its listeners.
type beat struct {
	at   time.Time
	flow []sample
}

// restart forgets the past: it was of other listeners.
func (p *pulse) restart() {
	p.mu.Lock()
	p.n = 0
	p.mu.Unlock()
}

// flowNow returns the flow of the broker and of its listeners, which open are.
func (b *Broker) flowNow(open []*listener) beat {
	c := &b.counters
	now := beat{at: time.Now(), flow: make([]sample, 0, 1+len(open))}
	now.flow = append(now.flow, sample{c.publishReceived.Load(), c.publishSent.Load(), c.bytesReceived.Load(), c.bytesSent.Load()})
	for _, l := range open {
		now.flow = append(now.flow, l.now().flow.sample())
	}
	return now
}

// beat notes the flow now and after every interval.
func (b *Broker) beat() {
	now := b.flowNow(b.doors())
	b.pulse.mu.Lock()
	b.pulse.past[b.pulse.n%pulseSamples] = now
	b.pulse.n++
	b.pulse.mu.Unlock()
	b.timers.at(now.at.Add(pulseInterval), b.beat)
}

// ratesOfDoors returns the listeners, and the rates of the broker, [0], and of each
// of them, nil before Run and just after they have changed.
func (b *Broker) ratesOfDoors() ([]*listener, []Rates) {
	open := b.doors()
	now := b.flowNow(open)
	b.pulse.mu.Lock()
	defer b.pulse.mu.Unlock()
	old := b.pulse.past[max(0, b.pulse.n-pulseSamples)%pulseSamples]
	if b.pulse.n == 0 || len(old.flow) != len(now.flow) {
		return open, make([]Rates, len(now.flow))
	}
	all := make([]Rates, len(now.flow))
	for i := range all {
		all[i] = now.flow[i].since(old.flow[i], now.at.Sub(old.at))
	}
	return open, all
}

// Rates returns what comes and goes now, with what this process publishes.
func (b *Broker) Rates() Rates {
	_, all := b.ratesOfDoors()
	return all[0]
}

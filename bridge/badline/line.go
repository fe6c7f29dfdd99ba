package badline

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Line is a proxy with faults. It is made by [Listen].
type Line struct {
	port *port // ours for as long as the Line lives, also while nothing listens

	// gate serialises the opening and closing of the listener. Locks are
	// taken in the order gate, pair.mu, mu.
	gate   sync.Mutex
	ln     net.Listener  // nil while refused with Closed
	served chan struct{} // closed when the loop of ln has ended

	mu      sync.Mutex
	target  string
	refusal Refusal
	shapes  [ways]shape
	cutting [ways]cutting
	changed chan struct{} // closed and renewed when a fault is switched
	pairs   map[*pair]struct{}
	figures Figures
	watch   chan struct{} // closed when figures change; nil if nobody waits
	closed  bool

	pumping sync.WaitGroup // the goroutines of pairs
}

// Listen opens a Line to target, a host:port that is dialled anew for every
// connection, on a free port of 127.0.0.1. Nobody has to be at target yet.
func Listen(target string) (*Line, error) {
	p, err := holdPort()
	if err != nil {
		return nil, fmt.Errorf("hold a port of 127.0.0.1 for a line to %s: %w", target, err)
	}
	l := &Line{port: p, target: target, changed: make(chan struct{}), pairs: map[*pair]struct{}{}}
	if err := l.Refuse(Nobody); err != nil {
		p.release()
		return nil, err
	}
	return l, nil
}

// Addr returns host:port where the Line is reached. It stays the same over
// refusals.
func (l *Line) Addr() string { return l.port.addr }

// Target changes where the next connections go: fail-over, or a name that does
// not resolve. Open connections stay where they are.
func (l *Line) Target(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Close resets all connections, gives the port back and returns when all
// goroutines have ended. A second call does nothing.
func (l *Line) Close() {
	l.gate.Lock()
	defer l.gate.Unlock()
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if again {
		return
	}
	l.shut()
	for _, p := range l.all() {
		p.reset()
	}
	l.pumping.Wait()
	l.port.release()
}

// admit makes a pair of a client that came. It returns false if the connection
// is the caller's to close.
func (l *Line) admit(client *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.figures.Accepted++
	defer l.notifyLocked()
	if l.refusal == Hangup {
		l.figures.Refused++
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &pair{line: l, number: l.figures.Accepted, client: client, abandon: cancel, stop: make(chan struct{})}
	l.pairs[p] = struct{}{}
	l.figures.Open++
	if l.refusal == Silent {
		l.figures.Refused++
		p.muteLocked()
		return true
	}
	target := l.target
	l.pumping.Go(func() { p.run(ctx, target) })
	return true
}

// all returns the pairs of now.
func (l *Line) all() []*pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	pairs := make([]*pair, 0, len(l.pairs))
	for p := range l.pairs {
		pairs = append(pairs, p)
	}
	return pairs
}

// forget takes a pair off that has left.
func (l *Line) forget(p *pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, p)
	l.figures.Open--
	l.notifyLocked()
}

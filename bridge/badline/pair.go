package badline

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// phase is where a pair is in its life.
type phase int

const (
	flowing   phase = iota
	finishing       // FIN is sent to both sides; what comes is thrown away
	silent          // both sides are open and nothing passes
	gone            // both sides are closed
)

// dialTime is for a target that drops our SYN.
const dialTime = 10 * time.Second

// pair is a client's connection and the one to the upstream that belongs to it.
type pair struct {
	line    *Line
	number  uint64
	client  *net.TCPConn
	abandon context.CancelFunc // stops dialling
	stop    chan struct{}      // closed when the pair flows no more

	mu       sync.Mutex
	upstream *net.TCPConn // nil until dialled
	phase    phase
}

// run carries the pair until nothing flows any more.
func (p *pair) run(ctx context.Context, target string) {
	defer p.abandon()
	d := net.Dialer{Timeout: dialTime}
	c, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		p.unreachable()
		return
	}
	up := c.(*net.TCPConn)
	if !p.join(up) {
		abort(up)
		p.unreachable()
		return
	}
	var pumping sync.WaitGroup
	var pipes []*pipe
	for way, ends := range [ways][2]*net.TCPConn{{p.client, up}, {up, p.client}} {
		f := &pipe{pair: p, way: way, from: ends[0], to: ends[1], queue: newQueue()}
		pipes = append(pipes, f)
		pumping.Go(f.read)
		pumping.Go(f.write)
	}
	pumping.Wait()
	for _, f := range pipes {
		p.line.count(func(fig *Figures) { fig.UnderWay -= f.entered - f.left })
	}
	p.settle()
}

// join adds the upstream, unless something ended the pair meanwhile.
func (p *pair) join(up *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == flowing {
		p.upstream = up
	}
	return p.phase == flowing
}

// unreachable ends a pair without an upstream.
func (p *pair) unreachable() {
	switch p.now() {
	case flowing:
		p.leave(true)
	case finishing:
		io.Copy(io.Discard, p.client) // its end is what counts
		p.settle()
	}
}

// settle closes both sides after both directions have ended in order.
func (p *pair) settle() {
	if p.now() != silent {
		p.leave(false)
	}
}

func (p *pair) now() phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase
}

// reset is Cut with Reset.
func (p *pair) reset() {
	if was := p.leave(true); was == flowing || was == silent {
		p.line.count(func(f *Figures) { f.Cut++ })
	}
}

// finish is Cut with Finish.
func (p *pair) finish() {
	p.mu.Lock()
	if p.phase != flowing {
		p.mu.Unlock()
		p.reset()
		return
	}
	defer p.mu.Unlock()
	p.phase = finishing
	close(p.stop)
	p.abandon()
	for _, c := range p.endsLocked() {
		c.SetWriteDeadline(time.Unix(1, 0)) // a write that waits for the peer
		c.CloseWrite()
	}
	p.line.count(func(f *Figures) { f.Cut++ })
}

// silence is HalfOpen.
func (p *pair) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != flowing {
		return
	}
	p.phase = silent
	close(p.stop)
	p.abandon()
	for _, c := range p.endsLocked() {
		c.SetDeadline(time.Unix(1, 0))
	}
	p.line.count(func(f *Figures) { f.HalfOpen++ })
}

// muteLocked makes a new pair silent before anyone else sees it. The caller
// holds line.mu.
func (p *pair) muteLocked() {
	p.phase = silent
	close(p.stop)
	p.abandon()
	p.line.figures.HalfOpen++
}

// leave closes both sides, with RST if hard, and returns what the pair did
// before.
func (p *pair) leave(hard bool) phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.phase
	if was == gone {
		return gone
	}
	p.phase = gone
	if was == flowing {
		close(p.stop)
		p.abandon()
	}
	for _, c := range p.endsLocked() {
		if hard {
			c.SetLinger(0)
		}
		c.Close()
	}
	if was == silent {
		p.line.count(func(f *Figures) { f.HalfOpen-- })
	}
	p.line.forget(p)
	return was
}

func (p *pair) endsLocked() []*net.TCPConn {
	if p.upstream == nil {
		return []*net.TCPConn{p.client}
	}
	return []*net.TCPConn{p.client, p.upstream}
}

// abort closes with RST.
func abort(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

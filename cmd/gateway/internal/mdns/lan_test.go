package mdns

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lan is a network in memory: what one sends to the group all hear, itself too.
type lan struct {
	mu    sync.Mutex
	ports []*socket
	said  []said
	begun time.Time
}

// said is a message that went to the group, or to somebody.
type said struct {
	at   time.Duration
	from netip.Addr
	to   netip.AddrPort // zero: the group
	m    *message
}

// socket is a transport on it.
type socket struct {
	lan  *lan
	addr netip.Addr
	in   chan packet
}

func (l *lan) plug(addr string) *socket {
	p := &socket{l, netip.MustParseAddr(addr), make(chan packet, 64)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ports = append(l.ports, p)
	return p
}

func (p *socket) join(int) (four, six bool) { return true, false }
func (p *socket) leave(int)                 {}
func (p *socket) packets() <-chan packet    { return p.in }

func (p *socket) close() {
	p.lan.mu.Lock()
	defer p.lan.mu.Unlock()
	p.lan.ports = slices.DeleteFunc(p.lan.ports, func(q *socket) bool { return q == p })
}

func (p *socket) send(_ int, six bool, to netip.AddrPort, b []byte) error {
	return p.sendFrom(5353, to, b)
}

func (p *socket) sendFrom(number uint16, to netip.AddrPort, b []byte) error {
	m, err := parse(b)
	if err != nil {
		return err
	}
	p.lan.mu.Lock()
	defer p.lan.mu.Unlock()
	p.lan.said = append(p.lan.said, said{time.Since(p.lan.begun), p.addr, to, m})
	for _, q := range p.lan.ports {
		if !to.IsValid() || to.Addr() == q.addr {
			select {
			case q.in <- packet{link: 7, from: netip.AddrPortFrom(p.addr, number), data: slices.Clone(b)}:
			default:
			}
		}
	}
	return nil
}

// since returns what was said after a moment.
func (l *lan) since(t time.Duration) []said {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.said), func(s said) bool { return s.at < t })
}

func (l *lan) now() time.Duration { return time.Since(l.begun) }

var page = Service{Type: "_http._tcp", Port: 8080, Text: []string{"path=/"}}

// device is a gateway on a lan.
type device struct {
	*Responder
	mu       sync.Mutex
	services []Service
	prefixes []netip.Prefix
	stop     func()
}

// gateway starts one, called after a machine.
func (l *lan) gateway(t *testing.T, machine, addr string, services ...Service) *device {
	t.Helper()
	d := &device{services: services, prefixes: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(addr), 24)}}
	d.Responder = New(Default(), Deps{
		Machine: machine, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Services: func() []Service { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.services) },
		open:     func() (transport, error) { return l.plug(addr), nil },
		places: func(Config) ([]place, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return []place{{7, "eth0", slices.Clone(d.prefixes)}}, nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	d.stop = sync.OnceFunc(func() { cancel(); <-done })
	return d
}

// on runs a test on a lan.
func on(t *testing.T, test func(t *testing.T, l *lan)) {
	synctest.Test(t, func(t *testing.T) { test(t, &lan{begun: time.Now()}) })
}

// withPi runs a test on a lan where a gateway has the name pi, and announces page.
func withPi(t *testing.T, test func(t *testing.T, l *lan)) {
	on(t, func(t *testing.T, l *lan) {
		g := l.gateway(t, "pi", "10.0.0.1", page)
		defer g.stop()
		settle()
		test(t, l)
	})
}

// settle waits until all have their names.
func settle() { time.Sleep(5 * time.Second); synctest.Wait() }

// ask sends a question as another machine does, and returns what is answered.
func (l *lan) ask(t *testing.T, from string, number uint16, m *message) []said {
	t.Helper()
	p := l.plug(from)
	defer p.close()
	at := l.now()
	if err := p.sendFrom(number, netip.AddrPort{}, m.pack()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	return slices.DeleteFunc(l.since(at), func(s said) bool { return s.from == p.addr })
}

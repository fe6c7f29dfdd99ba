package v5

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// Most tests play the upstream at the other end of a pipe, packet by packet,
// inside synctest bubbles: time passes at once, and a goroutine that is left
// over fails the test.

// TestMain looks for goroutines of this package that nobody ended.
func TestMain(m *testing.M) {
	code := m.Run()
	for end := time.Now().Add(10 * time.Second); code == 0; {
		left := goroutinesLeft()
		if left == "" {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
			code = 1
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

// goroutinesLeft returns the stacks of goroutines that are in this package or
// in paho, without the one that asks.
func goroutinesLeft() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, g := range strings.Split(string(buf), "\n\n")[1:] {
		if strings.Contains(g, "gateway/bridge/link/v5.") || strings.Contains(g, "paho.golang") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// bubble runs test in a bubble.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// far is an upstream that does only what the test says.
type far struct {
	t       testing.TB
	conn    net.Conn
	connect *packet.Connect
	in      chan packet.Packet // what came; closed when the connection has ended
}

// pipe returns our end of a connection, and the upstream there, which reads what
// comes as it comes, unless it is deaf.
func pipe(t testing.TB, deaf bool) (net.Conn, *far) {
	t.Helper()
	here, there := net.Pipe()
	f := &far{t: t, conn: there, in: make(chan packet.Packet, 100_000)}
	t.Cleanup(func() { there.Close() })
	if !deaf {
		go f.hear()
	}
	return here, f
}

func (f *far) hear() {
	defer close(f.in)
	r := packet.NewReader(f.conn, 0)
	for {
		p, err := read(r)
		if err != nil {
			var fault *packet.Error
			if errors.As(err, &fault) {
				f.t.Errorf("what came is no packet: %v", err)
			}
			return
		}
		f.in <- p
		if p.Type() == packet.TypeDisconnect { // as an upstream does
			f.conn.Close()
			return
		}
	}
}

func read(r *packet.Reader) (packet.Packet, error) {
	first, body, err := r.Next()
	if err != nil {
		return nil, err
	}
	return packet.Decode(first, body, packet.V5)
}

// send sends packets, and may be called from any goroutine.
func (f *far) send(ps ...packet.Packet) {
	f.t.Helper()
	for _, p := range ps {
		if _, err := f.conn.Write(encode(f.t, p)); err != nil {
			f.t.Errorf("write %v: %v", p.Type(), err)
		}
	}
}

func encode(t testing.TB, p packet.Packet) []byte {
	t.Helper()
	b, err := p.Append(nil, packet.V5)
	if err != nil {
		t.Fatalf("the test's %v: %v", p.Type(), err)
	}
	return b
}

// expect wants the next packet to be a P, within a day, which takes no time.
func expect[P packet.Packet](f *far) P {
	f.t.Helper()
	var want P
	select {
	case got, ok := <-f.in:
		if !ok {
			f.t.Fatalf("the connection ended, want a %T", want)
		}
		p, ok := got.(P)
		if !ok {
			f.t.Fatalf("got %v %+v, want a %T", got.Type(), got, want)
		}
		return p
	case <-time.After(24 * time.Hour):
		f.t.Fatalf("nothing came, want a %T", want)
	}
	return want
}

// quiet wants that nothing has come.
func (f *far) quiet() {
	f.t.Helper()
	synctest.Wait()
	select {
	case got, ok := <-f.in:
		if ok {
			f.t.Errorf("got %v %+v, want nothing", got.Type(), got)
		} else {
			f.t.Error("the connection ended")
		}
	default:
	}
}

// pings answers PINGREQ for as long as nothing else comes, and returns how many.
func (f *far) pings(d time.Duration) (n int) {
	f.t.Helper()
	end := time.After(d)
	for {
		select {
		case p, ok := <-f.in:
			if !ok || p.Type() != packet.TypePingreq {
				f.t.Fatalf("got %v, want PINGREQ", p)
			}
			n++
			f.send(new(packet.Pingresp))
		case <-end:
			return n
		}
	}
}

// open connects to an upstream that accepts with ack, nil for the plainest.
func open(t testing.TB, h link.Hello, ack *packet.Connack, s link.Session) (link.Link, *far) {
	t.Helper()
	conn, f := pipe(t, false)
	if ack == nil {
		ack = new(packet.Connack)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		f.connect, _ = (<-f.in).(*packet.Connect)
		f.send(ack)
	})
	l, err := Upstream{}.Connect(t.Context(), conn, h, s)
	if err != nil {
		t.Fatal(err)
	}
	accepting.Wait()
	t.Cleanup(l.Close)
	return l, f
}

// plain is open with little to say.
func plain(t testing.TB) (link.Link, *far, *session) {
	t.Helper()
	s := newSession()
	l, f := open(t, link.Hello{ClientID: "gw"}, nil, s)
	return l, f, s
}

// session is one that notes what it is told. The functions may be nil; they are
// set before the connection.
type session struct {
	stable    func(ctx context.Context, m link.Message) error
	released  func(ctx context.Context, id uint16) error
	forgotten func(ctx context.Context, id uint16) error
	refuse    func(m link.Message) error

	mu    sync.Mutex
	calls []string
	got   chan link.Message
}

func newSession() *session { return &session{got: make(chan link.Message, 100_000)} }

func (s *session) call(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *session) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *session) Released(ctx context.Context, id uint16) error {
	s.call("released %d", id)
	if s.released != nil {
		return s.released(ctx, id)
	}
	return nil
}

func (s *session) Received(m link.Message) (func(context.Context) error, error) {
	s.call("received %s", m.Payload)
	if s.refuse != nil {
		if err := s.refuse(m); err != nil {
			return nil, err
		}
	}
	s.got <- m
	if s.stable == nil {
		return nil, nil
	}
	return func(ctx context.Context) error { return s.stable(ctx, m) }, nil
}

func (s *session) Forgotten(ctx context.Context, id uint16) error {
	s.call("forgotten %d", id)
	if s.forgotten != nil {
		return s.forgotten(ctx, id)
	}
	return nil
}

// gate is what a test lets through, once for each open.
type gate chan struct{}

func newGate() gate  { return make(gate, 100) }
func (g gate) open() { g <- struct{}{} }

func (g gate) wait(ctx context.Context) error {
	select {
	case <-g:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) waitID(ctx context.Context, _ uint16) error            { return g.wait(ctx) }
func (g gate) waitMessage(ctx context.Context, _ link.Message) error { return g.wait(ctx) }

// out is a message to be published.
func out(qos byte, id uint16, payload string) link.Message {
	return link.Message{Topic: "t", Payload: []byte(payload), QoS: qos, ID: id}
}

// in is a message of the upstream.
func in(qos packet.QoS, id uint16, payload string) *packet.Publish {
	return &packet.Publish{Topic: "t", Payload: []byte(payload), QoS: qos, ID: id}
}

// settled wants a receipt to be, and returns how.
func settled(t testing.TB, r *link.Receipt) error {
	t.Helper()
	select {
	case <-r.Done():
		return r.Err()
	case <-time.After(time.Minute):
		t.Fatal("the receipt is not settled")
		return nil
	}
}

// unsettled wants receipts not to be settled.
func unsettled(t testing.TB, rs ...*link.Receipt) {
	t.Helper()
	synctest.Wait()
	for i, r := range rs {
		select {
		case <-r.Done():
			t.Errorf("receipt %d is settled: %v", i, r.Err())
		default:
		}
	}
}

// refused wants an error to be a refusal with that code.
func refused(t testing.TB, err error, what string, code byte) *link.Refused {
	t.Helper()
	var r *link.Refused
	if !errors.As(err, &r) || r.Packet != what || r.Code != code {
		t.Fatalf("error %v, want %s 0x%02x", err, what, code)
	}
	return r
}

// lossOf wants an error to be that of a lost connection, which is no refusal.
func lossOf(t testing.TB, err error) {
	t.Helper()
	if err == nil || errors.As(err, new(*link.Refused)) {
		t.Errorf("error %v, want that of a lost connection", err)
	}
}

// ended wants the connection to be lost, for a reason that holds the words.
func ended(t testing.TB, l link.Link, words string) error {
	t.Helper()
	select {
	case <-l.Lost():
	case <-time.After(24 * time.Hour):
		t.Fatal("the connection does not end")
	}
	err := l.Cause()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("cause %v, want one with %q", err, words)
	}
	return err
}

package v3

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// TestMain looks for goroutines of ours and Paho's that nobody ended.
func TestMain(m *testing.M) {
	code := m.Run()
	for range 500 {
		if left := leftovers(); code == 0 && left != "" {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		os.Exit(code)
	}
	os.Stderr.WriteString("goroutines are left:\n" + leftovers())
	os.Exit(1)
}

func leftovers() string {
	buf := make([]byte, 1<<20)
	var left []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
		if strings.Contains(g, "paho.mqtt.golang") || strings.Contains(g, "link/v3.(*") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

// keepAlive is that of most tests.
const keepAlive = 60 * time.Second

// far is an upstream that does what a test says, packet by packet.
type far struct {
	t      *testing.T
	conn   net.Conn
	reader *packet.Reader
	bytes  bool // write each byte by itself
}

func (f *far) send(ps ...packet.Packet) {
	f.t.Helper()
	var b []byte
	for _, p := range ps {
		var err error
		if b, err = p.Append(b, packet.V311); err != nil {
			f.t.Fatal(err)
		}
	}
	f.raw(b)
}

func (f *far) raw(b []byte) {
	f.t.Helper()
	step := len(b)
	if f.bytes {
		step = 1
	}
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := f.conn.Write(b[:n]); err != nil {
			f.t.Fatalf("the upstream writes: %v", err)
		}
		b = b[n:]
	}
}

func (f *far) read() packet.Packet {
	f.t.Helper()
	first, body, err := f.reader.Next()
	if err != nil {
		f.t.Fatalf("the upstream reads: %v", err)
	}
	p, err := packet.Decode(first, body, packet.V311)
	if err != nil {
		f.t.Fatalf("the upstream got %x %x: %v", first, body, err)
	}
	return p
}

func (f *far) want(ps ...packet.Packet) {
	f.t.Helper()
	for _, want := range ps {
		if got := f.read(); !reflect.DeepEqual(got, want) {
			f.t.Fatalf("the upstream got %v %+v, want %v %+v", got.Type(), got, want.Type(), want)
		}
	}
}

// quiet wants nothing to come before what is sent now has an answer.
func (f *far) quiet() {
	f.t.Helper()
	synctest.Wait()
	f.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer f.conn.SetReadDeadline(time.Time{})
	first, body, err := f.reader.Next()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Fatalf("the upstream got %x %x (%v), want nothing yet", first, body, err)
	}
}

// script is a session that does what a test says.
type script struct {
	released  func(ctx context.Context, id uint16) error
	received  func(m link.Message) (func(context.Context) error, error)
	forgotten func(ctx context.Context, id uint16) error

	mu   sync.Mutex
	came []link.Message
}

func (s *script) Released(ctx context.Context, id uint16) error {
	if s.released == nil {
		return nil
	}
	return s.released(ctx, id)
}

func (s *script) Received(m link.Message) (func(context.Context) error, error) {
	s.mu.Lock()
	s.came = append(s.came, m)
	s.mu.Unlock()
	if s.received == nil {
		return nil, nil
	}
	return s.received(m)
}

func (s *script) Forgotten(ctx context.Context, id uint16) error {
	if s.forgotten == nil {
		return nil
	}
	return s.forgotten(ctx, id)
}

func hello() link.Hello {
	return link.Hello{ClientID: "pi", SessionExpiry: time.Hour, KeepAlive: keepAlive}
}

// dialled begins a connection, and leaves CONNECT to be read.
func dialled(t *testing.T) (net.Conn, *far) {
	ours, theirs := net.Pipe()
	return ours, &far{t: t, conn: theirs, reader: packet.NewReader(theirs, 0)}
}

// connected returns a connection that the upstream has accepted.
func connected(t *testing.T, h link.Hello, s link.Session, present bool) (link.Link, *far) {
	t.Helper()
	conn, f := dialled(t)
	f.bytes = strings.Contains(t.Name(), "ByteWise")
	var l link.Link
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		l, err = Upstream{}.Connect(t.Context(), conn, h, s)
	}()
	if c, ok := f.read().(*packet.Connect); !ok || c.CleanStart != (h.SessionExpiry == 0) {
		t.Fatalf("CONNECT %+v", c)
	}
	f.send(&packet.Connack{SessionPresent: present})
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return l, f
}

// scripted runs test with a connection in a bubble, and then wants everything
// to end: a goroutine left over fails the bubble.
func scripted(t *testing.T, s *script, test func(t *testing.T, l link.Link, f *far)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, f := connected(t, hello(), s, true)
		test(t, l, f)
		f.conn.Close()
		<-l.Lost()
	})
}

func settled(r *link.Receipt) bool {
	synctest.Wait()
	select {
	case <-r.Done():
		return true
	default:
		return false
	}
}

func wantTaken(t *testing.T, r *link.Receipt) {
	t.Helper()
	if !settled(r) || r.Err() != nil {
		t.Fatalf("settled %v, %v; want the message taken", settled(r), r.Err())
	}
}

func wantOpen(t *testing.T, r *link.Receipt) {
	t.Helper()
	if settled(r) {
		t.Fatalf("the receipt is settled (%v), and nothing has said so", r.Err())
	}
}

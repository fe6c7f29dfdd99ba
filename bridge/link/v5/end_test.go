package v5

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

func TestCloseSaysDisconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		r := l.Publish(out(1, 5, "x"))
		if l.Cause() != nil {
			t.Error("a cause before the end")
		}
		l.Close()
		select {
		case <-l.Lost():
		default:
			t.Error("not lost after Close")
		}
		expect[*packet.Publish](f)
		if p := expect[*packet.Disconnect](f); p.Code != packet.Success {
			t.Errorf("DISCONNECT %+v", p)
		}
		lossOf(t, settled(t, r))
		if !errors.Is(l.Cause(), errClosed) {
			t.Errorf("cause %v", l.Cause())
		}
		l.Close()
		lossOf(t, settled(t, l.Publish(out(0, 0, "x"))))
		lossOf(t, settled(t, l.Release(1)))
	})
}

func TestCloseEndsThoughTheUpstreamTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		conn, f := pipe(t, true)
		go func() {
			_, _ = read(packet.NewReader(f.conn, 0))
			f.send(new(packet.Connack))
		}()
		l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{}, newSession())
		if err != nil {
			t.Fatal(err)
		}
		r := l.Publish(out(0, 0, "x"))
		began := time.Now()
		l.Close()
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("Close took %v", d)
		}
		lossOf(t, settled(t, r))
	})
}

func TestDisconnectOfTheUpstreamIsTheCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		r := l.Publish(out(1, 5, "x"))
		expect[*packet.Publish](f)
		f.send(&packet.Disconnect{Code: packet.ServerMoved, Properties: &packet.Properties{ServerReference: packet.Some("b.example"), ReasonString: packet.Some("gone")}})
		got := refused(t, ended(t, l, "gone"), "DISCONNECT", link.ServerMoved)
		if got.Server != "b.example" {
			t.Errorf("server %q", got.Server)
		}
		lossOf(t, settled(t, r)) // nothing is said of this message
	})
}

// deafened is a connection that can be read and not written any more, as one that
// the other end has closed with something still to be read.
type deafened struct {
	net.Conn
	deaf atomic.Bool
}

func (d *deafened) Write(b []byte) (int, error) {
	if d.deaf.Load() {
		return 0, syscall.EPIPE
	}
	return d.Conn.Write(b)
}

// deafenedLink returns a link whose writes fail from now on.
func deafenedLink(t *testing.T) (link.Link, *far) {
	t.Helper()
	pipe, f := pipe(t, false)
	conn := &deafened{Conn: pipe}
	go func() {
		<-f.in
		f.send(new(packet.Connack))
	}()
	l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{}, newSession())
	if err != nil {
		t.Fatal(err)
	}
	conn.deaf.Store(true)
	return l, f
}

// A message that an upstream ends the connection for is often followed by more,
// whose writing fails before the reason is read.
func TestTheReasonIsReadThoughWritingFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f := deafenedLink(t)
		r := l.Publish(out(1, 5, "x"))
		synctest.Wait()
		f.send(&packet.Disconnect{Code: packet.TopicNameInvalid})
		refused(t, ended(t, l, ""), "DISCONNECT", link.TopicNameInvalid)
		lossOf(t, settled(t, r))
	})
}

func TestAFailedWriteEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, _ := deafenedLink(t)
		r := l.Publish(out(1, 5, "x"))
		ended(t, l, "broken pipe")
		lossOf(t, settled(t, r))
	})
}

// section 3.14.2.1
func TestDisconnectWithoutACode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		if _, err := f.conn.Write([]byte{0xe0, 0}); err != nil {
			t.Fatal(err)
		}
		refused(t, ended(t, l, ""), "DISCONNECT", 0)
	})
}

// What a message was when the line was lost decides what the caller does next:
// PUBLISH again if Released was not called, otherwise Release.
func TestLossInEveryStateOfQoS2(t *testing.T) {
	for name, test := range map[string]struct {
		until    string
		released bool
	}{"published": {"PUBLISH", false}, "recording": {"PUBREC", true}, "released": {"PUBREL", true}, "complete": {"PUBCOMP", true}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, g := newSession(), newGate()
				s.released = g.waitID
				l, f := open(t, link.Hello{}, nil, s)
				r := l.Publish(out(2, 5, "a"))
				expect[*packet.Publish](f)
				if test.until != "PUBLISH" {
					f.send(&packet.Pubrec{ID: 5})
				}
				if test.until == "PUBREL" || test.until == "PUBCOMP" {
					g.open()
					expect[*packet.Pubrel](f)
				}
				if test.until == "PUBCOMP" {
					f.send(&packet.Pubcomp{ID: 5})
				}
				synctest.Wait()
				f.conn.Close()
				ended(t, l, "closed the connection")
				if test.until == "PUBCOMP" {
					if err := settled(t, r); err != nil {
						t.Error(err)
					}
				} else {
					lossOf(t, settled(t, r))
				}
				if got := len(s.called()) == 1; got != test.released {
					t.Errorf("calls %v", s.called())
				}

				// The next connection takes it up.
				l, f = open(t, link.Hello{}, &packet.Connack{SessionPresent: true}, s)
				f.quiet() // nothing is sent by itself
				if !test.released {
					r = l.Publish(link.Message{Topic: "t", Payload: []byte("a"), QoS: 2, ID: 5, Dup: true})
					if p := expect[*packet.Publish](f); !p.Dup || p.ID != 5 {
						t.Errorf("PUBLISH %+v", p)
					}
					f.send(&packet.Pubrec{ID: 5})
					g.open()
					expect[*packet.Pubrel](f)
				} else {
					r = l.Release(5)
					expect[*packet.Pubrel](f)
				}
				f.send(&packet.Pubcomp{ID: 5})
				if err := settled(t, r); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The answer to what is stable only after the loss goes nowhere, and the wait
// ends with the connection.
func TestLossWhileSomethingBecomesStable(t *testing.T) {
	for name, first := range map[string]packet.Packet{"received": in(2, 5, "x"), "forgotten": &packet.Pubrel{ID: 5}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, g := newSession(), newGate()
				s.stable, s.forgotten = g.waitMessage, g.waitID
				l, f := open(t, link.Hello{}, nil, s)
				f.send(first)
				synctest.Wait()
				f.conn.Close()
				ended(t, l, "closed the connection")
			})
		})
	}
}

// Messages of all kinds in both directions, and the line is cut at any moment:
// nothing panics, every receipt is settled by the time Lost is closed, and the
// session is not called any more.
func TestLossAtAnyMoment(t *testing.T) {
	for range 200 {
		bubble(t, lose)
	}
}

func lose(t *testing.T) {
	s := newSession()
	var over atomic.Bool // Lost is closed
	check := func(ctx context.Context) error {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		if over.Load() {
			t.Error("the session is called after Lost")
		}
		return ctx.Err()
	}
	s.released = func(ctx context.Context, _ uint16) error { return check(ctx) }
	s.forgotten = s.released
	s.stable = func(ctx context.Context, _ link.Message) error { return check(ctx) }
	s.refuse = func(link.Message) error { return check(context.Background()) }
	conn, f := pipe(t, true)
	go answerAll(f)
	l, err := Upstream{}.Connect(t.Context(), conn, link.Hello{KeepAlive: 10 * time.Second}, s)
	if err != nil {
		t.Fatal(err)
	}
	var receipts []*link.Receipt
	var others sync.WaitGroup
	others.Go(func() {
		for id := uint16(1); ; id++ {
			select {
			case <-l.Lost():
				return
			default:
			}
			receipts = append(receipts, l.Publish(out(byte(rand.IntN(3)), id, "x")))
			if rand.IntN(4) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	others.Go(func() {
		for {
			if _, err := l.Subscribe(t.Context(), []link.Subscription{{Filter: "a"}}); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // otherwise time stands still
		}
	})
	time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
	switch rand.IntN(3) {
	case 0:
		l.Close()
	case 1:
		conn.Close()
	case 2:
		f.conn.Close()
	}
	<-l.Lost()
	over.Store(true)
	others.Wait()
	for i, r := range receipts {
		select {
		case <-r.Done():
		default:
			t.Fatalf("receipt %d of %d is not settled", i, len(receipts))
		}
	}
	f.conn.Close()
}

// answerAll is an upstream that answers everything, and sends messages of its
// own.
func answerAll(f *far) {
	answers := make(chan packet.Packet, 10_000)
	defer close(answers)
	go func() {
		for p := range answers {
			_, _ = f.conn.Write(encode(f.t, p)) // which may be gone
		}
	}()
	r := packet.NewReader(f.conn, 0)
	id := uint16(0)
	for {
		p, err := read(r)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packet.Connect:
			answers <- new(packet.Connack)
		case *packet.Publish:
			switch p.QoS {
			case 1:
				answers <- &packet.Puback{ID: p.ID}
			case 2:
				answers <- &packet.Pubrec{ID: p.ID}
			}
			id++
			answers <- in(packet.QoS(id%3), id, "y")
		case *packet.Pubrel:
			answers <- &packet.Pubcomp{ID: p.ID}
		case *packet.Pubrec:
			answers <- &packet.Pubrel{ID: p.ID}
		case *packet.Subscribe:
			answers <- &packet.Suback{ID: p.ID, Codes: []packet.ReasonCode{0}}
		case *packet.Pingreq:
			answers <- new(packet.Pingresp)
		}
	}
}

func TestGarbageEndsTheConnection(t *testing.T) {
	for seed := range uint64(300) {
		bubble(t, func(t *testing.T) {
			s := newSession()
			l, f := open(t, link.Hello{MaxPacketSize: 1 << 16}, nil, s)
			l.Publish(out(2, 5, "a"))
			random := rand.New(rand.NewPCG(seed, 1))
			b := make([]byte, 500)
			for i := range b {
				b[i] = byte(random.IntN(1 + random.IntN(256))) // small ones are common
			}
			b[0] = byte(2+random.IntN(14)) << 4
			_, _ = f.conn.Write(b)
			f.conn.Close()
			ended(t, l, "")
		})
	}
}

func TestALostConnectionHasItsCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, f, _ := plain(t)
		f.conn.Close()
		if err := ended(t, l, "the upstream closed the connection"); !errors.Is(err, io.EOF) {
			t.Errorf("cause %v", err)
		}
	})
}

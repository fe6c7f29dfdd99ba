package badline

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestBytesPassBothWaysAndAreCounted(t *testing.T) {
	l := listen(t, echo(t))
	c := dial(t, l)
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(i * i >> 8)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		c.Write(sent)
		c.CloseWrite()
	})
	got, err := io.ReadAll(c)
	writing.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back of %d, %v", len(got), len(sent), err)
	}
	c.Close()
	await(t, l, func(f Figures) bool { return f.Open == 0 })
	if want := (Figures{Accepted: 1, Up: 3 << 20, Down: 3 << 20}); l.Figures() != want {
		t.Errorf("%+v, want %+v", l.Figures(), want)
	}
}

func TestEndOfOneSideReachesTheOtherAfterItsBytes(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	l.Latency(Both, 20*time.Millisecond)
	c := dial(t, l)
	far := u.next(t)
	send(t, c, "last words")
	c.CloseWrite()
	expect(t, far, "last words")
	expectEnd(t, far)
	send(t, far, "answer") // the other direction is open still
	expect(t, c, "answer")
	abort(far)
	expectReset(t, c)
}

func TestTargetIsForNewConnections(t *testing.T) {
	greeting := func(text string) *upstream {
		return serving(t, func(c *net.TCPConn) {
			defer c.Close()
			io.WriteString(c, text)
			io.Copy(c, c)
		})
	}
	one, two := greeting("one"), greeting("two")
	l := listen(t, one)
	before := dial(t, l)
	expect(t, before, "one")
	l.Target(two.Addr().String())
	expect(t, dial(t, l), "two")
	roundTrip(t, before, "still here")
	l.Target("gone..invalid:1883") // no name at all, so no resolver is asked
	if c, err := net.Dial("tcp", l.Addr()); err == nil {
		expectReset(t, c)
		c.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) { // already while it connects
		t.Error(err)
	}
	l.Target(one.Addr().String())
	expect(t, dial(t, l), "one")
}

func TestCloseEndsEverything(t *testing.T) {
	l := listen(t, echo(t))
	roundTrip(t, dial(t, l), "half open")
	l.HalfOpen()
	finished := dial(t, l)
	roundTrip(t, finished, "finished, and does not close")
	l.Cut(Finish)
	refuse(t, l, Silent)
	dial(t, l)
	await(t, l, func(f Figures) bool { return f.Refused == 1 })
	refuse(t, l, Nobody)
	l.Latency(Up, time.Hour)
	const hour = "under way for an hour"
	send(t, dial(t, l), hour)
	await(t, l, func(f Figures) bool { return f.UnderWay == len(hour) })
	l.Latency(Up, 0)
	l.Stall(Up, time.Hour)
	before := l.Figures().Up
	send(t, dial(t, l), "stalled")
	await(t, l, func(f Figures) bool { return f.Up == before+1 })
	dial(t, l) // perhaps dialling yet

	l.Close()
	l.Close()
	if left := running(); left != "" {
		t.Errorf("running after Close:\n%s", left)
	}
	if f := l.Figures(); f.Open != 0 || f.HalfOpen != 0 || f.UnderWay != 0 {
		t.Errorf("after Close: %+v", f)
	}
	if err := l.Refuse(Nobody); !errors.Is(err, net.ErrClosed) {
		t.Errorf("opened again after Close: %v", err)
	}
}

// TestEverythingAtOnce is for the race detector: clients talk while all
// switches are turned.
func TestEverythingAtOnce(t *testing.T) {
	l := listen(t, echo(t))
	switches := []func(*rand.Rand){
		func(r *rand.Rand) { l.Latency(Both, time.Duration(r.IntN(3))*time.Millisecond) },
		func(r *rand.Rand) { l.Slow(Up, int64(r.IntN(2))*1e6) },
		func(r *rand.Rand) { l.Stall(Down, time.Duration(r.IntN(2))*time.Millisecond) },
		func(r *rand.Rand) { l.Lossy(Both, 0.1, time.Millisecond, r.Uint64()) },
		func(r *rand.Rand) { l.CutAfter(Both, int64(r.IntN(1000)), Ending(r.IntN(2))) },
		func(r *rand.Rand) { l.Cut(Ending(r.IntN(2))) },
		func(*rand.Rand) { l.HalfOpen() },
		func(r *rand.Rand) { l.Refuse(Refusal(r.IntN(4))) },
		func(*rand.Rand) { l.Restore() },
		func(*rand.Rand) { l.Target(l.Addr() + "0") },
	}
	var turning, talking sync.WaitGroup
	done := make(chan struct{})
	for n := range 3 {
		talking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if c, err := net.Dial("tcp", l.Addr()); err == nil {
					c.SetDeadline(time.Now().Add(20 * time.Millisecond)) // half open it may be
					io.WriteString(c, "hello")
					io.ReadFull(c, make([]byte, 5))
					c.Close()
				}
			}
		})
		turning.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			for range 200 {
				switches[r.IntN(len(switches))](r)
			}
		})
	}
	turning.Wait()
	close(done)
	talking.Wait()
	l.Close()
	if f := l.Figures(); f.Open != 0 || f.HalfOpen != 0 || f.UnderWay != 0 {
		t.Errorf("after Close: %+v", f)
	}
}

package badline

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestLatencyEachWay(t *testing.T) {
	const oneWay = 30 * time.Millisecond
	l := listen(t, echo(t))
	c := dial(t, l)
	for dir, want := range map[Direction]time.Duration{Up: oneWay, Down: oneWay, Both: 2 * oneWay} {
		l.Latency(Both, 0)
		l.Latency(dir, oneWay)
		begin := time.Now()
		roundTrip(t, c, "ping")
		if took := time.Since(begin); took < want {
			t.Errorf("direction %d: a round trip took %v, less than %v", dir, took, want)
		}
	}
}

// TestLatencyTakesInWithoutWaiting holds that reading does not wait for what is
// under way, up to the bound.
func TestLatencyTakesInWithoutWaiting(t *testing.T) {
	l := listen(t, echo(t))
	l.Latency(Up, time.Hour)
	c := dial(t, l)
	for n := range 1000 {
		send(t, c, strings.Repeat("x", 1000))
		await(t, l, func(f Figures) bool { return f.UnderWay == (n+1)*1000 })
	}
	if f := l.Figures(); f.Up != 0 {
		t.Errorf("%+v", f)
	}
}

func TestLatencyIsBounded(t *testing.T) {
	l := listen(t, echo(t))
	l.Latency(Up, time.Hour)
	c := dial(t, l)
	wrote := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, endless{})
		wrote <- err
	}()
	await(t, l, func(f Figures) bool { return f.UnderWay > roomMost*9/10 })
	// One chunk begins in the last of the room, one waits in front of it, and
	// one is in the hands of the writer.
	if f := l.Figures(); f.UnderWay > roomMost+3*largest {
		t.Errorf("%d bytes under way, the room is %d", f.UnderWay, roomMost)
	}
	l.Close()
	if err := <-wrote; err == nil {
		t.Error("an endless write ended without an error")
	}
}

func TestSlowKeepsTheRate(t *testing.T) {
	l := listen(t, echo(t))
	l.Slow(Down, 100_000)
	c := dial(t, l)
	begin := time.Now()
	roundTrip(t, c, strings.Repeat("x", 20_000))
	// What may go early: one piece, and what a late timer makes up for.
	if took := time.Since(begin); took < 160*time.Millisecond {
		t.Errorf("20,000 bytes at 100,000 bytes/s took %v", took)
	}
	l.Slow(Down, 1)
	send(t, c, "0123456789")
	expect(t, c, "0")
	l.Slow(Down, 0)
	expect(t, c, "123456789")
}

func TestStallPassesSingleBytes(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	c := dial(t, l)
	far := u.next(t)
	l.Stall(Up, time.Hour)
	send(t, c, "abc")
	expect(t, far, "a")
	await(t, l, func(f Figures) bool { return f.Up == 1 && f.UnderWay == 2 })
	send(t, far, "the other way is free")
	expect(t, c, "the other way is free")
	l.Stall(Up, time.Millisecond)
	begin := time.Now()
	send(t, c, strings.Repeat("x", 50))
	expect(t, far, "bc"+strings.Repeat("x", 50))
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("52 bytes with pauses of 1 ms took %v", took)
	}
}

func TestRestoreLiftsAll(t *testing.T) {
	l := listen(t, echo(t))
	l.Latency(Both, time.Hour)
	l.Slow(Both, 1)
	l.Stall(Both, time.Hour)
	l.Lossy(Both, 1, time.Hour, 1)
	refuse(t, l, Closed)
	if err := l.Restore(); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, dial(t, l), "as good as new")
}

func TestLossyHoldsBackAndKeepsOrder(t *testing.T) {
	l := listen(t, echo(t))
	c := dial(t, l)
	l.Lossy(Up, 1, 30*time.Millisecond, 1)
	begin := time.Now()
	roundTrip(t, c, "late")
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("a round trip took %v, less than what it is held back", took)
	}
	l.Lossy(Both, 0.3, 2*time.Millisecond, 1)
	var all strings.Builder
	for n := range 200 {
		line := fmt.Sprintln(n)
		send(t, c, line)
		all.WriteString(line)
	}
	expect(t, c, all.String())
}

func TestLossFollowsFromTheSeed(t *testing.T) {
	throw := func(seed, stream uint64) (hits int, pattern string) {
		d := dice{}
		l := loss{share: 0.05, extra: time.Second, seed: seed, edition: 1}
		for range 10_000 {
			if d.late(l, stream) > 0 {
				hits++
				pattern += "x"
			} else {
				pattern += "."
			}
		}
		return hits, pattern
	}
	hits, first := throw(1, 2)
	if hits < 400 || hits > 600 {
		t.Errorf("%d of 10,000 held back, want about 500", hits)
	}
	if _, again := throw(1, 2); again != first {
		t.Error("the same seed gave another sequence")
	}
	if _, other := throw(2, 2); other == first {
		t.Error("another seed gave the same sequence")
	}
	if _, other := throw(1, 3); other == first {
		t.Error("another direction gave the same sequence")
	}
}

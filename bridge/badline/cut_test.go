package badline

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestCutResetsBothSidesOfAll(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	a, b := dial(t, l), dial(t, l)
	farA, farB := u.next(t), u.next(t)
	l.Latency(Both, time.Hour)
	send(t, a, "lost")
	await(t, l, func(f Figures) bool { return f.UnderWay == 4 })
	l.Cut(Reset)
	expectReset(t, a)
	expectReset(t, b)
	expectReset(t, farA)
	expectReset(t, farB)
	await(t, l, func(f Figures) bool { return f.Cut == 2 && f.Open == 0 && f.UnderWay == 0 })
	dial(t, l)
	u.next(t)
}

func TestCutFinishesBothSides(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	c := dial(t, l)
	far := u.next(t)
	l.Latency(Both, time.Hour)
	send(t, c, "lost")
	await(t, l, func(f Figures) bool { return f.UnderWay == 4 })
	l.Cut(Finish)
	expectEnd(t, c)
	expectEnd(t, far)
	send(t, c, "too late") // thrown away, and no reset follows
	c.CloseWrite()
	far.CloseWrite()
	await(t, l, func(f Figures) bool { return f.Open == 0 })
	if f := l.Figures(); f.Cut != 1 || f.Up != 0 {
		t.Errorf("%+v", f)
	}
}

func TestHalfOpenPassesNothingAndEndsNothing(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	c := dial(t, l)
	far := u.next(t)
	send(t, c, "before")
	expect(t, far, "before")
	l.HalfOpen()
	send(t, c, "into the void")
	send(t, far, "into the void")
	far.Close() // the client does not hear of it

	fresh := dial(t, l)
	farFresh := u.next(t)
	send(t, fresh, "works")
	expect(t, farFresh, "works")
	await(t, l, func(f Figures) bool { return f.Open == 2 && f.HalfOpen == 1 && f.Up == 11 && f.Down == 0 })
	l.Cut(Finish)
	expectReset(t, c) // the first thing the client reads since
	expectEnd(t, fresh)
	if f := l.Figures(); f.HalfOpen != 0 || f.Cut != 2 {
		t.Errorf("%+v", f)
	}
}

func TestHalfOpenOfSenderThatWaits(t *testing.T) {
	u := catcher(t) // nobody reads there
	l := listen(t, u)
	c := dial(t, l)
	u.next(t)
	wrote := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, endless{})
		wrote <- err
	}()
	await(t, l, func(f Figures) bool { return f.UnderWay > roomMost/2 })
	l.HalfOpen()
	await(t, l, func(f Figures) bool { return f.UnderWay == 0 })
	l.Cut(Reset)
	if err := <-wrote; err == nil {
		t.Error("an endless write ended without an error")
	}
}

func TestCutAfterCutsInTheMiddleOnce(t *testing.T) {
	l := listen(t, echo(t))
	l.CutAfter(Down, 700, Finish)
	c := dial(t, l)
	send(t, c, strings.Repeat("x", 1000))
	if got, err := io.ReadAll(c); len(got) != 700 || err != nil {
		t.Errorf("read %d bytes, %v, want 700 and the end", len(got), err)
	}
	c.Close()
	await(t, l, func(f Figures) bool { return f.Cut == 1 && f.Open == 0 })
	roundTrip(t, dial(t, l), strings.Repeat("y", 1000))
}

func TestCutAfterCountsAllConnections(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	a := dial(t, l)
	farA := u.next(t)
	b := dial(t, l)
	farB := u.next(t)
	l.CutAfter(Up, 10, Finish)
	send(t, a, "1234567")
	expect(t, farA, "1234567")
	send(t, b, "890 and more")
	expect(t, farB, "890")
	expectEnd(t, farA)
	expectEnd(t, farB)
}

func TestCutAfterResets(t *testing.T) {
	u := catcher(t)
	l := listen(t, u)
	l.CutAfter(Up, 5, Reset)
	c := dial(t, l)
	far := u.next(t)
	send(t, c, "123456789")
	expectReset(t, c)
	if got, err := io.ReadAll(far); len(got) > 5 || err == nil {
		t.Errorf("read %q, %v, want at most 5 bytes and a reset", got, err)
	}
}

func TestCutAfterIsTakenBack(t *testing.T) {
	l := listen(t, echo(t))
	l.CutAfter(Both, 3, Reset)
	l.CutAfter(Both, 0, Reset)
	roundTrip(t, dial(t, l), "longer than three")
	l.CutAfter(Both, 3, Reset)
	if err := l.Restore(); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, dial(t, l), "longer than three")
}

// endless never ends.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

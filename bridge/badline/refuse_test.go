package badline

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

func TestRefuseClosedAndTheSamePortAgain(t *testing.T) {
	l := listen(t, echo(t))
	addr := l.Addr()
	before := dial(t, l)
	roundTrip(t, before, "before")
	for range 50 {
		refuse(t, l, Closed)
		if c, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("connected to %v, %v, want connection refused", c, err)
		}
		roundTrip(t, before, "goes on")
		refuse(t, l, Nobody)
		roundTrip(t, dial(t, l), "again")
	}
	if l.Addr() != addr || l.Figures().Accepted != 51 {
		t.Errorf("at %s, want %s; %+v", l.Addr(), addr, l.Figures())
	}
}

// TestRefusedPortStaysOurs binds as a stranger does who knows nothing of us,
// without the SO_REUSEADDR that Go sets.
func TestRefusedPortStaysOurs(t *testing.T) {
	l := listen(t, echo(t))
	refuse(t, l, Closed)
	stranger := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		outer := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		})
		return errors.Join(err, outer)
	}}
	if ln, err := stranger.Listen(t.Context(), "tcp", l.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("bound %v, %v, want address in use", ln, err)
	}
	refuse(t, l, Nobody)
	l.Close()
	ln, err := net.Listen("tcp", l.Addr())
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	ln.Close()
}

func TestRefuseHangup(t *testing.T) {
	l := listen(t, echo(t))
	refuse(t, l, Hangup)
	if got, _ := io.ReadAll(dial(t, l)); len(got) > 0 {
		t.Errorf("read %q", got)
	}
	if f := l.Figures(); f.Accepted != 1 || f.Refused != 1 || f.Open != 0 {
		t.Errorf("%+v", f)
	}
	refuse(t, l, Nobody)
	roundTrip(t, dial(t, l), "again")
}

func TestRefuseSilent(t *testing.T) {
	l := listen(t, echo(t))
	refuse(t, l, Silent)
	c := dial(t, l)
	send(t, c, "anybody?")
	await(t, l, func(f Figures) bool { return f.HalfOpen == 1 })
	refuse(t, l, Nobody)
	roundTrip(t, dial(t, l), "again")
	l.Cut(Finish)
	expectReset(t, c)
	// Nothing of the silent one passed.
	await(t, l, func(f Figures) bool { return f.Up == 5 && f.HalfOpen == 0 })
}

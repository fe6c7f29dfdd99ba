package badline

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a condition may take on a machine under load before a
// test gives up.
const patience = 30 * time.Second

// upstream is a server behind the line.
type upstream struct {
	net.Listener
	conns chan *net.TCPConn // that came, if nothing serves them
}

// serving runs handle for every connection until the test ends.
func serving(t testing.TB, handle func(*net.TCPConn)) *upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { handle(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return &upstream{Listener: ln}
}

// echo sends back what comes, and the end as well.
func echo(t testing.TB) *upstream {
	return serving(t, func(c *net.TCPConn) {
		defer c.Close()
		io.Copy(c, c)
	})
}

// catcher hands its connections to the test.
func catcher(t testing.TB) *upstream {
	conns := make(chan *net.TCPConn, 16)
	u := serving(t, func(c *net.TCPConn) { conns <- c })
	u.conns = conns
	return u
}

func (u *upstream) next(t testing.TB) *net.TCPConn {
	t.Helper()
	select {
	case c := <-u.conns:
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		t.Fatal("no connection came to the upstream")
		return nil
	}
}

// listen opens a line that is closed before the upstream is.
func listen(t testing.TB, u *upstream) *Line {
	t.Helper()
	l, err := Listen(u.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func dial(t testing.TB, l *Line) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", l.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got[:n], err, want)
	}
}

// there and back.
func roundTrip(t testing.TB, c net.Conn, text string) {
	t.Helper()
	send(t, c, text)
	expect(t, c, text)
}

// expectReset reads nothing but a reset.
func expectReset(t testing.TB, c net.Conn) {
	t.Helper()
	if got, err := io.ReadAll(c); len(got) > 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes %.20q, %v, want a reset", len(got), got, err)
	}
}

// expectEnd reads nothing but an end in order.
func expectEnd(t testing.TB, c net.Conn) {
	t.Helper()
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("read %d bytes %.20q, %v, want the end", len(got), got, err)
	}
}

func await(t testing.TB, l *Line, cond func(Figures) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Wait(ctx, cond); err != nil {
		t.Fatal(err)
	}
}

func refuse(t testing.TB, l *Line, how Refusal) {
	t.Helper()
	if err := l.Refuse(how); err != nil {
		t.Fatal(err)
	}
}

// running returns the stacks of the line's goroutines.
func running() string {
	buf := make([]byte, 1<<20)
	var ours []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, name := range []string{"badline.(*pair)", "badline.(*pipe)", "badline.serve(", "badline.(*Line)"} {
			if strings.Contains(g, name) {
				ours = append(ours, g)
				break
			}
		}
	}
	return strings.Join(ours, "\n\n")
}

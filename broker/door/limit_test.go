package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// refused expects that a new connection is closed at once.
func refused(t *testing.T, d *Door, accepted <-chan *Conn) {
	t.Helper()
	nc := dial(t, d)
	if n, err := nc.Read(make([]byte, 1)); err == nil {
		t.Fatalf("read %d bytes", n)
	}
	select {
	case c := <-accepted:
		t.Fatalf("%v was accepted", c.RemoteAddr())
	default:
	}
}

// accepting accepts until the door is closed.
func accepting(t *testing.T, d *Door) <-chan *Conn {
	ch := make(chan *Conn, 100)
	go func() {
		defer close(ch)
		for {
			c, err := d.AcceptConn()
			if err != nil {
				return
			}
			ch <- c
		}
	}()
	t.Cleanup(func() {
		d.Close()
		for c := range ch {
			c.Close()
		}
	})
	return ch
}

func TestMaxConnections(t *testing.T) {
	var l logs
	d, err := Open(Options{Network: "tcp", Address: "127.0.0.1:0", MaxConnections: 2}, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	conns := accepting(t, d)
	dial(t, d)
	dial(t, d)
	a, b := <-conns, <-conns
	refused(t, d, conns)
	refused(t, d, conns)
	if s := d.Stats(); s.Open != 2 || s.Accepted != 2 || s.Refused.Connections != 2 {
		t.Errorf("stats are %+v", s)
	}
	if got := l.String(); strings.Count(got, "as many are open as may be") != 1 || !strings.Contains(got, "max_connections=2") {
		t.Errorf("logged\n%s", got)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) { // counts once
		t.Errorf("closed twice: %v", err)
	}
	dial(t, d)
	c := <-conns
	refused(t, d, conns)
	b.Close()
	c.Close()
	if s := d.Stats(); s.Open != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestMaxConnectionsPerAddress(t *testing.T) {
	var l logs
	d, err := Open(Options{Network: "tcp", Address: "127.0.0.1:0", MaxConnectionsPerAddress: 1}, l.logger())
	if err != nil {
		t.Fatal(err)
	}
	conns := accepting(t, d)
	dial(t, d)
	a := <-conns
	refused(t, d, conns)
	if s := d.Stats(); s.Open != 1 || s.Accepted != 1 || s.Refused.Address != 1 {
		t.Errorf("stats are %+v", s)
	}
	if got := l.String(); !strings.Contains(got, "remote=127.0.0.1/32 max_connections_per_address=1") {
		t.Errorf("logged\n%s", got)
	}
	a.Close()
	dial(t, d)
	(<-conns).Close()
	if len(d.addresses) != 0 {
		t.Errorf("addresses are kept: %v", d.addresses)
	}
}

// Behind a proxy the address that it says counts.
func TestMaxConnectionsPerProxiedAddress(t *testing.T) {
	var told []error
	d := open(t, Options{ProxyProtocol: true, MaxConnectionsPerAddress: 1, Refused: func(_ net.Addr, why error) { told = append(told, why) }})
	come := func(from string) (*Conn, error) {
		family := "TCP4"
		if strings.Contains(from, ":") {
			family = "TCP6"
		}
		client, server := dial(t, d), accept(t, d)
		_, err := fmt.Fprintf(client, "PROXY %s %s %[2]s 1000 1883\r\n", family, from)
		if err != nil {
			t.Fatal(err)
		}
		return server, server.Handshake(context.Background())
	}
	first, err := come("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"} {
		if _, err := come(other); err != nil {
			t.Errorf("%s: %v", other, err)
		}
	}
	for who, from := range map[string]string{"192.0.2.1/32": "192.0.2.1", "2001:db8::/64": "2001:db8::ffff:1"} {
		_, err := come(from)
		wants(t, err, "1 connections of "+who+" are open already")
		if n := len(told); n == 0 || told[n-1] != err || !errors.Is(err, ErrFull) {
			t.Errorf("told of %v", told)
		}
	}
	if s := d.Stats(); s.Open != 4 || s.Refused.Address != 2 || s.Refused.Total() != 2 {
		t.Errorf("stats are %+v", s)
	}
	first.Close()
	if _, err := come("192.0.2.1"); err != nil {
		t.Error(err)
	}
}

// A connection that is closed while its header is read is not counted any more.
func TestCloseBeforeCount(t *testing.T) {
	d := open(t, Options{ProxyProtocol: true, MaxConnectionsPerAddress: 1})
	dial(t, d)
	c := accept(t, d)
	c.Close()
	if err := d.countAddress(c, netip.MustParseAddrPort("192.0.2.1:1")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error is %v", err)
	}
	if len(d.addresses) != 0 {
		t.Errorf("addresses are %v", d.addresses)
	}
}

func TestHousehold(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1/32",
		"::ffff:192.0.2.1":   "192.0.2.1/32",
		"2001:db8::1":        "2001:db8::/64",
		"2001:db8:0:1:2::3":  "2001:db8:0:1::/64",
		"fe80::1%eth0":       "fe80::/64",
		"::ffff:192.0.2.1%1": "192.0.2.1/32",
	} {
		if got := household(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := household(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %v", got)
	}
	if got := addrPort((*net.TCPAddr)(nil)); got.IsValid() {
		t.Errorf("no address: %v", got)
	}
}

func TestComplaint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c complaint
		if n, due := c.due(); n != 1 || !due {
			t.Errorf("the first: %d, %v", n, due)
		}
		for range 5 {
			if _, due := c.due(); due {
				t.Error("again at once")
			}
		}
		time.Sleep(time.Minute)
		if n, due := c.due(); n != 6 || !due {
			t.Errorf("after a minute: %d, %v", n, due)
		}
	})
}

// Connections come and go from many goroutines; the count ends at zero.
func TestCountConcurrently(t *testing.T) {
	d := open(t, Options{MaxConnectionsPerAddress: 1000})
	conns := accepting(t, d)
	const n = 50
	done := make(chan struct{})
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			nc, err := net.Dial("tcp", d.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			_, _ = io.ReadAll(nc)
		}()
	}
	for range n {
		c := <-conns
		go c.Close()
		c.Close()
		d.Stats()
	}
	for range n {
		<-done
	}
	if s := d.Stats(); s.Open != 0 || s.Accepted != n || len(d.addresses) != 0 {
		t.Errorf("stats are %+v, addresses %v", s, d.addresses)
	}
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker/packet"
)

// stuck starts one goroutine in every method that waits, and returns a
// function that collects what they return.
func stuck(t *testing.T, c *Client) (errs func() map[string]error) {
	t.Helper()
	var mu sync.Mutex
	all := make(map[string]error)
	var wg sync.WaitGroup
	in := func(name string, f func() error) {
		wg.Go(func() {
			err := f()
			mu.Lock()
			defer mu.Unlock()
			all[name] = err
		})
	}
	for i := range 2 {
		in(fmt.Sprint("Next ", i), func() error {
			_, err := c.Next(t.Context())
			return err
		})
	}
	for qos := range packet.QoS(3) {
		in(fmt.Sprint("Publish ", qos), func() error {
			_, err := c.Publish(t.Context(), message("a", string(big(maxQueued)), qos, 0))
			return err
		})
	}
	in("Subscribe", func() error {
		_, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: "a"}})
		return err
	})
	in("Unsubscribe", func() error {
		_, err := c.Unsubscribe(t.Context(), "a")
		return err
	})
	synctest.Wait()
	return func() map[string]error {
		wg.Wait()
		return all
	}
}

// deaf returns a client of a server that accepted it and does not read.
func deaf(t *testing.T, v packet.Version) (*Client, *peer) {
	t.Helper()
	conn, p := pipe(t, v, true)
	c := newClient(conn, &packet.Connect{Version: v}, Options{Buffer: 1})
	c.accept(new(packet.Connack))
	c.start()
	t.Cleanup(func() { c.Close() })
	return c, p
}

// Close wakes everybody, whatever they wait for.
func TestCloseWhileBlocked(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, _ := deaf(t, v)
		errs := stuck(t, c)
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for name, err := range errs() {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("after %v", time.Since(start))
		}
		if c.Err() != ErrClosed {
			t.Errorf("Err %v", c.Err())
		}
	})
}

// It wakes the reader, too, that waits for somebody to take messages.
func TestCloseWhileReaderBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Buffer: 1}, nil)
		p.send(message("a", "1", 0, 0), message("a", "2", 0, 0))
		synctest.Wait()
		if !c.blocked.Load() {
			t.Error("the reader does not wait")
		}
		c.Close()
		p.closed()
	})
}

// After the end every method says why.
func TestAfterClose(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		c.Close()
		p.closed() // without DISCONNECT
		for name, err := range stuck(t, c)() {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := c.Disconnect(packet.Success); !errors.Is(err, ErrClosed) {
			t.Errorf("Disconnect: %v", err)
		}
	})
}

func TestDisconnect(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v, KeepAlive: time.Minute}, nil)
		next := make(chan error)
		go func() {
			_, err := c.Next(t.Context())
			next <- err
		}()
		waiting := publish(c, t.Context(), message("a", "", 1, 0))
		expect[*packet.Publish](p)
		start := time.Now()
		if err := c.Disconnect(packet.Success); err != nil {
			t.Error(err)
		}
		if time.Since(start) != 0 {
			t.Errorf("after %v", time.Since(start))
		}
		if d := expect[*packet.Disconnect](p); d.Code != packet.Success {
			t.Errorf("%+v", d)
		}
		if err := <-next; !errors.Is(err, ErrClosed) {
			t.Errorf("Next: %v", err)
		}
		if r := <-waiting; !errors.Is(r.err, ErrClosed) {
			t.Errorf("Publish: %v", r.err)
		}
		if c.Err() != ErrClosed {
			t.Errorf("Err %v", c.Err())
		}
	})
}

// Where there is no code, the will is asked for by saying nothing.
func TestDisconnectWithWill(t *testing.T) {
	eachVersion(t, func(t *testing.T, v packet.Version) {
		c, p := dial(t, Options{Version: v}, nil)
		if err := c.Disconnect(packet.DisconnectWithWill); err != nil {
			t.Error(err)
		}
		if v < packet.V5 {
			p.closed()
		} else if d := expect[*packet.Disconnect](p); d.Code != packet.DisconnectWithWill {
			t.Errorf("%+v", d)
		}
	})
}

// What was waiting to be written goes before DISCONNECT, and who waits for that
// gets it.
func TestDisconnectIsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := deaf(t, packet.V311)
		var sent []<-chan result
		for _, payload := range []string{"1", "2"} {
			sent = append(sent, publish(c, t.Context(), message("a", payload, 0, 0)))
			synctest.Wait()
		}
		over := make(chan error, 1)
		go func() { over <- c.Disconnect(packet.Success) }()
		synctest.Wait()
		go p.pump()
		if err := <-over; err != nil {
			t.Error(err)
		}
		for _, r := range sent {
			if r := <-r; r.err != nil {
				t.Error(r.err)
			}
		}
		expect[*packet.Publish](p)
		expect[*packet.Publish](p)
		expect[*packet.Disconnect](p)
		p.closed()
	})
}

// A server that takes nothing, or does not close, holds Disconnect up for a
// while only.
func TestDisconnectIsBounded(t *testing.T) {
	t.Run("not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := deaf(t, packet.V5)
			errs := stuck(t, c)
			start := time.Now()
			wantError(t, c.Disconnect(packet.Success), "disconnect: the server takes nothing any more")
			if after := time.Since(start); after != writeGrace {
				t.Errorf("after %v", after)
			}
			for name, err := range errs() {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	})
	t.Run("not closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := deaf(t, packet.V5)
			var wg sync.WaitGroup
			wg.Go(func() { // reads, and goes on sending for ever
				_, _ = io.ReadFull(p.conn, make([]byte, 2))
				b, _ := message("a", "x", 0, 0).Append(nil, packet.V5)
				for {
					if _, err := p.conn.Write(b); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
			start := time.Now()
			if err := c.Disconnect(packet.Success); err != nil {
				t.Error(err)
			}
			if after := time.Since(start); after != readGrace {
				t.Errorf("after %v", after)
			}
			wg.Wait()
		})
	})
}

// Over TCP the client closes its side, so that the server gets all of it.
func TestDisconnectHalfCloses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	all := make(chan []byte, 1)
	go func() {
		var got []byte
		defer func() { all <- got }()
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		// What the client does not read must not make the system throw
		// away what it wrote.
		_, _ = conn.Write(append([]byte{0x20, 2, 0, 0}, bytes.Repeat([]byte{0x30, 3, 0, 1, 'a'}, 1000)...))
		got, _ = io.ReadAll(conn)
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Connect(t.Context(), conn, Options{CleanStart: true, Buffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), message("a", "1", 0, 0)); err != nil {
		t.Error(err)
	}
	if err := c.Disconnect(packet.Success); err != nil {
		t.Error(err)
	}
	want := []byte{0x30, 4, 0, 1, 'a', '1', 0xe0, 0}
	if got := <-all; !bytes.HasSuffix(got, want) {
		t.Errorf("the server got %x, want %x in the end", got, want)
	}
}

// The end as the server makes it.
func TestServerEnds(t *testing.T) {
	tests := map[string]struct {
		v     packet.Version
		last  []byte
		words string
	}{
		"closes":        {packet.V311, nil, "the server closed the connection: EOF"},
		"closes within": {packet.V311, []byte{0x30, 9, 0}, "the server closed the connection: unexpected EOF"},
		"disconnects":   {packet.V5, []byte{0xe0, 0}, "the server disconnected: Success (0x00)"},
		"shuts down":    {packet.V5, []byte{0xe0, 1, 0x8b}, "the server disconnected: Server shutting down (0x8B)"},
		"takes over":    {packet.V5, []byte{0xe0, 7, 0x8e, 5, 0x1f, 0, 2, 'h', 'i'}, `the server disconnected: Session taken over (0x8E), "hi"`},
		"sends us away": {packet.V5, []byte{0xe0, 6, 0x9d, 4, 0x1c, 0, 1, 'b'}, `the server disconnected: Server moved (0x9D), go to server "b"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := dial(t, Options{Version: test.v, KeepAlive: time.Minute}, nil)
				waiting := publish(c, t.Context(), message("a", "", 1, 0))
				expect[*packet.Publish](p)
				if c.Err() != nil {
					t.Errorf("Err %v before the end", c.Err())
				}
				if _, err := p.conn.Write(test.last); err != nil {
					t.Error(err)
				}
				p.conn.Close()
				err := ended(t, c, test.words)
				var said *DisconnectError
				if errors.As(err, &said) != (test.v == packet.V5) {
					t.Errorf("%#v", err)
				}
				wantError(t, (<-waiting).err, `publish to "a": `+test.words)
				if err := c.Disconnect(packet.Success); !errors.Is(err, c.Err()) {
					t.Errorf("Disconnect: %v", err)
				}
				if err := c.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if got := c.Err(); got != err {
					t.Errorf("Close changed the reason to %v", got)
				}
			})
		})
	}
}

// What came before the end is still there, except for QoS 2, which could not be
// acknowledged any more.
func TestNextAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := dial(t, Options{Version: packet.V5}, nil)
		p.send(message("a", "0", 0, 0), message("a", "2", 2, 2), message("a", "1", 1, 1))
		p.send(&packet.Disconnect{Code: packet.ServerShuttingDown})
		ended(t, c, "Server shutting down")
		next(t, c, "0")
		next(t, c, "1")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var said *DisconnectError
		if _, err := c.Next(ctx); !errors.As(err, &said) || said.Code != packet.ServerShuttingDown {
			t.Errorf("Next: %v", err)
		}
	})
}

// An answer that has come counts, though the connection ends right after it.
func TestAnswerBeforeTheEnd(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			c, p := dial(t, Options{Version: packet.V5}, nil)
			r := publish(c, t.Context(), message("a", "", 1, 0))
			b, err := (&packet.Puback{ID: expect[*packet.Publish](p).ID}).Append(nil, packet.V5)
			if err != nil {
				t.Fatal(err)
			}
			p.send(raw(append(b, 0xe0, 1, 0x8b)))
			if r := <-r; r.err != nil {
				t.Fatal(r.err)
			}
		})
	}
}

// Whatever a server sends, the client ends when it is closed and never panics.
func FuzzServer(f *testing.F) {
	f.Add(byte(4), []byte{0x30, 3, 0, 1, 'a', 0x32, 5, 0, 1, 'a', 0, 1, 0x34, 5, 0, 1, 'a', 0, 2, 0x62, 2, 0, 2})
	f.Add(byte(5), []byte{0x40, 2, 0, 1, 0x50, 2, 0, 1, 0x70, 2, 0, 1, 0xd0, 0, 0xe0, 1, 0x8b})
	f.Add(byte(3), []byte{0x90, 3, 0, 1, 0, 0xb0, 2, 0, 2, 0x20, 2, 0, 0})
	f.Fuzz(func(t *testing.T, version byte, stream []byte) {
		synctest.Test(t, func(t *testing.T) {
			v := versions[int(version)%len(versions)]
			conn, p := pipe(t, v, false)
			c := newClient(conn, &packet.Connect{Version: v, KeepAlive: 10}, Options{Buffer: 2})
			c.accept(new(packet.Connack))
			c.start()
			errs := stuck(t, c)
			go func() { _, _ = p.conn.Write(stream) }() // ends when the client does
			synctest.Wait()
			c.Close()
			errs()
		})
	})
}

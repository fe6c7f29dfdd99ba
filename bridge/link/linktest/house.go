package linktest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/auth"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// house is our broker on loopback, and a way to watch what it gets.
type house struct {
	*testing.T
	up     link.Upstream
	broker *broker.Broker
}

// loginName and loginPassword are of who may come in where not everybody may.
const loginName, loginPassword = "pi", "secret"

func newHouse(t *testing.T, up link.Upstream, users ...auth.User) *house {
	t.Helper()
	return &house{t, up, Serve(t, func(cfg *broker.Config) {
		cfg.MaxPacketSize = 16 << 20
		cfg.Auth.Users = users
	})}
}

// Serve runs our broker on a free port of loopback until the test ends.
func Serve(t testing.TB, change func(*broker.Config)) *broker.Broker {
	t.Helper()
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	change(&cfg)
	b := broker.New(cfg, slog.New(slog.DiscardHandler))
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("the broker: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return b
}

func (h *house) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", h.broker.Addrs()[0].String())
}

// hello is one that keeps its session.
func hello() link.Hello {
	return link.Hello{ClientID: "gateway-cloud", SessionExpiry: time.Hour, KeepAlive: 30 * time.Second, ReceiveMaximum: 32}
}

// call is a connection to the house.
type call struct {
	link.Link
	t    *testing.T
	conn net.Conn // to cut
}

// connect connects, and wants the link to end with the test.
func (h *house) connect(hi link.Hello, s link.Session) *call {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	conn, err := h.dial(ctx)
	if err != nil {
		h.Fatal(err)
	}
	hi.Dial = h.dial
	l, err := h.up.Connect(ctx, conn, hi, s)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(l.Close)
	return &call{l, h.T, conn}
}

// cut ends the connection as a broken line does, and waits until it is noticed.
func (c *call) cut() {
	c.t.Helper()
	c.conn.Close()
	wait(c.t, "the end of the connection", c.Lost())
	if c.Cause() == nil {
		c.t.Error("the connection is lost, and Cause says nothing")
	}
}

// subscribe subscribes and wants these codes.
func (c *call) subscribe(want string, subs ...link.Subscription) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	codes, err := c.Subscribe(ctx, subs)
	if err != nil {
		c.t.Fatal(err)
	}
	if got := fmt.Sprint(codes); got != want {
		c.t.Fatalf("granted %s, want %s", got, want)
	}
}

// taken wants the upstream to take a message.
func taken(t *testing.T, what string, r *link.Receipt) {
	t.Helper()
	wait(t, "the receipt of "+what, r.Done())
	if err := r.Err(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func wait[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	return v
}

// watch subscribes to the house itself, and returns what comes there.
func (h *house) watch(filters ...string) func() string {
	h.Helper()
	sub, err := h.broker.Subscribe(broker.SubscribeOptions{MaxMessages: 10000}, filters...)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(sub.Close)
	return func() string {
		h.Helper()
		ctx, cancel := context.WithTimeout(h.Context(), patience)
		defer cancel()
		d, err := sub.Next(ctx)
		if err != nil {
			h.Fatalf("nothing came to %v: %v", filters, err)
		}
		return d.Topic + "=" + string(d.Payload)
	}
}

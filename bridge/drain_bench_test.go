package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
)

// BenchmarkDrain is the bridge alone: from the queue of a broker without a disk
// to an upstream that acknowledges at once.
func BenchmarkDrain(b *testing.B) {
	for _, qos := range []int{1, 2} {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			cfg := testConfig()
			cfg.MaxInflight, cfg.Queue = 32, Queue{MaxMessages: b.N + 1}
			cfg.Topics[0].QoS = qos
			house := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
			up := &instant{want: int64(b.N), done: make(chan struct{})}
			br := New(cfg, Deps{Broker: house, Log: slog.New(slog.DiscardHandler), Upstream: up, Aside: &shelf{},
				Dial: func(context.Context, string) (net.Conn, error) { return nil, nil },
				Wire: func() (in, out int64) { return 0, 0 }})
			if err := br.Collect(); err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 100)
			for i := range b.N {
				if err := house.Publish(&broker.Message{Topic: fmt.Sprintf("home/room%d/climate", i%100), Payload: payload, QoS: 1}); err != nil {
					b.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error)
			b.ReportAllocs()
			b.ResetTimer()
			go func() { ended <- br.Run(ctx) }()
			<-up.done
			b.StopTimer()
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// instant is an upstream, and its only link, that acknowledges at once.
type instant struct {
	session link.Session
	n, want int64
	done    chan struct{}
	gone    atomic.Bool
	lost    chan struct{}
}

func (u *instant) Connect(_ context.Context, _ net.Conn, _ link.Hello, s link.Session) (link.Link, error) {
	u.session, u.lost = s, make(chan struct{})
	return u, nil
}

func (u *instant) Publish(m link.Message) *link.Receipt {
	r := link.NewReceipt()
	if m.QoS == 2 {
		if err := u.session.Released(context.Background(), m.ID); err != nil {
			r.Settle(err)
			return r
		}
	}
	r.Settle(nil)
	if u.n++; u.n == u.want {
		close(u.done)
	}
	return r
}

func (u *instant) Release(uint16) *link.Receipt { panic("nothing was under way") }
func (u *instant) Present() bool                { return true }
func (u *instant) Limits() link.Limits          { return link.Limits{MaxQoS: 2, ReceiveMaximum: 65535} }
func (u *instant) LastHeard() time.Time         { return time.Now() }
func (u *instant) Lost() <-chan struct{}        { return u.lost }
func (u *instant) Cause() error                 { return nil }

func (u *instant) Subscribe(context.Context, []link.Subscription) ([]byte, error) { return nil, nil }
func (u *instant) Unsubscribe(context.Context, []string) error                    { return nil }

func (u *instant) Close() {
	if !u.gone.Swap(true) {
		close(u.lost)
	}
}

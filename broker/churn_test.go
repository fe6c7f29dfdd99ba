package broker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/broker/packet"
)

// watchLog notes that something was logged as an error.
type watchLog struct {
	slog.Handler
	seen atomic.Bool
}

func (w *watchLog) logger() *slog.Logger {
	return slog.New(&watchLogHandler{slog.DiscardHandler, w})
}

type watchLogHandler struct {
	slog.Handler
	w *watchLog
}

func (h *watchLogHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (h *watchLogHandler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *watchLogHandler) Handle(context.Context, slog.Record) error {
	h.w.seen.Store(true)
	return nil
}

// TestChurn connects and disconnects ten thousand clients in every manner:
// nothing may be left of them, no goroutine and no memory.
func TestChurn(t *testing.T) {
	clients := 10_000
	if testing.Short() {
		clients = 1000
	}
	b, tcp, _ := listening(t)
	churn(t, tcp, 200) // what is made once is made
	goroutines, heap := settled(b)
	churn(t, tcp, clients)
	nowGoroutines, nowHeap := settled(b)
	if nowGoroutines > goroutines+5 {
		t.Errorf("%d goroutines before, %d after", goroutines, nowGoroutines)
	}
	if nowHeap > heap+2<<20 {
		t.Errorf("%d KiB in use before, %d after", heap>>10, nowHeap>>10)
	}
	if st := b.Stats(); st.Sessions != 0 || st.Subscriptions != 0 || st.QueuedBytes != 0 {
		t.Errorf("left over: %+v", st)
	}
	if len(b.groups) != 0 {
		t.Errorf("%d groups are left", len(b.groups))
	}
}

// settled waits until no connection is left and returns how many goroutines
// and how many bytes there are.
func settled(b *Broker) (goroutines int, heap uint64) {
	for b.counters.connections.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// churn lets n clients come and go, eight at a time.
func churn(t *testing.T, address string, n int) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := comeAndGo(address, int(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// comeAndGo is one client: it subscribes, publishes, and leaves politely,
// rudely, or in the middle of a packet.
func comeAndGo(address string, i int) error {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	v := []packet.Version{packet.V31, packet.V311, packet.V5}[i%3]
	var all []byte
	for _, p := range []packet.Packet{
		&packet.Connect{Version: v, ClientID: fmt.Sprint("c", i%500), CleanStart: true, KeepAlive: 60, Will: &packet.Will{Topic: "gone", Payload: []byte("x")}},
		&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: fmt.Sprint("t/", i%10), QoS: 1}, {Filter: "$share/g/t/#", QoS: 2}}},
		&packet.Publish{Topic: fmt.Sprint("t/", i%10), QoS: 1, ID: 2, Payload: []byte(strings.Repeat("x", i%3000))},
	} {
		if all, err = p.Append(all, v); err != nil {
			return err
		}
	}
	switch i % 4 {
	case 0:
		all, err = (&packet.Disconnect{}).Append(all, v)
	case 1:
		all = append(all, 0x32, 200, 1, 0) // the beginning of a packet
	case 2:
		all = append(all, 0xff, 0xff, 0xff, 0xff, 0xff) // nonsense
	}
	if err != nil {
		return err
	}
	if _, err := nc.Write(all); err != nil {
		return nil // taken over by another of the same id before
	}
	if i%4 == 3 {
		return nil // gone without a word
	}
	if half, ok := nc.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, nc)
	return nil
}

// TestTalkers lets many clients publish to each other at every QoS over
// real sockets while others come and go; each publisher's messages come in
// their order, none twice at QoS 2, none lost at QoS 1 and 2.
func TestTalkers(t *testing.T) {
	const clients, messages = 12, 300
	_, tcp, _ := listening(t)
	churning, stop := context.WithCancel(t.Context())
	var churners, wg sync.WaitGroup
	churners.Go(func() {
		for i := 1; churning.Err() == nil; i++ {
			_ = comeAndGo(tcp, i)
		}
	})
	ready := make(chan struct{})
	var subscribed sync.WaitGroup
	for n := range clients {
		subscribed.Add(1)
		wg.Go(func() { talk(t, tcp, n, clients, messages, &subscribed, ready) })
	}
	subscribed.Wait()
	close(ready)
	wg.Wait()
	stop()
	churners.Wait()
}

// talk is client n: it subscribes to what everybody says, says its own, and
// checks what it hears.
func talk(t *testing.T, address string, n, clients, messages int, subscribed *sync.WaitGroup, ready chan struct{}) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		subscribed.Done()
		return
	}
	v := []packet.Version{packet.V311, packet.V5}[n%2]
	qos := packet.QoS(n % 3)
	c := &testClient{t: t, conn: nc, v: v, in: make(chan received, 100_000)}
	defer nc.Close()
	go c.pump()
	c.send(&packet.Connect{Version: v, ClientID: fmt.Sprint("talker", n), CleanStart: true})
	expect[*packet.Connack](c)
	c.subscribe("talk/+", 2)
	subscribed.Done()
	<-ready
	next := make([]int, clients)
	waiting := clients * messages
	sent, unacked := 0, 0
	for waiting > 0 || unacked > 0 {
		for sent < messages && unacked < 15 {
			p := &packet.Publish{Topic: fmt.Sprint("talk/", n), QoS: qos, Payload: []byte(fmt.Sprint(sent))}
			if qos > 0 {
				p.ID = uint16(sent + 1)
				unacked++
			}
			c.send(p)
			if sent++; qos == 0 && sent%20 == 0 {
				break
			}
		}
		if !heard(t, c, next, &waiting, &unacked) {
			return
		}
	}
}

// heard handles one packet of a talker and tells whether to go on.
func heard(t *testing.T, c *testClient, next []int, waiting, unacked *int) bool {
	switch p := c.recvNew().(type) {
	case *packet.Publish:
		var from, i int
		_, _ = fmt.Sscanf(p.Topic, "talk/%d", &from)
		_, _ = fmt.Sscan(string(p.Payload), &i)
		if i != next[from] {
			t.Errorf("message %d of %s, want %d", i, p.Topic, next[from])
			return false
		}
		next[from]++
		*waiting--
		if p.QoS == 1 {
			c.send(&packet.Puback{ID: p.ID})
		} else if p.QoS == 2 {
			c.send(&packet.Pubrec{ID: p.ID})
		}
	case *packet.Pubrel:
		c.send(&packet.Pubcomp{ID: p.ID})
	case *packet.Puback:
		*unacked--
	case *packet.Pubrec:
		c.send(&packet.Pubrel{ID: p.ID})
	case *packet.Pubcomp:
		*unacked--
	}
	return true
}

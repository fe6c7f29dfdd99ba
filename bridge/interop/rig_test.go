package interop

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/bridge/badline"
	"gateway/bridge/upstreams"
	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/broker/store"
)

// patience is how long something may take that comes in the end.
const patience = 60 * time.Second

// rig is an upstream, a line to it, and a broker with a bridge over that line.
type rig struct {
	t      *testing.T
	up     *upstreams.Upstream
	line   *badline.Line
	broker *broker.Broker
	bridge *bridge.Bridge
	stop   func()
}

// openRig starts the bridge of cfg to up. It ends with the test, or by stop.
func openRig(t *testing.T, up *upstreams.Upstream, change func(*bridge.Config)) *rig {
	t.Helper()
	line, err := badline.Listen(up.Address())
	if err != nil {
		t.Fatal(err)
	}
	disk, err := store.Open(t.TempDir(), store.Options{Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("INTEROP_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	cfg := bridge.Default()
	cfg.Name, cfg.Address, cfg.ClientID = "up", "mqtt://"+line.Addr(), fmt.Sprintf("gw-%d", time.Now().UnixNano())
	cfg.ReconnectMin, cfg.ReconnectMax, cfg.AckTimeout = 50*time.Millisecond, time.Second, 2*time.Second
	change(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	b := broker.Open(broker.Default(), broker.Persistence{Store: disk}, log)
	r := &rig{t: t, up: up, line: line, broker: b, bridge: newBridge(cfg, b, log)}
	if err := r.bridge.Collect(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- b.Run(ctx) }()
	go func() { ended <- r.bridge.Run(ctx) }()
	done := false
	r.stop = func() {
		if done {
			return
		}
		done = true
		line.Restore()
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		line.Close()
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// publish publishes here.
func (r *rig) publish(topic string, qos byte, retain bool, payload string) {
	r.t.Helper()
	if err := r.broker.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), QoS: broker.QoS(qos), Retain: retain}); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a condition, and tells whether it came true.
func until(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(10 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func (r *rig) connected() bool {
	return until(patience, func() bool { return r.bridge.State().Connected })
}

// drained waits until the upstream has acknowledged everything.
func (r *rig) drained() bool {
	return until(patience, func() bool { s := r.bridge.State().Queue; return s.Waiting+s.Unacked == 0 })
}

// far is somebody at the upstream.
type far struct {
	t *testing.T
	*client.Client
}

func openFar(t *testing.T, up *upstreams.Upstream) *far {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", up.Address())
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(ctx, conn, client.Options{ClientID: fmt.Sprintf("far-%d", time.Now().UnixNano()), CleanStart: true, KeepAlive: time.Minute, Buffer: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &far{t, c}
}

// subscribe subscribes and returns what is granted.
func (f *far) subscribe(filter string, qos byte) packet.ReasonCode {
	f.t.Helper()
	codes, err := f.Subscribe(f.t.Context(), []packet.Subscription{{Filter: filter, QoS: packet.QoS(qos)}})
	if err != nil {
		f.t.Fatal(err)
	}
	return codes[0]
}

// next returns the next message, nil if none comes.
func (f *far) next(d time.Duration) *packet.Publish {
	ctx, cancel := context.WithTimeout(f.t.Context(), d)
	defer cancel()
	m, err := f.Next(ctx)
	if err != nil {
		return nil
	}
	return m
}

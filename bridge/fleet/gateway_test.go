package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
	"gateway/broker/store"
)

// gateway is a broker on a store and its bridge, and a publisher that is
// connected to it.
type gateway struct {
	name      string
	ordered   bool // sends one message at a time
	broker    *broker.Broker
	bridge    *bridge.Bridge
	publisher *client.Client
	connects  atomic.Int64 // how often the bridge has connected
}

// countsConnects is a log that counts how often a bridge has connected.
type countsConnects struct {
	slog.Handler
	n *atomic.Int64
}

func (h countsConnects) Enabled(context.Context, slog.Level) bool { return true }

func (h countsConnects) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "upstream connected" {
		h.n.Add(1)
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h countsConnects) WithAttrs(a []slog.Attr) slog.Handler {
	return countsConnects{h.Handler.WithAttrs(a), h.n}
}

// openGateway starts a gateway that forwards to the addresses, the first one
// first. It ends with the test.
func openGateway(t *testing.T, number int, addresses []string) *gateway {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	name := fmt.Sprintf("gw%02d", number)
	if os.Getenv("FLEET_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("gateway", name)
	}
	disk, err := store.Open(t.TempDir(), store.Options{Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	local := broker.Default()
	local.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	g := &gateway{name: name, ordered: number/3%2 == 0, broker: broker.Open(local, broker.Persistence{Store: disk}, log)}
	counted := slog.New(countsConnects{log.Handler(), &g.connects})
	g.bridge = bridge.New(g.config(t, addresses), bridge.Deps{Broker: g.broker, Log: counted, StateFolder: t.TempDir()})
	if err := errors.Join(g.broker.Listen(), g.bridge.Collect()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{g.broker.Run, g.bridge.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("%s: Run: %v", name, err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	g.publisher = connect(t, g.broker.Addrs()[0].String(), client.Options{ClientID: "sensor", KeepAlive: time.Minute})
	return g
}

// config is what stands in FLEET.md, but for the longest wait.
func (g *gateway) config(t *testing.T, addresses []string) bridge.Config {
	t.Helper()
	route := bridge.DefaultRoute()
	route.Filter, route.RemotePrefix = "#", "fleet/"+g.name+"/"
	c := bridge.Default()
	c.Name, c.Preset, c.ClientID = "cluster", "rabbitmq", g.name
	for _, a := range addresses {
		c.Addresses = append(c.Addresses, "mqtt://"+a)
	}
	c.Address, c.Addresses = c.Addresses[0], c.Addresses[1:]
	c.Topics = []bridge.Route{route}
	c.ReconnectMax = 4 * time.Second
	if g.ordered {
		c.MaxInflight = 1
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// remoteTopic is where a topic of the gateway comes to in the cluster: RabbitMQ
// gives a dot another meaning, and the preset writes another character.
func remoteTopic(g *gateway, topic string) string {
	return "fleet/" + g.name + "/" + strings.ReplaceAll(topic, ".", "_")
}

// publish publishes a message as a sensor on the network does, and returns when
// the gateway has acknowledged it.
func (g *gateway) publish(ctx context.Context, topic string, n uint64) error {
	_, err := g.publisher.Publish(ctx, &packet.Publish{Topic: topic, QoS: 1, Payload: fmt.Append(nil, n)})
	return err
}

// isOn tells whether the gateway is connected to the node of that address.
func (g *gateway) isOn(address string) bool {
	s := g.bridge.State()
	return s.Connected && s.Address == "mqtt://"+address
}

func connect(t *testing.T, address string, o client.Options) *client.Client {
	t.Helper()
	c, err := tryConnect(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func tryConnect(ctx context.Context, address string, o client.Options) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return client.Connect(ctx, conn, o)
}

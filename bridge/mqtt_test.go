package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gateway/broker"
)

// These tests use the real client over loopback, with our own broker as the
// upstream. Mosquitto is in the end-to-end tests of cmd/gateway.

// upstreamBroker runs a broker on a free port until the test ends or stop is
// called.
func upstreamBroker(t *testing.T, protocol string) (b *broker.Broker, address string, stop func()) {
	t.Helper()
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: protocol, Address: "127.0.0.1:0"}}
	b = broker.New(cfg, slog.New(slog.DiscardHandler))
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("upstream: %v", err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return b, b.Addrs()[0].String(), stop
}

func TestPahoPublishes(t *testing.T) {
	for protocol, scheme := range map[string]string{"tcp": "mqtt", "ws": "ws"} {
		t.Run(protocol, func(t *testing.T) {
			far, address, stop := upstreamBroker(t, protocol)
			sub, err := far.Subscribe(broker.SubscribeOptions{}, "#")
			if err != nil {
				t.Fatal(err)
			}
			p := &pahoUpstream{cfg: Config{Name: "n", Address: scheme + "://" + address, KeepAlive: time.Minute}, log: slog.New(slog.DiscardHandler)}
			l, err := p.connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for qos := range byte(2) {
				r := l.publish(fmt.Sprint("t/", qos), qos, qos == 1, []byte("x"))
				<-r.Done()
				if r.Error() != nil {
					t.Errorf("QoS %d: %v", qos, r.Error())
				}
				d, err := sub.Next(t.Context())
				if err != nil || d.Topic != fmt.Sprint("t/", qos) || byte(d.QoS) != qos || d.Retain != (qos == 1) {
					t.Errorf("QoS %d arrived as %+v, %v", qos, d, err)
				}
			}
			stop()
			<-l.lost()
			if l.cause() == nil {
				t.Error("the connection was lost without a cause")
			}
			r := l.publish("t", 1, false, nil)
			<-r.Done()
			if r.Error() == nil {
				t.Error("a message was acknowledged on a lost connection")
			}
			l.close()
		})
	}
}

func TestPahoConnectErrors(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := refusing.Addr().String()
	refusing.Close()
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Address: "mqtt://" + closed}, "connect to mqtt://" + closed + ": "},
		{Config{Address: "http://x"}, `scheme "http" of "http://x": want mqtt, mqtts, ws or wss`},
		{Config{Address: "mqtt://" + closed, Username: "u", PasswordFile: "/does/not/exist"}, "password_file: open /does/not/exist"},
	} {
		p := &pahoUpstream{cfg: test.cfg, log: slog.New(slog.DiscardHandler)}
		if _, err := p.connect(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q in it", test.cfg, err, test.want)
		}
	}
}

// An upstream that takes the connection and says nothing does not keep the
// bridge from stopping.
func TestPahoConnectIsInterrupted(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := silent.Accept(); err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	p := &pahoUpstream{cfg: Config{Address: "mqtt://" + silent.Addr().String()}, log: slog.New(slog.DiscardHandler)}
	if _, err := p.connect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("connect: %v", err)
	}
}

func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("se cret \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Password: "plain"}, "plain"},
		{Config{PasswordFile: file}, "se cret "},
		{Config{}, ""},
	} {
		p := &pahoUpstream{cfg: test.cfg}
		if got, err := p.password(); got != test.want || err != nil {
			t.Errorf("%+v: %q, %v", test.cfg, got, err)
		}
	}
}

func TestBrokerURL(t *testing.T) {
	for address, want := range map[string]string{
		"mqtt://h": "mqtt://h:1883", "mqtts://h": "mqtts://h:8883", "ws://h/mqtt": "ws://h:80/mqtt", "wss://h:9/x": "wss://h:9/x", "mqtt://[::1]": "mqtt://[::1]:1883",
	} {
		if u, err := brokerURL(address); err != nil || u.String() != want {
			t.Errorf("brokerURL(%q) = %v, %v, want %s", address, u, err, want)
		}
	}
}

func TestClientID(t *testing.T) {
	if got := (&pahoUpstream{cfg: Config{ClientID: "mine"}}).clientID(); got != "mine" {
		t.Errorf("client id %q", got)
	}
	if got := (&pahoUpstream{cfg: Config{Name: "cloud"}}).clientID(); !strings.HasPrefix(got, "gateway-") || !strings.HasSuffix(got, "-cloud") {
		t.Errorf("client id %q", got)
	}
}

// TestBridgeOverLoopback is the whole bridge with the real client: an
// upstream that goes away and comes back gets everything, in its order.
func TestBridgeOverLoopback(t *testing.T) {
	far, address, stop := upstreamBroker(t, "tcp")
	first, err := far.Subscribe(broker.SubscribeOptions{}, "pi/#")
	if err != nil {
		t.Fatal(err)
	}
	local := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
	br := New(Config{
		Name: "up", Address: "mqtt://" + address, KeepAlive: time.Minute, MaxInflight: 10,
		ReconnectMin: 10 * time.Millisecond, ReconnectMax: 100 * time.Millisecond,
		Topics: []Route{{Filter: "home/#", QoS: 1, RemotePrefix: "pi/"}},
	}, local, slog.New(slog.DiscardHandler))
	if err := br.Collect(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := br.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	publish := func(i int) {
		if err := local.Publish(&broker.Message{Topic: "home/x", Payload: fmt.Append(nil, i), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	publish(0)
	if d, err := first.Next(t.Context()); err != nil || string(d.Payload) != "0" || d.Topic != "pi/home/x" {
		t.Fatalf("got %+v, %v", d, err)
	}
	for br.State().Forwarded == 0 { // or it would come again
		time.Sleep(time.Millisecond)
	}
	stop()
	for i := 1; i <= 100; i++ {
		publish(i)
	}

	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: address}}
	again := broker.New(cfg, slog.New(slog.DiscardHandler))
	second, err := again.Subscribe(broker.SubscribeOptions{}, "pi/#")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Listen(); err != nil {
		t.Fatal(err)
	}
	againCtx, stopAgain := context.WithCancel(context.Background())
	var upstream sync.WaitGroup
	upstream.Go(func() { _ = again.Run(againCtx) })
	defer upstream.Wait()
	defer stopAgain()
	for i := 1; i <= 100; i++ {
		d, err := second.Next(t.Context())
		if err != nil || string(d.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d after the outage: %s, %v", i, d.Payload, err)
		}
	}
}

// stuckClient is a client of Paho's whose Publish waits, as it does when the line
// is lost in the middle of it.
type stuckClient struct {
	mqtt.Client
	release chan struct{}
}

func (c stuckClient) Publish(string, byte, bool, any) mqtt.Token {
	<-c.release
	return &mqtt.DummyToken{}
}

// TestPublishLost wants a publish not to outlast its line.
func TestPublishLost(t *testing.T) {
	c := stuckClient{release: make(chan struct{})}
	defer close(c.release)
	l := &pahoLink{client: c, gone: make(chan struct{})}
	why := errors.New("the line is lost")
	time.AfterFunc(10*time.Millisecond, func() { l.lose(why) })
	r := l.publish("t", 1, false, nil)
	<-r.Done()
	if err := r.Error(); err != why {
		t.Errorf("got %v", err)
	}
}

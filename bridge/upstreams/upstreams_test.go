package upstreams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
)

// startUpstream starts an upstream for a test, or skips it if the program is not here.
func startUpstream(t *testing.T, kind Kind, o Options) *Upstream {
	t.Helper()
	u, err := Start(t.Context(), kind, o)
	failOrSkip(t, err)
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

func failOrSkip(t *testing.T, err error) {
	t.Helper()
	skipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
}

func skipIfMissing(t *testing.T, err error) {
	t.Helper()
	if errors.As(err, new(*Missing)) && os.Getenv("GATEWAY_TEST_ALL") == "" {
		t.Skip(err)
	}
}

// dial connects a client that ends with the test.
func dial(t *testing.T, address string, o client.Options) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(ctx, conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func subscribe(t *testing.T, c *client.Client, filter string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	codes, err := c.Subscribe(ctx, []packet.Subscription{{Filter: filter, QoS: 1}})
	if err != nil || codes[0] != 1 {
		t.Fatalf("subscribed to %s with %v, %v", filter, codes, err)
	}
}

func publish(t *testing.T, c *client.Client, topic, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Publish(ctx, &packet.Publish{Topic: topic, Payload: []byte(payload), QoS: 1}); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c *client.Client, topic, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := c.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if m.Topic != topic || string(m.Payload) != payload {
		t.Fatalf("%s=%s came, want %s=%s", m.Topic, m.Payload, topic, payload)
	}
}

// quick are the kinds that -short starts.
func quick(k Kind) bool { return k == Mosquitto || k == Aedes }

func TestEveryKindCarriesAMessageAndComesBackAfterKill(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			if testing.Short() && !quick(kind) {
				t.Skip("slow to start")
			}
			t.Parallel() // RabbitMQ waits most of the time
			u := startUpstream(t, kind, Options{})
			t.Logf("%s %s on %s", u.Kind(), u.Version(), u.Address())
			if u.Version() == "" {
				t.Error("it has no version")
			}
			expectLoopback(t, &u.broker)
			if u.names != nil {
				expectLoopback(t, u.names)
			}
			exchange(t, u.Address())
			leaveWaiting(t, u.Address())
			pid, err := u.Pid()
			if err != nil {
				t.Fatal(err)
			}
			if kind == Mosquitto {
				u.Stop() // killed, it may lose what it acknowledged last
			}
			u.Kill()
			if _, err := net.Dial("tcp", u.Address()); err == nil {
				t.Errorf("something listens on %s after Kill", u.Address())
			}
			if _, err := u.Pid(); err == nil {
				t.Error("it has a process after Kill")
			}
			if err := u.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if now, err := u.Pid(); err != nil || now == pid {
				t.Errorf("process %d, %v after Restart, %d before", now, err, pid)
			}
			if u.Durable() {
				expectWaiting(t, u.Address())
			}
			exchange(t, u.Address())
		})
	}
}

// exchange sends a message of QoS 1 from one client to another.
func exchange(t *testing.T, address string) {
	t.Helper()
	to := dial(t, address, client.Options{ClientID: "to", CleanStart: true})
	subscribe(t, to, "greenhouse/#")
	from := dial(t, address, client.Options{ClientID: "from", CleanStart: true})
	publish(t, from, "greenhouse/north", "21.5")
	expect(t, to, "greenhouse/north", "21.5")
	from.Close()
	to.Close()
}

// waiting is how many messages leaveWaiting leaves.
const waiting = 20

// leaveWaiting subscribes in a session that is then offline, and publishes for
// it.
func leaveWaiting(t *testing.T, address string) {
	t.Helper()
	to := dial(t, address, client.Options{ClientID: "away"})
	subscribe(t, to, "cellar/#")
	to.Disconnect(0)
	from := dial(t, address, client.Options{ClientID: "from", CleanStart: true})
	for i := range waiting {
		publish(t, from, "cellar/north", fmt.Sprint(i))
	}
	from.Close()
}

func expectWaiting(t *testing.T, address string) {
	t.Helper()
	to := dial(t, address, client.Options{ClientID: "away"})
	for i := range waiting {
		expect(t, to, "cellar/north", fmt.Sprint(i))
	}
	to.Close()
}

func TestForgetStoresNothing(t *testing.T) {
	for _, kind := range []Kind{Mosquitto, Mosca} {
		t.Run(string(kind), func(t *testing.T) {
			if testing.Short() && !quick(kind) {
				t.Skip("slow to start")
			}
			u := startUpstream(t, kind, Options{Forget: true})
			leaveWaiting(t, u.Address())
			if kind == Mosquitto { // has sessions in memory
				u.Kill()
				if err := u.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			to := dial(t, u.Address(), client.Options{ClientID: "away"})
			subscribe(t, to, "cellar/#")
			publish(t, dial(t, u.Address(), client.Options{ClientID: "from", CleanStart: true}), "cellar/south", "new")
			expect(t, to, "cellar/south", "new") // before anything that waited
		})
	}
}

func TestEverythingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	u, err := Start(ctx, Mosquitto, Options{})
	failOrSkip(t, err)
	defer u.Close()
	p, err := u.broker.running()
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("mosquitto runs after its context")
	}
	if err := u.Restart(t.Context()); err == nil {
		t.Error("it was started again after its context")
	}
}

func TestCloseRemovesTheTemporaryFolder(t *testing.T) {
	u := startUpstream(t, Mosquitto, Options{})
	folder := u.folder
	if _, err := os.Stat(folder); err != nil {
		t.Fatal(err)
	}
	u.Close()
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there after Close: %v", folder, err)
	}
}

func TestABrokerThatDoesNotStartSaysWhatItPrinted(t *testing.T) {
	u, err := Start(t.Context(), Mosquitto, Options{Config: "no_such_key 1\n"})
	if err == nil {
		u.Close()
		t.Fatal("it started")
	}
	skipIfMissing(t, err)
	if want := "no_such_key"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not name %q", err, want)
	}
}

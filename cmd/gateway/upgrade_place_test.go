package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// lasting is a client with a session that is kept, which connects again by itself.
type lasting struct {
	mqtt.Client
	mu   sync.Mutex
	got  map[string][]string
	lost int
}

func newLasting(t *testing.T, address, id string) *lasting {
	t.Helper()
	c := &lasting{got: make(map[string][]string)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetCleanSession(false).SetResumeSubs(true).
		SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetOrderMatters(true)
	o.SetConnectionLostHandler(func(mqtt.Client, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.lost++
	})
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got[m.Topic()] = append(c.got[m.Topic()], string(m.Payload()))
	})
	c.Client = mqtt.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("%s: %v", id, token.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (c *lasting) of(topic string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.got[topic]...)
}

// losses is how often it has lost its connection.
func (c *lasting) losses() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// TestUpgradeInPlace replaces the binary and starts the new one where the old one was,
// three times over, as apt and systemd do, while clients publish at every QoS.
// They notice a reconnect: nothing is lost, each topic comes in its order, and sensors
// go on.
func TestUpgradeInPlace(t *testing.T) {
	dir, address := t.TempDir(), unusedAddress(t)
	bin := filepath.Join(dir, "gateway")
	put := func() {
		b, err := os.ReadFile(needBinary(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(bin+".new", b, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(bin+".new", bin); err != nil {
			t.Fatal(err)
		}
	}
	put()
	config := writeConfig(t, fmt.Sprintf(`site: house
sensors:
  - {driver: sim, room: a, name: climate, interval: 100ms}
persistence: {path: %q, interval: 0s}
dashboard: {address: ""}
broker: {listeners: [{protocol: tcp, address: %q}]}
`, filepath.Join(dir, "store"), address))
	g := spawn(t, bin, "run", "-c", config)
	g.await(`(?m)^MQTT `)
	sub := newLasting(t, address, "listener")
	for filter, qos := range map[string]byte{"q1": 1, "q2": 2, "house/a/climate": 0} {
		if token := sub.Subscribe(filter, qos, nil); !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatal(token.Error())
		}
	}
	pubs := map[byte]*lasting{1: newLasting(t, address, "publisher of QoS 1"), 2: newLasting(t, address, "publisher of QoS 2")}
	stop := make(chan struct{})
	sent := map[byte]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for qos, c := range pubs {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				// One at a time is what keeps the order with this client. It gives an
				// error if the connection ends just then; the message may go out all
				// the same, once it is back.
				for {
					token := c.Publish(fmt.Sprintf("q%d", qos), qos, false, fmt.Sprint(n))
					if !token.WaitTimeout(patience) {
						t.Errorf("QoS %d: message %d is not acknowledged", qos, n)
						return
					}
					if token.Error() == nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				mu.Lock()
				sent[qos] = n + 1
				mu.Unlock()
			}
		})
	}
	progress := func() (n [2]int) {
		mu.Lock()
		defer mu.Unlock()
		return [2]int{sent[1], sent[2]}
	}
	for range 3 {
		was, readings := progress(), len(sub.of("house/a/climate"))
		awaitThat(t, "publishers and the sensor to go on", func() bool {
			now := progress()
			return now[0] > was[0]+20 && now[1] > was[1]+20 && len(sub.of("house/a/climate")) > readings+1
		})
		put() // while the old one runs
		if err := g.stop(); err != nil {
			t.Fatal(err)
		}
		g = spawn(t, bin, "run", "-c", config)
		g.await(`(?m)^MQTT `)
	}
	was, readings := progress(), len(sub.of("house/a/climate"))
	awaitThat(t, "all to go on", func() bool {
		now := progress()
		return now[0] > was[0]+20 && now[1] > was[1]+20 && len(sub.of("house/a/climate")) > readings
	})
	close(stop)
	wg.Wait()
	awaitThat(t, "everything", func() bool {
		return slices.Contains(sub.of("q1"), fmt.Sprint(sent[1]-1)) && slices.Contains(sub.of("q2"), fmt.Sprint(sent[2]-1))
	})
	// Paho sends a message anew, as another one, that it was sending when the
	// connection ended. That QoS 2 comes once is what TestUpgrade of broker/soak has.
	for topic, n := range map[string]int{"q1": sent[1], "q2": sent[2]} {
		next := 0
		for _, payload := range sub.of(topic) {
			k, err := strconv.Atoi(payload)
			if err != nil || k > next {
				t.Fatalf("%s: %s in the place of %d", topic, payload, next)
			}
			next = max(next, k+1) // else once more
		}
		if next != n {
			t.Errorf("%s: %d of %d", topic, next, n)
		}
	}
	awaitThat(t, "three lost connections", func() bool { return sub.losses() == 3 })
}

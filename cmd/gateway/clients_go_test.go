package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Eclipse's two clients for Go: paho.mqtt.golang speaks MQTT 3.1 and 3.1.1.

// inOrder is how many messages a topic is given at once to come in order.
const inOrder = 5000

// takeFrom returns what a channel has next.
func takeFrom[T any](t *testing.T, ch <-chan T, what string, args ...any) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("no "+what, args...)
		panic("unreachable")
	}
}

// bigPayload is a payload of that size whose every byte tells its place.
func bigPayload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*31 + i>>8*7)
	}
	return b
}

// door is a way into a house for the Go clients.
type door struct {
	name, url string
	tls       *tls.Config
}

func (h *house) goDoors() []door {
	return []door{
		{"tcp", "tcp://" + h.tcp, nil},
		{"tls", "tls://" + h.tls, h.client("")},
		{"ws", "ws://" + h.ws + "/mqtt", nil},
		{"unix", "unix://" + h.unix, nil},
	}
}

// paho3 is a client of paho.mqtt.golang whose messages are taken one by one.
type paho3 struct {
	mqtt.Client
	t        *testing.T
	present  bool // a session, at its first CONNACK
	messages chan mqtt.Message
	ups      chan struct{} // a value for every connection made

	mu   sync.Mutex
	conn *fragile // the latest, of a breakable one
}

// fragile is a connection that breaks as if the other side had done it: what
// Paho closes itself it does not connect again.
type fragile struct {
	net.Conn
	broken chan struct{}
}

func (f *fragile) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	return n, f.cause(err)
}

func (f *fragile) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b)
	return n, f.cause(err)
}

func (f *fragile) cause(err error) error {
	select {
	case <-f.broken:
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}

// openPaho3 connects; version is 3 for MQTT 3.1 and 4 for 3.1.1.
func openPaho3(t *testing.T, d door, version uint, change ...func(*paho3, *mqtt.ClientOptions)) *paho3 {
	t.Helper()
	c := &paho3{t: t, messages: make(chan mqtt.Message, 4*inOrder), ups: make(chan struct{}, 100)}
	o := mqtt.NewClientOptions().AddBroker(d.url).SetTLSConfig(d.tls).SetProtocolVersion(version).
		SetClientID("go3-" + strconv.FormatInt(time.Now().UnixNano(), 36)). // MQTT 3.1 takes 23 characters
		SetAutoReconnect(false).
		SetMaxReconnectInterval(10 * time.Millisecond).
		SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.messages <- m }).
		SetOnConnectHandler(func(mqtt.Client) { c.ups <- struct{}{} })
	for _, f := range change {
		f(c, o)
	}
	c.Client = mqtt.NewClient(o)
	t.Cleanup(func() { c.Disconnect(0) })
	token := c.Connect().(*mqtt.ConnectToken)
	c.done("CONNECT to "+d.url, token)
	takeFrom(t, c.ups, "call of OnConnect")
	c.present = token.SessionPresent()
	return c
}

// breakable is for openPaho3: lose can take the connection from this client.
func (c *paho3) breakable(o *mqtt.ClientOptions) {
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		var conn net.Conn
		var err error
		switch u.Scheme {
		case "tcp":
			conn, err = net.Dial("tcp", u.Host)
		case "tls":
			conn, err = tls.Dial("tcp", u.Host, o.TLSConfig)
		case "ws":
			conn, err = mqtt.NewWebsocket(u.String(), nil, patience, nil, nil)
		case "unix":
			conn, err = net.Dial("unix", u.Path)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		c.conn = &fragile{conn, make(chan struct{})}
		return c.conn, nil
	})
}

func (c *paho3) done(what string, token mqtt.Token) {
	c.t.Helper()
	if !token.WaitTimeout(patience) {
		c.t.Fatalf("%s: no answer", what)
	}
	if err := token.Error(); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// lose cuts the connection without a DISCONNECT.
func (c *paho3) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.conn.broken)
	c.conn.Close()
}

func (c *paho3) subscribe(filter string, qos byte) {
	c.t.Helper()
	token := c.Subscribe(filter, qos, nil).(*mqtt.SubscribeToken)
	c.done("SUBSCRIBE to "+filter, token)
	if got := token.Result()[filter]; got != qos {
		c.t.Fatalf("SUBSCRIBE to %s at QoS %d is granted %#x", filter, qos, got)
	}
}

func (c *paho3) publish(topic string, qos byte, retained bool, payload []byte) {
	c.t.Helper()
	c.done("PUBLISH to "+topic, c.Publish(topic, qos, retained, payload))
}

// want takes a message and compares it.
func (c *paho3) want(topic string, qos byte, retained bool, payload []byte) {
	c.t.Helper()
	m := takeFrom(c.t, c.messages, "message of %s QoS %d", topic, qos)
	if m.Topic() != topic || m.Qos() != qos || m.Retained() != retained || m.Duplicate() || !bytes.Equal(m.Payload(), payload) {
		c.t.Errorf("got %s QoS %d retained %t DUP %t and %d bytes %.40q,\nwant %s QoS %d retained %t and %d bytes", m.Topic(), m.Qos(),
			m.Retained(), m.Duplicate(), len(m.Payload()), m.Payload(), topic, qos, retained, len(payload))
	}
}

// TestPahoGo runs paho.mqtt.golang through every door.
func TestPahoGo(t *testing.T) {
	h := openHouse(t)
	doors := h.goDoors()
	for _, tt := range []struct {
		door
		version uint
	}{{doors[0], 3}, {doors[0], 4}, {doors[1], 4}, {doors[2], 4}, {doors[3], 4}} {
		name := fmt.Sprint(tt.name, "/", tt.version)
		t.Run("messages/"+name, func(t *testing.T) { pahoMessages(t, tt.door, tt.version) })
		t.Run("order/"+name, func(t *testing.T) { pahoOrder(t, tt.door, tt.version) })
		t.Run("sessions/"+name, func(t *testing.T) { pahoSessions(t, tt.door, tt.version) })
		t.Run("wills/"+name, func(t *testing.T) { pahoWills(t, tt.door, tt.version) })
	}
}

// pahoMessages wants messages small and large as they were sent, now and
// retained, at the lower one of the two QoS.
func pahoMessages(t *testing.T, d door, version uint) {
	c := openPaho3(t, d, version)
	for granted := range byte(3) {
		for sent := range byte(3) {
			topic := fmt.Sprintf("e2e/%s/%d/%d", t.Name(), granted, sent)
			c.subscribe(topic, granted)
			for _, payload := range [][]byte{[]byte("21.5 °C"), bigPayload(200 << 10)} {
				c.publish(topic, sent, true, payload)
				c.want(topic, min(granted, sent), false, payload)
				c.done("UNSUBSCRIBE", c.Unsubscribe(topic))
				c.subscribe(topic, granted)
				c.want(topic, min(granted, sent), true, payload)
			}
			c.publish(topic, sent, true, nil) // a payload of no bytes takes the retained message away
			c.want(topic, min(granted, sent), false, nil)
		}
	}
}

// pahoOrder sends many messages to a topic for each QoS and wants them in
// order, each once.
func pahoOrder(t *testing.T, d door, version uint) {
	const window = 300 // messages of a topic on their way
	sub, pub := openPaho3(t, d, version), openPaho3(t, d, version)
	topic := "e2e/" + t.Name()
	sub.subscribe(topic+"/+", 2)
	var sending sync.WaitGroup
	var open [3]chan struct{}
	for qos := range byte(3) {
		open[qos] = make(chan struct{}, window)
		sending.Go(func() {
			var tokens []mqtt.Token
			for i := range inOrder {
				select {
				case open[qos] <- struct{}{}:
				case <-t.Context().Done():
					return
				}
				tokens = append(tokens, pub.Publish(fmt.Sprint(topic, "/", qos), qos, false, strconv.Itoa(i)))
			}
			for i, token := range tokens {
				if !token.WaitTimeout(patience) || token.Error() != nil {
					t.Errorf("QoS %d message %d was not acknowledged: %v", qos, i, token.Error())
					return
				}
			}
		})
	}
	t.Cleanup(sending.Wait)
	var next [3]int
	for next != [3]int{inOrder, inOrder, inOrder} {
		m := takeFrom(t, sub.messages, "message after %d at each QoS", next)
		qos := m.Qos()
		if want := fmt.Sprint(topic, "/", qos); m.Topic() != want || string(m.Payload()) != strconv.Itoa(next[qos]) || m.Duplicate() {
			t.Fatalf("got %s %s DUP %t, want %s %d", m.Topic(), m.Payload(), m.Duplicate(), want, next[qos])
		}
		next[qos]++
		<-open[qos]
	}
	sending.Wait()
}

// pahoSessions wants what was queued while a client was away, and what was on
// its way when connections broke.
func pahoSessions(t *testing.T, d door, version uint) {
	const n = 200
	topic := "e2e/" + t.Name()
	persistent := func(id string) func(*paho3, *mqtt.ClientOptions) {
		return func(_ *paho3, o *mqtt.ClientOptions) {
			o.SetCleanSession(false).SetAutoReconnect(true).SetClientID(fmt.Sprint("go3-", id, "-", d.name, version))
		}
	}
	round := 0
	payload := func(i int) string { return fmt.Sprint(t.Name(), " ", round, " ", i) }

	sub := openPaho3(t, d, version, persistent("sub"))
	if sub.present {
		t.Error("a session of a client that was never here")
	}
	sub.subscribe(topic+"/+", 2)
	sub.Disconnect(1)
	pub := openPaho3(t, d, version, persistent("pub"), (*paho3).breakable)
	send := func(i int) mqtt.Token {
		qos := byte(1 + i%2)
		return pub.Publish(fmt.Sprint(topic, "/", qos), qos, false, payload(i))
	}
	for i := range n {
		pub.done("PUBLISH", send(i))
	}
	sub = openPaho3(t, d, version, persistent("sub"), (*paho3).breakable)
	if !sub.present && version > 3 { // MQTT 3.1 does not tell
		t.Error("no session present")
	}
	for i := 0; i < n; i += 2 {
		// The order is that of each topic.
		pair := []mqtt.Message{takeFrom(t, sub.messages, "queued message %d", i), takeFrom(t, sub.messages, "queued message %d", i+1)}
		slices.SortFunc(pair, func(a, b mqtt.Message) int { return int(a.Qos()) - int(b.Qos()) })
		for k, m := range pair {
			if string(m.Payload()) != payload(i+k) || m.Duplicate() {
				t.Fatalf("queued message %d is %q, DUP %t", i+k, m.Payload(), m.Duplicate())
			}
		}
	}

	// The two lose their connections in turn, once in a round: Paho hangs if it
	// loses the next one while it sends again what the last one left.
	for _, broken := range []*paho3{pub, sub, pub, sub} {
		round++
		tokens := make(chan mqtt.Token, n)
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range n {
				tokens <- send(i)
			}
		})
		t.Cleanup(sending.Wait)
		seen := map[string]int{}
		for total := 0; len(seen) < n; {
			m := takeFrom(t, sub.messages, "message after %d of %d, round %d", len(seen), n, round)
			if !strings.HasPrefix(string(m.Payload()), fmt.Sprint(t.Name(), " ", round, " ")) {
				continue // a copy from the round before
			}
			// As a publisher Paho sends a QoS 2 message again whose PUBREL it has sent,
			// as a subscriber it hands over what comes again. What the broker can do
			// is to mark its own copies.
			if seen[string(m.Payload())]++; seen[string(m.Payload())] > 1 && broken == sub && !m.Duplicate() {
				t.Errorf("round %d: QoS %d message %q came again without DUP", round, m.Qos(), m.Payload())
			}
			if total++; total == n/4 {
				broken.lose()
				takeFrom(t, broken.ups, "reconnection of %s", d.name)
			}
		}
		sending.Wait()
		for range n {
			// One that was being written when the connection broke says so; whether
			// it has arrived is known already.
			if token := <-tokens; !token.WaitTimeout(patience) {
				t.Fatalf("round %d: a message was not acknowledged", round)
			}
		}
	}
	sub.done("UNSUBSCRIBE", sub.Unsubscribe(topic+"/+"))
}

// pahoWills wants a will from who is lost and none from who leaves.
func pahoWills(t *testing.T, d door, version uint) {
	topic := "e2e/" + t.Name()
	watcher := openPaho3(t, d, version)
	watcher.subscribe(topic+"/#", 2)
	for qos := range byte(3) {
		for _, payload := range [][]byte{nil, []byte("gone")} {
			will := fmt.Sprint(topic, "/", qos)
			mortal := func(_ *paho3, o *mqtt.ClientOptions) { o.SetBinaryWill(will, payload, qos, true) }
			openPaho3(t, d, version, mortal).Disconnect(1)
			watcher.publish(topic, 2, false, []byte("nothing before"))
			watcher.want(topic, 2, false, []byte("nothing before"))
			openPaho3(t, d, version, mortal, (*paho3).breakable).lose()
			watcher.want(will, qos, false, payload)
		}
		late := openPaho3(t, d, version)
		late.subscribe(topic+"/"+strconv.Itoa(int(qos)), 2)
		late.want(fmt.Sprint(topic, "/", qos), qos, true, []byte("gone"))
		late.publish(fmt.Sprint(topic, "/", qos), 0, true, nil)
		watcher.want(fmt.Sprint(topic, "/", qos), 0, false, nil)
	}
}

//go:build !race

// Both Paho clients race with themselves when they resume a session, in
// (*client).resume of paho.mqtt.golang v1.5.1 and (*State).ConAckReceived of
// paho.golang v0.23.0. They run in the test's own process, so make runs these
// tests a second time without the race detector.

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/autopaho/queue/memory"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/rpc"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Eclipse's two clients for Go: paho.mqtt.golang speaks MQTT 3.1 and 3.1.1,
// paho.golang 5.0.

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
	house     *house
}

// leave waits until the broker has seen the client's DISCONNECT: what is
// published before may go to the connection that is ending, and come again.
func (d door) leave(c mqtt.Client, clientID string) {
	d.house.process.t.Helper()
	c.Disconnect(farewell)
	d.house.process.await(`msg="client disconnected".* client=` + regexp.QuoteMeta(clientID) + `\n`)
}

func (h *house) goDoors() []door {
	return []door{
		{"tcp", "tcp://" + h.tcp, nil, h},
		{"tls", "tls://" + h.tls, h.client(""), h},
		{"ws", "ws://" + h.ws + "/mqtt", nil, h},
		{"unix", "unix://" + h.unix, nil, h},
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
	t.Parallel() // it waits more than it works
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
	d.leave(sub, fmt.Sprint("go3-sub-", d.name, version))
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
			openPaho3(t, d, version, mortal).Disconnect(farewell)
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

// paho5 is a client of paho.golang whose messages are taken one by one.
type paho5 struct {
	*paho.Client
	t        *testing.T
	conn     net.Conn
	connack  *paho.Connack
	messages chan *paho.Publish
	ends     chan byte // reason codes of DISCONNECT
}

// openPaho5 connects; what a CONNECT leaves out is a client id made up and a
// clean start.
func openPaho5(t *testing.T, d door, connect paho.Connect, change ...func(*paho.ClientConfig)) *paho5 {
	t.Helper()
	c := dialPaho5(t, d, change...)
	if connect.ClientID == "" {
		connect.ClientID, connect.CleanStart = rand.Text(), true
	}
	var err error
	if c.connack, err = c.Connect(t.Context(), &connect); err != nil {
		t.Fatalf("CONNECT to %s: %v", d.url, err)
	}
	t.Cleanup(func() { c.Disconnect(&paho.Disconnect{}) })
	return c
}

func dialPaho5(t *testing.T, d door, change ...func(*paho.ClientConfig)) *paho5 {
	t.Helper()
	conn, err := d.dial()
	if err != nil {
		t.Fatal(err)
	}
	c := &paho5{t: t, conn: conn, messages: make(chan *paho.Publish, 1000), ends: make(chan byte, 1)}
	config := paho.ClientConfig{
		Conn:               packets.NewThreadSafeConn(conn),
		PacketTimeout:      patience,
		OnServerDisconnect: func(d *paho.Disconnect) { c.ends <- d.ReasonCode },
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.messages <- p.Packet
			return true, nil
		}},
	}
	for _, f := range change {
		f(&config)
	}
	c.Client = paho.NewClient(config)
	return c
}

func (d door) dial() (net.Conn, error) {
	u, err := url.Parse(d.url)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "ws":
		return mqtt.NewWebsocket(d.url, nil, patience, nil, nil)
	case "tls":
		return tls.Dial("tcp", u.Host, d.tls)
	case "unix":
		return net.Dial("unix", u.Path)
	}
	return net.Dial("tcp", u.Host)
}

func (c *paho5) subscribe(filter string, qos byte, properties *paho.SubscribeProperties) {
	c.t.Helper()
	_, err := c.Subscribe(c.t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}, Properties: properties})
	if err != nil {
		c.t.Fatalf("SUBSCRIBE to %s: %v", filter, err)
	}
}

func (c *paho5) publish(p *paho.Publish) {
	c.t.Helper()
	if response, err := c.Publish(c.t.Context(), p); err != nil || response.ReasonCode != 0 {
		c.t.Fatalf("PUBLISH to %s: %+v, %v", p.Topic, response, err)
	}
}

// TestPahoGo5 runs paho.golang.
func TestPahoGo5(t *testing.T) {
	if !apart(t) {
		return
	}
	h := openHouse(t)
	for _, d := range h.goDoors() {
		t.Run("properties/"+d.name, func(t *testing.T) { paho5Properties(t, d) })
		t.Run("aliases/"+d.name, func(t *testing.T) { paho5Aliases(t, d) })
	}
	tcp := h.goDoors()[0]
	t.Run("sessions", func(t *testing.T) { paho5Sessions(t, h, tcp) })
	t.Run("requests", func(t *testing.T) { paho5Requests(t, tcp) })
	t.Run("scram", func(t *testing.T) { paho5Scram(t, door{"locked", "tcp://" + h.locked, nil, h}) })
}

// paho5Properties wants every property of PUBLISH as it was sent, the order
// of user properties included.
func paho5Properties(t *testing.T, d door) {
	c := openPaho5(t, d, paho.Connect{})
	topic, id := "e2e/"+t.Name(), 268_435_455
	c.subscribe(topic, 2, &paho.SubscribeProperties{SubscriptionIdentifier: &id})
	for qos := range byte(3) {
		for _, format := range []*byte{nil, paho.Byte(0), paho.Byte(1)} {
			sent := &paho.PublishProperties{
				CorrelationData: []byte{0, 1, 255}, ContentType: "text/plain", ResponseTopic: "e2e/answer/°",
				PayloadFormat: format, MessageExpiry: paho.Uint32(100),
				User: paho.UserProperties{{Key: "b", Value: "2"}, {Key: "a", Value: "°"}, {Key: "b", Value: "1"}, {Key: "", Value: ""}, {Key: "b", Value: "2"}},
			}
			c.publish(&paho.Publish{Topic: topic, QoS: qos, Payload: bigPayload(70_000), Properties: sent})
			got := takeFrom(t, c.messages, "message at QoS %d", qos)
			if got.Topic != topic || got.QoS != qos || got.Retain || !bytes.Equal(got.Payload, bigPayload(70_000)) {
				t.Errorf("got %v", got)
			}
			p := *got.Properties
			if p.MessageExpiry == nil || *p.MessageExpiry > 100 || *p.MessageExpiry < 70 {
				t.Errorf("message expiry is %v, want little less than 100", p.MessageExpiry)
			}
			want := *sent
			want.SubscriptionIdentifier, want.MessageExpiry = &id, p.MessageExpiry
			if !reflect.DeepEqual(p, want) {
				t.Errorf("properties are\n%+v, want\n%+v", p, want)
			}
		}
	}
}

// paho5Aliases uses aliases both ways.
func paho5Aliases(t *testing.T, d door) {
	const topics = 9 // Paho panics if the broker takes fewer
	var aliases *topicaliases.TAHandler
	pub := openPaho5(t, d, paho.Connect{}, func(c *paho.ClientConfig) {
		c.PublishHook = func(p *paho.Publish) { aliases.PublishHook(p) }
	})
	if most := pub.connack.Properties.TopicAliasMaximum; most == nil || *most < topics {
		t.Fatalf("the broker takes %v aliases, want %d", most, topics)
	}
	aliases = topicaliases.NewTAHandler(*pub.connack.Properties.TopicAliasMaximum)
	sub := openPaho5(t, d, paho.Connect{Properties: &paho.ConnectProperties{TopicAliasMaximum: paho.Uint16(4), RequestProblemInfo: true}})
	sub.subscribe("e2e/"+t.Name()+"/#", 2, nil)
	known := map[uint16]string{}
	var sentShort, gotShort int
	for i := range 3 * topics {
		topic := fmt.Sprint("e2e/", t.Name(), "/", i/2%topics)
		p := &paho.Publish{Topic: topic, QoS: byte(i % 3), Payload: []byte(topic)}
		pub.publish(p)
		if p.Topic == "" {
			sentShort++
		}
		got := takeFrom(t, sub.messages, "message %d", i)
		if alias := got.Properties.TopicAlias; alias != nil {
			if *alias == 0 || *alias > 4 {
				t.Fatalf("alias %d to a client that takes 4", *alias)
			}
			if got.Topic == "" {
				gotShort++
				got.Topic = known[*alias]
			}
			known[*alias] = got.Topic
		}
		if got.Topic != topic || string(got.Payload) != topic {
			t.Errorf("message %d is %s %s, want %s", i, got.Topic, got.Payload, topic)
		}
	}
	if sentShort == 0 || gotShort == 0 {
		t.Errorf("%d topics left out by Paho, %d by the broker, want some", sentShort, gotShort)
	}
}

// paho5Sessions wants sessions to end when they expire, neither sooner nor
// later, and what was queued until then.
func paho5Sessions(t *testing.T, h *house, d door) {
	topic := "e2e/" + t.Name()
	watcher := openPaho5(t, d, paho.Connect{})
	watcher.subscribe(topic+"/will", 1, nil)
	with := func(id string, expiry uint32) paho.Connect {
		return paho.Connect{ClientID: id, Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry, RequestProblemInfo: true}}
	}
	present := func(c *paho5, want bool) *paho5 {
		t.Helper()
		if c.connack.SessionPresent != want {
			t.Errorf("session present is %t, want %t", c.connack.SessionPresent, want)
		}
		return c
	}

	c := present(openPaho5(t, d, with("go5-long", 300)), false)
	c.subscribe(topic, 2, nil)
	c.Disconnect(&paho.Disconnect{})
	for i := range 10 {
		watcher.publish(&paho.Publish{Topic: topic, QoS: 1, Payload: []byte{byte(i)}})
	}
	c = present(openPaho5(t, d, with("go5-long", 300)), true)
	for i := range 10 {
		// The first may have been on its way while the broker had not read DISCONNECT.
		if m := takeFrom(t, c.messages, "queued message %d", i); len(m.Payload) != 1 || m.Payload[0] != byte(i) {
			t.Errorf("queued message %d is %v", i, m)
		}
	}
	from := c.conn.LocalAddr().String()
	c.Disconnect(&paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: paho.Uint32(0)}})
	h.await(`client disconnected" part=broker remote=` + regexp.QuoteMeta(from)) // and not taken over before that
	present(openPaho5(t, d, with("go5-long", 300)), false)

	// The end of the session is when its will is sent, however late that wants
	// to be.
	mortal := with("go5-short", 1)
	mortal.WillMessage = &paho.WillMessage{Topic: topic + "/will", Payload: []byte("gone"), QoS: 1}
	// Of other properties than these Paho tells the broker nothing.
	mortal.WillProperties = &paho.WillProperties{WillDelayInterval: paho.Uint32(100), User: paho.UserProperties{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}}}
	c = present(openPaho5(t, d, mortal), false)
	since := time.Now()
	c.conn.Close()
	m := takeFrom(t, watcher.messages, "will")
	if took := time.Since(since); took < time.Second {
		t.Errorf("a session that lasts 1 s ended after %v", took)
	}
	if string(m.Payload) != "gone" || !slices.Equal(m.Properties.User, mortal.WillProperties.User) {
		t.Errorf("will is %v with %+v", m, m.Properties)
	}
	present(openPaho5(t, d, with("go5-short", 0)), false)
}

// paho5Requests sends requests that another client answers.
func paho5Requests(t *testing.T, d door) {
	answerer := openPaho5(t, d, paho.Connect{})
	topic := "e2e/" + t.Name()
	answerer.AddOnPublishReceived(func(p paho.PublishReceived) (bool, error) {
		to := p.Packet.Properties
		_, err := p.Client.Publish(t.Context(), &paho.Publish{Topic: to.ResponseTopic, QoS: p.Packet.QoS, Payload: append([]byte("answer to "), p.Packet.Payload...),
			Properties: &paho.PublishProperties{CorrelationData: to.CorrelationData}})
		return true, err
	})
	answerer.subscribe(topic, 2, nil)
	asker := openPaho5(t, d, paho.Connect{ClientID: "e2e", CleanStart: true}) // answers come to a topic below its id
	requests, err := rpc.NewHandler(t.Context(), asker.Client)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		question := fmt.Sprint("question ", i)
		got, err := requests.Request(ctx, &paho.Publish{Topic: topic, QoS: byte(i % 3), Payload: []byte(question)})
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		if string(got.Payload) != "answer to "+question {
			t.Errorf("%s: got %q", question, got.Payload)
		}
	}
}

// scramAuth proves a password by SCRAM-SHA-256 as RFC 7677 has it.
type scramAuth struct {
	t              *testing.T
	user, password string
	bare           string
	challenges     int
	verifier       string        // what the server is to prove itself with
	authenticated  chan struct{} // a value for every success
}

const scramMethod = "SCRAM-SHA-256"

func (s *scramAuth) first() []byte {
	s.bare = "n=" + s.user + ",r=" + rand.Text()
	return []byte("n,," + s.bare)
}

func (s *scramAuth) Authenticate(a *paho.Auth) *paho.Auth {
	s.challenges++
	answer := &paho.Auth{ReasonCode: packets.AuthContinueAuthentication, Properties: &paho.AuthProperties{AuthMethod: scramMethod}}
	challenge := string(a.Properties.AuthData)
	_, ours, _ := strings.Cut(s.bare, ",r=")
	parts := strings.Split(challenge, ",")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "r="+ours) || parts[0] == "r="+ours || a.Properties.AuthMethod != scramMethod {
		s.t.Errorf("challenge %q of %q", challenge, a.Properties.AuthMethod)
		return answer
	}
	salt, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(parts[1], "s="))
	rounds, err2 := strconv.Atoi(strings.TrimPrefix(parts[2], "i="))
	if err != nil || err2 != nil || rounds < 4096 {
		s.t.Errorf("challenge %q: %v, %v", challenge, err, err2)
		return answer
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, rounds, sha256.Size)
	if err != nil {
		s.t.Error(err)
		return answer
	}
	sum := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	final := "c=biws," + parts[0]
	message := s.bare + "," + challenge + "," + final
	proof := sum(salted, "Client Key")
	stored := sha256.Sum256(proof)
	for i, b := range sum(stored[:], message) {
		proof[i] ^= b
	}
	s.verifier = "v=" + base64.StdEncoding.EncodeToString(sum(sum(salted, "Server Key"), message))
	answer.Properties.AuthData = []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof))
	return answer
}

func (s *scramAuth) Authenticated() { s.authenticated <- struct{}{} }

// paho5Scram comes in by SCRAM, proves itself again while connected, and is
// put out when it cannot.
func paho5Scram(t *testing.T, d door) {
	s := &scramAuth{t: t, user: "sam", password: "secret", authenticated: make(chan struct{}, 10)}
	connect := func() paho.Connect {
		return paho.Connect{ClientID: "go5-scram", CleanStart: true, Properties: &paho.ConnectProperties{
			AuthMethod: scramMethod, AuthData: s.first(), RequestProblemInfo: true}}
	}
	handler := func(c *paho.ClientConfig) { c.AuthHandler = s }
	c := openPaho5(t, d, connect(), handler)
	if p := c.connack.Properties; p.AuthMethod != scramMethod || string(p.AuthData) != s.verifier {
		t.Errorf("CONNACK has %q %q, want %q", p.AuthMethod, p.AuthData, s.verifier)
	}
	again := func() *paho.AuthResponse {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		response, err := c.Authenticate(ctx, &paho.Auth{ReasonCode: packets.AuthReauthenticate,
			Properties: &paho.AuthProperties{AuthMethod: scramMethod, AuthData: s.first()}})
		if err != nil {
			t.Fatalf("AUTH: %v", err)
		}
		return response
	}
	for range 3 {
		if response := again(); !response.Success || response.ReasonCode != packets.AuthSuccess {
			t.Errorf("re-authentication: %+v", response)
		}
		c.subscribe("private/sam/x", 1, nil)
		c.publish(&paho.Publish{Topic: "private/sam/x", QoS: 1, Payload: []byte("mine")})
		takeFrom(t, c.messages, "message of one's own")
	}
	if s.challenges != 4 {
		t.Errorf("%d challenges, want 4", s.challenges)
	}
	s.password = "secreT"
	if response := again(); response.Success || response.ReasonCode != packets.DisconnectNotAuthorized {
		t.Errorf("re-authentication with the wrong password: %+v", response)
	}
	if code := takeFrom(t, c.ends, "DISCONNECT"); code != packets.DisconnectNotAuthorized {
		t.Errorf("DISCONNECT has %#x", code)
	}
	c = dialPaho5(t, d, handler)
	wrong := connect()
	connack, err := c.Connect(t.Context(), &wrong)
	if err == nil || connack == nil || connack.ReasonCode != packets.ConnackNotAuthorized {
		t.Errorf("CONNECT with the wrong password: %+v, %v", connack, err)
	}
}

// auto is an autopaho whose events are taken one by one.
type auto struct {
	*autopaho.ConnectionManager
	ups      chan bool // session present, for every connection
	downs    chan struct{}
	messages chan *paho.Publish
}

// openAuto begins to connect; may is asked before every connection.
func openAuto(t *testing.T, d door, id string, may func(context.Context) error, up func(*autopaho.ConnectionManager)) *auto {
	t.Helper()
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	a := &auto{ups: make(chan bool, 100), downs: make(chan struct{}, 100), messages: make(chan *paho.Publish, 1000)}
	a.ConnectionManager, err = autopaho.NewConnection(t.Context(), autopaho.ClientConfig{
		ServerUrls:            []*url.URL{u},
		SessionExpiryInterval: 300,
		ReconnectBackoff:      autopaho.NewConstantBackoff(10 * time.Millisecond),
		Queue:                 memory.New(),
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, _ *url.URL) (net.Conn, error) {
			if err := may(ctx); err != nil {
				return nil, err
			}
			conn, err := d.dial()
			if err != nil {
				return nil, err
			}
			return packets.NewThreadSafeConn(conn), nil
		},
		OnConnectionUp: func(c *autopaho.ConnectionManager, connack *paho.Connack) {
			a.ups <- connack.SessionPresent
			up(c)
		},
		OnConnectionDown: func() bool {
			a.downs <- struct{}{}
			return true
		},
		ClientConfig: paho.ClientConfig{
			ClientID: id,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				a.messages <- p.Packet
				return true, nil
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { takeFrom(t, a.Done(), "end of %s", id) }) // the test's context has ended by now
	return a
}

// TestAutopaho kills the gateway under clients that queue and come back, and
// then cuts their connections.
func TestAutopaho(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, protocol := range []string{"tcp", "ws"} {
		t.Run(protocol, func(t *testing.T) { autopahoReturns(t, protocol) })
	}
}

func autopahoReturns(t *testing.T, protocol string) {
	address := net.JoinHostPort("127.0.0.1", freePort(t))
	config := writeConfig(t, fmt.Sprintf(`
sensors: []
dashboard: {address: ""}
log: {level: debug}
broker:
  listeners:
    - {protocol: %s, address: %q, allow_anonymous: true}
`, protocol, address))
	start := func() *process {
		p := spawn(t, needBinary(t), "run", "-c", config)
		p.await(`msg=listening`)
		return p
	}
	g := start()
	d := door{protocol, protocol + "://" + address + "/mqtt", nil, nil}

	// Sessions end with the gateway: the publisher comes back after the
	// subscriber has subscribed again, or nobody would get what it has queued.
	subscribed := make(chan struct{}, 100)
	var subscribing sync.WaitGroup
	sub := openAuto(t, d, "go5-auto-sub", func(context.Context) error { return nil }, func(c *autopaho.ConnectionManager) {
		subscribing.Go(func() {
			_, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "e2e/auto/+", QoS: 2}}})
			if err == nil {
				subscribed <- struct{}{}
			}
		})
	})
	t.Cleanup(subscribing.Wait)
	pub := openAuto(t, d, "go5-auto-pub", func(ctx context.Context) error {
		select {
		case <-subscribed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, func(*autopaho.ConnectionManager) {})
	up := func(a *auto, who string, present bool) {
		t.Helper()
		if got := takeFrom(t, a.ups, "connection of the %s", who); got != present {
			t.Errorf("session of the %s present: %t, want %t", who, got, present)
		}
	}
	up(sub, "subscriber", false)
	up(pub, "publisher", false)

	sent := 0
	queue := func(n int) {
		t.Helper()
		for range n {
			qos := byte(1 + sent%2)
			p := &paho.Publish{Topic: fmt.Sprint("e2e/auto/", qos), QoS: qos, Payload: []byte(strconv.Itoa(sent))}
			if err := pub.PublishViaQueue(t.Context(), &autopaho.QueuePublish{Publish: p}); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	arrived := map[int]bool{}
	take := func(m *paho.Publish) {
		t.Helper()
		i, err := strconv.Atoi(string(m.Payload))
		if err != nil || int(m.QoS) != 1+i%2 || i >= sent {
			t.Fatalf("got %v", m)
		}
		if m.QoS == 2 && arrived[i] {
			t.Errorf("QoS 2 message %d came twice", i)
		}
		arrived[i] = true
	}
	receive := func(n int) {
		t.Helper()
		for len(arrived) < n {
			take(takeFrom(t, sub.messages, "message after %d of %d", len(arrived), n))
		}
	}

	queue(100)
	receive(sent)
	g.kill()
	takeFrom(t, sub.downs, "loss of the subscriber's connection")
	takeFrom(t, pub.downs, "loss of the publisher's connection")
	queue(200)
	start()
	up(sub, "subscriber", false)
	up(pub, "publisher", false)
	receive(sent)

	queue(200)
	receive(sent - 150)
	subscribed <- struct{}{} // the session knows what it has subscribed to
	pub.TerminateConnectionForTest()
	up(pub, "publisher", true)
	// (*State).AddToSession of paho.golang v0.23.0 looks for a connection before it
	// stores a message: one that it stores when the next connection has resent what
	// there was waits for the one after that.
	for len(arrived) < sent {
		select {
		case m := <-sub.messages:
			take(m)
		case <-time.After(5 * time.Second):
			t.Logf("%d of %d messages came, cut the publisher's connection again", len(arrived), sent)
			subscribed <- struct{}{}
			pub.TerminateConnectionForTest()
			up(pub, "publisher", true)
			receive(sent)
		}
	}

	queue(200)
	receive(sent - 150)
	sub.TerminateConnectionForTest()
	up(sub, "subscriber", true)
	receive(sent)
}

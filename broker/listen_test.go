package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"gateway/broker/packet"
)

// These tests use real sockets on loopback.

// listening runs a broker with one TCP and one WebSocket listener on ports
// that the system chooses, until the test ends.
func listening(t *testing.T) (b *Broker, tcp, ws string) {
	t.Helper()
	cfg := Default()
	cfg.Listeners = []Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}, {Protocol: "ws", Address: "127.0.0.1:0"}}
	b = New(cfg, testLog())
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return b, b.Addrs()[0].String(), b.Addrs()[1].String()
}

// overSocket makes a client of a real connection.
func overSocket(t *testing.T, nc net.Conn, v packet.Version, id string) *testClient {
	t.Helper()
	c := &testClient{t: t, conn: nc, v: v, in: make(chan received, 1000)}
	t.Cleanup(func() { nc.Close() })
	go c.pump()
	c.send(&packet.Connect{Version: v, ClientID: id, CleanStart: true})
	if ack := expect[*packet.Connack](c); ack.Code != packet.Success {
		t.Fatalf("CONNACK %v", ack.Code)
	}
	return c
}

func dialWebSocket(t *testing.T, address string, o *websocket.DialOptions) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, "ws://"+address+"/mqtt", o)
	if err != nil {
		return nil, err
	}
	if o != nil && len(o.Subprotocols) > 0 && ws.Subprotocol() != o.Subprotocols[0] {
		t.Errorf("subprotocol %q, want %q", ws.Subprotocol(), o.Subprotocols[0])
	}
	_ = resp
	return ws, nil
}

func TestTCPAndWebSocketMeet(t *testing.T) {
	_, tcp, wsAddress := listening(t)
	nc, err := net.Dial("tcp", tcp)
	if err != nil {
		t.Fatal(err)
	}
	a := overSocket(t, nc, packet.V5, "a")
	a.subscribe("t/#", 2)
	for i, subprotocol := range []string{"mqtt", "mqttv3.1"} { // [MQTT-6.0.0-4]
		ws, err := dialWebSocket(t, wsAddress, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		v := packet.V311
		if subprotocol == "mqttv3.1" {
			v = packet.V31
		}
		b := overSocket(t, websocket.NetConn(t.Context(), ws, websocket.MessageBinary), v, fmt.Sprint("b", i))
		b.publish("t/ws", subprotocol, 2)
		a.want("t/ws", subprotocol)
	}
}

// A packet may be spread over several messages, and one message may hold
// several packets [MQTT-6.0.0-2].
func TestWebSocketMessageBoundaries(t *testing.T) {
	_, _, address := listening(t)
	ws, err := dialWebSocket(t, address, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	var stream []byte
	for _, p := range []packet.Packet{
		&packet.Connect{Version: packet.V311, ClientID: "c", CleanStart: true},
		&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "a"}}},
		&packet.Publish{Topic: "a", Payload: []byte("x")},
	} {
		stream = must(p.Append(stream, packet.V311))
	}
	for _, part := range [][]byte{stream[:1], stream[1:9], {}, stream[9:]} {
		if err := ws.Write(t.Context(), websocket.MessageBinary, part); err != nil {
			t.Fatal(err)
		}
	}
	r := packet.NewReader(websocket.NetConn(t.Context(), ws, websocket.MessageBinary), 0)
	for _, want := range []packet.Type{packet.TypeConnack, packet.TypeSuback, packet.TypePublish} {
		first, _, err := r.Next()
		if err != nil || packet.Type(first>>4) != want {
			t.Fatalf("got %v, %v, want %v", packet.Type(first>>4), err, want)
		}
	}
}

func TestWebSocketTextCloses(t *testing.T) { // [MQTT-6.0.0-1]
	_, _, address := listening(t)
	ws, err := dialWebSocket(t, address, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("after a text message: %v", err)
	}
}

func TestWebSocketOrigin(t *testing.T) {
	_, _, address := listening(t)
	for origin, allowed := range map[string]bool{
		"":                         true,
		"http://" + address:        true,
		"http://127.0.0.1:8080":    true, // the page, on another port of this host
		"https://evil.example":     false,
		"null":                     false,
		"file://":                  false,
		"http://127.0.0.1.evil.de": false,
	} {
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		ws, err := dialWebSocket(t, address, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPHeader: h})
		if (err == nil) != allowed {
			t.Errorf("origin %q: %v, allowed %v", origin, err, allowed)
		}
		if err == nil {
			ws.CloseNow()
		}
	}
}

// A person who types the address into a browser is told what it is.
func TestWebSocketPlainRequest(t *testing.T) {
	_, _, address := listening(t)
	resp, err := http.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusUpgradeRequired || !strings.Contains(string(body), "MQTT over WebSocket") {
		t.Errorf("%s: %s", resp.Status, body)
	}
}

func TestListenSaysWhichAddress(t *testing.T) {
	_, tcp, _ := listening(t)
	cfg := Default()
	cfg.Listeners = []Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}, {Protocol: "ws", Address: tcp}}
	b := New(cfg, testLog())
	err := b.Listen()
	if err == nil || !strings.Contains(err.Error(), "broker.listeners[1]: cannot listen on "+tcp+": another program has this port already") {
		t.Errorf("Listen on an address in use: %v", err)
	}
	if len(b.Addrs()) != 0 {
		t.Errorf("%v stay open", b.Addrs())
	}
}

func TestTooManyConnections(t *testing.T) {
	cfg := Default()
	cfg.MaxConnections = 2
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		b.connect(packet.V311, "a")
		b.connect(packet.V311, "b")
		c := b.dial(packet.V311)
		c.gone()
	})
}

// Many clients at once, over real sockets, lose and double nothing.
func TestManyClients(t *testing.T) {
	const clients, messages = 20, 50
	b, tcp, _ := listening(t)
	nc, err := net.Dial("tcp", tcp)
	if err != nil {
		t.Fatal(err)
	}
	sub := overSocket(t, nc, packet.V5, "subscriber")
	sub.subscribe("many/+", 2)
	var wg sync.WaitGroup
	for i := range clients {
		nc, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		c := overSocket(t, nc, []packet.Version{packet.V31, packet.V311, packet.V5}[i%3], fmt.Sprint("client", i))
		wg.Go(func() {
			for n := range messages {
				c.publish(fmt.Sprint("many/", i), fmt.Sprint(n), packet.QoS(1+n%2), func(p *packet.Publish) { p.ID = uint16(n + 1) })
			}
		})
	}
	seen := make(map[string]int)
	for range clients * messages {
		m := sub.message()
		if want := fmt.Sprint(seen[m.Topic]); string(m.Payload) != want { // also the order
			t.Fatalf("%s: got %s, want %s", m.Topic, m.Payload, want)
		}
		seen[m.Topic]++
	}
	wg.Wait()
	sub.silent()
	if s := b.Stats(); s.Received != clients*messages || s.Sent != clients*messages || s.Connections != clients+1 {
		t.Errorf("stats %+v", s)
	}
}

// Garbage of any kind ends its connection and nothing else.
func TestGarbageOverTCP(t *testing.T) {
	_, tcp, _ := listening(t)
	for _, garbage := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\xa5\x01", "\x10\xff\xff\xff\xff\xff", "\x00", "\xf0\x00", strings.Repeat("\xff", 10_000)} {
		nc, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(nc, bytes.NewReader([]byte(garbage))); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("%q: %v", garbage[:1], err) // the broker may have hung up already
		}
		_ = nc.(*net.TCPConn).CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		if b, err := io.ReadAll(nc); errors.Is(err, context.DeadlineExceeded) || len(b) > 10 {
			t.Errorf("%.10q is answered with %q, %v", garbage, b, err)
		}
		nc.Close()
	}
	nc, err := net.Dial("tcp", tcp)
	if err != nil {
		t.Fatal(err)
	}
	overSocket(t, nc, packet.V311, "after").silent()
}

// TestSilenceKeepsNobodyOut fills the broker with connections that say nothing.
func TestSilenceKeepsNobodyOut(t *testing.T) {
	cfg := Default()
	cfg.MaxConnections = 3
	inBubble(t, cfg, func(t *testing.T, b *testBroker) {
		a := b.connect(packet.V311, "a")
		for range 10 {
			b.dial(packet.V311)
		}
		late := b.connect(packet.V311, "late")
		a.subscribe("t", 0)
		late.publish("t", "x", 0)
		a.want("t", "x")
		synctest.Wait() // those that were shown out are gone
		if n := b.Stats().Connections; n > 3 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestWebSocketRebinding names a loopback listener as only a page does whose
// host's name was made to mean 127.0.0.1.
func TestWebSocketRebinding(t *testing.T) {
	for _, tt := range []struct {
		listener     Listener
		host, origin string
		want         bool
	}{
		{Listener{Protocol: "ws", Address: "127.0.0.1:9001"}, "evil.example:9001", "http://evil.example:9001", false},
		{Listener{Protocol: "ws", Address: "127.0.0.1:9001", Origins: []string{"good.example"}}, "good.example", "https://good.example", true},
		{Listener{Protocol: "ws", Address: "127.0.0.1:9001"}, "LocalHost:9001", "http://localhost:8080", true},
		{Listener{Protocol: "ws", Address: "[::1]:9001"}, "[::1]:9001", "http://[::1]", true},
		{Listener{Protocol: "ws", Address: "127.0.0.1:9001"}, "evil.example:9001", "", true}, // no page, no browser
		{Listener{Protocol: "ws", Address: ":9001"}, "pi.local:9001", "http://pi.local", true},
		{Listener{Protocol: "ws", Address: ":9001"}, "pi.local:9001", "http://evil.example", false},
	} {
		r := &http.Request{Host: tt.host, Header: http.Header{"Origin": {tt.origin}}}
		l := new(listener)
		l.terms.Store(&terms{listener: tt.listener})
		if got := l.welcomes(r); got != tt.want {
			t.Errorf("%s: host %q, origin %q: %v", tt.listener.Address, tt.host, tt.origin, got)
		}
	}
}

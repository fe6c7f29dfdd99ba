package scripted

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gateway/broker/client"
	"gateway/broker/packet"
)

func listening(t *testing.T, r Rules) *Broker {
	t.Helper()
	b, err := Listen(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func dial(t *testing.T, b *Broker) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func connect(t *testing.T, b *Broker, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), dial(t, b), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// lost waits until the broker has ended the connection, and returns why.
func lost(t *testing.T, c *client.Client) string {
	t.Helper()
	select {
	case <-c.Done():
		return fmt.Sprint(c.Err())
	case <-time.After(30 * time.Second):
		t.Fatal("the connection stays")
		return ""
	}
}

// TestEveryRuleIsKept breaks each rule once.
func TestEveryRuleIsKept(t *testing.T) {
	for name, test := range map[string]struct {
		rules   Rules
		message packet.Publish
		offence string
	}{
		"QoS 2":   {Rules{NoQoS2: true}, packet.Publish{Topic: "a", QoS: 2}, "QoS 2"},
		"RETAIN":  {Rules{NoRetain: true}, packet.Publish{Topic: "a", QoS: 1, Retain: true}, "RETAIN"},
		"slashes": {Rules{MaxSlashes: 2}, packet.Publish{Topic: "a/b/c/d", QoS: 1}, "a topic of 3 slashes"},
		"payload": {Rules{MaxPayload: 3}, packet.Publish{Topic: "a", QoS: 1, Payload: []byte("1234")}, "a payload of 4 bytes"},
	} {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprintf("%s, %v", name, v), func(t *testing.T) {
				b := listening(t, test.rules)
				c := connect(t, b, client.Options{Version: v, CleanStart: true})
				if _, err := c.Publish(t.Context(), &packet.Publish{Topic: "a/b/c", QoS: 1, Payload: []byte("123")}); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Publish(t.Context(), &test.message); err == nil {
					t.Error("acknowledged")
				}
				lost(t, c)
				if got := b.Offences(); len(got) != 1 || got[0] != test.offence {
					t.Errorf("%q, want %q", got, test.offence)
				}
				if len(b.Taken()) != 1 {
					t.Errorf("%d messages taken, want 1", len(b.Taken()))
				}
			})
		}
	}
}

// TestWhoMayConnect is what happens before CONNACK.
func TestWhoMayConnect(t *testing.T) {
	for name, test := range map[string]struct {
		rules   Rules
		options client.Options
		bridge  bool
		refused bool
	}{
		"a client id that is bound":     {Rules{ClientIDs: []string{"gw"}}, client.Options{ClientID: "gw"}, false, false},
		"another one":                   {Rules{ClientIDs: []string{"gw"}}, client.Options{ClientID: "we"}, false, true},
		"a keep-alive that is too long": {Rules{MaxKeepAlive: time.Minute}, client.Options{ClientID: "gw", KeepAlive: time.Hour}, false, true},
		"the same in MQTT 5":            {Rules{MaxKeepAlive: time.Minute}, client.Options{ClientID: "gw", KeepAlive: time.Hour, Version: packet.V5}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := listening(t, test.rules)
			c, err := client.Connect(t.Context(), dial(t, b), test.options)
			if (err != nil) != test.refused {
				t.Fatalf("%v", err)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}

// TestTheBridgeBit says CONNECT with it, which the client cannot.
func TestTheBridgeBit(t *testing.T) {
	for bit, want := range map[BridgeBit]string{
		BitIgnored:     "CONNACK; retained false, its own true",
		BitCloses:      "closed",
		BitKeepsRetain: "CONNACK; retained true, its own true",
		BitAsMosquitto: "CONNACK; retained true, its own false",
	} {
		b := listening(t, Rules{BridgeBit: bit})
		nc := dial(t, b)
		if got := asBridge(t, b, nc); got != want {
			t.Errorf("%d: %s, want %s", bit, got, want)
		}
	}
}

// asBridge connects as a bridge and tells what comes of that.
func asBridge(t *testing.T, b *Broker, nc net.Conn) string {
	t.Helper()
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	say := func(packets ...packet.Packet) {
		for _, p := range packets {
			buf, err := p.Append(nil, packet.V311)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nc.Write(buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := packet.NewReader(nc, 0)
	hear := func() packet.Packet {
		first, body, err := r.Next()
		if err != nil {
			return nil
		}
		p, err := packet.Decode(first, body, packet.V311)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	say(&packet.Connect{Version: packet.V311, Bridge: true, CleanStart: true})
	if hear() == nil {
		return "closed"
	}
	say(&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "#"}}})
	hear()
	b.Publish(&packet.Publish{Topic: "others", Retain: true})
	m := hear().(*packet.Publish)
	say(&packet.Publish{Topic: "own"}, &packet.Pingreq{})
	_, own := hear().(*packet.Publish)
	return fmt.Sprintf("CONNACK; retained %v, its own %v", m.Retain, own)
}

func TestManyFilters(t *testing.T) {
	b := listening(t, Rules{MaxFilters: 2})
	c := connect(t, b, client.Options{CleanStart: true})
	filters := []packet.Subscription{{Filter: "a"}, {Filter: "b"}, {Filter: "c"}}
	if _, err := c.Subscribe(t.Context(), filters[:2]); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), filters); err == nil {
		t.Error("three filters were taken")
	}
}

// TestTheRate: what is over it is not acknowledged, and the connection stays. An
// answer that a busy machine gives late looks like none: then it is waited for longer.
func TestTheRate(t *testing.T) {
	for _, wait := range []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second} {
		b := listening(t, Rules{MaxRate: 3})
		c := connect(t, b, client.Options{CleanStart: true})
		unanswered := 0
		for range 2 {
			for range 4 {
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				if _, err := c.Publish(ctx, &packet.Publish{Topic: "a", QoS: 1}); errors.Is(err, context.DeadlineExceeded) {
					unanswered++
				}
				cancel()
			}
		}
		if c.Err() != nil {
			t.Fatal(c.Err())
		}
		if unanswered > 0 && len(b.Taken())+unanswered == 8 {
			return
		}
		t.Logf("waiting %v: %d unanswered, %d taken", wait, unanswered, len(b.Taken()))
	}
	t.Error("never some unanswered, and all others taken")
}

func TestLimitsAndCodesOfMQTT5(t *testing.T) {
	b := listening(t, Rules{
		Connack: packet.Properties{MaximumQoS: packet.Some(byte(1)), AssignedClientID: packet.Some("yours")},
		Refuse: func(m *packet.Publish) packet.ReasonCode {
			if m.Topic == "forbidden" {
				return packet.NotAuthorized
			}
			return packet.NoMatchingSubscribers
		},
	})
	c := connect(t, b, client.Options{Version: packet.V5, CleanStart: true})
	if got := c.Connack().Properties.AssignedClientID.V; got != "yours" {
		t.Errorf("client id %q", got)
	}
	for topic, want := range map[string]packet.ReasonCode{"forbidden": packet.NotAuthorized, "a": packet.NoMatchingSubscribers} {
		if code, _ := c.Publish(t.Context(), &packet.Publish{Topic: topic, QoS: 1}); code != want {
			t.Errorf("%s: %v, want %v", topic, code, want)
		}
	}
	if got := b.Taken(); len(got) != 1 || got[0].Topic != "a" {
		t.Errorf("taken: %v", got)
	}
	b.Disconnect(packet.ServerMoved, "elsewhere")
	if why := lost(t, c); !strings.Contains(why, "elsewhere") {
		t.Errorf("%s", why)
	}
}

// TestALPN: who does not ask for the protocol is not let in.
func TestALPN(t *testing.T) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	b, err := ListenTLS(Rules{ALPN: "x-amzn-mqtt-ca"}, &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for protocol, ok := range map[string]bool{"x-amzn-mqtt-ca": true, "http/1.1": false, "": false} {
		cfg := &tls.Config{InsecureSkipVerify: true}
		if protocol != "" {
			cfg.NextProtos = []string{protocol}
		}
		nc, err := tls.Dial("tcp", b.Address(), cfg)
		if err == nil {
			_, err = client.Connect(t.Context(), nc, client.Options{CleanStart: true})
		}
		if (err == nil) != ok {
			t.Errorf("%q: %v", protocol, err)
		}
	}
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
	"gateway/broker/client"
	"gateway/broker/packet"
)

var versions = []packet.Version{packet.V31, packet.V311, packet.V5}

// server is the other end of a client's connection; a test says what it does.
type server struct {
	t    *testing.T
	conn net.Conn
	r    *packet.Reader
	v    packet.Version
}

// scripted connects a client to a server that plays script, and wants both to
// end. It runs in a bubble: nothing takes time.
func scripted(t *testing.T, o client.Options, script func(s *server), test func(ctx context.Context, c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := &server{t, there, packet.NewReader(there, 0), o.Version}
		if s.v == 0 {
			s.v = packet.V311
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer there.Close()
			s.receive() // CONNECT
			script(s)
			_, _ = io.Copy(io.Discard, there) // until the client is gone
		})
		c, err := client.Connect(t.Context(), here, o)
		if err != nil {
			t.Errorf("Connect: %v", err)
		} else {
			test(t.Context(), c)
			c.Close()
			<-c.Done()
		}
		wg.Wait()
		// A goroutine left over would make synctest fail here.
	})
}

// receive returns the next packet of the client, nil when it is gone.
func (s *server) receive() packet.Packet {
	s.t.Helper()
	first, body, err := s.r.Next()
	if err != nil {
		return nil
	}
	p, err := packet.Decode(first, body, s.v)
	if err != nil {
		s.t.Errorf("the client sent what is no packet: %v", err)
	}
	return p
}

func (s *server) send(packets ...packet.Packet) {
	s.t.Helper()
	var b []byte
	for _, p := range packets {
		var err error
		if b, err = p.Append(b, s.v); err != nil {
			s.t.Error(err)
		}
	}
	_, _ = s.conn.Write(b) // the client may be gone
}

// expect receives a P.
func expect[P packet.Packet](s *server) P {
	s.t.Helper()
	got := s.receive()
	p, ok := got.(P)
	if !ok {
		s.t.Errorf("got %T, want %T", got, p)
	}
	return p
}

func TestConnectSaysWhatOptionsAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		o := client.Options{
			Version: packet.V5, ClientID: "me", KeepAlive: 1500 * time.Millisecond,
			Username: packet.Some("joe"), Password: []byte("pw"), MaxPacketSize: 1000,
			Will: &packet.Will{Topic: "gone", Payload: []byte("x"), QoS: 1},
		}
		var got *packet.Connect
		var wg sync.WaitGroup
		wg.Go(func() {
			s := &server{t, there, packet.NewReader(there, 0), packet.V5}
			got = expect[*packet.Connect](s)
			s.send(&packet.Connack{SessionPresent: true, Properties: &packet.Properties{AssignedClientID: packet.Some("other")}})
			_, _ = io.Copy(io.Discard, there)
			there.Close()
		})
		c, err := client.Connect(t.Context(), here, o)
		if err != nil {
			t.Fatal(err)
		}
		if ack := c.Connack(); !ack.SessionPresent || ack.Properties.AssignedClientID.V != "other" {
			t.Errorf("CONNACK %+v", ack)
		}
		c.Close()
		wg.Wait()
		if got.ClientID != "me" || got.CleanStart || got.KeepAlive != 2 || got.Username.V != "joe" || string(got.Password) != "pw" ||
			got.Will == nil || got.Will.Topic != "gone" || got.Properties.MaximumPacketSize.V != 1000 {
			t.Errorf("CONNECT %+v", got)
		}
	})
}

func TestConnectRefused(t *testing.T) {
	for _, test := range []struct {
		v    packet.Version
		ack  *packet.Connack
		want string
	}{
		{packet.V311, &packet.Connack{Code: packet.BadUserNameOrPassword}, "user name or password"},
		{packet.V31, &packet.Connack{Code: packet.ClientIdentifierNotValid}, "identifier"},
		{packet.V5, &packet.Connack{Code: packet.NotAuthorized, Properties: &packet.Properties{ReasonString: packet.Some("ask Joe")}}, "ask Joe"},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				s := &server{t, there, packet.NewReader(there, 0), test.v}
				s.receive()
				s.send(test.ack)
				_, _ = io.Copy(io.Discard, there)
				there.Close()
			}()
			_, err := client.Connect(t.Context(), here, client.Options{Version: test.v, ClientID: "c"})
			var refused *client.ConnectError
			if !errors.As(err, &refused) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.want)) {
				t.Errorf("%v: %v, want %q in it", test.v, err, test.want)
			}
		})
	}
}

func TestConnectFails(t *testing.T) {
	for name, answer := range map[string][]byte{
		"hangs up":         nil,
		"speaks HTTP":      []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"sends a PUBLISH":  {0x30, 3, 0, 1, 't'},
		"sends garbage":    {0xff, 0xff, 0xff, 0xff, 0xff},
		"half a CONNACK":   {0x20, 2, 0},
		"unknown CONNACK":  {0x20, 2, 0, 77},
		"CONNACK of flags": {0x20, 2, 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				s := &server{t, there, packet.NewReader(there, 0), packet.V311}
				s.receive()
				_, _ = there.Write(answer)
				there.Close()
			}()
			if c, err := client.Connect(t.Context(), here, client.Options{CleanStart: true}); err == nil {
				c.Close()
				t.Errorf("a server that %s is accepted", name)
			}
		})
	}
}

func TestConnectIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			_, _ = io.Copy(io.Discard, there)
			there.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := client.Connect(ctx, here, client.Options{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("a server that says nothing: %v after %v", err, time.Since(began))
		}
	})
}

func TestOptionsRefused(t *testing.T) {
	for name, o := range map[string]client.Options{
		"version":    {Version: 9},
		"keep-alive": {KeepAlive: 24 * time.Hour},
		"negative":   {KeepAlive: -1},
		"packets":    {MaxPacketSize: -1},
		"buffer":     {Buffer: -1},
		"aliases":    {Version: packet.V5, Properties: &packet.Properties{TopicAliasMaximum: packet.Some[uint16](5)}},
	} {
		here, there := net.Pipe()
		if _, err := client.Connect(t.Context(), here, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
		there.Close()
	}
}

func TestPublishOutOfOrderAcknowledgements(t *testing.T) {
	scripted(t, client.Options{}, func(s *server) {
		s.send(&packet.Connack{})
		a, b := expect[*packet.Publish](s), expect[*packet.Publish](s)
		if a.ID == b.ID {
			t.Errorf("two messages on their way have the id %d", a.ID)
		}
		s.send(&packet.Puback{ID: b.ID}, &packet.Puback{ID: a.ID})
	}, func(ctx context.Context, c *client.Client) {
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				if code, err := c.Publish(ctx, &packet.Publish{Topic: fmt.Sprint(i), QoS: 1}); err != nil || code != packet.Success {
					t.Errorf("Publish: %v, %v", code, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestPublishQoS2(t *testing.T) {
	scripted(t, client.Options{}, func(s *server) {
		s.send(&packet.Connack{})
		p := expect[*packet.Publish](s)
		s.send(&packet.Pubrec{ID: p.ID})
		if rel := expect[*packet.Pubrel](s); rel.ID != p.ID {
			t.Errorf("PUBREL %d for %d", rel.ID, p.ID)
		}
		s.send(&packet.Pubcomp{ID: p.ID})
	}, func(ctx context.Context, c *client.Client) {
		if code, err := c.Publish(ctx, &packet.Publish{Topic: "t", QoS: 2}); err != nil || code != packet.Success {
			t.Errorf("Publish: %v, %v", code, err)
		}
	})
}

func TestPublishErrors(t *testing.T) {
	scripted(t, client.Options{Version: packet.V5}, func(s *server) {
		s.send(&packet.Connack{Properties: &packet.Properties{MaximumPacketSize: packet.Some[uint32](50)}})
	}, func(ctx context.Context, c *client.Client) {
		for name, p := range map[string]*packet.Publish{
			"too large": {Topic: "t", Payload: make([]byte, 100)},
			"QoS 3":     {Topic: "t", QoS: 3},
			"long":      {Topic: strings.Repeat("x", 70_000)},
		} {
			if _, err := c.Publish(ctx, p); err == nil {
				t.Errorf("%s: published", name)
			}
		}
	})
}

func TestReceiveMaximumOfTheServer(t *testing.T) {
	scripted(t, client.Options{Version: packet.V5}, func(s *server) {
		s.send(&packet.Connack{Properties: &packet.Properties{ReceiveMaximum: packet.Some[uint16](2)}})
		a, b := expect[*packet.Publish](s), expect[*packet.Publish](s)
		time.Sleep(time.Minute) // a third one would come now
		s.send(&packet.Puback{ID: a.ID})
		c := expect[*packet.Publish](s)
		s.send(&packet.Puback{ID: b.ID}, &packet.Puback{ID: c.ID})
	}, func(ctx context.Context, c *client.Client) {
		began := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := c.Publish(ctx, &packet.Publish{Topic: "t", QoS: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(began); d != time.Minute {
			t.Errorf("three messages took %v", d)
		}
	})
}

func TestReceive(t *testing.T) {
	scripted(t, client.Options{}, func(s *server) {
		s.send(&packet.Connack{},
			&packet.Publish{Topic: "a"}, &packet.Publish{Topic: "b", QoS: 1, ID: 5}, &packet.Publish{Topic: "c", QoS: 2, ID: 6})
		if ack := expect[*packet.Puback](s); ack.ID != 5 {
			t.Errorf("PUBACK %d", ack.ID)
		}
		expect[*packet.Pubrec](s)
		s.send(&packet.Publish{Dup: true, Topic: "c", QoS: 2, ID: 6}) // it did not see the PUBREC
		expect[*packet.Pubrec](s)
		s.send(&packet.Pubrel{ID: 6})
		expect[*packet.Pubcomp](s)
		s.send(&packet.Publish{Topic: "d"})
	}, func(ctx context.Context, c *client.Client) {
		for _, want := range []string{"a", "b", "c", "d"} { // c once
			m, err := c.Next(ctx)
			if err != nil || m.Topic != want {
				t.Fatalf("Next: %+v, %v; want %s", m, err, want)
			}
		}
	})
}

// TestBackpressure: a reader that is slow holds up the server, not memory.
func TestBackpressure(t *testing.T) {
	const messages = 200
	scripted(t, client.Options{Buffer: 4}, func(s *server) {
		s.send(&packet.Connack{})
		for i := range messages {
			s.send(&packet.Publish{Topic: fmt.Sprint(i), Payload: make([]byte, 8000)})
		}
	}, func(ctx context.Context, c *client.Client) {
		time.Sleep(time.Hour)
		for i := range messages {
			m, err := c.Next(ctx)
			if err != nil || m.Topic != fmt.Sprint(i) {
				t.Fatalf("message %d: %+v, %v", i, m, err)
			}
		}
	})
}

func TestKeepAlive(t *testing.T) {
	scripted(t, client.Options{KeepAlive: 10 * time.Second}, func(s *server) {
		s.send(&packet.Connack{})
		for range 5 {
			expect[*packet.Pingreq](s)
			s.send(&packet.Pingresp{})
		}
	}, func(ctx context.Context, c *client.Client) {
		began := time.Now()
		<-c.Done() // the server stops answering
		if d := time.Since(began); d < 50*time.Second || d > 90*time.Second {
			t.Errorf("a server that died after 50 s was noticed after %v", d)
		}
		if c.Err() == nil {
			t.Error("no reason")
		}
	})
}

func TestServerDisconnects(t *testing.T) {
	scripted(t, client.Options{Version: packet.V5}, func(s *server) {
		s.send(&packet.Connack{})
		s.receive() // PUBLISH
		s.send(&packet.Disconnect{Code: packet.SessionTakenOver})
		s.conn.Close()
	}, func(ctx context.Context, c *client.Client) {
		if _, err := c.Publish(ctx, &packet.Publish{Topic: "t", QoS: 1}); err == nil {
			t.Error("published")
		}
		if _, err := c.Next(ctx); err == nil {
			t.Error("a message came")
		}
		if err := c.Err(); err == nil || !strings.Contains(strings.ToLower(err.Error()), "taken over") {
			t.Errorf("Err: %v", err)
		}
	})
}

func TestCloseWhileBlocked(t *testing.T) {
	scripted(t, client.Options{}, func(s *server) {
		s.send(&packet.Connack{})
	}, func(ctx context.Context, c *client.Client) {
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Next(ctx); err == nil {
				t.Error("Next returned a message")
			}
		})
		wg.Go(func() {
			if _, err := c.Publish(ctx, &packet.Publish{Topic: "t", QoS: 1}); err == nil {
				t.Error("Publish was acknowledged")
			}
		})
		wg.Go(func() {
			if _, err := c.Subscribe(ctx, []packet.Subscription{{Filter: "a"}}); err == nil {
				t.Error("Subscribe was acknowledged")
			}
		})
		synctest.Wait()
		c.Close()
		wg.Wait()
		c.Close() // once more does nothing
	})
}

func TestProtocolErrorsOfTheServer(t *testing.T) {
	for name, p := range map[string]packet.Packet{
		"PUBACK out of the blue": &packet.Puback{ID: 9},
		"SUBACK out of the blue": &packet.Suback{ID: 9, Codes: []packet.ReasonCode{0}},
		"CONNECT":                &packet.Connect{Version: packet.V5, CleanStart: true},
		"second CONNACK":         &packet.Connack{},
		"PINGREQ":                &packet.Pingreq{},
		"topic alias":            &packet.Publish{Topic: "t", Properties: &packet.Properties{TopicAlias: packet.Some[uint16](1)}},
	} {
		scripted(t, client.Options{Version: packet.V5}, func(s *server) {
			s.send(&packet.Connack{}, p)
		}, func(ctx context.Context, c *client.Client) {
			time.Sleep(time.Minute) // it says DISCONNECT and waits for the server a while
			select {
			case <-c.Done():
				if c.Err() == nil {
					t.Errorf("%s: no reason", name)
				}
			default:
				t.Errorf("%s is borne", name)
			}
		})
	}
}

// TestAgainstTheBroker is the client and the real broker, every version and
// QoS.
func TestAgainstTheBroker(t *testing.T) {
	cfg := broker.Default()
	cfg.Listeners = []broker.Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
	b := broker.New(cfg, slog.New(slog.DiscardHandler))
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	for _, v := range versions {
		conn, err := net.Dial("tcp", b.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Connect(t.Context(), conn, client.Options{Version: v, ClientID: fmt.Sprint("c", v), CleanStart: true, KeepAlive: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		codes, err := c.Subscribe(t.Context(), []packet.Subscription{{Filter: "t/#", QoS: 2}, {Filter: "u"}})
		if err != nil || len(codes) != 2 || codes[0] != packet.GrantedQoS2 {
			t.Fatalf("version %v: Subscribe: %v, %v", v, codes, err)
		}
		for qos := range packet.QoS(3) {
			topic := fmt.Sprintf("t/%v/%d", v, qos)
			if code, err := c.Publish(t.Context(), &packet.Publish{Topic: topic, QoS: qos, Payload: []byte("x")}); err != nil || code >= packet.UnspecifiedError {
				t.Errorf("version %v QoS %d: Publish: %v, %v", v, qos, code, err)
			}
			if m, err := c.Next(t.Context()); err != nil || m.Topic != topic || m.QoS != qos {
				t.Errorf("version %v QoS %d: Next: %+v, %v", v, qos, m, err)
			}
		}
		if _, err := c.Unsubscribe(t.Context(), "t/#", "u"); err != nil {
			t.Errorf("version %v: Unsubscribe: %v", v, err)
		}
		if err := c.Disconnect(packet.Success); err != nil {
			t.Errorf("version %v: Disconnect: %v", v, err)
		}
		<-c.Done()
		if _, err := c.Next(t.Context()); err == nil {
			t.Error("a message after Disconnect")
		}
	}
}

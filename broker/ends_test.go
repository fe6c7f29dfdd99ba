package broker

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/broker/auth"
	"gateway/broker/door"
	"gateway/broker/packet"
)

// lastEnd returns the newest end.
func (b *testBroker) lastEnd() End {
	b.t.Helper()
	all := b.Ends()
	if len(all) == 0 {
		b.t.Fatal("no end is remembered")
	}
	return all[0]
}

// ended waits until so many ends are remembered, and returns the newest.
func (b *testBroker) ended(n int) End {
	b.t.Helper()
	for range 100 {
		if len(b.Ends()) >= n {
			return b.lastEnd()
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatalf("%d ends are remembered, want %d: %+v", len(b.Ends()), n, b.Ends())
	return End{}
}

// TestEnds has a client go in every manner, and wants the reason.
func TestEnds(t *testing.T) {
	keepAlive := func(p *packet.Connect) { p.KeepAlive = 60 }
	for name, tt := range map[string]struct {
		cfg   Config
		end   func(b *testBroker, c *testClient)
		cause Cause
		says  string // in the reason
	}{
		"goodbye": {end: func(_ *testBroker, c *testClient) { c.send(&packet.Disconnect{}); c.gone() },
			cause: ByClient, says: "closed by the client"},
		"lost": {end: func(_ *testBroker, c *testClient) { c.conn.Close() },
			cause: Lost, says: "lost power"},
		"keep-alive": {end: func(_ *testBroker, c *testClient) { time.Sleep(2 * time.Minute) },
			cause: KeepAlive, says: "keep-alive of 1m0s passed without a packet"},
		"taken over": {end: func(b *testBroker, c *testClient) { b.connect(packet.V311, "c"); time.Sleep(time.Minute) },
			cause: TakenOver, says: "the same client connected again"},
		"malformed": {end: func(_ *testBroker, c *testClient) { c.write([]byte{0x30, 3, 0, 9, 'x'}); time.Sleep(time.Minute) },
			cause: BadPacket, says: "sent what is not allowed: "},
		"not allowed": {end: func(_ *testBroker, c *testClient) {
			c.send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true})
		},
			cause: BadPacket, says: "CONNECT from a connected client"},
		"too large": {cfg: Config{MaxPacketSize: 1000}, end: func(_ *testBroker, c *testClient) { c.write([]byte{0x30, 0xe9, 0x07, 0}) },
			cause: TooLarge, says: "at most 1000 are allowed"},
		"kicked": {end: func(b *testBroker, c *testClient) {
			if !b.Disconnect("c", "makes too much noise") || b.Disconnect("somebody", "") {
				b.t.Error("what Disconnect says")
			}
			d := expect[*packet.Disconnect](c)
			if d.Code != packet.AdministrativeAction || d.Properties.ReasonString.V != "makes too much noise" {
				b.t.Errorf("DISCONNECT %+v", d)
			}
		}, cfg: Config{ReasonStrings: true}, cause: Kicked, says: "disconnected by somebody: makes too much noise"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, b *testBroker) {
				began := time.Now()
				c := b.connect(packet.V5, "c", keepAlive)
				time.Sleep(time.Second)
				tt.end(b, c)
				e := b.ended(1)
				if e.Cause != tt.cause || !strings.Contains(e.Reason(), tt.says) {
					t.Errorf("%s: %s; want %s, %q", e.Cause, e.Reason(), tt.cause, tt.says)
				}
				if !e.LetIn || e.ClientID != "c" || e.Version != "5.0" || e.Listener != "unix" || e.Address != "pipe" || e.Count != 1 {
					t.Errorf("%+v", e)
				}
				if e.Connected != e.Time.Sub(began) || e.Connected < time.Second {
					t.Errorf("connected for %v, from %v to %v", e.Connected, began, e.Time)
				}
			})
		})
	}
}

// TestEndOfWhoDoesNotRead has a client that takes nothing.
func TestEndOfWhoDoesNotRead(t *testing.T) {
	inBubble(t, Config{WriteTimeout: 5 * time.Second}, func(t *testing.T, b *testBroker) {
		c := b.dialDeaf(packet.V5)
		c.send(&packet.Connect{Version: packet.V5, ClientID: "deaf", CleanStart: true})
		e := b.ended(1)
		if e.Cause != NotReading || !strings.Contains(e.Reason(), "nothing for 5s (write_timeout)") {
			t.Errorf("%s: %s", e.Cause, e.Reason())
		}
	})
}

// TestEndForWantOfRoom: MQTT 3 cannot be told that a message is not taken.
func TestEndForWantOfRoom(t *testing.T) {
	inBubble(t, Config{MaxQueuedMessages: 1, QueueFull: refuseNew}, func(t *testing.T, b *testBroker) {
		away := b.connect(packet.V311, "away", resume)
		away.subscribe("t", 1)
		away.conn.Close()
		b.ended(1)
		p := b.connect(packet.V311, "p")
		p.publish("t", "fits", 1)
		p.send(&packet.Publish{Topic: "t", Payload: []byte("does not"), QoS: 1, ID: 2})
		if e := b.ended(2); e.ClientID != "p" || e.Cause != NoRoom || !strings.Contains(e.Reason(), "a message of it could not be taken") {
			t.Errorf("%s: %s", e.Cause, e.Reason())
		}
	})
}

// TestEndOfAUserThatIsGone: its user was taken out while it was connected.
func TestEndOfAUserThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	write := func(users ...string) {
		var text string
		for _, u := range users {
			text += u + ":" + auth.NewVerifier([]byte("pencil")) + "\n"
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ann", "bob")
	inBubble(t, Config{Auth: auth.Config{PasswordFile: path}}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c", as("bob", "pencil"))
		write("ann")
		if err := b.Reload(); err != nil {
			t.Fatal(err)
		}
		c.closed(packet.NotAuthorized)
		if e := b.ended(1); e.Cause != UserGone || e.User != "bob" || e.Reason() != "its user was removed" {
			t.Errorf("%+v", e)
		}
	})
}

func TestEndByStop(t *testing.T) {
	var broker *Broker
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		broker = b.Broker
		b.connect(packet.V311, "c")
	})
	if all := broker.Ends(); len(all) != 1 || all[0].Cause != Stopped || all[0].Reason() != "the gateway stopped" {
		t.Errorf("%+v", all)
	}
}

// TestEndTellsTwoDevicesApart: the same client that comes back is no other one.
func TestEndTellsTwoDevicesApart(t *testing.T) {
	e := End{Cause: TakenOver, Address: "10.0.0.5:40000", By: "10.0.0.7:1234"}
	if got := e.Reason(); !strings.Contains(got, "another client of the same id from 10.0.0.7:1234") || !strings.Contains(got, "give each its own") {
		t.Error(got)
	}
	e.By = "10.0.0.5:40001"
	if got := e.Reason(); !strings.Contains(got, "the same client connected again, from 10.0.0.5:40001") {
		t.Error(got)
	}
}

// TestWhyRefused wants the reason of clients that were never let in.
func TestWhyRefused(t *testing.T) {
	users := Listener{Protocol: "tcp", Auth: &auth.Config{Users: annAndBob}}
	login := func(user, password string) func(b *testBroker) {
		return func(b *testBroker) {
			c := b.dialOn(users, packet.V5)
			p := &packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true}
			if user != "" {
				p.Username, p.Password = packet.Some(user), []byte(password)
			}
			c.send(p)
			if ack := expect[*packet.Connack](c); ack.Code == packet.Success {
				b.t.Error("let in")
			}
		}
	}
	for name, tt := range map[string]struct {
		cfg   Config
		try   func(b *testBroker)
		cause Cause
		says  string
	}{
		"wrong password": {try: login("ann", "wrong"), cause: NotTrusted, says: "wrong user name or password"},
		"unknown user":   {try: login("eve", "pencil"), cause: NotTrusted, says: "wrong user name or password"},
		"no name":        {try: login("", ""), cause: NoName, says: "no user name"},
		"silent":         {cfg: Config{ConnectTimeout: 7 * time.Second}, try: func(b *testBroker) { b.dial(packet.V5); time.Sleep(time.Minute) }, cause: Silent, says: "no CONNECT within 7s"},
		"not MQTT": {try: func(b *testBroker) { b.dial(packet.V5).write([]byte("GET / HTTP/1.1\r\n")) },
			cause: BadPacket, says: "sent what is not allowed"},
		"another packet first": {try: func(b *testBroker) { b.dial(packet.V5).send(&packet.Pingreq{}) },
			cause: BadPacket, says: "the first packet is not CONNECT: PINGREQ"},
		"no client id": {cfg: Config{MaxQoS: 2, ClientIDPrefix: "x"}, try: func(b *testBroker) {
			b.dial(packet.V5).send(&packet.Connect{Version: packet.V5, CleanStart: true})
		}, cause: NoClientID, says: "a client id is needed"},
		"version": {try: func(b *testBroker) {
			b.dialOn(Listener{Versions: []string{"5.0"}}, packet.V311).send(&packet.Connect{Version: packet.V311, ClientID: "c", CleanStart: true})
		}, cause: WrongVersion, says: "MQTT 3.1.1 is not spoken here"},
		"no name where it is the client id": {try: func(b *testBroker) {
			b.dialOn(Listener{UsernameAsClientID: true}, packet.V5).send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true})
		}, cause: NotAllowed, says: "refused by the rules: a user name is needed"},
		"method": {try: func(b *testBroker) {
			b.dial(packet.V5).send(&packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true, Properties: &packet.Properties{AuthMethod: packet.Some("GUESS")}})
		}, cause: UnknownMethod, says: "the authentication method GUESS is not known here"},
		"full": {cfg: Config{MaxConnections: 1}, try: func(b *testBroker) { b.connect(packet.V5, "first"); b.dial(packet.V5) },
			cause: Full, says: "as many connections are open as may be: 1 clients (max_connections)"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, b *testBroker) {
				tt.try(b)
				e := b.ended(1)
				if e.Cause != tt.cause || !strings.Contains(e.Reason(), tt.says) || e.LetIn {
					t.Errorf("%s: %s; want %s, %q", e.Cause, e.Reason(), tt.cause, tt.says)
				}
			})
		})
	}
}

// TestRefusalsAreBounded floods the memory with attempts.
func TestRefusalsAreBounded(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *testBroker) {
		c := b.connect(packet.V5, "c")
		c.send(&packet.Disconnect{})
		c.gone()
		for i := range 5000 {
			b.refusedAtDoor("tls", fmt.Sprintf("10.0.0.1:%d", 1000+i), net.ErrClosed) // one of the same host and cause
			b.ends.note(&End{ClientID: fmt.Sprint("id", i), Address: "10.0.0.2:5", Cause: NotTrusted, Time: time.Now()})
			b.ends.note(&End{ClientID: "x", Address: fmt.Sprintf("10.1.%d.%d:5", i/250, i%250), Cause: NotTrusted, Time: time.Now()})
			if i == 20 {
				of := map[string]int{}
				for _, e := range b.Ends() {
					of[hostOf(e.Address)] += e.Count
				}
				if of["10.0.0.1"] != 21 || of["10.0.0.2"] != maxPerHost || of["10.1.0.20"] != 1 {
					t.Errorf("by host: %v", of)
				}
			}
		}
		all := b.Ends()
		if len(all) != maxRefusals+1 {
			t.Errorf("%d are remembered", len(all))
		}
		if first := all[len(all)-1]; first.ClientID != "c" && all[0].ClientID != "c" {
			found := false
			for _, e := range all {
				found = found || e.LetIn
			}
			if !found {
				t.Error("who was let in is forgotten for strangers")
			}
		}
	})
}

// TestEndsAtTheDoor: who does not get as far as MQTT is remembered, too.
func TestEndsAtTheDoor(t *testing.T) {
	cert, key, pool, _ := certificate(t, "kitchen")
	b := open(t, Listener{Protocol: "tls", Address: "127.0.0.1:0", TLS: &door.TLS{Certificate: cert, Key: key}, AllowAnonymous: true})
	address := b.Addrs()[0]
	for i, tt := range []struct {
		want  string
		knock func(nc net.Conn)
	}{
		{"is TLS switched on in the client?", func(nc net.Conn) { nc.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")) }},
		{"does it trust the authority of our certificate", func(nc net.Conn) { tls.Client(nc, &tls.Config{ServerName: "localhost"}).Handshake() }},
		{"is the name it connects to in there?", func(nc net.Conn) { tls.Client(nc, &tls.Config{ServerName: "elsewhere", RootCAs: pool}).Handshake() }},
	} {
		nc := dial(t, address)
		tt.knock(nc)
		nc.Close()
		found := false
		for deadline := time.Now().Add(30 * time.Second); !found && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			for _, e := range b.Ends() { // all three are one, which is counted
				found = found || e.Count == i+1 && e.Cause == BadHandshake && !e.LetIn && strings.Contains(e.Reason(), tt.want) && e.Listener == "tls "+address.String() && strings.HasPrefix(e.Address, "127.0.0.1:")
			}
		}
		if !found {
			t.Errorf("%s: %+v", tt.want, b.Ends())
		}
	}
	if all := b.Ends(); len(all) != 1 || all[0].Count != 3 {
		t.Errorf("one host that fails for one cause is %+v", all)
	}
}

// TestEndOfWhoTriesTooOften: an address that has failed is not heard for a while.
func TestEndOfWhoTriesTooOften(t *testing.T) {
	b := open(t, Listener{Protocol: "tcp", Address: "127.0.0.1:0", Auth: &auth.Config{Users: annAndBob, MaxFailedLogins: 1}})
	for _, want := range []Cause{NotTrusted, TooManyTries} {
		nc := dial(t, b.Addrs()[0])
		c := &testClient{t: t, conn: nc, v: packet.V5, in: make(chan received, 10)}
		go c.pump()
		p := &packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true}
		as("ann", "wrong")(p)
		c.send(p)
		if ack := expect[*packet.Connack](c); ack.Code == packet.Success {
			t.Fatal("let in")
		}
		found := false
		for deadline := time.Now().Add(30 * time.Second); !found && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			for _, e := range b.Ends() {
				found = found || e.Cause == want && e.User == "ann" && !e.LetIn
			}
		}
		if !found {
			t.Errorf("%s: %+v", want, b.Ends())
		}
	}
}

package broker

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/broker/auth"
	"gateway/broker/bench/machine"
	"gateway/broker/packet"
)

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := machine.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}

// at connects a client to an address.
func at(t *testing.T, address, id string) *testClient {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return overSocket(t, nc, packet.V5, id)
}

// changeTo has a broker be another, which is valid.
func changeTo(t *testing.T, b *Broker, f func(*Config)) error {
	t.Helper()
	cfg := b.cfg().Config
	cfg.Listeners = append([]Listener(nil), cfg.Listeners...)
	f(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return b.Change(cfg)
}

func closed(t *testing.T, address string) {
	t.Helper()
	if nc, err := net.Dial("tcp", address); err == nil {
		nc.Close()
		t.Errorf("%s is open", address)
	}
}

// TestChangeListeners adds and removes listeners, and wants the clients of others to
// notice nothing.
func TestChangeListeners(t *testing.T) {
	first, second := freeAddress(t), freeAddress(t)
	b := open(t, Listener{Protocol: "tcp", Address: first})
	stays := at(t, first, "stays")
	stays.subscribe("t", 1)
	if err := changeTo(t, b, func(c *Config) { c.Listeners = append(c.Listeners, Listener{Protocol: "tcp", Address: second}) }); err != nil {
		t.Fatal(err)
	}
	goes := at(t, second, "goes")
	goes.publish("t", "1", 1)
	stays.want("t", "1")
	if got := b.Doors(); len(got) != 2 || got[1].Address != second || got[1].Clients != 1 || got[0].Clients != 1 {
		t.Errorf("%+v", got)
	}
	if err := changeTo(t, b, func(c *Config) { c.Listeners = c.Listeners[:1] }); err != nil {
		t.Fatal(err)
	}
	goes.closed(packet.AdministrativeAction)
	closed(t, second)
	converse(t, dialTCP(t, first), "other")
	stays.publish("t", "2", 1)
	stays.want("t", "2")
}

func dialTCP(t *testing.T, address string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

// TestChangeNothingOnError leaves everything as it was if one listener cannot be
// opened.
func TestChangeNothingOnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	first, second := freeAddress(t), freeAddress(t)
	b := open(t, Listener{Protocol: "tcp", Address: first})
	stays := at(t, first, "stays")
	err = changeTo(t, b, func(c *Config) {
		c.MaxPacketSize = 1000
		c.Auth.Users = []auth.User{{Name: "ann", Password: "$argon2id$v=19$m=19456,t=2,p=1$KiSQCVuGJuASi9nSAFAqaw$FmTGcJSC0mWeDjZOpJCzSsqGkkpLfOIESMDrz+NY9Ec"}}
		c.Listeners = []Listener{{Protocol: "tcp", Address: second}, {Protocol: "tcp", Address: taken.Addr().String()}, c.Listeners[0]}
	})
	if err == nil || !strings.Contains(err.Error(), "broker.listeners[1]: cannot listen on "+taken.Addr().String()) {
		t.Errorf("%v", err)
	}
	closed(t, second)
	stays.subscribe("t", 1)
	stays.publish("t", strings.Repeat("x", 2000), 1)
	stays.want("t", strings.Repeat("x", 2000))
	converse(t, dialTCP(t, first), "without a name")
}

// TestChangeInPlace opens a listener anew on the port that it has, for all of the
// machine and with other limits, while its clients stay.
func TestChangeInPlace(t *testing.T) {
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	b := open(t, Listener{Protocol: "tcp", Address: address})
	stays := at(t, address, "stays")
	stays.subscribe("t", 1)
	one := 1
	for _, f := range []func(l *Listener){
		func(l *Listener) { l.MaxQoS = &one },         // of its terms
		func(l *Listener) { l.MaxConnections = 7 },    // of its door
		func(l *Listener) { l.MaxConnections = 8 },    // and again
		func(l *Listener) { l.AllowAnonymous = true }, // of its terms
	} {
		if err := changeTo(t, b, func(c *Config) { f(&c.Listeners[0]) }); err != nil {
			t.Fatal(err)
		}
		at(t, address, "new").publish("t", "x", 1)
		stays.want("t", "x")
	}
	if got := b.Doors(); len(got) != 1 || !got[0].Anonymous {
		t.Errorf("%+v", got)
	}
	// :port is another listener, for which the one before has to close.
	if err := changeTo(t, b, func(c *Config) { c.Listeners[0].Address, c.Listeners[0].MaxQoS = ":"+port, nil }); err != nil {
		t.Fatal(err)
	}
	stays.closed(packet.AdministrativeAction)
	converse(t, dialTCP(t, address), "back")
}

// TestChangeTriesAgain: a listener that takes the place of another and cannot be
// opened is no part of what holds, so that the same configuration opens it later. Its
// clients stay.
func TestChangeTriesAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run")
	socket := filepath.Join(folder, "mqtt.sock")
	make := func() {
		t.Helper()
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dial := func() net.Conn {
		t.Helper()
		nc, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	make()
	b := open(t, Listener{Protocol: "tcp", Address: "127.0.0.1:0"}, Listener{Protocol: "unix", Address: socket, SocketMode: "0600"})
	stays := overSocket(t, dial(), packet.V5, "stays")
	stays.subscribe("t", 1)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	next := b.cfg().Config
	next.Listeners = []Listener{next.Listeners[0], {Protocol: "unix", Address: socket, SocketMode: "0660"}}
	for range 2 {
		if err := b.Change(next); err == nil || !strings.Contains(err.Error(), "broker.listeners[1]: ") || !strings.Contains(err.Error(), socket) {
			t.Fatalf("%v", err)
		}
		if got := b.Doors(); len(got) != 1 || got[0].Protocol != "tcp" {
			t.Errorf("%+v", got)
		}
	}
	make()
	if err := b.Change(next); err != nil {
		t.Fatal(err)
	}
	converse(t, dial(), "new")
	stays.publish("t", "1", 1)
	stays.want("t", "1")
}

// TestChangeUsers asks for passwords where nobody was asked before: who is there
// without a name goes, and rules hold for who stays.
func TestChangeUsers(t *testing.T) {
	address := freeAddress(t)
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("ann:$argon2id$v=19$m=19456,t=2,p=1$KiSQCVuGJuASi9nSAFAqaw$FmTGcJSC0mWeDjZOpJCzSsqGkkpLfOIESMDrz+NY9Ec\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Listener{Protocol: "tcp", Address: address})
	goes := at(t, address, "goes")
	if err := changeTo(t, b, func(c *Config) { c.Auth.PasswordFile = users }); err != nil {
		t.Fatal(err)
	}
	goes.closed(packet.AdministrativeAction)
	c := &testClient{t: t, conn: dialTCP(t, address), v: packet.V5, in: make(chan received, 10)}
	defer c.conn.Close()
	go c.pump()
	c.send(&packet.Connect{Version: packet.V5, ClientID: "x", CleanStart: true})
	if ack := expect[*packet.Connack](c); ack.Code != packet.NotAuthorized {
		t.Errorf("without a name: %v", ack.Code)
	}
	if err := changeTo(t, b, func(c *Config) { c.Auth.PasswordFile = "" }); err != nil {
		t.Fatal(err)
	}
	converse(t, dialTCP(t, address), "again")
}

// TestChangeBounds: queues of clients that are away have other bounds at once.
func TestChangeBounds(t *testing.T) {
	address := freeAddress(t)
	b := open(t, Listener{Protocol: "tcp", Address: address})
	if err := changeTo(t, b, func(c *Config) { c.MaxQueuedMessages = 5 }); err != nil {
		t.Fatal(err)
	}
	at(t, address, "x")
	b.sessionsMu.Lock()
	s := b.sessions["x"]
	b.sessionsMu.Unlock()
	if s.bounds.messages != 5 {
		t.Errorf("a new session: %d", s.bounds.messages)
	}
	n := 7
	if err := changeTo(t, b, func(c *Config) { c.Queues = []QueueBounds{{ClientID: "x*", MaxQueuedMessages: &n}} }); err != nil {
		t.Fatal(err)
	}
	if s.bounds.messages != 7 {
		t.Errorf("one that is there: %d", s.bounds.messages)
	}
}

// TestChangeFiguresAtTheStart: they begin whenever while a broker starts somebody wants
// them.
func TestChangeFiguresAtTheStart(t *testing.T) {
	cfg := Default()
	cfg.SysInterval = 0
	for range 100 {
		b := openB(t, cfg)
		if err := changeTo(t, b, func(c *Config) { c.SysInterval = time.Hour }); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); b.Retained("$SYS/broker/uptime") == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no figures")
			}
		}
	}
}

// TestChangeFigures begins and ends the figures below $SYS.
func TestChangeFigures(t *testing.T) {
	cfg := Default()
	cfg.SysInterval = 0
	b := openB(t, cfg)
	const topic = "$SYS/broker/uptime"
	for range 2 {
		if err := changeTo(t, b, func(c *Config) { c.SysInterval = time.Millisecond }); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); b.Retained(topic) == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no figures")
			}
		}
		if err := changeTo(t, b, func(c *Config) { c.SysInterval = 0 }); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); b.figures.Load(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("they go on")
			}
		}
	}
}

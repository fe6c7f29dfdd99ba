package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// reloadable is a gateway whose configuration is changed while it runs.
type reloadable struct {
	*process
	file string
}

// startReloadable starts a gateway with a configuration, and returns where its
// listeners are.
func startReloadable(t *testing.T, config string, listeners int) (*reloadable, []string) {
	t.Helper()
	g := &reloadable{file: writeConfig(t, config)}
	g.process = spawn(t, needBinary(t), "run", "-c", g.file)
	return g, doors(g.process, listeners)
}

// reload writes another configuration and returns what the log says of it from then
// on, when that is done.
func (g *reloadable) reload(t *testing.T, config string) string {
	t.Helper()
	writeFile(t, g.file, config)
	before := len(g.text())
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitThat(t, "the reload", func() bool {
		return strings.Contains(g.text()[before:], mistaken) || strings.Contains(g.text()[before:], reloaded)
	})
	return g.text()[before:]
}

// watcher is a client that must not lose its connection, and what it gets.
type watcher struct {
	mqtt.Client
	mu  sync.Mutex
	got map[string][]string
}

func watch(t *testing.T, address, id string, filters ...string) *watcher {
	t.Helper()
	w := &watcher{got: make(map[string][]string)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(patience)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { t.Errorf("%s has lost its connection: %v", id, err) })
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got[m.Topic()] = append(w.got[m.Topic()], string(m.Payload()))
	})
	w.Client = mqtt.NewClient(o)
	done := func(what string, token mqtt.Token) {
		t.Helper()
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("%s: %s: %v", id, what, token.Error())
		}
	}
	done("CONNECT", w.Connect())
	for _, f := range filters {
		done("SUBSCRIBE", w.Subscribe(f, 1, nil))
	}
	t.Cleanup(func() { w.Disconnect(farewell) })
	return w
}

// of returns what came of a topic so far.
func (w *watcher) of(topic string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.got[topic]...)
}

func (w *watcher) publish(t *testing.T, topic, payload string) {
	t.Helper()
	if token := w.Publish(topic, 1, false, payload); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("publish: %v", token.Error())
	}
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freePort(t))
}

// TestReloadKeepsClients changes something of every part ten times over, with a
// client that publishes and one that listens: nobody is disconnected, nothing is lost
// or out of order, and a sensor that has not changed goes on.
func TestReloadKeepsClients(t *testing.T) {
	store, second := t.TempDir(), unusedAddress(t)
	config := func(i int) string {
		extra, rule := "", ""
		if i%2 == 1 {
			extra = fmt.Sprintf("    - {protocol: tcp, address: %q}\n", second)
			rule = "alerts:\n  - {name: hot, value: \"house/a/steady#temperature\", above: 90}\n"
		}
		return fmt.Sprintf(`site: house
sensors:
  - {driver: sim, room: a, name: steady, interval: 100ms, options: {seed: 1}}
  - {driver: sim, room: a, name: changing, interval: %dms, options: {seed: 2}}
%shistory: {max_series: %d, exclude: ["x%d/#"], raw: {age: %dh}}
persistence: {path: %q}
log: {level: %s}
dashboard: {address: ""}
broker:
  max_queued_messages: %d
  listeners:
    - {protocol: tcp, address: "127.0.0.1:0"}
%s`, 200+i, rule, 1000+i, i, 24+i, store, []string{"info", "debug"}[i%2], 1000+i, extra)
	}
	g, at := startReloadable(t, config(0), 1)
	w := watch(t, at[0], "listener", "count", "house/a/+")
	p := watch(t, at[0], "publisher")
	n := 0
	for i := 1; i <= 10; i++ {
		for range 20 {
			p.publish(t, "count", fmt.Sprint(n))
			n++
		}
		said := g.reload(t, config(i))
		for _, want := range []string{"key=history.max_series was=", fmt.Sprintf("key=sensors[1].interval was=%dms is=%dms", 199+i, 200+i), "msg=\"the sensors have changed\"", "added=0 changed=1 removed=0"} {
			if !strings.Contains(said, want) {
				t.Errorf("reload %d does not say %q:\n%s", i, want, said)
			}
		}
		if i%2 == 1 {
			other := watch(t, second, "by the second")
			other.publish(t, "count", fmt.Sprint(n))
			n++
			other.Disconnect(farewell)
			continue
		}
		awaitThat(t, "the second listener to close", func() bool {
			c, err := net.Dial("tcp", second)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
	awaitThat(t, "every message", func() bool { return len(w.of("count")) >= n })
	for i, payload := range w.of("count") {
		if payload != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, payload)
		}
	}
	seen := len(w.of("house/a/steady"))
	awaitThat(t, "more of the sensor that has not changed", func() bool { return len(w.of("house/a/steady")) > seen })
	if w.of("house/a/steady/status") != nil {
		t.Errorf("its status: %v", w.of("house/a/steady/status"))
	}
}

// TestReloadWrong: what is wrong changes nothing, and the log names it. What waits
// for a start is said, too.
func TestReloadWrong(t *testing.T) {
	good := "sensors: []\ndashboard: {address: \"\"}\nbroker: {listeners: [{protocol: tcp, address: \"127.0.0.1:0\"}]}\n"
	g, at := startReloadable(t, good, 1)
	w := watch(t, at[0], "stays", "t")
	if said := g.reload(t, good+"history: {max_series: many}\nlog: {level: debug}\n"); !strings.Contains(said, "gateway.yaml:4") || !strings.Contains(said, "history.max_series") {
		t.Errorf("%s", said)
	}
	w.publish(t, "t", "1")
	said := g.reload(t, good+"persistence: {interval: 30s}\nlog: {format: json}\n")
	if !strings.Contains(said, `keys="log.format, persistence.interval"`) {
		t.Errorf("%s", said)
	}
	w.publish(t, "t", "2")
	awaitThat(t, "both", func() bool { return len(w.of("t")) == 2 })
}

// TestReloadWithoutItsFile: a configuration that was there and is gone is not taken for
// none, with which sensors and passwords would go, too.
func TestReloadWithoutItsFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "gateway.yaml")
	writeFile(t, file, "site: house\nsensors: []\ndashboard: {address: \"\"}\nbroker: {listeners: [{protocol: tcp, address: \"127.0.0.1:0\"}]}\n")
	g := spawnIn(t, folder, needBinary(t), "run")
	w := watch(t, doors(g, 1)[0], "stays", "t")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	g.await(mistaken + ".*gateway.yaml is not there any more")
	w.publish(t, "t", "1")
	awaitThat(t, "the message", func() bool { return len(w.of("t")) == 1 })
}

// TestReloadTriesAgain: a listener that has closed for another and could not be opened
// is tried again by the next SIGHUP, whether the file is the same by then or the one of
// before.
func TestReloadTriesAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run")
	socket := filepath.Join(folder, "mqtt.sock")
	config := func(mode string) string {
		return fmt.Sprintf("sensors: []\ndashboard: {address: \"\"}\nbroker: {listeners: [{protocol: tcp, address: \"127.0.0.1:0\"}, {protocol: unix, address: %q, socket_mode: %q}]}\n", socket, mode)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(folder, 0o700))
	g, _ := startReloadable(t, config("0600"), 2)
	for i, mode := range []string{"0660", "0660"} {
		must(os.RemoveAll(folder))
		if said := g.reload(t, config(mode)); !strings.Contains(said, mistaken) || !strings.Contains(said, socket) {
			t.Fatalf("%d: %s", i, said)
		}
		must(os.Mkdir(folder, 0o700))
		if i > 0 {
			mode = "0600" // as before it failed
		}
		said := g.reload(t, config(mode))
		if !strings.Contains(said, "msg=listening") || !strings.Contains(said, socket) || strings.Contains(said, mistaken) {
			t.Fatalf("%d: %s", i, said)
		}
		nc, err := net.Dial("unix", socket)
		must(err)
		nc.Close()
		must(os.RemoveAll(folder))
		must(os.Mkdir(folder, 0o700))
		g.reload(t, config("0600"))
	}
}

// TestReloadBridge gives a bridge another upstream while messages wait for the first
// one, which is dead: all of them arrive, in order. One that has not changed keeps
// its connection; of one that is gone nothing stays below $SYS.
func TestReloadBridge(t *testing.T) {
	listener := "sensors: []\ndashboard: {address: \"\"}\nbroker: {listeners: [{protocol: tcp, address: \"127.0.0.1:0\"}]}\n"
	_, up := startReloadable(t, listener, 1)
	dead, store := unusedAddress(t), filepath.Join(t.TempDir(), "store")
	config := func(address, prefix string) string {
		return listener + fmt.Sprintf(`persistence: {path: %q}
bridges:
  - {name: same, address: "mqtt://%s", reconnect_min: 1s, topics: [{filter: other/#}]}
  - {name: moved, address: "mqtt://%s", reconnect_min: 1s, topics: [{filter: count, remote_prefix: %q}]}
`, store, up[0], address, prefix)
	}
	g, at := startReloadable(t, config(dead, ""), 1)
	far := watch(t, up[0], "far", "count", "x/count", "other/#")
	near := watch(t, at[0], "near", "$SYS/broker/connection/#")
	const most = 200
	for i := range most {
		near.publish(t, "count", fmt.Sprint(i))
	}
	awaitThat(t, "the other bridge", func() bool {
		return fmt.Sprint(near.of("$SYS/broker/connection/same/state")) == "[0 1]" || fmt.Sprint(near.of("$SYS/broker/connection/same/state")) == "[1]"
	})
	said := g.reload(t, config(up[0], "x/"))
	if !strings.Contains(said, "the bridges have changed") || !strings.Contains(said, "added=0 changed=1 removed=0") {
		t.Errorf("%s", said)
	}
	awaitThat(t, "what has waited", func() bool { return len(far.of("x/count")) >= most })
	for i, payload := range far.of("x/count") {
		if payload != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, payload)
		}
	}
	near.publish(t, "other/1", "x")
	awaitThat(t, "the other bridge's", func() bool { return len(far.of("other/1")) == 1 })
	if states := near.of("$SYS/broker/connection/same/state"); states[len(states)-1] != "1" || len(states) > 2 {
		t.Errorf("the bridge that is the same was %v", states)
	}
	g.reload(t, strings.Replace(config(up[0], "x/"), "  - {name: moved", "  #- {name: moved", 1))
	awaitThat(t, "its state to be cleared", func() bool {
		states := near.of("$SYS/broker/connection/moved/state")
		return len(states) > 0 && states[len(states)-1] == ""
	})
	near.publish(t, "count", "late")
	near.publish(t, "other/2", "x")
	awaitThat(t, "the other bridge's", func() bool { return len(far.of("other/2")) == 1 })
	if n := len(far.of("x/count")); n != most {
		t.Errorf("%d messages by a bridge that is gone", n-most)
	}
}

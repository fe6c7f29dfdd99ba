package interop

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/bridge/upstreams/scripted"
	"gateway/broker"
	"gateway/broker/packet"
)

// upstream is one that is played by package scripted.
type upstream struct {
	name   string
	preset string
	rules  scripted.Rules
	tls    bool
}

// gatewayID is the client id that AWS and Azure know us by.
const gatewayID = "gw-1"

func scriptedUpstreams() []upstream {
	aws := scripted.AWSIoT(gatewayID)
	aws.ALPN = "x-amzn-mqtt-ca"
	return []upstream{
		{"HiveMQ CE", "hivemq", scripted.HiveMQ(), false},
		{"EMQX", "emqx", scripted.EMQX(), false},
		{"AWS IoT Core", "aws-iot", aws, true},
		{"Azure Event Grid", "azure-event-grid", scripted.AzureEventGrid(gatewayID), true},
	}
}

// TestScripted plays the upstreams that cannot be had here, and holds that the
// second table says what came of it.
func TestScripted(t *testing.T) {
	all := table{cells: make(map[string]map[string]string)}
	for _, u := range scriptedUpstreams() {
		all.columns = append(all.columns, u.name)
		t.Run(u.name, func(t *testing.T) {
			set := func(row, text string) {
				all.set(row, u.name, text)
				t.Logf("%s: %s", row, text)
			}
			sendLoad(t, u, set)
			set("both ways, one tree", bothWaysScripted(t, u))
			set("nine filters in", manyFilters(t, u))
			set("250 messages at once", atOnce(t, u))
			set("the load without the preset", withoutPreset(t, u))
		})
	}
	if !t.Failed() && len(all.cells["QoS 0"]) == len(all.columns) {
		compare(t, 1, all.scripted())
	}
}

// parcel is a message of the load.
type parcel struct {
	row    string
	topic  string
	qos    byte
	retain bool
	size   int
}

func load() []parcel {
	return []parcel{
		{"QoS 0", "q0/x", 0, false, 10},
		{"QoS 1", "q1/x", 1, false, 10},
		{"QoS 2", "q2/x", 2, false, 10},
		{"retained", "r/x", 1, true, 10},
		{"topic of 10 levels", "l/2/3/4/5/6/7/8/9", 1, false, 10},
		{"topic `a.b/c*d`", "a.b/c*d", 1, false, 10},
		{"payload of 200 kB", "p/200k", 1, false, 200_000},
		{"payload of 600 kB", "p/600k", 1, false, 600_000},
		{"payload of 1.2 MB", "p/1200k", 1, false, 1_200_000},
	}
}

// plain is how many other messages go with the load: between two of its messages
// as many as a window has.
const plain = 320

// sendLoad sends the load with the preset, and tells what becomes of each message.
// The connection is not to be lost for any of them.
func sendLoad(t *testing.T, u upstream, set func(row, text string)) {
	g := openScripted(t, u, func(c *bridge.Config) {
		c.Preset = u.preset
		c.Topics = loadRoutes()
		c.AckTimeout = 20 * time.Second
	})
	defer g.stop()
	g.sendLoad()
	if !g.drained() {
		t.Errorf("not everything was forwarded: %+v", g.bridge.State())
	}
	g.expectPlain()
	for _, p := range load() {
		set(p.row, g.fate(p))
	}
	if !g.undisturbed() {
		t.Errorf("the connection was lost: %d connections, %q", g.far.Connections(), g.far.Offences())
	}
	set("connection lost for one of these", "never")
}

// atFirst are the connections of a bridge that begins: a short one that ends what the
// upstream may have of an earlier session, and the one that stays.
const atFirst = 2

// undisturbed tells whether there was one connection all the time. What a bridge
// sends in two seconds may come in one on a machine that is busy: then the rate is no
// fault of the bridge, whose tests hold it.
func (g *scriptedRig) undisturbed() bool {
	return len(g.far.Offences()) == 0 && (g.far.Connections() == atFirst || g.far.PassedOver() > 0)
}

// loadRoutes send each message with its QoS.
func loadRoutes() []bridge.Route {
	route := func(filter string, qos int) bridge.Route {
		r := bridge.DefaultRoute()
		r.Filter, r.QoS, r.RemotePrefix = filter, qos, "up/"
		return r
	}
	return []bridge.Route{route("q0/#", 0), route("q2/#", 2), route("#", 1)}
}

func (g *scriptedRig) sendLoad() {
	each := plain / len(load())
	n := 0
	for _, p := range load() {
		g.publish(p.topic, p.qos, p.retain, strings.Repeat("x", p.size))
		for range each {
			g.publish("n/x", 1, false, fmt.Sprint(n))
			n++
		}
	}
	for ; n < plain; n++ {
		g.publish("n/x", 1, false, fmt.Sprint(n))
	}
}

// expectPlain wants the other messages, in order.
func (g *scriptedRig) expectPlain() {
	g.t.Helper()
	var got []string
	for _, m := range g.far.Taken() {
		if m.Topic == "up/n/x" {
			got = append(got, string(m.Payload))
		}
	}
	if first, _ := firsts(got); first != plain {
		g.t.Errorf("%d of %d plain messages came, or not in order", first, plain)
	}
}

// fate tells what became of a message.
func (g *scriptedRig) fate(p parcel) string {
	g.t.Helper()
	if why := g.shelf.reason(p.topic); why != "" {
		return "set aside: " + why
	}
	written := "up/" + p.topic
	taken := g.far.Taken()
	i := slices.IndexFunc(taken, func(m packet.Publish) bool { return m.Topic == written && len(m.Payload) == p.size })
	if i < 0 {
		g.t.Errorf("%s: lost", p.row)
		return "lost"
	}
	switch m := taken[i]; {
	case m.QoS != packet.QoS(p.qos):
		return fmt.Sprintf("sent as QoS %d", m.QoS)
	case m.Retain != p.retain:
		return "sent without RETAIN"
	}
	return "ok"
}

// bothWaysScripted sends one tree both ways: what goes out does not come back, and
// what others publish comes in.
func bothWaysScripted(t *testing.T, u upstream) string {
	g := openScripted(t, u, func(c *bridge.Config) {
		c.Preset = u.preset
		r := bridge.DefaultRoute()
		r.Filter, r.Direction, r.RemotePrefix = "b/#", bridge.Both, "up/"
		c.Topics = []bridge.Route{r}
	})
	defer g.stop()
	sub, err := g.broker.Subscribe(broker.SubscribeOptions{MaxMessages: 1000}, "b/#")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if !until(patience, func() bool { // until the subscription is there
		g.far.Publish(&packet.Publish{Topic: "up/b/ready"})
		return g.bridge.State().Received > 0
	}) {
		t.Error("both ways: nothing comes")
		return "nothing comes"
	}
	const n = 20
	for i := range n {
		g.publish("b/x", 1, false, fmt.Sprint(i))
	}
	if !g.drained() {
		t.Errorf("both ways: %+v", g.bridge.State())
	}
	g.far.Publish(&packet.Publish{Topic: "up/b/end"})
	seen := map[string]int{}
	for seen["b/end"] == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		d, err := sub.Next(ctx)
		cancel()
		if err != nil {
			t.Errorf("both ways: %v after %v", err, seen)
			return "nothing comes"
		}
		seen[d.Topic]++
	}
	came := 0
	for _, m := range g.far.Taken() {
		if m.Topic == "up/b/x" {
			came++
		}
	}
	if seen["b/x"] != n || came != n {
		t.Errorf("both ways: seen %d times here and %d times there, want %d", seen["b/x"], came, n)
	}
	if g.bridge.State().Echoes > 0 {
		return "ok; its echoes are recognised"
	}
	return "ok; it sends nothing back"
}

// manyFilters asks for more filters than AWS takes in one packet.
func manyFilters(t *testing.T, u upstream) string {
	g := openScripted(t, u, func(c *bridge.Config) {
		c.Preset = u.preset
		for i := range 9 {
			r := bridge.DefaultRoute()
			r.Filter, r.Direction = fmt.Sprintf("in%d/#", i), bridge.In
			c.Topics = append(c.Topics, r)
		}
	})
	defer g.stop()
	for i := range 9 {
		topic := fmt.Sprintf("in%d/x", i)
		if !until(patience, func() bool {
			before := g.bridge.State().Received
			g.far.Publish(&packet.Publish{Topic: topic})
			return until(50*time.Millisecond, func() bool { return g.bridge.State().Received > before })
		}) {
			t.Errorf("nine filters: %s does not come; %q", topic, g.far.Offences())
			return "not all come"
		}
	}
	if len(g.far.Offences()) > 0 {
		t.Errorf("nine filters: %q", g.far.Offences())
	}
	return "ok"
}

// atOnce forwards more messages than AWS takes in a second. Those that it passes
// over would cost the connection.
func atOnce(t *testing.T, u upstream) string {
	g := openScripted(t, u, func(c *bridge.Config) {
		c.Preset = u.preset
		c.Topics = loadRoutes()
		c.AckTimeout = 20 * time.Second
	})
	defer g.stop()
	if !until(patience, func() bool { return g.bridge.State().Connected }) {
		t.Fatal(g.bridge.State().LastError)
	}
	began := time.Now()
	for i := range 250 {
		g.publish("n/x", 1, false, fmt.Sprint(i))
	}
	if !g.drained() || !g.undisturbed() {
		t.Errorf("at once: %d connections; %+v", g.far.Connections(), g.bridge.State())
	}
	if u.rules.MaxRate > 0 && time.Since(began) > time.Second {
		return "ok, slowly"
	}
	return "ok"
}

// withoutPreset sends the load by a bridge that knows nothing of the upstream. All
// that does not cost the connection is to arrive, and the rest is to be set aside.
func withoutPreset(t *testing.T, u upstream) string {
	u.rules.MaxRate = 0 // nothing tells the bridge; it would be slow, and lose nothing
	g := openScripted(t, u, func(c *bridge.Config) { c.Topics = loadRoutes() })
	defer g.stop()
	g.sendLoad()
	stop := make(chan struct{})
	var trickle sync.WaitGroup
	trickle.Go(func() { // what comes shows that it is the message, and not the line
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				g.publish("t/x", 1, false, "t")
			}
		}
	})
	settled := until(2*patience, func() bool { return g.settled() })
	close(stop)
	trickle.Wait()
	if !settled || !g.drained() {
		t.Errorf("without the preset: %+v, set aside %q", g.bridge.State(), g.shelf.topics())
	}
	g.expectPlain()
	var texts, aside []string
	for _, p := range load() {
		switch fate := g.fateOfAny(p); {
		case strings.HasPrefix(fate, "set aside"):
			aside = append(aside, p.row)
		case fate != "ok":
			texts = append(texts, p.row+" "+fate)
		}
	}
	if len(aside) > 0 {
		texts = append(texts, "set aside: "+strings.Join(aside, ", "))
	}
	if len(texts) == 0 {
		return "ok"
	}
	return strings.Join(texts, "; ") + "; the rest ok"
}

// settled tells whether every message of the load has arrived or is set aside. One
// of QoS 0 may have been lost with a connection.
func (g *scriptedRig) settled() bool {
	taken := g.far.Taken()
	for _, p := range load() {
		if p.qos > 0 && g.shelf.reason(p.topic) == "" && !slices.ContainsFunc(taken, func(m packet.Publish) bool { return m.Topic == "up/"+p.topic }) {
			return false
		}
	}
	return true
}

func (g *scriptedRig) fateOfAny(p parcel) string {
	if p.qos == 0 {
		return "ok"
	}
	return g.fate(p)
}

// scripted is the second part of the file.
func (t *table) scripted() string {
	return `# Upstreams, scripted from their documents

These cannot be had on a test machine. Package bridge/upstreams/scripted plays what their makers
document, with the page beside each rule: it closes the connection for what the real one is said
to close it for, and passes over what is above its rate. A bridge with the preset goes to it.

` + t.markdownTable()
}

// scriptedRig is an upstream that is played, and a broker with a bridge to it.
type scriptedRig struct {
	t      *testing.T
	far    *scripted.Broker
	broker *broker.Broker
	bridge *bridge.Bridge
	shelf  *shelf
	stop   func()
}

func openScripted(t *testing.T, u upstream, change func(*bridge.Config)) *scriptedRig {
	t.Helper()
	cfg := bridge.Default()
	cfg.Name, cfg.ClientID = "up", gatewayID
	cfg.ReconnectMin, cfg.ReconnectMax, cfg.AckTimeout = 10*time.Millisecond, 100*time.Millisecond, 2*time.Second
	g := &scriptedRig{t: t, shelf: &shelf{}}
	g.far = listenScripted(t, u, &cfg)
	change(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("INTEROP_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	g.broker = broker.New(broker.Default(), log)
	g.bridge = bridge.New(cfg, bridge.Deps{Broker: g.broker, Log: log, Aside: g.shelf})
	if err := g.bridge.Collect(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{g.broker.Run, g.bridge.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	g.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		g.far.Close()
	})
	t.Cleanup(g.stop)
	return g
}

// listenScripted starts the upstream and says in cfg how to get there.
func listenScripted(t *testing.T, u upstream, cfg *bridge.Config) *scripted.Broker {
	t.Helper()
	if !u.tls {
		far, err := scripted.Listen(u.rules)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Address = "mqtt://" + far.Address()
		return far
	}
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	far, err := scripted.ListenTLS(u.rules, &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Address, cfg.Line.TLS.CA = "mqtts://"+far.Address(), ca
	if u.rules.ALPN != "" { // the bridge asks by itself on port 443
		cfg.Line.TLS.ALPN = []string{u.rules.ALPN}
	}
	return far
}

func (g *scriptedRig) publish(topic string, qos byte, retain bool, payload string) {
	g.t.Helper()
	if err := g.broker.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), QoS: broker.QoS(qos), Retain: retain}); err != nil {
		g.t.Error(err)
	}
}

func (g *scriptedRig) drained() bool {
	return until(patience, func() bool { s := g.bridge.State().Queue; return s.Waiting+s.Unacked == 0 })
}

// shelf keeps what is set aside, and why.
type shelf struct {
	mu  sync.Mutex
	all map[string]string // by topic
}

// Put implements bridge.Aside.
func (s *shelf) Put(m *broker.Message, _, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]string{}
	}
	s.all[m.Topic] = reason
	return nil
}

// Len implements bridge.Aside.
func (s *shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *shelf) reason(topic string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[topic]
}

func (s *shelf) topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for topic, why := range s.all {
		all = append(all, topic+": "+why)
	}
	return all
}

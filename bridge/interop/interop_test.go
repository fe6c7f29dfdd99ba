package interop

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/bridge"
	"gateway/bridge/badline"
	"gateway/bridge/upstreams"
	"gateway/broker"
	"gateway/broker/packet"
)

var update = flag.Bool("update", false, "write bridge/INTEROP.md")

// newBridge makes the bridge of a configuration, as cmd/gateway does.
func newBridge(cfg bridge.Config, b *broker.Broker, log *slog.Logger) *bridge.Bridge {
	return bridge.New(cfg, bridge.Deps{Broker: b, Log: log})
}

// backlogSize is how many messages wait over the outage.
const backlogSize = 10_000

// table is bridge/INTEROP.md on its way: cells by row and column.
type table struct {
	columns []string
	rows    []string
	cells   map[string]map[string]string
}

func (t *table) set(row, column, text string) {
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if t.cells[row] == nil {
		t.cells[row] = make(map[string]string)
	}
	t.cells[row][column] = text
}

// presetOf is the preset for a kind of upstream; aedes and mosca have none.
func presetOf(k upstreams.Kind) string {
	switch k {
	case upstreams.Mosquitto, upstreams.RabbitMQ, upstreams.ActiveMQ:
		return string(k)
	}
	return ""
}

// TestInterop uses every upstream for real, and holds that the table says what
// came of it.
func TestInterop(t *testing.T) {
	kinds := upstreams.Kinds()
	if testing.Short() {
		kinds = []upstreams.Kind{upstreams.Mosquitto}
	}
	all := table{cells: make(map[string]map[string]string)}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			up, err := upstreams.Start(t.Context(), kind, upstreams.Options{})
			var missing *upstreams.Missing
			if errors.As(err, &missing) {
				if os.Getenv("GATEWAY_TEST_ALL") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { up.Close() })
			all.columns = append(all.columns, string(kind))
			for _, row := range rows() {
				text := row.run(t, up)
				all.set(row.name, string(kind), text)
				t.Logf("%s: %s", row.name, text)
			}
		})
	}
	if t.Failed() || testing.Short() || len(all.columns) < len(kinds) {
		return
	}
	compare(t, 0, all.markdown())
}

// secondPart is how the second part of the file begins.
const secondPart = "# Upstreams, scripted"

// compare holds a part of the file to what was seen, or writes it: the first is of
// TestInterop, the second of TestScripted.
func compare(t *testing.T, part int, want string) {
	t.Helper()
	const file = "../INTEROP.md"
	have, err := os.ReadFile(file)
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(have), secondPart)
	parts := []string{strings.TrimRight(first, "\n") + "\n", secondPart + second}
	switch {
	case *update:
		parts[part] = want
		if err := os.WriteFile(file, []byte(parts[0]+"\n"+parts[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	case parts[part] != want:
		t.Errorf("bridge/INTEROP.md is not what was seen; look, and write it with go test ./bridge/interop -update:\n%s", want)
	}
}

// row is one thing that a bridge does.
type row struct {
	name string
	run  func(t *testing.T, up *upstreams.Upstream) string
}

func rows() []row {
	return []row{
		{"QoS 0", func(t *testing.T, up *upstreams.Upstream) string { return sendQoS(t, up, 0) }},
		{"QoS 1", func(t *testing.T, up *upstreams.Upstream) string { return sendQoS(t, up, 1) }},
		{"QoS 2", func(t *testing.T, up *upstreams.Upstream) string { return sendQoS(t, up, 2) }},
		{"retained", retained},
		{"topic `a.b/c*d`", characters},
		{"wildcard in", wildcardIn},
		{"both ways, one tree", bothWays},
		{"reconnect", reconnect},
		{fmt.Sprintf("backlog of %d over an outage", backlogSize), backlog},
	}
}

// with is the configuration for an upstream with these routes.
func with(up *upstreams.Upstream, routes ...bridge.Route) func(*bridge.Config) {
	return func(c *bridge.Config) {
		c.Preset, c.Topics = presetOf(up.Kind()), routes
	}
}

func out(filter string, qos int) bridge.Route {
	r := bridge.DefaultRoute()
	r.Filter, r.QoS, r.RemotePrefix = filter, qos, fmt.Sprintf("t%d/", time.Now().UnixNano())
	return r
}

// sendQoS sends messages at a QoS, and tells which came at what QoS.
func sendQoS(t *testing.T, up *upstreams.Upstream, qos byte) string {
	route := out("q/#", int(qos))
	r := openRig(t, up, with(up, route))
	defer r.stop()
	f := openFar(t, up)
	granted := f.subscribe(route.RemotePrefix+"q/#", 2)
	if !r.connected() {
		t.Fatalf("QoS %d: no connection: %s", qos, r.bridge.State().LastError)
	}
	const n = 50
	for i := range n {
		r.publish("q/x", 2, false, fmt.Sprint(i))
	}
	var got []string
	came := map[packet.QoS]bool{}
	for {
		m := f.next(patience)
		if m == nil {
			t.Errorf("QoS %d: %d of %d came", qos, len(got), n)
			return "lost"
		}
		got = append(got, string(m.Payload))
		came[m.QoS] = true
		if string(m.Payload) == fmt.Sprint(n-1) {
			break
		}
	}
	if !r.drained() {
		t.Errorf("QoS %d: not everything was acknowledged: %+v", qos, r.bridge.State())
	}
	first, doubles := firsts(got)
	if first != n {
		t.Errorf("QoS %d: %d of %d came, or not in order", qos, first, n)
	}
	text := "ok"
	for q := packet.QoS(0); q < packet.QoS(qos); q++ {
		if came[q] {
			text = fmt.Sprintf("comes as QoS %d", q)
			if granted < packet.ReasonCode(qos) {
				text += fmt.Sprintf(" (a subscriber is granted %d)", granted)
			}
		}
	}
	if doubles > 0 && up.Kind() != upstreams.Mosca { // which never completes QoS 2, so that it goes as QoS 1 in the end
		t.Errorf("QoS %d: %d came twice", qos, doubles)
	}
	return text
}

// firsts counts the numbers that came for the first time in order, and the
// others.
func firsts(got []string) (first, doubles int) {
	for _, g := range got {
		if g == fmt.Sprint(first) {
			first++
		} else {
			doubles++
		}
	}
	return first, doubles
}

// retained tells what a new subscriber gets of a retained message.
func retained(t *testing.T, up *upstreams.Upstream) string {
	route := out("r/#", 1)
	r := openRig(t, up, with(up, route))
	defer r.stop()
	r.publish("r/x", 1, true, "kept")
	if !r.connected() || !r.drained() {
		t.Fatalf("retained: %+v", r.bridge.State())
	}
	get := func(filter string) string {
		f := openFar(t, up)
		f.subscribe(filter, 1)
		m := f.next(2 * time.Second)
		switch {
		case m == nil:
			return "nothing"
		case !m.Retain:
			return "it, without the RETAIN flag"
		}
		return "ok"
	}
	exact, wild := get(route.RemotePrefix+"r/x"), get(route.RemotePrefix+"#")
	if exact == "nothing" {
		t.Error("retained: nothing is")
	}
	if wild != exact {
		return fmt.Sprintf("ok; a wildcard brings %s", wild)
	}
	return exact
}

// characters tells what becomes of characters that some upstreams give another
// meaning.
func characters(t *testing.T, up *upstreams.Upstream) string {
	route := out("#", 1)
	r := openRig(t, up, with(up, route))
	defer r.stop()
	f := openFar(t, up)
	f.subscribe(route.RemotePrefix+"#", 1)
	r.publish("a.b/c*d", 1, false, "x")
	m := f.next(patience)
	if m == nil {
		t.Error("topic with . and *: nothing came")
		return "lost"
	}
	name := strings.TrimPrefix(m.Topic, route.RemotePrefix)
	switch {
	case name == "a.b/c*d":
		return "ok"
	case name != "a_b/c_d":
		t.Errorf("topic with . and * came as %s", name)
	}
	return "comes as `" + name + "`"
}

// wildcardIn brings messages in by a wildcard.
func wildcardIn(t *testing.T, up *upstreams.Upstream) string {
	in := out("#", 2)
	in.Direction = bridge.In
	r := openRig(t, up, with(up, in))
	defer r.stop()
	if !r.connected() {
		t.Fatalf("wildcard in: %s", r.bridge.State().LastError)
	}
	sub, err := r.broker.Subscribe(broker.SubscribeOptions{MaxMessages: 1000}, "cmd/#")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	f := openFar(t, up)
	const n = 20
	var sent []string
	if !until(patience, func() bool { // until the subscription is there
		if _, err := f.Publish(t.Context(), &packet.Publish{Topic: in.RemotePrefix + "cmd/ready", QoS: 1, Payload: []byte("?")}); err != nil {
			t.Fatal(err)
		}
		return until(100*time.Millisecond, func() bool { return sub.Stats().Waiting > 0 })
	}) {
		t.Errorf("wildcard in: nothing comes; %+v", r.bridge.State())
		return "nothing comes"
	}
	for i := range n {
		sent = append(sent, fmt.Sprint(i))
		if _, err := f.Publish(t.Context(), &packet.Publish{Topic: in.RemotePrefix + "cmd/lamp", QoS: 1, Payload: []byte(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	until(patience, func() bool {
		for sub.Stats().Waiting > 0 {
			d, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d.Topic == "cmd/lamp" {
				got = append(got, string(d.Payload))
			}
		}
		return len(got) >= n
	})
	if !slices.Equal(got, sent) {
		t.Errorf("wildcard in: %v came", got)
		return "not all, or not in order"
	}
	return "ok"
}

// bothWays sends one tree both ways with two gateways: each message is to be
// seen once on either side.
func bothWays(t *testing.T, up *upstreams.Upstream) string {
	both := out("b/#", 1)
	both.Direction = bridge.Both
	one, two := openRig(t, up, with(up, both)), openRig(t, up, with(up, both))
	defer one.stop()
	defer two.stop()
	if !one.connected() || !two.connected() {
		t.Fatalf("both ways: %s, %s", one.bridge.State().LastError, two.bridge.State().LastError)
	}
	watch := func(r *rig) *broker.Subscription {
		sub, err := r.broker.Subscribe(broker.SubscribeOptions{MaxMessages: 1000}, "b/#")
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	at1, at2 := watch(one), watch(two)
	defer at1.Close()
	defer at2.Close()
	if !until(patience, func() bool { // until both have subscribed upstream
		one.publish("b/ready", 1, false, fmt.Sprint(time.Now().UnixNano()))
		two.publish("b/ready", 1, false, fmt.Sprint(time.Now().UnixNano()))
		return until(100*time.Millisecond, func() bool { return one.bridge.State().Received > 0 && two.bridge.State().Received > 0 })
	}) {
		t.Errorf("both ways: nothing comes: %+v %+v", one.bridge.State(), two.bridge.State())
		return "nothing comes"
	}
	const n = 20
	for i := range n {
		one.publish("b/x", 1, false, fmt.Sprint("one ", i))
		two.publish("b/x", 1, false, fmt.Sprint("two ", i))
	}
	one.publish("b/end", 1, false, "end 1")
	two.publish("b/end", 1, false, "end 2")
	for i, sub := range []*broker.Subscription{at1, at2} {
		seen, ends := map[string]int{}, 0
		until(patience, func() bool {
			for sub.Stats().Waiting > 0 {
				d, err := sub.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				switch d.Topic {
				case "b/x":
					seen[string(d.Payload)]++
				case "b/end":
					ends++
				}
			}
			return ends >= 2 && len(seen) == 2*n
		})
		until(300*time.Millisecond, func() bool { return false }) // a circle would show
		if len(seen) != 2*n || ends != 2 {
			t.Errorf("both ways: gateway %d saw %d of %d messages and %d ends", i+1, len(seen), 2*n, ends)
		}
		for text, count := range seen {
			if count != 1 {
				t.Errorf("both ways: gateway %d saw %q %d times", i+1, text, count)
			}
		}
	}
	if one.bridge.State().Echoes > 0 {
		return "ok; its echoes are recognised"
	}
	return "ok; it sends nothing back"
}

// watching is the QoS that a client sees many messages with: mosca closes one that
// does not acknowledge them at once.
func watching(up *upstreams.Upstream) byte {
	if up.Kind() == upstreams.Mosca {
		return 0
	}
	return 1
}

// reconnect cuts the line and kills the upstream while messages go out.
func reconnect(t *testing.T, up *upstreams.Upstream) string {
	route := out("c/#", 1)
	r := openRig(t, up, with(up, route))
	defer r.stop()
	f := openFar(t, up)
	f.subscribe(route.RemotePrefix+"c/#", watching(up))
	if !r.connected() {
		t.Fatalf("reconnect: %s", r.bridge.State().LastError)
	}
	const n = 300
	for i := range n {
		r.publish("c/x", 1, false, fmt.Sprint(i))
		if i%100 == 50 {
			r.line.Cut(badline.Reset)
		}
	}
	return r.collect(f, n, "reconnect")
}

// collect takes n numbers from f, and tells whether all came in order.
func (r *rig) collect(f *far, n int, what string) string {
	r.t.Helper()
	first, doubles := 0, 0
	for first < n {
		m := f.next(patience)
		if m == nil {
			r.t.Errorf("%s: %d of %d came; %+v", what, first, n, r.bridge.State())
			return "lost"
		}
		if string(m.Payload) == fmt.Sprint(first) {
			first++
		} else {
			doubles++
		}
	}
	if !r.drained() {
		r.t.Errorf("%s: not everything was acknowledged: %+v", what, r.bridge.State())
	}
	return "ok, nothing lost, in order"
}

// backlog sends what has come together while the upstream was out of reach.
func backlog(t *testing.T, up *upstreams.Upstream) string {
	route := out("l/#", 1)
	r := openRig(t, up, with(up, route))
	defer r.stop()
	f := openFar(t, up)
	f.subscribe(route.RemotePrefix+"l/#", watching(up))
	if !r.connected() {
		t.Fatalf("backlog: %s", r.bridge.State().LastError)
	}
	r.line.Refuse(badline.Nobody)
	r.line.Cut(badline.Finish)
	until(patience, func() bool { return !r.bridge.State().Connected })
	for i := range backlogSize {
		r.publish("l/x", 1, false, fmt.Sprint(i))
	}
	if err := r.line.Restore(); err != nil {
		t.Fatal(err)
	}
	return r.collect(f, backlogSize, "backlog")
}

// markdown is the file.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString(`# Upstreams, used for real

Generated by ` + "`go test ./bridge/interop -update`" + `, and held by the same test in ` + "`make test`" + `: each broker
is started on loopback as Debian 12 and npm have it, a bridge with its preset (aedes and mosca: none)
goes to it over a line that is cut, and a client of its own sees what comes. Where an upstream
cannot do something, the cell says what the bridge does in place of it.

`)
	b.WriteString(t.markdownTable())
	b.WriteString("\n## Presets\n\n| preset | for | |\n|---|---|---|\n")
	for _, p := range bridge.Presets() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Title, p.Notes)
	}
	return b.String()
}

// markdownTable is the table alone.
func (t *table) markdownTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, c := range t.columns {
			fmt.Fprintf(&b, " %s |", t.cells[row][c])
		}
		b.WriteString("\n")
	}
	return b.String()
}

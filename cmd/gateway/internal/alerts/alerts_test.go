package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
)

// house is a broker and the alerts that follow it, in a bubble of synctest.
type house struct {
	t      *testing.T
	b      *broker.Broker
	a      *Alerts
	deps   Deps
	cancel context.CancelFunc
	done   chan error
}

// inHouse runs a test with rules in a bubble.
func inHouse(t *testing.T, rules []Rule, f func(h *house)) {
	t.Helper()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
		h := &house{t: t, b: b, deps: Deps{Tree: b, Site: "home", Rules: rules, Folder: folder, Log: slog.New(slog.DiscardHandler)}}
		h.start()
		f(h)
		h.stop()
	})
}

func (h *house) start() {
	h.a = New(h.deps)
	h.run()
}

// run has the alerts follow the tree.
func (h *house) run() {
	ctx, cancel := context.WithCancel(h.t.Context())
	h.cancel, h.done = cancel, make(chan error, 1)
	go func() { h.done <- h.a.Run(ctx) }()
	synctest.Wait()
}

// stop ends in good order.
func (h *house) stop() {
	h.t.Helper()
	h.cancel()
	if err := <-h.done; err != nil {
		h.t.Fatal(err)
	}
}

// crash ends as a power cut does: what was not written is lost.
func (h *house) crash() {
	file := filepath.Join(h.deps.Folder, stateFile)
	before, err := os.ReadFile(file)
	h.stop()
	if err != nil {
		os.Remove(file)
		return
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) publish(topic, payload string) {
	h.t.Helper()
	if err := h.b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), Retain: true}); err != nil {
		h.t.Fatal(err)
	}
	synctest.Wait()
}

// measure publishes a reading that was taken now.
func (h *house) measure(topic string, key string, x float64) {
	h.t.Helper()
	h.publish(topic, fmt.Sprintf(`{"time":%q,%q:%v}`, time.Now().UTC().Format(timeForm), key, x))
}

// wait lets time pass.
func (h *house) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h *house) retained(topic string) string {
	m := h.b.Retained(topic)
	if m == nil {
		return "nothing"
	}
	return string(m.Payload)
}

func (h *house) want(topic, payload string) {
	h.t.Helper()
	if got := h.retained(topic); got != payload {
		h.t.Errorf("%s: %s, want %s", topic, got, payload)
	}
}

// detail returns what is retained of an alert.
func (h *house) detail(base string) (d detail) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.retained(base+"/detail")), &d); err != nil {
		h.t.Fatalf("%s: %v", base, err)
	}
	return d
}

// events returns what has happened, oldest first.
func (h *house) events() (all []string) {
	for _, e := range h.a.Everything().Recent {
		all = append([]string{string(e.What) + " " + e.Rule + " " + string(e.Reason)}, all...)
	}
	return all
}

func (h *house) wantEvents(want ...string) {
	h.t.Helper()
	if got := strings.Join(h.events(), "\n"); got != strings.Join(want, "\n") {
		h.t.Errorf("events:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func ruleOf(name, value string, change ...func(*Rule)) Rule {
	r := DefaultRule()
	r.Name, r.Value = name, value
	for _, c := range change {
		c(&r)
	}
	return r
}

func above(x float64) func(*Rule)         { return func(r *Rule) { r.Above = &x } }
func hysteresis(x float64) func(*Rule)    { return func(r *Rule) { r.Hysteresis = x } }
func lasting(d time.Duration) func(*Rule) { return func(r *Rule) { r.For = d } }
func missing(d time.Duration) func(*Rule) { return func(r *Rule) { r.Missing = d } }
func severity(s string) func(*Rule)       { return func(r *Rule) { r.Severity = s } }
func message(s string) func(*Rule)        { return func(r *Rule) { r.Message = s } }
func status(r *Rule)                      { r.Status = true }

const kitchen = "home/kitchen/climate"

// TestAnAlert goes all the way of one.
func TestAnAlert(t *testing.T) {
	rules := []Rule{ruleOf("hot", kitchen+"#temperature", above(30), hysteresis(1), lasting(5*time.Minute), severity(Critical))}
	inHouse(t, rules, func(h *house) {
		h.publish(kitchen+"/meta", `{"values":{"temperature":{"title":"Temperature","unit":"°C","decimals":2}}}`)
		h.want("home/alerts/hot/state", "off")
		h.measure(kitchen, "temperature", 31)
		h.want("home/alerts/hot/state", "off")
		if n := h.a.Everything(); len(n.Alerts) != 1 || n.Alerts[0].State != Pending || n.Alerts[0].LeftMS != 300_000 || *n.Alerts[0].Value != 31 || n.Firing != 0 {
			t.Errorf("pending: %+v", n.News)
		}
		h.wait(5 * time.Minute)
		h.want("home/alerts/hot/state", "on")
		d := h.detail("home/alerts/hot")
		if d.State != Firing || d.Reason != Above || *d.Value != 31 || d.Unit != "°C" || *d.Limit != 30 || d.Severity != Critical || d.Acknowledged ||
			d.Message != "home/kitchen/climate: Temperature is 31 °C, above 30 °C" || d.Topic != kitchen || d.Key != "temperature" || d.Since != time.Now().UTC().Format(timeForm) {
			t.Errorf("firing: %+v", d)
		}
		h.measure(kitchen, "temperature", 29.5) // within the hysteresis
		h.measure(kitchen, "temperature", 30.5)
		h.want("home/alerts/hot/state", "on")

		id := h.a.Everything().Alerts[0].ID
		if form, found, fires := h.a.ack(id, true); !found || !fires || !form.Acknowledged {
			t.Errorf("acknowledged: %+v, %v, %v", form, found, fires)
		}
		if n := h.a.Everything(); n.Firing != 1 || n.Unseen != 0 || n.Worst != Critical || !h.detail("home/alerts/hot").Acknowledged {
			t.Errorf("acknowledged: %+v", n.News)
		}
		h.measure(kitchen, "temperature", 29)
		h.want("home/alerts/hot/state", "off")
		if d := h.detail("home/alerts/hot"); d.State != OK || d.Acknowledged || d.Value != nil {
			t.Errorf("ok: %+v", d)
		}
		if _, found, fires := h.a.ack(id, true); !found || fires {
			t.Error("what does not fire was acknowledged")
		}
		h.wantEvents("fired hot above", "acknowledged hot above", "cleared hot ")
	})
}

// TestRestart: what fires goes on, acknowledged or not, and nobody is told again.
func TestRestart(t *testing.T) {
	for name, end := range map[string]func(*house){"in good order": (*house).stop, "power cut": (*house).crash} {
		t.Run(name, func(t *testing.T) {
			rules := []Rule{ruleOf("hot", kitchen+"#temperature", above(30), missing(10*time.Minute)), ruleOf("any", "home/+/climate#humidity", above(60), missing(time.Hour))}
			inHouse(t, rules, func(h *house) {
				h.measure(kitchen, "temperature", 31)
				h.measure("home/bath/climate", "humidity", 50)
				h.a.ack(h.a.Everything().Alerts[0].ID, true)
				h.a.save(false)
				h.wait(saveInterval)
				before := map[string]string{}
				for _, topic := range []string{"home/alerts/hot/detail", "home/alerts/hot/state", "home/alerts/any/home/bath/climate/state"} {
					before[topic] = h.retained(topic)
				}
				events := h.events()
				h.measure(kitchen, "temperature", 31)
				end(h)
				h.wait(8 * time.Hour) // nobody hears anything meanwhile
				sub, err := h.b.Subscribe(broker.SubscribeOptions{Skip: func(m *broker.Message) bool { return m.Origin != origin }}, "#")
				if err != nil {
					t.Fatal(err)
				}
				h.start()
				for topic, payload := range before {
					h.want(topic, payload)
				}
				h.wait(9 * time.Minute)
				if n := h.a.Everything(); len(n.Alerts) != 1 || !n.Alerts[0].Acknowledged || n.Alerts[0].State != Firing {
					t.Errorf("%+v", n.News)
				}
				h.wantEvents(events...)
				if n := sub.Stats().Waiting; n > 0 {
					// what was retained before sub began waits, too
					for range n {
						if d, _ := sub.Next(t.Context()); !d.Replay {
							t.Errorf("told again: %s %s", d.Topic, d.Payload)
						}
					}
				}
				h.measure(kitchen, "temperature", 20)
				h.want("home/alerts/hot/state", "off")
				h.wait(time.Hour)
				h.want("home/alerts/hot/state", "on")
				h.want("home/alerts/any/home/bath/climate/state", "on")
			})
		})
	}
}

// TestSubscribe: what comes before Run waits for it, also if the rules have changed
// meanwhile, as far as it is retained.
func TestSubscribe(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.stop()
		for _, changed := range []bool{false, true} {
			h.deps.Rules = []Rule{ruleOf("hot", "early#temperature", above(30))}
			h.a = New(h.deps)
			if err := h.a.Subscribe(); err != nil {
				h.t.Fatal(err)
			}
			if err := h.b.Publish(&broker.Message{Topic: "early", Payload: []byte(`{"temperature":31}`), Retain: changed}); err != nil {
				h.t.Fatal(err)
			}
			if changed {
				h.a.Change(append(h.deps.Rules, ruleOf("other", "other#temperature", above(30))))
			}
			h.run()
			h.want("home/alerts/hot/state", "on")
			h.publish("early", `{"temperature":20}`)
			h.want("home/alerts/hot/state", "off")
			h.stop()
		}
		h.start()
	})
}

// TestWildcards: one rule is for many, and for nobody that it is not for.
func TestWildcards(t *testing.T) {
	rules := []Rule{ruleOf("any", "home/##temperature", above(30))}
	inHouse(t, rules, func(h *house) {
		h.measure("home/kitchen/climate", "temperature", 31)
		h.measure("home/cellar/climate", "temperature", 12)
		h.measure("home/cellar/other", "humidity", 99)
		h.publish("home/kitchen/climate/meta", `{"temperature":99}`)
		h.publish("home/alerts/any/home/kitchen/climate/detail", `{"temperature":99}`)
		h.want("home/alerts/any/home/kitchen/climate/state", "on")
		h.want("home/alerts/any/home/cellar/climate/state", "off")
		h.want("home/alerts/any/home/cellar/other/state", "nothing")
		if n := h.a.Everything(); n.Firing != 1 || n.Quiet != 1 || n.Rules[0].Values != 2 || n.Rules[0].Firing != 1 {
			t.Errorf("%+v", n)
		}
		h.publish("home/kitchen/climate", "") // it is no more
		h.want("home/alerts/any/home/kitchen/climate/state", "nothing")
		h.want("home/alerts/any/home/kitchen/climate/detail", "nothing")
		h.wantEvents("fired any above", "removed any above")
	})
}

// TestBounds: topics beyond are left out and counted.
func TestBounds(t *testing.T) {
	inHouse(t, []Rule{ruleOf("any", "#", above(30))}, func(h *house) {
		for i := range maxPerRule + 5 {
			h.publish(fmt.Sprintf("x/%d", i), "31")
		}
		e := h.a.Everything()
		if e.Firing != maxPerRule || len(e.Alerts) != maxTold || e.Rules[0].LeftOut != 5 || len(e.Recent) != maxEvents {
			t.Errorf("%d fire, %d told, %d left out, %d events", e.Firing, len(e.Alerts), e.Rules[0].LeftOut, len(e.Recent))
		}
		if f := h.a.Figures(); f.LeftOut != 5 || len(f.Firing) != maxPerRule || f.Fired[Warning] != maxPerRule {
			t.Errorf("figures: %+v", f)
		}
	})
}

// TestAckByMQTT: on and off, by whoever may publish there, now.
func TestAckByMQTT(t *testing.T) {
	inHouse(t, []Rule{ruleOf("any", "home/+/climate#temperature", above(30)), ruleOf("one", "plain", above(30))}, func(h *house) {
		h.measure(kitchen, "temperature", 31)
		h.publish("plain", "40")
		for _, base := range []string{"home/alerts/any/" + kitchen, "home/alerts/one"} {
			for _, x := range []struct {
				payload string
				want    bool
			}{{"on", true}, {"whatever", true}, {"off", false}, {"1", true}} {
				h.publish(base+"/ack", x.payload)
				if got := h.detail(base).Acknowledged; got != x.want {
					t.Errorf("%s after %q: acknowledged %v", base, x.payload, got)
				}
			}
		}
	})
}

// TestStatus: what the sensor says of itself counts, also of one that never
// measured anything.
func TestStatus(t *testing.T) {
	inHouse(t, []Rule{ruleOf("any", "home/+/climate#temperature", above(30), status)}, func(h *house) {
		h.publish("home/attic/climate/meta", `{"values":{"temperature":{"title":"Temperature","unit":"°C"}}}`)
		h.publish("home/attic/climate/status", "fault")
		h.publish("home/shed/climate/status", "fault") // who knows what it measures
		h.want("home/alerts/any/home/attic/climate/state", "on")
		h.want("home/alerts/any/home/shed/climate/state", "nothing")
		if d := h.detail("home/alerts/any/home/attic/climate"); d.Reason != Fault || d.Message != "home/attic/climate: the sensor is fault" {
			t.Errorf("%+v", d)
		}
		h.publish("home/attic/climate/status", "online")
		h.want("home/alerts/any/home/attic/climate/state", "off")
	})
}

// TestStatusAtStart: what sensors said before the gateway stopped is not what
// they say.
func TestStatusAtStart(t *testing.T) {
	inHouse(t, []Rule{ruleOf("one", kitchen, status)}, func(h *house) {
		h.stop()
		h.publish(kitchen+"/status", "offline")
		h.start()
		h.wait(grace / 2)
		h.want("home/alerts/one/state", "off")
		h.publish(kitchen+"/status", "online")
		h.wait(2 * grace)
		h.want("home/alerts/one/state", "off")
		h.wantEvents()
		h.stop()
		h.publish(kitchen+"/status", "offline")
		h.start()
		h.wait(grace)
		h.want("home/alerts/one/state", "on")
	})
}

// TestRulesOfThePage: they are made, changed and taken away, outlive a restart,
// and their topics go with them.
func TestRulesOfThePage(t *testing.T) {
	inHouse(t, []Rule{ruleOf("file", "x", above(1))}, func(h *house) {
		h.measure(kitchen, "temperature", 25)
		if err := h.a.add(ruleOf("hot", kitchen+"#temperature", above(30))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.want("home/alerts/hot/state", "off")
		if err := h.a.replace("hot", ruleOf("hot", kitchen+"#temperature", above(20), severity(Info))); err != nil {
			t.Fatal(err)
		}
		h.want("home/alerts/hot/state", "on") // by the value that is known
		h.stop()
		h.start()
		h.want("home/alerts/hot/state", "on")
		for _, name := range []string{"hot", "file"} {
			if err := h.a.add(ruleOf(name, "y", above(1))); err == nil {
				t.Errorf("two rules called %s", name)
			}
		}
		if err := h.a.drop("file"); err == nil || !strings.Contains(err.Error(), "gateway.yaml") {
			t.Errorf("a rule of the file is taken away: %v", err)
		}
		if err := h.a.replace("none", ruleOf("none", "y", above(1))); err == nil {
			t.Error("what is not there was replaced")
		}
		if err := h.a.replace("hot", ruleOf("warm", kitchen+"#temperature", above(20))); err != nil {
			t.Fatal(err)
		}
		h.want("home/alerts/hot/state", "nothing")
		h.want("home/alerts/hot/detail", "nothing")
		h.wait(time.Second)
		h.want("home/alerts/warm/state", "on")
		if err := h.a.drop("warm"); err != nil {
			t.Fatal(err)
		}
		h.want("home/alerts/warm/state", "nothing")
		if n := len(h.a.Everything().Rules); n != 1 {
			t.Errorf("%d rules are left", n)
		}
	})
}

// TestRuleGoneFromTheFile: its topics are cleared at the next start.
func TestRuleGoneFromTheFile(t *testing.T) {
	inHouse(t, []Rule{ruleOf("hot", kitchen+"#temperature", above(30)), ruleOf("any", "home/+/climate#temperature", above(30))}, func(h *house) {
		h.measure(kitchen, "temperature", 31)
		h.stop()
		h.deps.Rules = []Rule{ruleOf("any", "home/+/climate#temperature", above(50))}
		h.start()
		h.want("home/alerts/hot/state", "nothing")
		h.want("home/alerts/hot/detail", "nothing")
		h.want("home/alerts/any/home/kitchen/climate/state", "off") // 31 is fine now
		h.stop()
		h.deps.Site = "house"
		h.start()
		h.want("home/alerts/any/home/kitchen/climate/state", "nothing")
		h.want("house/alerts/any/home/kitchen/climate/state", "off")
	})
}

// TestDamagedFiles: they are set aside, and the start goes on.
func TestDamagedFiles(t *testing.T) {
	inHouse(t, []Rule{ruleOf("hot", kitchen+"#temperature", above(30))}, func(h *house) {
		h.stop()
		for _, name := range []string{stateFile, rulesFile} {
			if err := os.WriteFile(filepath.Join(h.deps.Folder, name), []byte(`{"alerts":[`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h.start()
		if all := h.a.Alarms(); len(all) != 1 || !strings.Contains(all[0].Error(), "state.json.damaged") || strings.Contains(all[0].Error(), "\n") {
			t.Errorf("alarms: %q", all)
		}
		h.measure(kitchen, "temperature", 31)
		h.want("home/alerts/hot/state", "on")
		for _, name := range []string{stateFile, rulesFile} {
			if _, err := os.Stat(filepath.Join(h.deps.Folder, name+".damaged")); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestFewWrites: values write nothing, and a storm of changes writes now and then.
func TestFewWrites(t *testing.T) {
	inHouse(t, []Rule{ruleOf("hot", kitchen+"#temperature", above(30))}, func(h *house) {
		file := filepath.Join(h.deps.Folder, stateFile)
		writes, last := 0, ""
		for i := range 1000 {
			h.measure(kitchen, "temperature", float64(40-i%2*20))
			h.wait(100 * time.Millisecond)
			if b, _ := os.ReadFile(file); string(b) != last {
				writes, last = writes+1, string(b)
			}
		}
		if writes < 2 || writes > 12 {
			t.Errorf("%d writes in 100 s of flapping", writes)
		}
		h.wait(saveInterval)
		before, _ := os.Stat(file)
		for range 100 {
			h.measure(kitchen, "temperature", 20)
			h.wait(time.Minute)
		}
		if after, _ := os.Stat(file); !after.ModTime().Equal(before.ModTime()) {
			t.Error("values were written")
		}
	})
}

// TestTheClockIsSet: nothing fires for it, and times of this run are put right.
func TestTheClockIsSet(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		a := New(Deps{Tree: h.b, Site: "other", Rules: []Rule{ruleOf("hot", "t", above(30), lasting(time.Minute)), ruleOf("gone", "u", missing(time.Hour))}, Log: h.deps.Log})
		now := a.now()
		old := now.wall.Add(-20 * 365 * 24 * time.Hour) // a board without a battery clock
		a.step = stepOf(moment{now.mono, old})
		take := func(after time.Duration, wall time.Time, x string) {
			a.take(broker.Delivery{Message: &broker.Message{Topic: "t", Payload: []byte(x)}}, moment{now.mono + after, wall})
		}
		take(0, old, "31")
		take(time.Minute, old.Add(time.Minute), "31")
		if f := a.Figures(); len(f.Firing) != 1 || f.Firing[0].SinceMS != old.Add(time.Minute).UnixMilli() {
			t.Fatalf("%+v", f.Firing)
		}
		set := now.wall.Add(2 * time.Minute)
		a.tick(moment{now.mono + 2*time.Minute, set})
		f := a.Figures()
		if len(f.Firing) != 1 || f.Firing[0].Rule != "hot" || f.Firing[0].SinceMS != set.Add(-time.Minute).UnixMilli() {
			t.Errorf("%+v", f.Firing)
		}
		if e := a.Everything().Recent; len(e) != 1 || e[0].TimeMS != set.Add(-time.Minute).UnixMilli() {
			t.Errorf("%+v", e)
		}
	})
}

// TestFollower: everything at first, then what changes, and not every value.
func TestFollower(t *testing.T) {
	inHouse(t, []Rule{ruleOf("hot", kitchen+"#temperature", above(30))}, func(h *house) {
		f := h.a.Follow()
		<-f.News()
		if n, ok := f.Take(); !ok || len(n.Alerts) != 0 || n.Quiet != 1 {
			t.Errorf("%+v, %v", n, ok)
		}
		if _, ok := f.Take(); ok {
			t.Error("told twice")
		}
		h.measure(kitchen, "temperature", 31)
		<-f.News()
		if n, ok := f.Take(); !ok || len(n.Alerts) != 1 {
			t.Errorf("%+v, %v", n, ok)
		}
		told, last := 0, 0.0
		for i := range 105 {
			h.measure(kitchen, "temperature", 31+float64(i))
			h.wait(100 * time.Millisecond)
			if n, ok := f.Take(); ok {
				told, last = told+1, *n.Alerts[0].Value
			}
		}
		if told < 4 || told > 7 {
			t.Errorf("%d values in 10.5 s", told)
		}
		h.wait(liveInterval)
		if n, ok := f.Take(); !ok || *n.Alerts[0].Value != 135 {
			t.Errorf("the last value was not told, but %v", last)
		}
	})
}

// TestDemo: the rules are right, and go with their topics.
func TestDemo(t *testing.T) {
	if err := Validate(Demo()); err != nil {
		t.Fatal(err)
	}
	inHouse(t, nil, func(h *house) {
		h.stop()
		h.deps.Demo = Demo()
		h.start()
		h.publish("demo/cellar/climate", `{"humidity":70,"simulated":true}`)
		h.wait(10 * time.Second)
		h.want("demo/alerts/damp-cellar/state", "on")
		if !h.detail("demo/alerts/damp-cellar").Simulated {
			t.Error("nobody says that it is simulated")
		}
		h.a.DropDemo()
		h.want("demo/alerts/damp-cellar/state", "nothing")
		if n := h.a.Everything(); len(n.Rules) != 0 || len(n.Alerts) != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// TestManyAtOnce: messages, changes of rules, acknowledgements and readers do not
// wait for each other for ever, and nothing is left of a rule that is gone.
func TestManyAtOnce(t *testing.T) {
	inHouse(t, []Rule{ruleOf("any", "home/+/climate#temperature", above(30))}, func(h *house) {
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				for n := range 200 {
					m := &broker.Message{Topic: fmt.Sprintf("home/room%d/climate", n%20), Payload: fmt.Appendf(nil, `{"temperature":%d}`, 20+(n+i)%3*10), Retain: true}
					if err := h.b.Publish(m); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 50 {
				if err := h.a.add(ruleOf("hot", "home/+/climate#temperature", above(35))); err != nil {
					t.Error(err)
				}
				if err := h.a.drop("hot"); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			f := h.a.Follow()
			for range 100 {
				f.Take()
				for _, one := range h.a.Everything().Alerts {
					h.a.ack(one.ID, true)
				}
				h.a.save(false)
			}
		})
		all.Wait()
		synctest.Wait()
		e := h.a.Everything()
		if len(e.Rules) != 1 || e.Firing+e.Quiet != 20 {
			t.Errorf("%d rules, %d fire, %d are quiet", len(e.Rules), e.Firing, e.Quiet)
		}
		for n := range 20 {
			h.want(fmt.Sprintf("home/alerts/hot/home/room%d/climate/state", n), "nothing")
		}
	})
}

func TestFiguresNameEverySeverity(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		if got := len(h.a.Figures().Fired); got != len(severities()) {
			t.Errorf("%v", maps.Collect(maps.All(h.a.Figures().Fired)))
		}
	})
}

package alerts

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
	"gateway/sensors/reading"
)

const (
	maxRules   = 200  // of the configuration, and as many of the page
	maxPerRule = 200  // values of one rule
	maxValues  = 1000 // of all rules
	maxEvents  = 200  // that are kept
	maxRoutes  = 5000 // topics whose rules are remembered
)

// Tree is what of the broker this package needs.
type Tree interface {
	Publish(*broker.Message) error
	Subscribe(broker.SubscribeOptions, ...string) (*broker.Subscription, error)
	Retained(topic string) *broker.Message
}

// Deps are what New needs.
type Deps struct {
	Tree   Tree
	Site   string // the first level of what is published; a level of a topic
	Rules  []Rule // of the configuration, valid
	Demo   []Rule // of the simulated house, valid
	Folder string // for what outlives a restart; "": nothing does
	Past   Past   // what rules are tried on; nil: nothing was recorded
	Log    *slog.Logger
}

// Alerts follows the tree and tells of what its rules are about. Its methods may
// be called concurrently.
type Alerts struct {
	deps  Deps
	start time.Time // mono of every moment is since then

	// editing is held while the rules of the page are changed, saving while a file
	// is written; both before mu.
	editing sync.Mutex
	saving  sync.Mutex
	trying  sync.Mutex // held while a rule is tried, which is much work

	mu      sync.Mutex // held while publishing, so that what is published is in order
	own     []Rule     // of the page, also those that are shadowed
	rules   []*rule    // all that count, by source and as they were written
	alerts  map[key]*alert
	routes  map[string][]*rule // by topic, what concerns it; nil: to be found out
	events  []Event            // oldest first
	orphans []string           // topics of alerts of an earlier run that are no more
	step    time.Duration      // wall less mono at the last moment
	leftOut map[string]uint64  // values beyond the bounds, by rule
	fired   map[string]uint64  // alerts since the start, by severity
	lost    uint64             // messages that were dropped, of earlier subscriptions

	changed   chan struct{} // closed and replaced when Snapshot has something else
	lastLive  time.Duration // when that was said for a value only
	liveNews  bool          // a value has changed since
	dirty     bool          // the file is not what is known
	saved     time.Duration // when it was written
	unwritten error         // why the file could not be written the last time
	damaged   string        // what was wrong with the file at the start, "" if nothing

	next    time.Duration // when the ticker looks again
	kick    chan struct{} // it should look now
	refresh context.CancelFunc
	sub     *broker.Subscription // nil: none, yet or just now
	// following is what sub was made with.
	following []string
}

// key is what an alert is known by.
type key struct{ rule, topic string }

// rule is a Rule that counts.
type rule struct {
	Rule
	value  Value
	source Source
}

// Source is where a rule comes from.
type Source string

// The sources. Only rules of the page can be changed there.
const (
	FromFile Source = "gateway.yaml"
	FromPage Source = "page"
	FromDemo Source = "demo"
)

// alert is one value that a rule is about.
type alert struct {
	machine
	rule  *rule
	topic string

	since     time.Time // when it began to fire or, if it does not, when that ended
	thisRun   bool      // since is by the clock of this run
	at        *float64  // the value when it began to fire for its reason
	limit     *float64
	said      string    // the sensor's status then
	acked     time.Time // zero if nobody did
	simulated bool

	title, unit string
	decimals    int
	known       bool // those three were looked up

	published [2]string // what was, of state and detail; "" if that is not known
}

// New makes Alerts and reads what it knew. What it published stays until Run.
func New(d Deps) *Alerts {
	a := &Alerts{
		deps: d, start: time.Now(), alerts: make(map[key]*alert), changed: make(chan struct{}), kick: make(chan struct{}, 1),
		leftOut: make(map[string]uint64), fired: make(map[string]uint64), lastLive: -liveInterval, saved: -saveInterval,
	}
	now := a.now()
	a.step = stepOf(now)
	a.own = a.loadRules()
	a.arrange()
	a.load(now)
	for _, r := range a.rules {
		a.ensure(r, now, true)
	}
	return a
}

// now returns the moment; its wall has no other clock in it.
func (a *Alerts) now() moment { return moment{time.Since(a.start), time.Now().Round(0)} }

// arrange makes rules of those of the configuration, the demo and the page.
// Those that were there before, about the same value, keep their alerts.
func (a *Alerts) arrange() {
	before := make(map[key]*rule)
	for _, r := range a.rules {
		before[key{r.Name, r.Value}] = r
	}
	a.rules, a.routes = nil, make(map[string][]*rule)
	taken := make(map[string]bool)
	for _, from := range []struct {
		source Source
		rules  []Rule
	}{{FromFile, a.deps.Rules}, {FromDemo, a.deps.Demo}, {FromPage, a.own}} {
		for _, r := range from.rules {
			if taken[r.Name] {
				a.deps.Log.Warn("a rule of that name is there already; this one does nothing until it is renamed", "rule", r.Name, "from", from.source)
				continue
			}
			taken[r.Name] = true
			one := before[key{r.Name, r.Value}]
			if one == nil {
				one = new(rule)
				one.value, _ = ParseValue(r.Value) // valid
			}
			one.Rule, one.source = r, from.source
			a.rules = append(a.rules, one)
		}
	}
}

// ensure makes the alert of a rule that is about one topic. atStart is that
// nobody has had time to be heard yet.
func (a *Alerts) ensure(r *rule, now moment, atStart bool) {
	if r.Enabled && !r.value.Many() {
		a.alert(r, r.value.Filter, now, atStart)
	}
}

// alert returns the alert of a rule at a topic, a new one if need be; nil if
// there is no room.
func (a *Alerts) alert(r *rule, name string, now moment, atStart bool) *alert {
	k := key{r.Name, name}
	if al := a.alerts[k]; al != nil {
		return al
	}
	if len(a.alerts) >= maxValues || a.count(r) >= maxPerRule {
		if a.leftOut[r.Name]++; a.leftOut[r.Name] == 1 {
			a.deps.Log.Warn("a rule is about more values than it may be; those beyond have no alert", "rule", r.Name, "topic", name, "of_a_rule", maxPerRule, "of_all", maxValues)
		}
		return nil
	}
	al := &alert{rule: r, topic: name, since: now.wall, thisRun: true}
	al.phase, al.floor = OK, now.mono
	if atStart {
		al.floor = max(0, grace-r.Missing)
	}
	a.alerts[k] = al
	a.dirty = true
	return al
}

func (a *Alerts) count(r *rule) (n int) {
	for _, al := range a.alerts {
		if al.rule == r {
			n++
		}
	}
	return n
}

// concerned returns the rules that a topic is a value of.
func (a *Alerts) concerned(name string) []*rule {
	if rules, ok := a.routes[name]; ok {
		return rules
	}
	var rules []*rule
	for _, r := range a.rules {
		if r.Enabled && topic.Match(r.value.Filter, name) && !(r.value.Many() && besides(name)) {
			rules = append(rules, r)
		}
	}
	if len(a.routes) >= maxRoutes {
		clear(a.routes)
	}
	a.routes[strings.Clone(name)] = rules
	return rules
}

// filters are what is to be subscribed to.
func (a *Alerts) filters() []string {
	all := map[string]bool{a.deps.Site + "/" + level + "/#": true}
	if len(a.deps.Demo) > 0 {
		all[demoSite+"/"+level+"/#"] = true
	}
	for _, r := range a.rules {
		if !r.Enabled {
			continue
		}
		all[r.value.Filter] = true
		if r.Status && !strings.HasSuffix(r.value.Filter, "#") {
			all[r.value.Filter+"/status"] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// judge brings an alert to now and tells of what has changed.
func (a *Alerts) judge(al *alert, now moment) {
	before, reason := al.phase, al.reason
	al.machine.judge(al.rule.Rule, now)
	switch {
	case al.phase.fires() && (!before.fires() || al.reason != reason):
		what := Fired
		if before.fires() {
			what = Changed
		} else {
			al.since, al.thisRun = now.wall, true
			a.fired[al.rule.Severity]++
		}
		al.acked = time.Time{}
		al.remember()
		a.tell(al, what, now)
	case before.fires() && !al.phase.fires():
		al.since, al.thisRun, al.acked = now.wall, true, time.Time{}
		a.tell(al, Cleared, now)
		al.at, al.limit, al.said = nil, nil, ""
	case al.phase != before:
		a.touch()
	}
	if at, ok := al.due(al.rule.Rule, now); ok && at < a.next {
		a.wake()
	}
}

// remember notes what the alert fires for.
func (al *alert) remember() {
	al.at, al.limit, al.said = nil, nil, ""
	switch al.reason {
	case Above, Below:
		value := al.value
		al.at = &value
		al.limit = al.rule.Above
		if al.reason == Below {
			al.limit = al.rule.Below
		}
	case Fault:
		al.said = string(al.status)
	}
}

// tell publishes what has become of an alert and notes it among the events.
func (a *Alerts) tell(al *alert, what What, now moment) {
	a.lookUp(al)
	e := al.event(what, now)
	a.events = append(a.events, e)
	if n := len(a.events) - maxEvents; n > 0 {
		a.events = slices.Delete(a.events, 0, n)
	}
	a.deps.Log.Info("alert "+string(what), "rule", al.rule.Name, "topic", al.topic, "message", e.Message)
	a.dirty = true
	a.publish(al)
	a.touch()
	a.wake() // to write it down
}

// lookUp finds out what the value of an alert is called, and its unit.
func (a *Alerts) lookUp(al *alert) {
	if al.known {
		return
	}
	q := al.rule.value.quantity(al.topic)
	info, _ := q.Info()
	al.title, al.unit, al.decimals = info.Title, info.Unit, info.Decimals
	if axis, ok := a.axis(al.topic, q); ok {
		al.title, al.unit, al.decimals = axis.Title, axis.Unit, axis.Decimals
	}
	al.known = true
}

// axis returns what the sensor at a topic says of one of its values.
func (a *Alerts) axis(name string, q reading.Quantity) (reading.Axis, bool) {
	path, err := reading.ParsePath(name)
	if err != nil {
		return reading.Axis{}, false
	}
	m := a.deps.Tree.Retained(path.MetaTopic())
	if m == nil {
		return reading.Axis{}, false
	}
	meta, err := reading.ParseMeta(m.Payload)
	axis, ok := meta.Values[q]
	return axis, ok && err == nil
}

// touch says that Snapshot has something else.
func (a *Alerts) touch() {
	close(a.changed)
	a.changed = make(chan struct{})
	a.liveNews = false
}

// wake lets the ticker look now.
func (a *Alerts) wake() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// id returns what an alert is called in addresses: a topic has slashes, which
// proxies do not let through.
func (al *alert) id() string {
	h := fnv.New64a()
	h.Write([]byte(al.rule.Name + "\x00" + al.topic))
	return fmt.Sprintf("%016x", h.Sum64())
}

// sorted returns the alerts in the order of their rules and topics.
func (a *Alerts) sorted() []*alert {
	order := make(map[*rule]int)
	for i, r := range a.rules {
		order[r] = i
	}
	return slices.SortedFunc(maps.Values(a.alerts), func(x, y *alert) int {
		if d := order[x.rule] - order[y.rule]; d != 0 {
			return d
		}
		return strings.Compare(x.topic, y.topic)
	})
}

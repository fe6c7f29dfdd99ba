package broker

import (
	"slices"
	"strings"
	"time"

	"gateway/broker/auth"
	"gateway/broker/store"
)

// sink is a subscriber: a client's session, a group of them that share a
// subscription, or a Subscription of this process.
type sink interface {
	// deliver sends or queues p as t says, and never waits. It is called with
	// Broker.mu held, shared or alone.
	deliver(p *publication, t *target)
	clientID() string
}

// subscription is one filter of one subscriber. It is never changed: a
// client that subscribes to the same filter again gets a new one.
type subscription struct {
	to          sink
	filter      string // without "$share/group/"
	qos         QoS
	noLocal     bool
	asPublished bool
	id          uint32 // subscription identifier, 0 if none
	share       string // name of the group that shares it, "" for none
}

// same tells whether two subscriptions of a client to the same filter are the
// same.
func (s *subscription) same(other *subscription) bool { return *s == *other }

// target is a subscriber of a topic, its overlapping subscriptions merged.
type target struct {
	to          sink
	qos         QoS
	asPublished bool
	replay      bool // of what is retained
	ids         []uint32
	group       *group // by which a member of it gets the message

	// What the subscriber gets of what it published itself, where one of its
	// subscriptions is No Local; nil for nothing.
	own    *target
	hasOwn bool
}

// retain returns the RETAIN flag that goes with p.
func (t *target) retain(p *publication) bool {
	return t.replay || p.m.Retain && t.asPublished // [MQTT-3.3.1-8 v3] [MQTT-3.3.1-12] [MQTT-3.3.1-13]
}

// topicCache remembers what the topics that a publisher uses lead to, for as
// long as no subscription changes anywhere. It belongs to one goroutine.
type topicCache map[string]*route

// route is a topic as a publisher knows it.
type route struct {
	name    string // as the publisher calls it
	full    string // its name in the tree
	version uint64 // of the subscriptions when targets were found
	targets []target

	rights *auth.Rights // of the publisher, when may was found
	may    bool         // publish here
}

// allows tells whether a client with these rights may publish here.
func (r *route) allows(rights *auth.Rights) bool {
	if rights == nil {
		return true
	}
	if r.rights != rights {
		r.rights, r.may = rights, rights.Publish(r.full)
	}
	return r.may
}

// A publisher that uses more topics than this starts its cache anew.
const maxCachedTopics = 256

// find returns the route of a topic, nil if it is not known.
func (t topicCache) find(name []byte) *route { return t[string(name)] }

// add adds a route that is not known yet.
func (t *topicCache) add(name, full string) *route {
	switch {
	case *t == nil:
		*t = make(topicCache)
	case len(*t) >= maxCachedTopics:
		clear(*t)
	}
	r := &route{name: name, full: full}
	(*t)[name] = r
	return r
}

// publish carries m, which nobody may change any more, to everybody who
// subscribed to its topic. It returns how many that are, and when it is stable or
// why it is not stored, if it is to be.
func (b *Broker) publish(m *Message) (n int, mark store.Mark, err error) {
	return b.publishAs(m, keeping{})
}

// publishAs is publish where how says by whom it is published and how urgent that
// is. If it is urgent it fails, too, where a subscriber refuses the message.
func (b *Broker) publishAs(m *Message, how keeping) (n int, mark store.Mark, err error) {
	w := benches.Get().(*bench)
	defer w.release()
	m.came = time.Now().UnixMilli()
	w.pub.beginKept(m)
	k := &w.pub.keeping
	k.urgent, k.session, k.id = how.urgent, how.session, how.id
	r := route{full: m.Topic, targets: w.targets[:0]}
	n = b.route(&w.pub, &r)
	clear(r.targets)
	w.targets = r.targets
	if mark, err = k.mark, k.err; err == nil && k.urgent && k.refused {
		err = errNotTaken
	}
	w.pub.flush()
	return n, mark, err
}

// route carries p to everybody who subscribed to its topic [MQTT-4.5.0-1] and
// returns how many that are. The publisher's own goroutine does so, message after
// message, so every subscriber gets them in that order [MQTT-4.6.0-5]
// [MQTT-4.6.0-6]. Connections that got something are to be flushed.
func (b *Broker) route(p *publication, r *route) int {
	if p.m.Retain {
		// Retained messages go one after the other, so that the last one a
		// subscriber sees is the one that is kept.
		b.retainMu.Lock()
		defer b.retainMu.Unlock()
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if p.m.Retain { // nothing else changes what is retained [MQTT-3.3.1-8]
		b.retain(p)
	}
	if r.version != b.subsVersion {
		clear(r.targets) // nobody who has gone is kept in memory
		var few [8]*subscription
		r.targets = merge(r.targets[:0], b.subs.Match(r.full, few[:0]), r.full)
		r.version = b.subsVersion
	}
	for i := range r.targets {
		t := &r.targets[i]
		if t.hasOwn && p.m.publisher != "" && p.m.publisher == t.to.clientID() {
			if t = t.own; t == nil {
				continue // [MQTT-3.8.3-3]
			}
		}
		t.to.deliver(p, t)
	}
	b.keep(p)
	return len(r.targets)
}

// merge makes one target of all subscriptions of the same subscriber: the
// highest QoS [MQTT-3.3.4-2] and all identifiers [MQTT-3.3.4-3]. A shared
// subscription stays apart. The targets go into the memory of the slice given,
// which is empty, if there is enough.
func merge(targets []target, subs []*subscription, name string) []target {
	if len(subs) == 0 {
		return targets
	}
	targets = slices.Grow(targets, len(subs))
	at := make(map[sink]int, len(subs))
	noLocal := false
	for _, s := range subs {
		if client, ok := s.to.(*session); ok && !client.mayReceive(name) {
			continue
		}
		i, ok := at[s.to]
		if !ok {
			i = len(targets)
			at[s.to] = i
			targets = append(targets, target{to: s.to})
		}
		targets[i].add(s)
		noLocal = noLocal || s.noLocal
	}
	if !noLocal {
		return targets
	}
	for _, s := range subs {
		i, ok := at[s.to]
		if !ok {
			continue
		}
		t := &targets[i]
		if s.noLocal {
			t.hasOwn = true
			continue
		}
		if t.own == nil {
			t.own = &target{to: s.to}
		}
		t.own.add(s)
	}
	return targets
}

// add merges a subscription into what its subscriber gets: one copy, with the
// identifiers of all [MQTT-3.3.4-4].
func (t *target) add(s *subscription) {
	t.qos = max(t.qos, s.qos)
	t.asPublished = t.asPublished || s.asPublished
	if s.id != 0 && !slices.Contains(t.ids, s.id) {
		t.ids = append(t.ids, s.id)
	}
}

// retain keeps or removes the retained message of p's topic. Broker.retainMu
// is held.
func (b *Broker) retain(p *publication) {
	old, known := b.retained.Get(p.m.Topic)
	if len(p.m.Payload) == 0 { // [MQTT-3.3.1-6] [MQTT-3.3.1-7]
		if known {
			b.forgetRetained(old)
			p.keeping.retain = storedRetain(p.m.Topic, retainClear)
		}
		return
	}
	if known {
		b.forgetRetained(old) // whatever happens, it is no longer what holds
		p.keeping.retain = storedRetain(p.m.Topic, retainClear)
	}
	cfg := b.cfg()
	if cfg.MaxRetained > 0 && b.retained.Len() >= cfg.MaxRetained ||
		cfg.MaxRetainedBytes > 0 && b.retainedBytes+p.m.size() > cfg.MaxRetainedBytes {
		b.counters.droppedRetained.Add(1)
		return
	}
	b.retainedBytes += p.m.size()
	b.retained.Set(p.m.Topic, p.keep()) // [MQTT-3.3.1-5]
	p.keeping.retain = storedRetain(p.m.Topic, retainSet)
}

// storedRetain returns what of a change is stored: nothing where the topic is one
// of the broker's own figures, which are of this run only.
func storedRetain(name string, c retainChange) retainChange {
	if strings.HasPrefix(name, "$SYS/") {
		return retainNothing
	}
	return c
}

// forgetRetained removes a retained message. Broker.retainMu is held.
func (b *Broker) forgetRetained(m *Message) {
	b.retained.Delete(m.Topic)
	b.retainedBytes -= m.size()
}

// change is a new subscription, in place of old if that is not nil.
type change struct {
	sub, old *subscription
	replay   bool // deliver what is retained
}

// subscribe adds subscriptions to the tree, or replaces them, says so, and replays
// what is retained. No publish happens meanwhile: whoever knows that it has subscribed
// misses nothing, also while it replaces one [MQTT-3.8.4-4], and what is retained
// comes first. say must not wait.
func (b *Broker) subscribe(changes []change, say func()) {
	w := benches.Get().(*bench)
	defer w.release()
	b.mu.Lock()
	b.subsVersion++
	for _, c := range changes {
		if c.old != nil {
			b.removeLocked(c.old)
		}
		b.addLocked(c.sub)
	}
	say()
	for _, c := range changes {
		if c.replay && c.sub.share == "" { // section 4.8.2: nothing retained for a shared one
			b.replayLocked(c.sub, &w.pub)
		}
	}
	b.mu.Unlock()
	w.pub.flush()
}

// replayLocked delivers what is retained to a new subscription.
func (b *Broker) replayLocked(s *subscription, p *publication) {
	t := &target{to: s.to, qos: s.qos, replay: true}
	if s.id != 0 {
		t.ids = []uint32{s.id}
	}
	now := time.Now()
	b.retained.Match(s.filter, func(m *Message) {
		if m.expired(now) {
			return
		}
		if s.noLocal && m.publisher != "" && m.publisher == s.to.clientID() {
			return
		}
		if client, ok := s.to.(*session); ok && !client.mayReceive(m.Topic) {
			return
		}
		p.beginKept(m)
		p.now = now
		s.to.deliver(p, t)
		b.keep(p)
	})
}

// unsubscribe takes subscriptions out of the tree. Deliveries already
// queued stay there [MQTT-3.10.4-3].
func (b *Broker) unsubscribe(subs ...*subscription) {
	if len(subs) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subsVersion++
	for _, s := range subs {
		b.removeLocked(s)
	}
}

func (b *Broker) addLocked(s *subscription) {
	if s.share != "" {
		b.joinGroupLocked(s)
		return
	}
	b.subs.Add(s.filter, s)
}

func (b *Broker) removeLocked(s *subscription) {
	if s.share != "" {
		b.leaveGroupLocked(s)
		return
	}
	b.subs.Remove(s.filter, s)
}

// dropExpiredRetained removes retained messages whose time is over.
func (b *Broker) dropExpiredRetained(now time.Time) {
	b.retainMu.Lock()
	defer b.retainMu.Unlock()
	b.mu.RLock()
	defer b.mu.RUnlock()
	var expired []*Message
	b.retained.Each(func(m *Message) {
		if m.expired(now) {
			expired = append(expired, m)
		}
	})
	for _, m := range expired {
		b.forgetRetained(m)
		if storedRetain(m.Topic, retainClear) != retainNothing {
			b.note(store.Change{Op: store.ClearRetained, Name: m.Topic})
		}
	}
}

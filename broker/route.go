package broker

import (
	"slices"
	"time"
)

// sink is a subscriber: a client's session or a Subscription of this process.
type sink interface {
	// deliver queues d and never waits. It is called with Broker.mu held, shared
	// or alone.
	deliver(d delivery)
	clientID() string
}

// subscription is one filter of one subscriber. It is never changed: a
// client that subscribes to the same filter again gets a new one.
type subscription struct {
	to          sink
	filter      string
	qos         QoS
	noLocal     bool
	asPublished bool
	id          uint32 // subscription identifier, 0 if none
}

// target is a subscriber of a topic, its overlapping subscriptions merged.
type target struct {
	to          sink
	qos         QoS
	asPublished bool
	ids         []uint32

	// What the subscriber gets of what it published itself, where one of its
	// subscriptions is No Local; nil for nothing.
	own    *target
	hasOwn bool
}

// targetCache remembers the targets of the topics a publisher uses, for as
// long as no subscription changes anywhere. It belongs to one goroutine.
type targetCache struct {
	version uint64
	topics  map[string][]target
}

// A publisher that uses more topics than this starts its cache anew.
const maxCachedTopics = 256

// publish carries m to everybody who subscribed to its topic and returns
// how many that are. cache may be nil.
func (b *Broker) publish(m *Message, cache *targetCache) int {
	b.counters.received.Add(1)
	if m.Retain {
		// Retained messages go one after the other, so that the last one a
		// subscriber sees is the one that is kept.
		b.retainMu.Lock()
		defer b.retainMu.Unlock()
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if m.Retain {
		b.retain(m)
	}
	targets := b.targets(m.Topic, cache)
	for i := range targets {
		t := &targets[i]
		if t.hasOwn && m.publisher != "" && m.publisher == t.to.clientID() {
			if t = t.own; t == nil {
				continue // [MQTT-3.8.3-3]
			}
		}
		t.to.deliver(delivery{
			msg:    m,
			qos:    min(m.QoS, t.qos), // [MQTT-3.8.4-8]
			retain: m.Retain && t.asPublished,
			ids:    t.ids,
		})
	}
	return len(targets)
}

// targets finds the subscribers of a topic. Broker.mu is held.
func (b *Broker) targets(name string, cache *targetCache) []target {
	if cache == nil {
		return merge(b.subs.Match(name, nil))
	}
	if cache.version != b.subsVersion || len(cache.topics) >= maxCachedTopics {
		cache.version = b.subsVersion
		clear(cache.topics)
	}
	targets, ok := cache.topics[name]
	if !ok {
		targets = merge(b.subs.Match(name, nil))
		if cache.topics == nil {
			cache.topics = make(map[string][]target)
		}
		cache.topics[name] = targets
	}
	return targets
}

// merge makes one target of all subscriptions of the same subscriber: the
// highest QoS [MQTT-3.3.4-2] and all identifiers [MQTT-3.3.4-3].
func merge(subs []*subscription) []target {
	if len(subs) == 0 {
		return nil
	}
	targets := make([]target, 0, len(subs))
	at := make(map[sink]int, len(subs))
	noLocal := false
	for _, s := range subs {
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
		t := &targets[at[s.to]]
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

func (t *target) add(s *subscription) {
	t.qos = max(t.qos, s.qos)
	t.asPublished = t.asPublished || s.asPublished
	if s.id != 0 && !slices.Contains(t.ids, s.id) {
		t.ids = append(t.ids, s.id)
	}
}

// retain keeps or removes the retained message of m's topic. Broker.retainMu
// is held.
func (b *Broker) retain(m *Message) {
	switch {
	case len(m.Payload) == 0: // [MQTT-3.3.1-6] [MQTT-3.3.1-7]
		b.retained.Delete(m.Topic)
	case b.cfg.MaxRetained > 0 && b.retained.Len() >= b.cfg.MaxRetained:
		if _, known := b.retained.Get(m.Topic); !known {
			b.counters.droppedFull.Add(1)
			return
		}
		fallthrough
	default:
		b.retained.Set(m.Topic, m)
	}
}

// subscribe adds s to the tree, in place of old if that is not nil, and
// replays what is retained if replay is true. No publish happens between the
// two, so that nothing is missed and what is retained comes first.
func (b *Broker) subscribe(s, old *subscription, replay bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subsVersion++
	if old != nil {
		b.subs.Remove(old.filter, old)
	}
	b.subs.Add(s.filter, s)
	if !replay {
		return
	}
	var ids []uint32
	if s.id != 0 {
		ids = []uint32{s.id}
	}
	now := time.Now()
	b.retained.Match(s.filter, func(m *Message) {
		if m.expired(now) {
			return
		}
		if s.noLocal && m.publisher != "" && m.publisher == s.to.clientID() {
			return
		}
		s.to.deliver(delivery{msg: m, qos: min(m.QoS, s.qos), retain: true, replay: true, ids: ids}) // [MQTT-3.3.1-8]
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
		b.subs.Remove(s.filter, s)
	}
}

// dropExpiredRetained removes retained messages whose time is over.
func (b *Broker) dropExpiredRetained(now time.Time) {
	b.retainMu.Lock()
	defer b.retainMu.Unlock()
	b.mu.RLock()
	defer b.mu.RUnlock()
	var expired []string
	b.retained.Each(func(m *Message) {
		if m.expired(now) {
			expired = append(expired, m.Topic)
		}
	})
	for _, name := range expired {
		b.retained.Delete(name)
	}
}

package broker

import (
	"sync"

	"gateway/broker/store"
)

// group is a shared subscription, section 4.8.2: each message goes to one of
// its members.
//
// The members take turns. One that is away is passed over while another is
// there, and so is one that is busy, with messages waiting, while another is
// not. If all are away, what one of them may keep waits for it.
type group struct {
	key groupKey
	sub *subscription // its own, in the tree

	mu      sync.Mutex // taken with Broker.mu held, before session.mu
	members []*subscription
	next    int // whose turn it is
}

// groupKey names a group: the same filter shared under two names are two.
type groupKey struct{ share, filter string }

func (g *group) clientID() string { return "" }

// deliver gives p to one member.
func (g *group) deliver(p *publication, _ *target) {
	if m := g.pick(p.m.QoS, p.m.Topic); m != nil {
		m.to.deliver(p, g.target(m))
	}
}

// target says how a member gets messages of the group: as its own subscription
// asks, at most with the QoS that was granted to it [MQTT-4.8.2-3].
func (g *group) target(m *subscription) *target {
	t := &target{to: m.to, qos: m.qos, asPublished: m.asPublished, group: g}
	if m.id != 0 {
		t.ids = []uint32{m.id}
	}
	return t
}

// pick returns the member whose turn it is, nil if nobody can have the
// message.
func (g *group) pick(qos QoS, name string) *subscription {
	g.mu.Lock()
	defer g.mu.Unlock()
	best, rank := -1, 0
	for i := range g.members {
		at := (g.next + i) % len(g.members)
		m := g.members[at]
		to := m.to.(*session)
		if !to.mayReceive(name) {
			continue
		}
		r := to.readiness(min(qos, m.qos))
		if r > rank {
			best, rank = at, r
		}
		if r == ready {
			break
		}
	}
	if best < 0 {
		return nil
	}
	g.next = (best + 1) % len(g.members)
	return g.members[best]
}

// How well a session can take a message, better ones last.
const (
	unable = iota // it would be dropped
	absent        // away; it waits
	busy          // connected, and others wait before it
	ready
)

// readiness tells how well s can take a message of that QoS now.
func (s *session) readiness(qos QoS) int {
	c := s.conn.Load()
	if c == nil {
		if qos == 0 {
			return unable
		}
		return absent
	}
	if qos == 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.backlog {
			return busy
		}
		return ready
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.atLeast.len > 0 || !s.room(s.seq+1) {
		return busy
	}
	return ready
}

// joinGroupLocked makes s a member of its group. Broker.mu is held.
func (b *Broker) joinGroupLocked(s *subscription) {
	key := groupKey{s.share, s.filter}
	g := b.groups[key]
	if g == nil {
		g = &group{key: key}
		g.sub = &subscription{to: g, filter: s.filter}
		b.groups[key] = g
		b.subs.Add(s.filter, g.sub)
	}
	g.mu.Lock()
	g.members = append(g.members, s)
	g.mu.Unlock()
}

// leaveGroupLocked takes s out of its group. Broker.mu is held.
func (b *Broker) leaveGroupLocked(s *subscription) {
	key := groupKey{s.share, s.filter}
	g := b.groups[key]
	if g == nil {
		return
	}
	g.mu.Lock()
	for i, m := range g.members {
		if m == s {
			g.members = append(g.members[:i:i], g.members[i+1:]...)
			break
		}
	}
	left := len(g.members)
	g.next = 0
	g.mu.Unlock()
	if left == 0 {
		delete(b.groups, key)
		b.subs.Remove(key.filter, g.sub)
	}
}

// orphan is a message that a member of a group cannot take after all.
type orphan struct {
	group *group
	msg   *Message
	from  *session // that has it in the store as seq, nil if none has
	seq   uint64
}

// orphansLocked takes out of s, which has no connection, what came by shared
// subscriptions and can go to another member: messages that were not sent, and
// those of QoS 1 that were not acknowledged. One of QoS 2 that was sent stays
// with its client or with nobody [MQTT-4.8.2-4] [MQTT-4.8.2-5]. If ending
// is false, only a member that is connected counts. Broker.sessionsMu is held.
func (b *Broker) orphansLocked(s *session, ending bool) (orphans []orphan) {
	others := b.othersLocked(s, ending)
	if len(others) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	take := func(g *group, m *Message, seq uint64, mark store.Mark) {
		o := orphan{group: g, msg: m}
		if s.keptLocked() && mark != unstored {
			o.from, o.seq = s, seq
		}
		orphans = append(orphans, o)
	}
	for i := range s.flight.span {
		e := s.flight.at(i)
		if e.state == flyingSent && e.qos == 1 && others[e.group()] {
			take(e.group(), e.msg, s.flight.seq(i), 0)
			s.flight.drop(e)
			e.state = flyingDone
			s.flight.open--
		}
	}
	s.flight.trim()
	waiting := s.atLeast
	s.atLeast = queue{total: waiting.total}
	for waiting.len > 0 {
		if d := waiting.pop(); others[d.group()] && d.mark != unstored && !d.void {
			take(d.group(), d.msg, d.seq, d.mark)
		} else {
			s.atLeast.push(d)
		}
	}
	return orphans
}

// othersLocked returns the groups of s that have another member.
func (b *Broker) othersLocked(s *session, absent bool) map[*group]bool {
	var others map[*group]bool
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, sub := range s.subs {
		g := b.groups[groupKey{sub.share, sub.filter}]
		if sub.share == "" || g == nil {
			continue
		}
		g.mu.Lock()
		for _, m := range g.members {
			to := m.to.(*session)
			if to != s && (absent || to.conn.Load() != nil) {
				if others == nil {
					others = make(map[*group]bool)
				}
				others[g] = true
			}
		}
		g.mu.Unlock()
	}
	return others
}

// reroute gives orphans to other members of their groups. No lock is held.
func (b *Broker) reroute(orphans []orphan) {
	if len(orphans) == 0 {
		return
	}
	w := benches.Get().(*bench)
	defer w.release()
	for _, o := range orphans {
		b.rerouteOne(&w.pub, o)
	}
	w.pub.flush()
}

// rerouteOne gives an orphan to another member. In the store it goes from one to
// the other at once.
func (b *Broker) rerouteOne(p *publication, o orphan) {
	if o.msg == nil {
		m, err := b.read(o.from.num, o.seq)
		if err != nil {
			b.unreadable(o.from.id, o.seq, err)
			return
		}
		o.msg = m
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	p.beginKept(o.msg)
	o.group.deliver(p, nil)
	if o.from != nil {
		p.keeping.done = store.Change{Op: store.Done, Session: o.from.num, Seq: o.seq}
	}
	b.keep(p)
}

package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

const (
	// again is how long a record is not multicast again, unless to defend it.
	again       = time.Second
	againDefend = 250 * time.Millisecond
	// maxWaiting bounds the replies that wait for their moment.
	maxWaiting = 64
	// oldTTL is for those who know nothing of multicast DNS, s.
	oldTTL = 10
)

// reply is a multicast that waits for its moment, so that not all who have an answer
// speak at once.
type reply struct {
	due     time.Time
	six     bool
	asker   netip.Addr
	defends bool // somebody probes for a name of ours
	message message
}

// take looks at a packet.
func (s *session) take(p packet, now time.Time) {
	l := s.links[p.link]
	if l == nil || !l.near(p.from.Addr()) || s.echoes.has(p.data) {
		return
	}
	m, err := parse(p.data)
	switch {
	case err != nil || m.flags&(opcodes|rcodes) != 0:
	case !m.isAnswer():
		l.asked(m, p, now)
	case p.from.Port() == port:
		l.heard(m, now)
	}
}

// asked answers questions.
func (l *link) asked(m *message, p packet, now time.Time) {
	if len(m.questions) == 0 {
		l.known(m.answers, p.from.Addr())
		return
	}
	if !l.claimed() {
		if len(m.authority) > 0 && l.contested(m) {
			l.probe(now, deferral)
		}
		return
	}
	if p.from.Port() != port {
		l.answerOld(m, p)
		return
	}
	said := message{flags: flagAnswer | flagAuth}
	direct := said
	for _, q := range m.questions {
		answers, more := l.zone.answer(q)
		for _, r := range answers {
			switch {
			case knows(m.answers, r):
			case q.unicast && now.Sub(l.sent[sending{r.identity(), p.six}]) < time.Duration(r.ttl)*time.Second/4:
				add(&direct.answers, r)
				addAll(&direct.additional, more)
			default:
				add(&said.answers, r)
				addAll(&said.additional, more)
			}
		}
	}
	if len(direct.answers) > 0 {
		tidy(&direct)
		for _, b := range pieces(&direct) {
			l.send(p.six, p.from, b)
		}
	}
	if len(said.answers) == 0 || len(l.waiting) >= maxWaiting {
		return
	}
	tidy(&said)
	r := reply{now, p.six, p.from.Addr(), len(m.authority) > 0, said}
	switch {
	case m.flags&flagTrunc != 0: // more known answers follow
		r.due = now.Add(400*time.Millisecond + rand.N(100*time.Millisecond))
	case slices.ContainsFunc(said.answers, func(r record) bool { return !r.unique }):
		r.due = now.Add(20*time.Millisecond + rand.N(100*time.Millisecond))
	default: // nobody else has an answer
		l.reply(r, now)
		return
	}
	l.waiting = append(l.waiting, r)
}

// reply multicasts what was not multicast a moment ago.
func (l *link) reply(r reply, now time.Time) {
	pause := again
	if r.defends {
		pause = againDefend
	}
	r.message.answers = slices.DeleteFunc(r.message.answers, func(a record) bool {
		at, ok := l.sent[sending{a.identity(), r.six}]
		return ok && now.Sub(at) < pause
	})
	if len(r.message.answers) == 0 {
		return
	}
	l.note(&r.message, r.six, now)
	for _, b := range pieces(&r.message) {
		l.send(r.six, netip.AddrPort{}, b)
	}
}

// known takes out of what waits what the asker says it knows, in a packet that goes on
// where another was full.
func (l *link) known(all []record, asker netip.Addr) {
	for i := range l.waiting {
		if w := &l.waiting[i]; w.asker == asker {
			w.message.answers = slices.DeleteFunc(w.message.answers, func(r record) bool { return knows(all, r) })
		}
	}
}

// knows tells whether r is among known answers that will do for as long again
// (RFC 6762, section 7.1).
func knows(all []record, r record) bool {
	return slices.ContainsFunc(all, func(k record) bool { return k.ttl >= r.ttl/2 && k.identity() == r.identity() })
}

// answerOld answers who asks from another port, and knows nothing of multicast DNS
// (RFC 6762, section 6.7).
func (l *link) answerOld(m *message, p packet) {
	said := message{id: m.id, flags: flagAnswer | flagAuth, questions: m.questions}
	for _, q := range m.questions {
		answers, more := l.zone.answer(q)
		addAll(&said.answers, answers)
		addAll(&said.additional, more)
	}
	if len(said.answers) == 0 {
		return
	}
	tidy(&said)
	for _, section := range [][]record{said.answers, said.additional} {
		for i := range section {
			section[i].unique, section[i].ttl = false, min(section[i].ttl, oldTTL)
		}
	}
	for i := range said.questions {
		said.questions[i].unicast = false
	}
	l.send(p.six, p.from, pieces(&said)[0])
}

func add(all *[]record, r record) {
	if !slices.Contains(*all, r) {
		*all = append(*all, r)
	}
}

func addAll(all *[]record, more []record) {
	for _, r := range more {
		add(all, r)
	}
}

// tidy leaves out what is said already.
func tidy(m *message) {
	m.additional = slices.DeleteFunc(m.additional, func(r record) bool { return slices.Contains(m.answers, r) })
}

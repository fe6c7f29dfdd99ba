package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The phases of a link (RFC 6762, section 8): three questions whether somebody has our
// names, two announcements, and then there are answers only.
const (
	probes    = 3
	announced = probes + 2
)

const (
	probeEvery    = 250 * time.Millisecond
	announceEvery = time.Second
	deferral      = time.Second // after a probe of somebody who goes first
)

// link is an interface that services are announced on. It belongs to the session.
type link struct {
	*session
	place
	four, six bool // what it speaks
	zone      *zone
	phase     int       // probes sent, and announcements
	at        time.Time // of the next one; zero: all were sent
	sent      map[sending]time.Time
	waiting   []reply
}

// sending is a record that was multicast.
type sending struct {
	what identity
	six  bool
}

// rename takes the names of the session, and begins to probe for them.
func (l *link) rename(now time.Time) {
	if l.zone != nil { // what others list is to go; the rest belongs to somebody else now
		l.goodbye(slices.DeleteFunc(slices.Clone(l.zone.records), func(r record) bool { return r.unique || r.name == allTypes }))
	}
	l.zone = newZone(l.names, l.services, l.addresses())
	l.probe(now, 0)
}

// probe asks, from a moment on, whether somebody has our names. The first question is
// put off by a random time, lest all machines ask at once when the power is back.
func (l *link) probe(now time.Time, wait time.Duration) {
	l.phase, l.at, l.waiting = 0, now.Add(wait+rand.N(probeEvery)), nil
	if len(l.zone.records) == 0 {
		l.phase, l.at = announced, time.Time{}
	}
}

// update announces what has changed, and says that it is gone what is.
func (l *link) update(now time.Time) {
	old := l.zone
	l.zone = newZone(l.names, l.services, l.addresses())
	if slices.Equal(old.records, l.zone.records) {
		return
	}
	l.goodbye(slices.DeleteFunc(slices.Clone(old.records), func(r record) bool { return slices.Contains(l.zone.records, r) }))
	fresh := slices.ContainsFunc(l.zone.records, func(r record) bool { return r.unique && !old.has(r.name) })
	if !l.claimed() || fresh {
		l.probe(now, 0)
		return
	}
	l.phase, l.at = probes, now
}

// claimed tells whether our names are ours: nobody has said otherwise.
func (l *link) claimed() bool { return l.phase > probes }

// next returns when something is to be done; far away if nothing is.
func (l *link) next() time.Time {
	at := l.at
	for _, r := range l.waiting {
		if at.IsZero() || r.due.Before(at) {
			at = r.due
		}
	}
	if at.IsZero() {
		return time.Now().Add(time.Hour)
	}
	return at
}

// step does what is due.
func (l *link) step(now time.Time) {
	due := l.waiting
	l.waiting = nil
	for _, r := range due {
		if r.due.After(now) {
			l.waiting = append(l.waiting, r)
		} else {
			l.reply(r, now)
		}
	}
	if l.at.IsZero() || l.at.After(now) {
		return
	}
	if l.phase < probes {
		l.ask()
		l.phase, l.at = l.phase+1, now.Add(probeEvery)
		return
	}
	if l.phase == probes {
		l.deps.Log.Info("announced by mDNS", "interface", l.name, "name", l.names.instance, "host", l.zone.host.String())
		l.setHost(l.zone.host.String())
	}
	l.multicast(&message{flags: flagAnswer | flagAuth, answers: l.zone.records}, now)
	if l.phase, l.at = l.phase+1, now.Add(announceEvery); l.phase == announced {
		l.at = time.Time{}
	}
}

// ask sends a probe. It does not ask for an answer by unicast, as it might: where the
// port is shared the kernel would give that to somebody else.
func (l *link) ask() {
	m := &message{}
	for _, r := range l.zone.records {
		if !r.unique {
			continue
		}
		if q := (question{name: r.name, typ: typeANY}); !slices.Contains(m.questions, q) {
			m.questions = append(m.questions, q)
		}
		r.unique = false // the bit means nothing here
		m.authority = append(m.authority, r)
	}
	l.transmit(m.pack())
}

// goodbye says that records are gone, if they were ever announced.
func (l *link) goodbye(all []record) {
	if len(all) > 0 && l.claimed() {
		l.multicast(&message{flags: flagAnswer | flagAuth, answers: goodbye(all)}, time.Time{})
	}
}

// multicast sends a message by both families, and notes what was sent, unless at is
// zero.
func (l *link) multicast(m *message, at time.Time) {
	for _, six := range []bool{false, true} {
		l.note(m, six, at)
	}
	for _, b := range pieces(m) {
		l.transmit(b)
	}
}

func (l *link) note(m *message, six bool, at time.Time) {
	if at.IsZero() {
		return
	}
	for _, r := range m.answers {
		l.sent[sending{r.identity(), six}] = at
	}
	if len(l.sent) > 500 { // what we no longer have
		for k, t := range l.sent {
			if at.Sub(t) > otherTTL*time.Second {
				delete(l.sent, k)
			}
		}
	}
}

func (l *link) transmit(b []byte) {
	for _, six := range []bool{false, true} {
		if six && l.six || !six && l.four {
			l.send(six, netip.AddrPort{}, b)
		}
	}
}

// send sends to the group if to is zero. What cannot be sent is not worth more than a
// line for who looks: an interface that goes away, a network without IPv4.
func (l *link) send(six bool, to netip.AddrPort, b []byte) {
	l.echoes.note(b)
	if err := l.transport.send(l.index, six, to, b); err != nil {
		l.deps.Log.Debug("mDNS packet not sent", "interface", l.name, "error", err)
	}
}

// roomy is how large a message may be that goes through everywhere in one packet.
const roomy = 1400

// pieces packs a message, into several if it is large; what is only useful to know
// goes first.
func pieces(m *message) [][]byte {
	b := m.pack()
	switch {
	case len(b) <= roomy:
		return [][]byte{b}
	case len(m.additional) > 0:
		less := *m
		less.additional = nil
		return pieces(&less)
	case len(m.answers) > 1:
		first, second := *m, *m
		half := len(m.answers) / 2
		first.answers, second.answers = m.answers[:half], m.answers[half:]
		return append(pieces(&first), pieces(&second)...)
	}
	return [][]byte{b}
}

// heard looks in what another responder says for names of ours.
func (l *link) heard(m *message, now time.Time) {
	for _, r := range slices.Concat(m.answers, m.authority, m.additional) {
		if r.ttl == 0 || !l.zone.has(r.name) || l.ours(r) {
			continue
		}
		if !l.claimed() {
			wait := l.patience(now)
			l.renameAll(now)
			for _, other := range l.links {
				other.probe(now, wait)
			}
			return
		}
		if slices.ContainsFunc(l.zone.records, func(own record) bool { return own.typ == r.typ && own.name.fold() == r.name.fold() }) {
			l.probe(now, l.patience(now)) // and who has it says so
			return
		}
	}
}

// contested tells whether somebody else probes for a name of ours at this moment, and
// goes first (RFC 6762, section 8.2).
func (l *link) contested(m *message) bool {
	for _, q := range m.questions {
		if !l.zone.has(q.name) {
			continue
		}
		theirs, mine := of(q.name, m.authority), of(q.name, l.zone.records)
		if len(theirs) > 0 && slices.CompareFunc(theirs, mine, compare) > 0 {
			return true
		}
	}
	return false
}

// of returns the records of a name that it is probed for with, in order.
func of(n name, all []record) []record {
	all = slices.DeleteFunc(slices.Clone(all), func(r record) bool { return r.name.fold() != n.fold() })
	slices.SortFunc(all, compare)
	return all
}

func compare(a, b record) int {
	if a.typ != b.typ {
		return int(a.typ) - int(b.typ)
	}
	return strings.Compare(a.data, b.data)
}

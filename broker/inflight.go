package broker

// inflight holds the QoS 1 and 2 messages that were sent and are not
// complete, in the order they were sent in. It outlives the connection; the
// window is the connection's. The zero inflight has no room until restart.
//
// Messages have the numbers that they got in the session's queue, and packet
// identifiers follow from them. So a message has the same identifier after a
// restart, without anybody having noted it, and lies in the ring where its
// identifier says. The ring spans from the oldest message that is not complete
// to the newest.
type inflight struct {
	ring   []flying // its length is a power of two
	head   int      // where the oldest lies
	span   int      // messages from the oldest to the newest, complete ones in between included
	open   int      // those that are not complete
	bytes  int64    // size of the messages that the client has not got
	resend int      // from here on, counted from head, they were not yet sent on this connection
	window int      // how many may be on their way to the client
	used   int      // how many are
	last   uint64   // number of the newest
}

// flying is one message in flight. One that was, before a restart, has its
// message in the store.
type flying struct {
	msg    *Message // nil once the client has it, and where it will never be sent again
	via    *via     // by which subscriptions it came; nil for nothing to say
	qos    QoS
	state  flyingState
	retain bool
	size   uint32 // of the message, bytes
	sent   bool   // on this connection
}

func (e *flying) ids() []uint32 {
	if e.via == nil {
		return nil
	}
	return e.via.ids
}

func (e *flying) group() *group {
	if e.via == nil {
		return nil
	}
	return e.via.group
}

type flyingState byte

const (
	flyingDone     flyingState = iota // complete, or never used
	flyingSent                        // PUBLISH was sent
	flyingReleased                    // PUBREC came: PUBREL is what is sent
)

// maxSpan is how many packet identifiers there are.
const maxSpan = 65_535

// restart begins a connection whose client can take window messages at once:
// everything in flight is to be sent again, in its order [MQTT-4.4.0-1]
// [MQTT-4.6.0-1], as far as the window goes [MQTT-4.9.0-1].
func (f *inflight) restart(window int) {
	f.resend, f.used, f.window = 0, 0, window
	for i := range f.span {
		f.at(i).sent = false
	}
}

// at returns the i-th message, counted from the oldest.
func (f *inflight) at(i int) *flying { return &f.ring[(f.head+i)&(len(f.ring)-1)] }

// seq returns the number of the i-th message.
func (f *inflight) seq(i int) uint64 { return f.last - uint64(f.span-1-i) }

// id returns the packet identifier of the i-th message.
func (f *inflight) id(i int) uint16 { return idOf(f.seq(i)) }

// idOf returns the packet identifier of a message: 1 to 65,535, one after the
// other [MQTT-2.2.1-3].
func idOf(seq uint64) uint16 { return uint16((seq-1)%maxSpan) + 1 }

// find returns the message that has the identifier, nil if none in flight has.
func (f *inflight) find(id uint16) *flying {
	e, _ := f.lookup(id)
	return e
}

// lookup is find, with the message's number.
func (f *inflight) lookup(id uint16) (*flying, uint64) {
	if id == 0 || f.span == 0 {
		return nil, 0
	}
	back := int(idOf(f.last)) - int(id) // from the newest
	if back < 0 {
		back += maxSpan
	}
	if back >= f.span {
		return nil, 0
	}
	i := f.span - 1 - back
	if e := f.at(i); e.state != flyingDone {
		return e, f.seq(i)
	}
	return nil, 0
}

// room tells whether one more new message may be sent [MQTT-3.3.4-9]
// [MQTT-4.9.0-2]. Nothing else asks: other packets are never held back
// [MQTT-3.3.4-10].
func (f *inflight) room() bool {
	return f.resend >= f.span && f.used < f.window && f.span < maxSpan
}

// reaches tells whether the message with that number can be the next one:
// identifiers of those in flight do not come again.
func (f *inflight) reaches(seq uint64) bool {
	return f.span == 0 || seq-f.seq(0) < maxSpan
}

// numbered returns the message with that number, nil if it is not in flight.
func (f *inflight) numbered(seq uint64) *flying {
	if f.span == 0 || seq > f.last || seq < f.seq(0) {
		return nil
	}
	return f.at(int(seq - f.seq(0)))
}

// peekResend returns what nextResend will, and changes nothing that matters.
func (f *inflight) peekResend() *flying {
	for f.resend < f.span && f.used < f.window {
		if e := f.at(f.resend); e.state != flyingDone && !e.sent {
			return e
		}
		f.resend++
	}
	return nil
}

// nextResend returns the next message to be sent again and its identifier,
// nil if there is none or no room in the window.
func (f *inflight) nextResend() (*flying, uint16) {
	for f.resend < f.span && f.used < f.window {
		i := f.resend
		f.resend++
		if e := f.at(i); e.state != flyingDone && !e.sent {
			e.sent = true
			f.used++
			return e, f.id(i)
		}
	}
	return nil, 0
}

// add puts the message with that number, higher than all before, in flight and
// returns its packet identifier, one that no other message in flight has
// [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]. There is room, and the number
// can be reached.
func (f *inflight) add(e flying, seq uint64) uint16 {
	e.sent = true
	if e.state == flyingDone {
		e.state = flyingSent
	}
	f.push(e, seq)
	f.used++
	f.resend = f.span
	return idOf(seq)
}

// restore puts a message in flight as it was before a restart: it is to be sent
// again.
func (f *inflight) restore(e flying, seq uint64) { f.push(e, seq) }

// push appends a message. Numbers in between were never sent.
func (f *inflight) push(e flying, seq uint64) {
	if f.span == 0 {
		f.last = seq - 1
	}
	for f.last < seq {
		if f.span == len(f.ring) {
			grown := make([]flying, max(8, 2*len(f.ring)))
			for i := range f.span {
				grown[i] = *f.at(i)
			}
			f.ring, f.head = grown, 0
		}
		f.span++
		f.last++
		*f.at(f.span - 1) = flying{}
	}
	*f.at(f.span - 1) = e
	f.open++
	f.bytes += int64(e.size)
}

// drop forgets the message's content.
func (f *inflight) drop(e *flying) {
	f.bytes -= int64(e.size)
	e.msg, e.via, e.size = nil, nil, 0
}

// remove takes e, which is complete, out.
func (f *inflight) remove(e *flying) {
	f.drop(e)
	e.state = flyingDone
	f.open--
	if e.sent {
		f.used--
	}
	f.trim()
}

// trim drops what is complete from the front.
func (f *inflight) trim() {
	for f.span > 0 && f.at(0).state == flyingDone {
		f.head = (f.head + 1) & (len(f.ring) - 1)
		f.span--
		f.resend = max(0, f.resend-1)
	}
	if f.span == 0 && len(f.ring) > 64 {
		f.ring, f.head = nil, 0 // a burst is over; give its memory back
	}
}

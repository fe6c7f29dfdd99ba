package broker

// inflight holds the QoS 1 and 2 messages that were sent and are not
// complete, in the order they were sent in. It outlives the connection; the
// window is the connection's. The zero inflight has no room until restart.
//
// Packet identifiers are given one after the other, so the messages lie in a
// ring where an identifier says the place. It spans from the oldest message
// that is not complete to the newest.
type inflight struct {
	ring   []flying // its length is a power of two
	head   int      // where the oldest lies
	span   int      // messages from the oldest to the newest, complete ones in between included
	open   int      // those that are not complete
	bytes  int64    // size of the messages that the client has not got
	resend int      // from here on, counted from head, they were not yet sent on this connection
	window int      // how many may be on their way to the client
	used   int      // how many are
	lastID uint16
}

// flying is one message in flight.
type flying struct {
	msg    *Message // nil once the client has it, and where it will never be sent again
	group  *group   // the shared subscription it came by
	ids    []uint32
	qos    QoS
	state  flyingState
	retain bool
	size   uint32 // of the message, bytes
	sent   bool   // on this connection
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

// id returns the packet identifier of the i-th message.
func (f *inflight) id(i int) uint16 {
	id := int(f.lastID) - (f.span - 1 - i)
	if id <= 0 {
		id += maxSpan
	}
	return uint16(id)
}

// find returns the message that has the identifier, nil if none in flight has.
func (f *inflight) find(id uint16) *flying {
	back := int(f.lastID) - int(id) // from the newest
	if back < 0 {
		back += maxSpan
	}
	if id == 0 || back >= f.span {
		return nil
	}
	if e := f.at(f.span - 1 - back); e.state != flyingDone {
		return e
	}
	return nil
}

// room tells whether one more new message may be sent [MQTT-3.3.4-9]
// [MQTT-4.9.0-2]. Nothing else asks: other packets are never held back
// [MQTT-3.3.4-10].
func (f *inflight) room() bool {
	return f.resend >= f.span && f.used < f.window && f.span < maxSpan
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

// add puts a message in flight and returns its packet identifier, one that no
// other message in flight has [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
// There is room.
func (f *inflight) add(e flying) uint16 {
	if f.span == len(f.ring) {
		grown := make([]flying, max(8, 2*len(f.ring)))
		for i := range f.span {
			grown[i] = *f.at(i)
		}
		f.ring, f.head = grown, 0
	}
	e.sent = true
	if e.state == flyingDone {
		e.state = flyingSent
	}
	f.span++
	*f.at(f.span - 1) = e
	f.lastID++
	if f.lastID == 0 { // [MQTT-2.2.1-3]
		f.lastID = 1
	}
	f.open++
	f.used++
	f.resend = f.span
	f.bytes += int64(e.size)
	return f.lastID
}

// drop forgets the message's content.
func (f *inflight) drop(e *flying) {
	f.bytes -= int64(e.size)
	e.msg, e.group, e.ids, e.size = nil, nil, nil, 0
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

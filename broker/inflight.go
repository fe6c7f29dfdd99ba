package broker

// inflight holds the QoS 1 and 2 messages that were sent and are not
// complete, in the order they were sent in. It outlives the connection; the
// window is the connection's. The zero inflight has no room until restart.
type inflight struct {
	ids        map[uint16]*flying
	head, tail *flying
	resend     *flying // the first not yet sent again on this connection
	sent       int     // sent on this connection and not complete
	max        int     // window: how many may be
	lastID     uint16
}

// flying is one message in flight.
type flying struct {
	delivery
	id         uint16
	released   bool // PUBREC came: PUBREL is what is sent, msg is nil
	sent       bool // on this connection
	prev, next *flying
}

// restart begins a connection whose client can take window messages at once:
// everything in flight is to be sent again, in its order [MQTT-4.4.0-1]
// [MQTT-4.6.0-1].
func (f *inflight) restart(window int) {
	f.resend, f.sent, f.max = f.head, 0, window
	for e := f.head; e != nil; e = e.next {
		e.sent = false
	}
}

// room tells whether one more new message may be sent [MQTT-3.3.4-9].
func (f *inflight) room() bool {
	return f.resend == nil && f.sent < f.max && len(f.ids) < 65535
}

// nextResend returns the next message to be sent again, nil if there is none
// or no room in the window.
func (f *inflight) nextResend() *flying {
	e := f.resend
	if e == nil || f.sent >= f.max {
		return nil
	}
	f.resend = e.next
	e.sent = true
	f.sent++
	return e
}

// add puts d in flight and returns its packet identifier, one that no other
// message in flight has [MQTT-2.2.1-4]. There is room.
func (f *inflight) add(d delivery) uint16 {
	for {
		f.lastID++
		if f.lastID == 0 { // [MQTT-2.2.1-3]
			f.lastID = 1
		}
		if f.ids[f.lastID] == nil {
			break
		}
	}
	e := &flying{delivery: d, id: f.lastID, sent: true, prev: f.tail}
	if f.ids == nil {
		f.ids = make(map[uint16]*flying)
	}
	f.ids[e.id] = e
	if f.tail == nil {
		f.head = e
	} else {
		f.tail.next = e
	}
	f.tail = e
	f.sent++
	return e.id
}

// remove takes e, which is complete, out.
func (f *inflight) remove(e *flying) {
	delete(f.ids, e.id)
	if e.sent {
		f.sent--
	}
	if f.resend == e {
		f.resend = e.next
	}
	if e.prev == nil {
		f.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		f.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
}

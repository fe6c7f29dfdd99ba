package store

import "encoding/binary"

// bound returns a size that the records of a change do not exceed.
func (c *Change) bound() int64 {
	n := int64(64 + len(c.Name) + len(c.Data))
	if c.Op == Publish && c.Message != nil {
		m := c.Message
		n += int64(len(m.Topic) + len(m.Publisher) + len(m.Properties) + len(m.Payload) + 96)
		for i := range c.To {
			n += int64(32 + len(c.To[i].Extra))
		}
	}
	return n
}

// append makes a change and appends its record to b, which is the beginning of
// a frame at that place. A change that does nothing has none.
func (x *index) append(b []byte, c *Change, segment uint32, at int64, mark Mark) []byte {
	id := uint64(c.Session)
	if c.Op != PutSession && c.Op != Publish && c.Op != ClearRetained && x.known(c.Session) == nil {
		return b
	}
	switch c.Op {
	case PutSession:
		x.putSession(c.Session, c.Name, append([]byte(nil), c.Data...), mark)
		return appendRecord(b, kindPutSession, func(b []byte) []byte {
			b = binary.AppendUvarint(b, id)
			return appendBytes(appendText(b, c.Name), c.Data)
		})
	case EndSession:
		x.endSession(c.Session)
		return appendRecord(b, kindEndSession, func(b []byte) []byte { return binary.AppendUvarint(b, id) })
	case Subscribe:
		x.subscribe(c.Session, c.Name, append([]byte(nil), c.Data...))
		return appendRecord(b, kindSubscribe, func(b []byte) []byte {
			b = binary.AppendUvarint(b, id)
			return appendBytes(appendText(b, c.Name), c.Data)
		})
	case Unsubscribe:
		x.unsubscribe(c.Session, c.Name)
		return appendRecord(b, kindUnsubscribe, func(b []byte) []byte { return appendText(binary.AppendUvarint(b, id), c.Name) })
	case Publish:
		return x.publish(b, c, segment, at)
	case ClearRetained:
		if _, ok := x.retained[c.Name]; !ok {
			return b
		}
		number := x.retainedNext
		x.clear(c.Name, number)
		return appendRecord(b, kindClearRetained, func(b []byte) []byte { return appendText(binary.AppendUvarint(b, number), c.Name) })
	case Done:
		if x.sessions[c.Session].at(c.Seq) == nil {
			return b
		}
		x.done(c.Session, c.Seq)
		return appendNumbers(b, kindDone, id, c.Seq)
	case Release:
		if x.sessions[c.Session].at(c.Seq) == nil {
			return b
		}
		flags := x.sessions[c.Session].at(c.Seq).flags
		x.release(c.Session, c.Seq)
		return appendRecord(b, kindRelease, func(b []byte) []byte {
			return append(binary.AppendUvarint(binary.AppendUvarint(b, id), c.Seq), flags)
		})
	case Forget:
		if _, ok := x.sessions[c.Session].received[c.PacketID]; !ok {
			return b
		}
		x.forget(c.Session, c.PacketID)
		return appendNumbers(b, kindForget, id, uint64(c.PacketID))
	}
	panic("store: a change of no kind")
}

func appendNumbers(b []byte, k kind, n ...uint64) []byte {
	return appendRecord(b, k, func(b []byte) []byte {
		for _, n := range n {
			b = binary.AppendUvarint(b, n)
		}
		return b
	})
}

// publish is append for Publish.
func (x *index) publish(b []byte, c *Change, segment uint32, at int64) []byte {
	rec := message{m: c.Message, to: x.to[:0]}
	for _, to := range c.To {
		if x.known(to.Session) != nil {
			rec.to = append(rec.to, to)
		}
	}
	if c.PacketID != 0 && x.known(c.Session) != nil {
		rec.session, rec.packetID = c.Session, c.PacketID
		x.receive(c.Session, c.PacketID)
	}
	if c.Retain {
		rec.retained = x.retainedNext
	}
	if len(rec.to) == 0 && rec.packetID == 0 && !c.Retain {
		return b
	}
	x.to = rec.to
	start := len(b)
	b = appendRecord(b, kindPublish, rec.append)
	x.keep(&rec, place{segment: segment, offset: uint32(at) + uint32(start), size: uint32(len(b) - start)})
	clear(x.to)
	return b
}

// keep notes that the record of a message at p is needed by all that it is for.
func (x *index) keep(rec *message, p place) {
	share := len(rec.to)
	if rec.retained != 0 {
		share++
	}
	p.share = uint16(min(share, 1<<16-1))
	for i := range rec.to {
		to := &rec.to[i]
		q := p
		q.flags = to.Flags
		if len(to.Extra) > 0 {
			q.bits |= bitExtra
		}
		x.deliver(x.session(to.Session), to.Seq, q)
	}
	if rec.retained != 0 {
		x.retain(rec.m.Topic, rec.retained, p)
	}
}

package store

import (
	"math"
	"slices"
	"testing"
	"time"
)

// seedSegment returns a segment's file with records of every kind.
func seedSegment() []byte {
	x := newIndex()
	s := &segment{id: 1, version: 1, first: 1, salt: 7, size: 4 << 10}
	b := make([]byte, s.size)
	head := s.head(time.UnixMilli(0))
	copy(b, head)
	copy(b[s.size-segmentHead:], head)
	at := int64(segmentHead)
	frame := func(mark Mark, records func([]byte) []byte) {
		f := records(make([]byte, frameHead))
		sealFrame(f, mark, s.salt, time.Unix(0, 0))
		at = align(at + int64(copy(b[at:], f)))
	}
	frame(1, func(f []byte) []byte {
		for _, c := range []Change{
			{Op: PutSession, Session: 1, Name: "c", Data: []byte("data")}, {Op: Subscribe, Session: 1, Name: "t", Data: []byte{1}},
			{Op: Subscribe, Session: 1, Name: "u"}, {Op: Unsubscribe, Session: 1, Name: "u"},
			{Op: Publish, Session: 1, PacketID: 3, Retain: true, Message: &Message{Topic: "t", Publisher: "p", Properties: []byte("props"), Payload: []byte("payload"), QoS: 2, Retain: true, Came: 1, Expires: 2},
				To: []Delivery{{Session: 1, Seq: 1, Flags: 2, Extra: []byte("extra")}, {Session: 1, Seq: 2}, {Session: 1, Seq: 3}}},
			{Op: Done, Session: 1, Seq: 2}, {Op: Release, Session: 1, Seq: 3}, {Op: Forget, Session: 1, PacketID: 3}, {Op: ClearRetained, Name: "none"},
		} {
			f = x.append(f, &c, 1, at, 1)
		}
		return f
	})
	frame(2, func(f []byte) []byte {
		f = appendNumbers(f, kindRoundBegin, 2, 9, 1, 1, 2)
		runs, released := x.sessions[1].runs()
		f = x.sessions[1].state(f, 1, runs, released)
		f = appendRecord(f, kindRetainedSet, func(b []byte) []byte { return appendSet(b, 0, 9, []uint64{1, 4}) })
		return appendNumbers(f, kindRoundEnd, 2)
	})
	frame(3, func(f []byte) []byte {
		m := message{m: &Message{Topic: "t", Payload: []byte("moved")}, retained: 3, to: []Delivery{{Session: 1, Seq: 1}}}
		f = appendRecord(f, kindMove, m.append)
		return appendRecord(f, kindEndSession, func(b []byte) []byte { return append(b, 2) })
	})
	return b
}

// FuzzScan reads anything as a segment's file.
func FuzzScan(f *testing.F) {
	f.Add(seedSegment(), uint64(math.MaxUint64), false)
	f.Add(seedSegment()[:500], uint64(3), true)
	f.Fuzz(func(t *testing.T, b []byte, limit uint64, follows bool) {
		s, err := readHead("file", b)
		if err != nil {
			return
		}
		end := int64(segmentHead)
		found, err := scan(s, frames(b), Mark(limit), follows, func(fr frame) error {
			if fr.at < end || fr.at+frameHead+int64(len(fr.records)) > int64(len(b)) {
				t.Errorf("frame at %d of %d behind %d", fr.at, len(fr.records), end)
			}
			end = fr.at + frameHead + int64(len(fr.records))
			return nil
		})
		if err != nil || found.end < end || found.torn < 0 || found.end+found.torn > int64(len(b))+frameAlign {
			t.Errorf("%+v, %v, of %d bytes", found, err, len(b))
		}
	})
}

// FuzzRecords reads anything as the records of a frame.
func FuzzRecords(f *testing.F) {
	b := seedSegment()
	s, _ := readHead("", b)
	_, _ = scan(s, frames(b), math.MaxUint64, false, func(fr frame) error {
		f.Add(slices.Clone(fr.records))
		return nil
	})
	f.Fuzz(func(t *testing.T, records []byte) {
		d := &Disk{x: newIndex()}
		r := &replay{d: d, rec: &d.recovery, holds: make(numbers)}
		for rest := records; len(rest) > 0; { // with right checksums
			k, body, more, err := nextRecord(rest)
			if err != nil {
				break
			}
			rest = more
			resealMessage(k, body)
		}
		_ = r.frame(&segment{id: 1, version: 1}, frame{at: segmentHead, mark: 1, records: records})
		_ = r.frame(&segment{id: 2, version: 1}, frame{at: segmentHead, mark: 2, records: records})
		d.recovery.Damage = nil
		r.finish()
		// What came of it can be stated, and the statement says the same.
		for id, s := range d.x.sessions {
			if s.live > 1000 {
				continue
			}
			runs, released := s.runs()
			b := s.state(nil, id, runs, released)
			again := &Disk{x: newIndex()}
			k, body, rest, err := nextRecord(b)
			if err != nil || k != kindSession || len(rest) > 0 {
				t.Fatalf("%v, %v, %d", err, k, len(rest))
			}
			if err := (&replay{d: again, rec: &again.recovery, holds: make(numbers)}).record(k, body, 1); err != nil {
				t.Errorf("session %d is stated so that it cannot be read: %v", id, err)
			} else if s2 := again.x.sessions[id]; s2 == nil || s2.name != s.name || len(s2.subs) != len(s.subs) || len(s2.received) != len(s.received) {
				t.Errorf("session %d is stated as another", id)
			}
		}
	})
}

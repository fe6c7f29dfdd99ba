//go:build linux

package main

import (
	"bytes"
	"net"
	"testing"
	"time"

	"gateway/broker/packet"
)

// recorder is a connection that keeps what is written, and has nothing to read.
type recorder struct {
	net.Conn
	written bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error)      { return r.written.Write(b) }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

// packets returns what was written since the last call.
func (r *recorder) packets(t *testing.T) []packet.Packet {
	t.Helper()
	reader := packet.NewReader(bytes.NewReader(r.written.Bytes()), 0)
	defer r.written.Reset()
	var all []packet.Packet
	for {
		first, body, err := reader.Next()
		if err != nil {
			return all
		}
		p, err := packet.Decode(first, body, packet.V311)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func newRecorder() (*link, *recorder) {
	r := new(recorder)
	return &link{nc: r, version: packet.V311}, r
}

// A message of QoS 2 is new unless its identifier is waiting for PUBREL.
func TestSubscriberKeepsIdentifiers(t *testing.T) {
	j := newJournal(1)
	s := &subscriber{sink: &sink{qos: 2}, journal: j}
	l, r := newRecorder()
	for i, step := range []struct {
		id      uint16
		seq     int
		release bool // PUBREL afterwards
		want    int  // receipts
	}{{1, 0, false, 1}, {1, 0, false, 1}, {2, 1, false, 2}, {1, 0, true, 2}, {1, 2, false, 3}} {
		for len(j.sent[0]) <= step.seq {
			j.send(0, message{topic: "t", qos: 2})
		}
		p := &packet.Publish{QoS: 2, ID: step.id, Topic: "t", Payload: payload(key{0, step.seq}, 2, "t", 0)}
		if err := s.message(l, p); err != nil {
			t.Fatal(err)
		}
		if sent := r.packets(t); len(sent) != 1 || sent[0].Type() != packet.TypePubrec {
			t.Errorf("step %d is answered with %v", i, sent)
		}
		if step.release {
			delete(s.received, step.id)
		}
		if got := len(s.sink.receipts); got != step.want {
			t.Errorf("step %d: %d receipts, want %d", i, got, step.want)
		}
	}
	if len(j.faults) > 0 {
		t.Error(j.faults)
	}
}

// After a reconnect everything is sent again in its order, PUBREL in place of
// the message where PUBREC has come [MQTT-4.4.0-1].
func TestPublisherResumes(t *testing.T) {
	j := newJournal(1)
	p := &publisher{journal: j, qos: 2}
	for id := uint16(1); id <= 3; id++ {
		seq := j.send(0, message{topic: "t", qos: 2})
		p.flight = append(p.flight, outgoing{seq: seq, publish: &packet.Publish{QoS: 2, ID: id, Topic: "t"}})
	}
	l, r := newRecorder()
	if err := p.answer(l, &packet.Pubrec{ID: 2}); err != nil {
		t.Fatal(err)
	}
	r.packets(t)
	if err := p.resume(l); err != nil {
		t.Fatal(err)
	}
	all := r.packets(t)
	if len(all) != 3 {
		t.Fatalf("%d packets", len(all))
	}
	first, ok1 := all[0].(*packet.Publish)
	rel, ok2 := all[1].(*packet.Pubrel)
	third, ok3 := all[2].(*packet.Publish)
	if !ok1 || !ok2 || !ok3 || !first.Dup || first.ID != 1 || rel.ID != 2 || !third.Dup || third.ID != 3 {
		t.Errorf("sent again: %v", all)
	}
	for _, a := range []packet.Packet{&packet.Pubcomp{ID: 2}, &packet.Pubcomp{ID: 1}, &packet.Pubrec{ID: 9}} {
		if err := p.answer(l, a); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.flight) != 2 || len(r.packets(t)) != 0 {
		t.Errorf("%d left", len(p.flight))
	}
	if acked := j.sent[0][1].acked != 0; !acked || j.sent[0][0].acked != 0 {
		t.Error("PUBREC is what acknowledges")
	}
	for range 70000 { // identifiers in flight are not given away again
		if id := p.freeID(); id == 0 || id == 1 || id == 3 {
			t.Fatalf("identifier %d", id)
		}
	}
}

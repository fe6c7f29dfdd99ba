package store

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestReopen keeps a little of everything over a restart.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := d.NewSession(), d.NewSession()
	m := &Message{Topic: "t/1", Payload: []byte("hello"), QoS: 2, Came: 1}
	mark, err := d.Append(Now,
		Change{Op: PutSession, Session: a, Name: "a", Data: []byte("data")},
		Change{Op: PutSession, Session: b, Name: "b"},
		Change{Op: Subscribe, Session: a, Name: "t/#", Data: []byte{2}},
		Change{Op: Publish, Message: m, Retain: true, Session: b, PacketID: 7, To: []Delivery{{Session: a, Seq: 1, Flags: 3}, {Session: b, Seq: 1, Extra: []byte("x")}}},
		Change{Op: Release, Session: a, Seq: 1},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	want := describe(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := describe(t, d); got != want {
		t.Errorf("after a restart\n%s\nbefore\n%s", got, want)
	}
	if r := d.Recovered(); r.TornBytes != 0 || len(r.Damage) > 0 {
		t.Errorf("recovery %+v", r)
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a second store in the same folder")
	} else {
		t.Log(err)
	}
}

// TestManySegments fills and empties segments, so that they are cleared and
// used again.
func TestManySegments(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentSize: 64 << 10}
	d, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	a := d.NewSession()
	d.Append(Now, Change{Op: PutSession, Session: a, Name: "a"})
	for i := range uint64(20_000) {
		m := &Message{Topic: fmt.Sprint("t/", i%50), Payload: fmt.Appendf(nil, "payload %d", i), QoS: 1}
		changes := []Change{{Op: Publish, Message: m, Retain: i%3 == 0, To: []Delivery{{Session: a, Seq: i + 1}}}}
		if i%100 != 0 {
			changes = append(changes, Change{Op: Done, Session: a, Seq: i + 1})
		}
		if mark, err := d.Append(Later, changes...); err != nil {
			t.Fatal(err)
		} else if i%100 == 0 {
			if err := d.Wait(t.Context(), mark); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := describe(t, d)
	st := d.Stats()
	t.Logf("%+v", st)
	if st.Bytes > 20*o.SegmentSize {
		t.Errorf("%d bytes on disk for %d that are needed", st.Bytes, st.Live)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := describe(t, d); got != want {
		t.Errorf("after a restart\n%.2000s\nbefore\n%.2000s", got, want)
	}
	t.Logf("%+v", d.Recovered())
	if damaged, _ := filepath.Glob(dir + "/*.damaged"); len(damaged) > 0 {
		t.Error(damaged)
	}
}

// describe says all that a store keeps.
func describe(t *testing.T, s Store) string {
	t.Helper()
	var lines []string
	type read struct {
		id SessionID
		q  Queued
	}
	var reads []read
	err := s.Load(func(x *Session) {
		lines = append(lines, fmt.Sprintf("session %d %q %q %v %v next %d, %d wait", x.ID, x.Name, x.Data, x.Subscriptions, sorted(x.Received), x.Next, x.Waiting))
		x.Queue(func(q Queued) bool {
			reads = append(reads, read{x.ID, q})
			return true
		})
	}, func(m *Message) {
		lines = append(lines, fmt.Sprintf("retained %+v", *m))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reads {
		line := fmt.Sprintf("delivery %d/%d flags %d extra %v released %v", r.id, r.q.Seq, r.q.Flags, r.q.Extra, r.q.Released)
		if !r.q.Released {
			m, extra, err := s.Read(r.id, r.q.Seq)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			line += fmt.Sprintf(" %+v %q", *m, extra)
		}
		lines = append(lines, line)
	}
	return joined(lines)
}

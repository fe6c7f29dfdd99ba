package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/bridge/link"
	"gateway/broker"
	"gateway/broker/store"
)

const year = 365 * 24 * time.Hour

// setClock is a store under which the clock was set: what it has shows times that much
// later than they are. Time in a bubble cannot be set itself.
type setClock struct {
	store.Store
	by time.Duration
}

func (s setClock) moved(m *store.Message) *store.Message {
	moved := *m
	moved.Came += s.by.Milliseconds()
	return &moved
}

func (s setClock) Read(id store.SessionID, seq uint64) (*store.Message, []byte, error) {
	m, extra, err := s.Store.Read(id, seq)
	if err != nil {
		return nil, nil, err
	}
	return s.moved(m), extra, nil
}

func (s setClock) Load(session func(*store.Session), retained func(*store.Message)) error {
	return s.Store.Load(session, func(m *store.Message) { retained(s.moved(m)) })
}

// The clock is a year off while messages wait, and is right after a restart, or
// the other way round: everything goes out, once and in its order, and what is
// retained in the end is the newest on both sides, though the upstream sends what it
// has retained before.
func TestClockThatJumpsByAYear(t *testing.T) {
	for _, by := range []time.Duration{year, -year} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kept, f := store.NewMemory(), &far{down: errors.New("no line")}
				retain := func(r *rig, payload string) {
					r.send(&broker.Message{Topic: "home/x", Payload: []byte(payload), QoS: 1, Retain: true})
				}
				livesOn(t, bothWays(), kept, f, func(r *rig) {
					for i := range 10 {
						r.publish("home/y", i)
					}
					retain(r, "old")
				})
				f.repair()
				f.hold(true)
				livesOn(t, bothWays(), setClock{kept, by}, f, func(r *rig) {
					retain(r, "new")
					r.publish("home/y", 10)
					r.sleep(time.Second)
					if err := f.sends(link.Message{Topic: "home/x", Payload: []byte("older"), QoS: 1, Retain: true, ID: 1}); err != nil {
						t.Fatal(err)
					}
					f.hold(false)
					r.sleep(time.Minute)
					var want []string
					for i := range 10 {
						want = append(want, fmt.Sprint("home/y=", i))
					}
					want = append(want, "home/x=old", "home/x=new", "home/y=10")
					if got := f.text(); got != strings.Join(want, " ") {
						t.Errorf("upstream got %s", got)
					}
					if m := r.broker.Retained("home/x"); m == nil || string(m.Payload) != "new" {
						t.Errorf("retained here is %v", m)
					}
					for _, m := range f.take() {
						if m.topic == "home/x" && m.retain != (m.payload == "new") {
							t.Errorf("upstream got %v, retained: %v", m, m.retain)
						}
					}
					if s := r.bridge.State(); s.Queue.Waiting+s.Queue.Unacked != 0 {
						t.Errorf("%+v", s.Queue)
					}
				})
			})
		})
	}
}

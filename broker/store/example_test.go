package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"gateway/broker/store"
)

// A broker keeps a session and a message on its way to it, and finds both when it
// starts again.
func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	d, err := store.Open(dir, store.Options{Interval: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	id := d.NewSession()
	mark, err := d.Append(store.Now,
		store.Change{Op: store.PutSession, Session: id, Name: "display"},
		store.Change{Op: store.Subscribe, Session: id, Name: "home/#", Data: []byte{1}},
		store.Change{
			Op:      store.Publish,
			Message: &store.Message{Topic: "home/boiler/temperature", Payload: []byte("61.5"), QoS: 1},
			To:      []store.Delivery{{Session: id, Seq: 1}},
		})
	if err != nil {
		log.Fatal(err)
	}
	if err := d.Wait(context.Background(), mark); err != nil {
		log.Fatal(err)
	}
	// Now the publisher may be told that its message arrived.
	if err := d.Close(); err != nil {
		log.Fatal(err)
	}

	if d, err = store.Open(dir, store.Options{Interval: 5 * time.Second}); err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	var waiting []uint64
	err = d.Load(func(s *store.Session) {
		id = s.ID
		fmt.Println(s.Name, "has", len(s.Subscriptions), "subscription and", s.Waiting, "message")
		s.Queue(func(q store.Queued) bool {
			waiting = append(waiting, q.Seq)
			return true
		})
	}, func(*store.Message) {})
	if err != nil {
		log.Fatal(err)
	}
	for _, seq := range waiting {
		m, _, err := d.Read(id, seq)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", m.Topic, m.Payload)
		// It was acknowledged: that may wait for others.
		if _, err := d.Append(store.Later, store.Change{Op: store.Done, Session: id, Seq: seq}); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// display has 1 subscription and 1 message
	// home/boiler/temperature 61.5
}

// What comes together is appended together: a crash leaves all of it or none.
func ExampleStore() {
	var s store.Store = store.NewMemory()
	id := s.NewSession()
	if _, err := s.Append(store.Later, store.Change{Op: store.PutSession, Session: id, Name: "sensor"}); err != nil {
		log.Fatal(err)
	}
	// A message of QoS 2, which this session must not publish again.
	m := &store.Message{Topic: "home/door", Payload: []byte("open"), QoS: 2}
	if _, err := s.Append(store.Now, store.Change{Op: store.Publish, Message: m, Retain: true, Session: id, PacketID: 7}); err != nil {
		log.Fatal(err)
	}
	err := s.Load(func(x *store.Session) {
		fmt.Println(x.Name, "has sent", x.Received)
	}, func(m *store.Message) {
		fmt.Printf("%s is %s\n", m.Topic, m.Payload)
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// sensor has sent [7]
	// home/door is open
}

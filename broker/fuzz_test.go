package broker

import (
	"io"
	"net"
	"testing"
	"time"

	"gateway/broker/packet"
)

// FuzzConnection gives the broker whatever bytes there are, cut into reads
// wherever, before and after a CONNECT. Nothing may panic, and a client
// beside it must get its messages all the same.
func FuzzConnection(f *testing.F) {
	connect := func(v packet.Version) []byte {
		b, err := (&packet.Connect{Version: v, ClientID: "fuzz", CleanStart: true}).Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	add := func(v packet.Version, packets ...packet.Packet) {
		b := connect(v)
		for _, p := range packets {
			var err error
			if b, err = p.Append(b, v); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b, uint16(7))
	}
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		add(v,
			&packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "a/+", QoS: 2}, {Filter: "$share/g/a/#", QoS: 1}}},
			&packet.Publish{Topic: "a/b", QoS: 2, ID: 2, Payload: []byte("x"), Retain: true},
			&packet.Pubrel{ID: 2},
			&packet.Pubrec{ID: 1}, &packet.Pubcomp{ID: 1}, &packet.Puback{ID: 9},
			&packet.Unsubscribe{ID: 3, Filters: []string{"a/+"}},
			&packet.Pingreq{}, &packet.Disconnect{})
	}
	add(packet.V5, &packet.Publish{Topic: "a", Properties: &packet.Properties{TopicAlias: packet.Some(uint16(1))}},
		&packet.Publish{Properties: &packet.Properties{TopicAlias: packet.Some(uint16(1))}})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, uint16(1))
	f.Add(append(connect(packet.V5), 0x82, 8, 0, 10, 0, 0, 3, 'a', '/', 'b'), uint16(3)) // a truncated option byte

	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		cfg := Default()
		cfg.MaxPacketSize = 100_000
		b := New(cfg, testLog())
		panicked := &watchLog{}
		b.log = panicked.logger()
		witness, err := b.Subscribe(SubscribeOptions{}, "witness")
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		ended := make(chan struct{})
		guard, err := b.openGuard(cfg.Auth, "auth")
		if err != nil {
			t.Fatal(err)
		}
		terms := b.terms(b.cfg(), Listener{Protocol: "unix"}, guard)
		b.serve(there, terms, func() { close(ended) })
		go func() { _, _ = io.Copy(io.Discard, here) }()
		_ = here.SetWriteDeadline(time.Now().Add(10 * time.Second))
		for n := int(cut)%100 + 1; len(data) > 0; data = data[min(n, len(data)):] {
			if _, err := here.Write(data[:min(n, len(data))]); err != nil {
				break // the broker has had enough
			}
		}
		if err := b.Publish(&Message{Topic: "witness", Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if d, err := witness.Next(t.Context()); err != nil || string(d.Payload) != "x" {
			t.Fatal("the witness got nothing", err)
		}
		here.Close()
		<-ended
		if panicked.seen.Load() {
			t.Fatal("the broker panicked")
		}
	})
}

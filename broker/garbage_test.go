package broker

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"gateway/broker/packet"
)

// stream is a publisher and a subscriber on real sockets that make no garbage
// themselves.
type stream struct {
	pub, sub net.Conn
	out      []byte // messages, one after the other
	in       []byte // as the subscriber gets them
	acks     []byte // what the publisher gets
	back     []byte // what the subscriber answers
}

const streamMessages = 15 // fewer than the receive maximum

func newStream(t testing.TB, address string, v packet.Version, qos packet.QoS) *stream {
	t.Helper()
	s := &stream{}
	connect := func(id string) net.Conn {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		_ = nc.SetDeadline(time.Now().Add(time.Minute))
		return nc
	}
	s.pub, s.sub = connect("pub"), connect("sub")
	expect := func(nc net.Conn, p packet.Packet, answer packet.Type) {
		b, err := p.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
		first, body, err := packet.NewReader(nc, 0).Next()
		if err != nil || packet.Type(first>>4) != answer {
			t.Fatal(first, body, err)
		}
	}
	expect(s.pub, &packet.Connect{Version: v, ClientID: "pub", CleanStart: true}, packet.TypeConnack)
	expect(s.sub, &packet.Connect{Version: v, ClientID: "sub", CleanStart: true}, packet.TypeConnack)
	expect(s.sub, &packet.Subscribe{ID: 1, Filters: []packet.Subscription{{Filter: "site/+/sensor", QoS: qos}}}, packet.TypeSuback)
	for i := range streamMessages {
		p := &packet.Publish{Topic: "site/room/sensor", QoS: qos, ID: uint16(i + 1), Payload: []byte(`{"temperature":21.5}`)}
		var err error
		if s.out, err = p.Append(s.out, v); err != nil {
			t.Fatal(err)
		}
	}
	s.in = make([]byte, len(s.out))
	s.acks = make([]byte, 4*streamMessages)
	s.back = make([]byte, 4*streamMessages)
	return s
}

// once sends all messages and waits for them and for all acknowledgements.
func (s *stream) once(qos packet.QoS) error {
	if _, err := s.pub.Write(s.out); err != nil {
		return err
	}
	if _, err := io.ReadFull(s.sub, s.in); err != nil {
		return err
	}
	if qos == 0 {
		return nil
	}
	if _, err := io.ReadFull(s.pub, s.acks); err != nil {
		return err
	}
	size := len(s.in) / streamMessages
	for i := range streamMessages {
		id := s.in[i*size+2+2+len("site/room/sensor"):]
		copy(s.back[4*i:], []byte{byte(packet.TypePuback) << 4, 2, id[0], id[1]})
	}
	_, err := s.sub.Write(s.back)
	return err
}

// TestNoGarbage publishes to connected subscribers: nothing is allocated for
// a message, at QoS 0 and 1.
func TestNoGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, qos := range []packet.QoS{0, 1} {
			t.Run(fmt.Sprintf("MQTT %v QoS %d", v, qos), func(t *testing.T) {
				_, tcp, _ := listening(t)
				s := newStream(t, tcp, v, qos)
				const rounds = 2000
				for range rounds / 10 { // what is made once is made
					if err := s.once(qos); err != nil {
						t.Fatal(err)
					}
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range rounds {
					if err := s.once(qos); err != nil {
						t.Fatal(err)
					}
				}
				runtime.ReadMemStats(&after)
				perMessage := float64(after.Mallocs-before.Mallocs) / (rounds * streamMessages)
				if perMessage > 0.02 { // pools are emptied now and then
					t.Errorf("%.3f allocations for each message", perMessage)
				}
			})
		}
	}
}

func BenchmarkStream(b *testing.B) {
	for _, qos := range []packet.QoS{0, 1} {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			cfg := Default()
			cfg.Listeners = []Listener{{Protocol: "tcp", Address: "127.0.0.1:0"}}
			br := openB(b, cfg)
			s := newStream(b, br.Addrs()[0].String(), packet.V311, qos)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.once(qos); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*streamMessages), "ns/message")
		})
	}
}

// BenchmarkFilters is a publish among so many other filters.
func BenchmarkFilters(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			br := New(Default(), testLog())
			for i := range n {
				if _, err := br.Subscribe(SubscribeOptions{}, fmt.Sprintf("site/room%d/sensor%d", i%1000, i)); err != nil {
					b.Fatal(err)
				}
			}
			m := &Message{Topic: "site/room3/sensor3", Payload: []byte("x")}
			b.ReportAllocs()
			for b.Loop() {
				if err := br.Publish(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package v5

import (
	"fmt"
	"testing"

	"gateway/bridge/link"
)

// BenchmarkPublish publishes with 32 messages under way, to our broker over
// loopback, which is in the same process.
func BenchmarkPublish(b *testing.B) {
	for qos := range byte(3) {
		for _, size := range []int{100, 64 << 10} {
			b.Run(fmt.Sprintf("QoS %d/%d bytes", qos, size), func(b *testing.B) {
				l, _ := reach(b, ourBroker(b), link.Hello{ClientID: "gw", CleanStart: true}, newSession())
				b.SetBytes(int64(size))
				publishAll(b, l, qos, make([]byte, size))
			})
		}
	}
}

// BenchmarkPublishAlone is without a broker: what a message costs here. The other
// end answers PUBACK by hand.
func BenchmarkPublishAlone(b *testing.B) {
	conn, f := pipe(b, true)
	go acknowledge(f)
	l, err := Upstream{}.Connect(b.Context(), conn, link.Hello{}, newSession())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	publishAll(b, l, 1, make([]byte, 100))
}

func publishAll(b *testing.B, l link.Link, qos byte, payload []byte) {
	const window = 32
	var under [window]*link.Receipt
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		slot := i % window
		if r := under[slot]; r != nil {
			<-r.Done()
			if err := r.Err(); err != nil {
				b.Fatal(err)
			}
		}
		under[slot] = l.Publish(link.Message{Topic: "site/room/sensor", Payload: payload, QoS: qos, ID: uint16(slot + 1)})
	}
	for _, r := range under {
		if r != nil {
			<-r.Done()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// acknowledge answers messages without an allocation.
func acknowledge(f *far) {
	buf := make([]byte, 64<<10)
	if _, err := f.conn.Read(buf); err != nil { // CONNECT
		return
	}
	if _, err := f.conn.Write([]byte{0x20, 3, 0, 0, 0}); err != nil {
		return
	}
	const size, idAt = 123, 2 + 2 + 16 // of a PUBLISH of 100 bytes to site/room/sensor
	acks := make([]byte, 0, 4096)
	have := 0
	for {
		n, err := f.conn.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		acks = acks[:0]
		at := 0
		for ; have-at >= size; at += size {
			acks = append(acks, 0x40, 2, buf[at+idAt], buf[at+idAt+1])
		}
		have = copy(buf, buf[at:have])
		if _, err := f.conn.Write(acks); err != nil {
			return
		}
	}
}

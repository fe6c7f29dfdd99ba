package v3

import (
	"fmt"
	"net"
	"testing"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// BenchmarkPublish publishes with a window of 32 over TCP to an upstream that
// only acknowledges; its allocations are not counted apart, and it makes none.
func BenchmarkPublish(b *testing.B) {
	for qos := range byte(3) {
		for _, size := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("QoS%d/%dB", qos, size), func(b *testing.B) { benchmark(b, qos, size) })
		}
	}
}

func benchmark(b *testing.B, qos byte, size int) {
	const window = 32
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go acknowledgeAll(ln)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	l, err := Upstream{}.Connect(b.Context(), conn, hello(), &script{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	payload := make([]byte, size)
	var under [window]*link.Receipt
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for i := 0; b.Loop(); i++ {
		at := i % window
		if r := under[at]; r != nil {
			<-r.Done()
			if r.Err() != nil {
				b.Fatal(r.Err())
			}
		}
		under[at] = l.Publish(link.Message{Topic: "gateway/pi/temperature", Payload: payload, QoS: qos, ID: uint16(at + 1)})
	}
}

func acknowledgeAll(ln net.Listener) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	r := packet.NewReader(conn, 0)
	var p packet.Publish
	var out []byte
	for {
		first, body, err := r.Next()
		if err != nil {
			return
		}
		out = out[:0]
		switch packet.Type(first >> 4) {
		case packet.TypeConnect:
			out = append(out, 0x20, 2, 0, 0)
		case packet.TypePublish:
			if p.Decode(first, body, packet.V311) != nil {
				return
			}
			switch p.QoS {
			case 1:
				out = packet.AppendAck(out, packet.TypePuback, p.ID, packet.Success, packet.V311)
			case 2:
				out = packet.AppendAck(out, packet.TypePubrec, p.ID, packet.Success, packet.V311)
			}
		case packet.TypePubrel:
			id, _ := packet.ShortAck(first, body)
			out = packet.AppendAck(out, packet.TypePubcomp, id, packet.Success, packet.V311)
		}
		if _, err := conn.Write(out); len(out) > 0 && err != nil {
			return
		}
	}
}

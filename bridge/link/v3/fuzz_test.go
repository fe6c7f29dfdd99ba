package v3

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// tape is a connection that plays bytes, some at a time, and takes all.
type tape struct {
	net.Conn // nil
	data     []byte
	step     int
}

func (c *tape) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:min(c.step, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

func (c *tape) Write(p []byte) (int, error) { return len(p), nil }
func (c *tape) Close() error                { return nil }

// FuzzWire plays any bytes to the wire: nothing panics, not even Paho's
// decoder behind it, and Paho gets the messages that are there, as they are.
func FuzzWire(f *testing.F) {
	f.Add([]byte{0x30, 3, 0, 1, 'a'}, byte(1))
	f.Add([]byte{0x34, 5, 0, 1, 'a', 0, 1, 0x62, 2, 0, 1, 0x3a, 6, 0, 1, 'a', 0, 1, 'x'}, byte(2))
	f.Add([]byte{0x40, 2, 0, 9, 0x50, 2, 0, 8, 0x70, 2, 0, 8, 0xd0, 0}, byte(3))
	f.Add([]byte{0x90, 4, 0xff, 0xff, 0, 0x80, 0xb0, 2, 0xff, 0xfe}, byte(200))
	f.Add([]byte{0x30, 0x80, 0x80, 0x80, 0x01, 0}, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, step byte) {
		all := append([]byte{0x20, 2, 1, 0}, data...)
		w := newWire(&tape{data: bytes.Clone(all), step: int(step) + 1}, link.Hello{}, nobody{})
		w.tasks.Go(w.flush)
		w.flights[8] = &flight{receipt: link.NewReceipt(), qos: 2}
		w.flights[9] = &flight{receipt: link.NewReceipt(), qos: 1}
		w.requests[65535] = request{paho: 1, answer: packet.TypeSuback, codes: 2}
		w.requests[65534] = request{paho: 2, answer: packet.TypeUnsuback}
		there := packet.NewReader(bytes.NewReader(all), 0)
		for {
			p, err := packets.ReadPacket(w)
			if err != nil {
				if w.why() == nil {
					t.Fatalf("Paho does not take what the wire lets pass: %v", err)
				}
				break
			}
			switch p := p.(type) {
			case *packets.PublishPacket:
				samePublish(t, there, p)
			case *packets.SubackPacket:
				if p.MessageID != 1 || len(p.ReturnCodes) != 2 {
					t.Fatalf("SUBACK %d with %d codes", p.MessageID, len(p.ReturnCodes))
				}
			case *packets.UnsubackPacket:
				if p.MessageID != 2 {
					t.Fatalf("UNSUBACK %d", p.MessageID)
				}
			case *packets.ConnackPacket:
			default:
				t.Fatalf("Paho gets %v", p)
			}
		}
		w.tasks.Wait()
		w.settle()
	})
}

// samePublish wants p to be the next message that is there.
func samePublish(t *testing.T, there *packet.Reader, p *packets.PublishPacket) {
	t.Helper()
	for {
		first, body, err := there.Next()
		if err != nil {
			t.Fatalf("Paho gets a message that is not there: %v", p)
		}
		if packet.Type(first>>4) != packet.TypePublish {
			continue
		}
		n := 2 + int(body[0])<<8 + int(body[1])
		topic, rest, id := body[2:n], body[n:], uint16(0)
		if qos := first >> 1 & 3; qos > 0 {
			id, rest = uint16(rest[0])<<8|uint16(rest[1]), rest[2:]
		}
		if p.TopicName != string(topic) || p.MessageID != id || !bytes.Equal(p.Payload, rest) || p.Qos != first>>1&3 || p.Retain != (first&1 != 0) {
			t.Fatalf("Paho gets %v, there is %x %x", p, first, body)
		}
		return
	}
}

// FuzzWrite hands any bytes to the wire as Paho's: it writes whole packets that
// a client may send, or ends.
func FuzzWrite(f *testing.F) {
	f.Add([]byte{0x30, 3, 0, 1, 'a'})
	f.Add([]byte{0x82, 6, 0, 1, 0, 1, 'a', 0})
	f.Add([]byte{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 2, 'p', 'i'})
	f.Add([]byte{0x40, 2, 0, 1})
	f.Add([]byte("\x10\x0e00000000000000")) // a name that is longer than CONNECT
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWire(&tape{}, link.Hello{KeepAlive: time.Minute}, nobody{})
		w.announce(link.Message{Topic: "a", QoS: 1, ID: 3}, link.NewReceipt())
		if _, err := w.Write(data); err != nil {
			if len(w.out) > 0 {
				t.Fatalf("%x is refused, and %x is written", data, w.out)
			}
			return
		}
		first, length, n, err := packet.ParseHeader(w.out)
		if err != nil || n+length != len(w.out) || first>>4 != data[0]>>4 {
			t.Fatalf("%x becomes %x: %v", data, w.out, err)
		}
	})
}

package v5

import (
	"reflect"
	"testing"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// FuzzDecode wants no panic, and of what is a packet the same that our own codec
// reads.
func FuzzDecode(f *testing.F) {
	for _, p := range []packet.Packet{
		in(2, 5, "x"), &packet.Puback{ID: 1, Code: packet.NotAuthorized, Properties: &packet.Properties{ReasonString: packet.Some("r")}},
		&packet.Pubrec{ID: 2}, &packet.Pubrel{ID: 3}, &packet.Pubcomp{ID: 4, Code: packet.PacketIdentifierNotFound},
		&packet.Suback{ID: 5, Codes: []packet.ReasonCode{1}}, &packet.Unsuback{ID: 6, Codes: []packet.ReasonCode{0x11}},
		new(packet.Pingresp), &packet.Disconnect{Code: packet.ServerBusy}, &packet.Disconnect{},
		&packet.Connack{Properties: &packet.Properties{ServerKeepAlive: packet.Some[uint16](9)}},
		&packet.Publish{Topic: "a", Properties: &packet.Properties{User: []packet.UserProperty{{Name: "a", Value: "b"}}, MessageExpiry: packet.Some[uint32](3), CorrelationData: []byte{1}}},
	} {
		b := encode(f, p)
		f.Add(b[0], b[2:]) // all are short
	}
	f.Add(byte(0x40), []byte{0, 1, 0x80, 0xff, 0xff, 0xff, 0xff, 0x0f}) // a panic of paho on 32 bits
	f.Fuzz(func(t *testing.T, first byte, body []byte) {
		ours, err := packet.Decode(first, body, packet.V5)
		if first>>4 == packets.PUBLISH {
			m, mErr := decodePublish(first, body)
			if p, ok := ours.(*packet.Publish); ok && err == nil && (p.Properties == nil || !p.Properties.TopicAlias.OK) {
				if mErr != nil || m.Topic != p.Topic || m.ID != p.ID || m.QoS != byte(p.QoS) || m.Retain != p.Retain || string(m.Payload) != string(p.Payload) {
					t.Errorf("got %+v, %v, want %+v", m, mErr, p)
				}
			}
			return
		}
		if p, pErr := decode(first, body); err == nil && pErr != nil && ours.Type() != packet.TypeConnack {
			t.Errorf("got %v, %v, want %+v", p, pErr, ours)
		}
	})
}

func TestAcknowledgementsAreWhatOurCodecReads(t *testing.T) {
	for _, want := range []packet.Packet{
		&packet.Puback{ID: 7}, &packet.Pubrec{ID: 7, Code: packet.NotAuthorized}, &packet.Pubrel{ID: 7, Code: packet.PacketIdentifierNotFound}, &packet.Pubcomp{ID: 7},
	} {
		var code byte
		switch p := want.(type) {
		case *packet.Pubrec:
			code = byte(p.Code)
		case *packet.Pubrel:
			code = byte(p.Code)
		}
		first, body := ack(byte(want.Type()), 7, code)
		var b []byte
		for _, part := range body {
			b = append(b, part...)
		}
		if got, err := packet.Decode(first, b, packet.V5); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestSizeIsThatOfThePacket(t *testing.T) {
	for _, n := range []int{0, 100, 121, 122, 16_000, 16_376, 16_377, 3_000_000} {
		m := out(1, 1, string(make([]byte, n)))
		want := len(encode(t, in(1, 1, string(m.Payload))))
		if got := sizeOf(publish(m)); got != want {
			t.Errorf("payload of %d: size %d, want %d", n, got, want)
		}
	}
}

var _ link.Session = (*session)(nil)

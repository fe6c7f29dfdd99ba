package v3

import (
	"encoding/binary"
	"fmt"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// incoming acts on a packet of the upstream. Paho gets CONNACK, PUBLISH,
// SUBACK and UNSUBACK, and only what it can take without a panic.
func (w *wire) incoming(first byte, body []byte) error {
	t := packet.Type(first >> 4)
	if w.accepted == (t == packet.TypeConnack) {
		if w.accepted {
			return fmt.Errorf("a second CONNACK")
		}
		return fmt.Errorf("%v before CONNACK", t)
	}
	switch t {
	case packet.TypeConnack:
		return w.connack(first, body)
	case packet.TypePublish:
		return w.publish(first, body)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		return w.ack(t, first, body)
	case packet.TypeSuback, packet.TypeUnsuback:
		return w.answer(t, first, body)
	case packet.TypePingresp:
		_, err := packet.Decode(first, body, w.version)
		return err
	}
	return fmt.Errorf("%v is not for a server to send", t)
}

// connack takes CONNACK. Paho never sees one that refuses: it takes a return
// code that it does not know for success.
func (w *wire) connack(first byte, body []byte) error {
	if first != byte(packet.TypeConnack)<<4 || len(body) != 2 {
		return fmt.Errorf("CONNACK of %d bytes, first byte 0x%02x", len(body), first)
	}
	if code := body[1]; code != 0 {
		return &link.Refused{Packet: "CONNACK", Code: link.FromReturnCode(code), Reason: unknownCode(code)}
	}
	w.accepted = true
	w.here.Store(body[0]&1 != 0 && w.version != packet.V31) // 3.1 does not say
	w.pass(first, body)
	return nil
}

// unknownCode says which return code it was that the specification has not.
func unknownCode(code byte) string {
	if code > 5 {
		return fmt.Sprintf("return code %d", code)
	}
	return ""
}

// publish checks the frame of a message; whether its topic is one is the
// session's to say: a topic that one upstream lets pass must not end the
// connection over and over.
func (w *wire) publish(first byte, body []byte) error {
	qos := first >> 1 & 3
	need := 2
	if len(body) >= 2 {
		need += int(binary.BigEndian.Uint16(body))
	}
	at := need
	if qos > 0 {
		need += 2
	}
	switch {
	case qos == 3:
		return fmt.Errorf("PUBLISH of QoS 3")
	case len(body) < need:
		return fmt.Errorf("PUBLISH of %d bytes is cut off", len(body))
	case qos > 0 && body[at] == 0 && body[at+1] == 0:
		return fmt.Errorf("PUBLISH of QoS %d without a packet identifier", qos)
	case qos == 0:
		first &^= 1 << 3 // DUP says nothing there [MQTT-3.3.1-2 v3]
	}
	w.pass(first, body)
	return nil
}

// ack takes what is about one packet identifier.
func (w *wire) ack(t packet.Type, first byte, body []byte) error {
	id, err := w.ackID(first, body)
	if err != nil {
		return err
	}
	switch t {
	case packet.TypePuback:
		w.arrived(id)
	case packet.TypePubrec:
		w.recorded(id)
	case packet.TypePubcomp:
		w.completed(id)
	case packet.TypePubrel:
		w.forget(id)
	}
	return nil
}

func (w *wire) ackID(first byte, body []byte) (uint16, error) {
	if id, ok := packet.ShortAck(first, body); ok {
		return id, nil
	}
	p, err := packet.Decode(first, body, w.version)
	if err != nil {
		return 0, err
	}
	if rel, ok := p.(*packet.Pubrel); ok { // MQTT 3.1 has it with DUP
		return rel.ID, nil
	}
	return 0, fmt.Errorf("%v of %d bytes", p.Type(), len(body))
}

// answer takes SUBACK and UNSUBACK, and gives them the identifier that Paho
// knows. The number of return codes is checked: one too many makes Paho panic.
func (w *wire) answer(t packet.Type, first byte, body []byte) error {
	if first != byte(t)<<4 || len(body) < 2 {
		return fmt.Errorf("%v of %d bytes, first byte 0x%02x", t, len(body), first)
	}
	id, codes := binary.BigEndian.Uint16(body), body[2:]
	w.mu.Lock()
	r, ok := w.requests[id]
	if ok && r.answer == t {
		delete(w.requests, id)
		w.wake.Broadcast()
	}
	w.mu.Unlock()
	switch {
	case !ok || r.answer != t:
		return fmt.Errorf("%v for packet identifier %d, with which nothing was asked", t, id)
	case len(codes) != r.codes:
		return fmt.Errorf("%v with %d return codes, want %d", t, len(codes), r.codes)
	}
	for _, c := range codes {
		if c > 2 && c < 0x80 {
			return fmt.Errorf("%v with return code 0x%02x", t, c)
		}
	}
	binary.BigEndian.PutUint16(body, r.paho)
	w.pass(first, body)
	return nil
}

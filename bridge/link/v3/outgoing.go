package v3

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

const (
	// enough is how much may wait to be written, bytes, before Publish waits.
	enough = 64 << 10
	// tooMuch is how much may wait to be written of what we answer, bytes: an
	// upstream that sends and never reads.
	tooMuch = 1 << 20
	// piece is how much is written at once, bytes.
	piece = 64 << 10
	// keep is how large a buffer is used again, bytes.
	keep = 256 << 10
)

// announced is a message that is about to come from Paho.
type announced struct {
	message link.Message
	receipt *link.Receipt
}

// request is a SUBSCRIBE or UNSUBSCRIBE that is not answered.
type request struct {
	paho   uint16 // the packet identifier that Paho has given it
	answer packet.Type
	codes  int // return codes that the answer has
}

// announce says what Paho is to write next, when there is room and its packet
// identifier is free. It reports false if that comes to nothing; the receipt
// is settled then.
func (w *wire) announce(m link.Message, r *link.Receipt) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.cause == nil && (len(w.out) > enough || m.QoS > 0 && w.requests[m.ID].paho != 0) {
		w.wake.Wait()
	}
	if !w.openLocked(r) {
		return false
	}
	if m.QoS > 0 && !w.takeOffLocked(m.ID, &flight{receipt: r, qos: m.QoS}) {
		return false
	}
	w.next = &announced{m, r}
	return true
}

// openLocked settles r if nothing can be sent any more.
func (w *wire) openLocked(r *link.Receipt) bool {
	switch {
	case w.cause != nil:
		r.Settle(w.cause)
	case w.leaving != nil:
		r.Settle(errClosed)
	default:
		return true
	}
	return false
}

// Write implements net.Conn for Paho, which writes each packet with one call,
// from two goroutines. It never blocks.
func (w *wire) Write(p []byte) (int, error) {
	first, length, n, err := packet.ParseHeader(p)
	if err != nil || n == 0 || n+length != len(p) {
		return 0, w.bug(fmt.Errorf("the Paho client writes %d bytes that are not one packet", len(p)))
	}
	w.mu.Lock()
	if w.cause != nil || w.leaving != nil {
		w.mu.Unlock()
		return 0, errLost
	}
	err = w.outgoingLocked(first, p[n:], p)
	w.mu.Unlock()
	if err != nil {
		return 0, w.bug(err)
	}
	w.wake.Broadcast()
	return len(p), nil
}

// bug ends the connection for what cannot happen with the Paho that this is
// written for.
func (w *wire) bug(err error) error {
	w.fail(err)
	return errLost
}

func (w *wire) outgoingLocked(first byte, body, whole []byte) error {
	switch t := packet.Type(first >> 4); t {
	case packet.TypeConnect:
		return w.connectLocked(body, whole)
	case packet.TypePublish:
		return w.publishLocked(body)
	case packet.TypeSubscribe, packet.TypeUnsubscribe:
		return w.requestLocked(t, first, body, whole)
	case packet.TypePuback, packet.TypePubrec:
		return w.replyLocked(whole)
	default:
		return fmt.Errorf("the Paho client writes %v", t)
	}
}

// connectLocked gives CONNECT the keep-alive, which Paho does not know.
func (w *wire) connectLocked(body, whole []byte) error {
	if _, err := packet.Decode(byte(packet.TypeConnect)<<4, body, w.version); err != nil {
		return err
	}
	at := len(whole) - len(body) + 2 + int(binary.BigEndian.Uint16(body)) + 2
	w.out = append(w.out, whole...)
	binary.BigEndian.PutUint16(w.out[len(w.out)-len(whole)+at:], uint16(w.beat.Seconds()))
	return nil
}

// publishLocked writes the message that was announced: Paho's has QoS 0, and
// neither DUP nor a packet identifier.
func (w *wire) publishLocked(body []byte) error {
	a := w.next
	if a == nil {
		return errors.New("the Paho client writes PUBLISH without a message")
	}
	w.next = nil
	m := a.message
	topic := 2 + len(m.Topic)
	if len(body) != topic+len(m.Payload) {
		return fmt.Errorf("the Paho client writes PUBLISH of %d bytes, want %d", len(body), topic+len(m.Payload))
	}
	first := byte(packet.TypePublish)<<4 | m.QoS<<1
	if m.Retain {
		first |= 1
	}
	if m.QoS == 0 {
		w.headLocked(first, len(body))
		w.out = append(w.out, body...)
		w.unsent = append(w.unsent, a.receipt)
		return nil
	}
	if m.Dup {
		first |= 1 << 3
	}
	w.headLocked(first, len(body)+2)
	w.out = append(w.out, body[:topic]...)
	w.out = binary.BigEndian.AppendUint16(w.out, m.ID)
	w.out = append(w.out, body[topic:]...)
	return nil
}

func (w *wire) headLocked(first byte, length int) {
	var b [5]byte
	b[0] = first
	n := putLength(b[1:], length)
	w.out = append(w.out, b[:1+n]...)
}

// requestLocked gives SUBSCRIBE or UNSUBSCRIBE a packet identifier that no
// message has [MQTT-2.3.1-2 v3].
func (w *wire) requestLocked(t packet.Type, first byte, body, whole []byte) error {
	p, err := packet.Decode(first, body, w.version)
	if err != nil {
		return err
	}
	r := request{paho: binary.BigEndian.Uint16(body), answer: packet.TypeUnsuback}
	if s, ok := p.(*packet.Subscribe); ok {
		r.answer, r.codes = packet.TypeSuback, len(s.Filters)
	}
	id := w.freeLocked()
	if id == 0 {
		return errors.New("no packet identifier is free")
	}
	w.requests[id] = r
	w.out = append(w.out, whole...)
	binary.BigEndian.PutUint16(w.out[len(w.out)-len(body):], id)
	return nil
}

// freeLocked returns a packet identifier that is not in use, 0 if there is
// none. It begins where the caller's are least likely to be next.
func (w *wire) freeLocked() uint16 {
	for id := uint16(65535); id > 0; id-- {
		if w.flights[id] == nil && w.requests[id].paho == 0 {
			return id
		}
	}
	return 0
}

// replyLocked writes a packet that nobody waits to send.
func (w *wire) replyLocked(b []byte) error {
	if w.answers += len(b); w.answers > tooMuch {
		return errors.New("the upstream sends, and reads nothing")
	}
	w.out = append(w.out, b...)
	return nil
}

// reply writes an acknowledgement of ours between Paho's packets.
func (w *wire) reply(t packet.Type, id uint16) {
	w.mu.Lock()
	if w.cause != nil || w.leaving != nil {
		w.mu.Unlock()
		return
	}
	err := w.replyLocked(packet.AppendAck(nil, t, id, packet.Success, w.version))
	w.mu.Unlock()
	if err != nil {
		w.fail(err)
	}
	w.wake.Broadcast()
}

// disconnect writes DISCONNECT, after which nothing is written. The channel is
// closed when it is.
func (w *wire) disconnect() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaving == nil {
		w.leaving = make(chan struct{})
		w.headLocked(byte(packet.TypeDisconnect)<<4, 0)
		w.wake.Broadcast()
	}
	return w.leaving
}

// flush writes what there is to write, until the connection ends.
func (w *wire) flush() {
	var spare []byte
	for {
		w.mu.Lock()
		for len(w.out) == 0 && w.cause == nil {
			w.wake.Wait()
		}
		if w.cause != nil {
			w.mu.Unlock()
			return
		}
		batch, receipts, ping, leaving := w.out, w.unsent, w.ping, w.leaving
		w.out, w.unsent, w.answers, w.ping = spare[:0], nil, 0, false
		w.mu.Unlock()
		w.wake.Broadcast()
		err := w.put(batch)
		for _, r := range receipts {
			r.Settle(err)
		}
		if err != nil {
			w.fail(err)
			return
		}
		if ping {
			w.life.mark(&w.life.pinged)
		}
		if leaving != nil {
			close(leaving)
			return
		}
		if spare = batch; cap(spare) > keep {
			spare = nil
		}
	}
}

// put writes b in pieces, so that pulse sees that it goes on.
func (w *wire) put(b []byte) error {
	for len(b) > 0 {
		n, err := w.conn.Write(b[:min(piece, len(b))])
		if err != nil {
			return fmt.Errorf("write to the upstream: %w", err)
		}
		w.life.mark(&w.life.written)
		b = b[n:]
	}
	return nil
}

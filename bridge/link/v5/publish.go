package v5

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/eclipse/paho.golang/packets"

	"gateway/bridge/link"
	"gateway/broker/packet"
)

// state is what a packet with an identifier waits for.
type state byte

const (
	wantPuback  state = iota // QoS 1
	wantPubrec               // QoS 2
	releasing                // PUBREC came, and Released has not returned
	wantPubcomp              // PUBREL was sent
	wantReply                // a request
)

// flight is a packet that the upstream has to answer.
type flight struct {
	state   state
	quota   bool                // counts against the Receive Maximum of the upstream
	receipt *link.Receipt       // of a message
	reply   chan packets.Packet // of a request, with room for one
}

// Publish implements [link.Link].
func (c *conn) Publish(m link.Message) *link.Receipt {
	r := link.NewReceipt()
	body := publish(m)
	if why := c.unfit(m, sizeOf(body)); why != nil {
		r.Settle(why)
		return r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && !c.roomLocked(m) {
		c.room.Wait()
	}
	_, twice := c.under[m.ID]
	switch {
	case c.err != nil:
		r.Settle(&lostError{c.err})
		return r
	case m.QoS == 0:
		c.batch.receipts = append(c.batch.receipts, r)
	case twice:
		r.Settle(&link.Refused{Packet: "PUBLISH", Code: link.PacketIdentifierInUse, Reason: fmt.Sprintf("packet identifier %d is under way", m.ID)})
		return r
	default:
		c.quota--
		c.under[m.ID] = flight{state: wantPuback + state(m.QoS-1), quota: true, receipt: r}
	}
	c.appendLocked(publishByte(m), body)
	return r
}

// roomLocked tells whether m can go now: the upstream takes what is written, and
// takes another message [MQTT-3.3.4-9], and no request has the identifier.
func (c *conn) roomLocked(m link.Message) bool {
	if len(c.batch.buf) >= maxQueued {
		return false
	}
	return m.QoS == 0 || c.quota > 0 && c.under[m.ID].reply == nil
}

// unfit says why the upstream does not take m, in its CONNACK's name, or nil.
// Sending it would end the connection.
func (c *conn) unfit(m link.Message, size int) error {
	no := func(code byte, format string, args ...any) error {
		return &link.Refused{Packet: "CONNACK", Code: code, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case m.QoS > c.limits.MaxQoS: // [MQTT-3.2.2-11]
		return no(link.QoSNotSupported, "QoS %d: the upstream takes at most %d", m.QoS, c.limits.MaxQoS)
	case m.Retain && c.limits.NoRetain: // [MQTT-3.2.2-14]
		return no(link.RetainNotSupported, "the upstream retains nothing")
	case c.limits.MaxPacketSize > 0 && uint64(size) > uint64(c.limits.MaxPacketSize): // [MQTT-3.2.2-15]
		return no(link.PacketTooLarge, "a packet of %d bytes: the upstream takes %d", size, c.limits.MaxPacketSize)
	}
	no = func(code byte, format string, args ...any) error {
		return &link.Refused{Packet: "PUBLISH", Code: code, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case size > maxPacket:
		return no(link.PacketTooLarge, "a packet of %d bytes: MQTT has at most %d", size, maxPacket)
	case m.QoS > 0 && m.ID == 0: // [MQTT-2.2.1-3]
		return no(link.ProtocolError, "packet identifier 0")
	case m.Topic == "", len(m.Topic) > math.MaxUint16, strings.ContainsAny(m.Topic, "+#\x00"): // [MQTT-3.3.2-2]
		return no(link.TopicNameInvalid, "no topic of a message: %.80q", m.Topic)
	case !encodable(m.Properties):
		return no(link.MalformedPacket, "a property of more than 65535 bytes")
	}
	return nil
}

// Release implements [link.Link].
func (c *conn) Release(id uint16) *link.Receipt {
	r := link.NewReceipt()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && !c.roomLocked(link.Message{ID: id}) {
		c.room.Wait()
	}
	if c.err != nil {
		r.Settle(&lostError{c.err})
		return r
	}
	if f, ok := c.under[id]; ok {
		r.Settle(&link.Refused{Packet: "PUBREL", Code: link.PacketIdentifierInUse, Reason: fmt.Sprintf("packet identifier %d is under way, in state %d", id, f.state)})
		return r
	}
	c.under[id] = flight{state: wantPubcomp, receipt: r}
	c.appendLocked(ack(packets.PUBREL, id, 0))
	return r
}

// settleLocked ends the flight id.
func (c *conn) settleLocked(id uint16, f flight, err error) {
	delete(c.under, id)
	if f.quota {
		c.quota++
	}
	f.receipt.Settle(err)
	c.room.Broadcast()
}

// puback handles PUBACK. One that nobody waits for does no harm.
func (c *conn) puback(p *packets.Puback) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.under[p.PacketID]
	switch {
	case !ok:
		return nil
	case f.state != wantPuback:
		return unexpected("PUBACK", p.PacketID)
	}
	var err error
	if p.ReasonCode >= 0x80 {
		err = refusedBy("PUBACK", p.ReasonCode, p.Properties)
	}
	c.settleLocked(p.PacketID, f, err)
	return nil
}

// pubrec handles PUBREC: the second half of a QoS 2 message begins when that is
// on stable storage.
func (c *conn) pubrec(ctx context.Context, p *packets.Pubrec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.under[p.PacketID]
	switch {
	case !ok && p.ReasonCode >= 0x80:
		return nil
	case !ok: // section 3.6.2.1
		return c.answerLocked(packets.PUBREL, p.PacketID, link.PacketIdentifierNotFound)
	case f.state == releasing:
		return nil
	case f.state == wantPubcomp && p.ReasonCode < 0x80: // once more
		return c.answerLocked(packets.PUBREL, p.PacketID, 0)
	case f.state != wantPubrec:
		return unexpected("PUBREC", p.PacketID)
	case p.ReasonCode >= 0x80: // [MQTT-4.3.3-4]
		c.settleLocked(p.PacketID, f, refusedBy("PUBREC", p.ReasonCode, p.Properties))
		return nil
	}
	f.state = releasing
	c.under[p.PacketID] = f
	return c.laterLocked(ctx, &c.freed, packets.PUBREL, p.PacketID, func(ctx context.Context) error {
		return c.session.Released(ctx, p.PacketID)
	})
}

// pubcomp handles PUBCOMP. Its only other code is that the upstream does not
// know the message any more, which is then done, too.
func (c *conn) pubcomp(p *packets.Pubcomp) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.under[p.PacketID]
	switch {
	case !ok:
		return nil
	case f.state != wantPubcomp:
		return unexpected("PUBCOMP", p.PacketID)
	}
	var err error
	if p.ReasonCode >= 0x80 && p.ReasonCode != link.PacketIdentifierNotFound {
		err = refusedBy("PUBCOMP", p.ReasonCode, p.Properties)
	}
	c.settleLocked(p.PacketID, f, err)
	return nil
}

func unexpected(what string, id uint16) error {
	return broken(packet.ProtocolError, "", "%s for packet identifier %d, which does not wait for it", what, id)
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// kind is the first byte of a record. The package comment has them all.
type kind byte

const (
	kindPutSession    kind = 1
	kindEndSession    kind = 2
	kindSubscribe     kind = 3
	kindUnsubscribe   kind = 4
	kindPublish       kind = 5
	kindClearRetained kind = 6
	kindDone          kind = 7
	kindRelease       kind = 8
	kindForget        kind = 9
	kindMove          kind = 10
	kindRoundBegin    kind = 11
	kindSession       kind = 12
	kindRetainedSet   kind = 13
	kindRoundEnd      kind = 14
)

var kindNames = [...]string{
	kindPutSession: "put_session", kindEndSession: "end_session", kindSubscribe: "subscribe", kindUnsubscribe: "unsubscribe",
	kindPublish: "publish", kindClearRetained: "clear_retained", kindDone: "done", kindRelease: "release", kindForget: "forget",
	kindMove: "move", kindRoundBegin: "round_begin", kindSession: "session", kindRetainedSet: "retained_set", kindRoundEnd: "round_end",
}

func (k kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("unknown_%d", byte(k))
}

// Bits of the first byte of a message.
const (
	messageQoS        = 3
	messageRetain     = 1 << 2 // RETAIN was set
	messageRetained   = 1 << 3 // it is the retained message of its topic
	messageExpires    = 1 << 4
	messageProperties = 1 << 5
	messageReceived   = 1 << 6 // with the packet identifier that it came with
	messagePublisher  = 1 << 7
)

// Bounds of what is read, so that damage costs no memory.
const (
	maxRecord     = 512 << 20
	maxDeliveries = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends a record of kind k whose body is what body appends.
func appendRecord(b []byte, k kind, body func([]byte) []byte) []byte {
	// Most bodies are shorter than 128 bytes, whose length is one byte.
	at := len(b)
	b = append(b, byte(k), 0)
	b = body(b)
	n := len(b) - at - 2
	if n < 0x80 {
		b[at+1] = byte(n)
		return b
	}
	var length [binary.MaxVarintLen64]byte
	m := binary.PutUvarint(length[:], uint64(n))
	b = append(b, length[:m-1]...) // room
	copy(b[at+1+m:], b[at+2:at+2+n])
	copy(b[at+1:], length[:m])
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// message is the body of kindPublish and kindMove.
type message struct {
	m        *Message
	retained uint64 // its number among the retained, 0 if it is none
	session  SessionID
	packetID uint16 // 0 if it is none
	to       []Delivery
}

func (x *message) append(b []byte) []byte {
	m := x.m
	at := len(b)
	b = append(b, 0, 0, 0, 0) // its checksum
	flags := m.QoS & messageQoS
	set := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	set(messageRetain, m.Retain)
	set(messageRetained, x.retained != 0)
	set(messageExpires, m.Expires != 0)
	set(messageProperties, len(m.Properties) > 0)
	set(messageReceived, x.packetID != 0)
	set(messagePublisher, m.Publisher != "")
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(m.Came))
	if m.Expires != 0 {
		b = binary.AppendUvarint(b, uint64(m.Expires))
	}
	b = appendText(b, m.Topic)
	if m.Publisher != "" {
		b = appendText(b, m.Publisher)
	}
	if len(m.Properties) > 0 {
		b = appendBytes(b, m.Properties)
	}
	if x.retained != 0 {
		b = binary.AppendUvarint(b, x.retained)
	}
	if x.packetID != 0 {
		b = binary.AppendUvarint(b, uint64(x.session))
		b = binary.AppendUvarint(b, uint64(x.packetID))
	}
	b = binary.AppendUvarint(b, uint64(len(x.to)))
	for i := range x.to {
		d := &x.to[i]
		b = binary.AppendUvarint(b, uint64(d.Session))
		b = binary.AppendUvarint(b, d.Seq)
		b = append(b, d.Flags)
		b = appendBytes(b, d.Extra)
	}
	b = append(b, m.Payload...)
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// decoder reads the fields of a record. After an error everything it returns
// is zero.
type decoder struct {
	b   []byte
	err error
}

var errShort = errors.New("the record is too short")

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[size:]
	return n
}

// number returns a number that is counted up, which never gets as far as maxMark.
func (d *decoder) number() uint64 {
	n := d.uint()
	if n > maxMark {
		d.fail(fmt.Errorf("the number %d", n))
		return 0
	}
	return n
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(errShort)
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

// bytes returns bytes that are part of what is decoded.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

// packetID returns a packet identifier.
func (d *decoder) packetID() uint16 {
	n := d.uint()
	if n == 0 || n > math.MaxUint16 {
		d.fail(fmt.Errorf("packet identifier %d", n))
		return 0
	}
	return uint16(n)
}

// count returns how many items follow that have at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > maxDeliveries || n*uint64(size) > uint64(len(d.b)) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

// record takes the first record off b.
func nextRecord(b []byte) (k kind, body, rest []byte, err error) {
	d := decoder{b: b}
	k = kind(d.byte())
	body = d.bytes()
	if d.err != nil {
		return 0, nil, nil, d.err
	}
	return k, body, d.b, nil
}

// decode reads the body of kindPublish and kindMove into x, whose memory is
// used again. What it gets lies in b, but for its texts. light leaves the texts
// out, except for the topic of what is retained.
func (x *message) decode(b []byte, light bool) error {
	if len(b) < 5 {
		return errShort
	}
	if crc32.Checksum(b[4:], castagnoli) != binary.LittleEndian.Uint32(b) {
		return errors.New("the checksum of a message is wrong")
	}
	if x.m == nil {
		x.m = new(Message)
	}
	m := x.m
	*m = Message{}
	*x = message{m: m, to: x.to[:0]}
	d := decoder{b: b[4:]}
	flags := d.byte()
	m.QoS, m.Retain = flags&messageQoS, flags&messageRetain != 0
	m.Came = int64(d.uint())
	if flags&messageExpires != 0 {
		m.Expires = int64(d.uint())
	}
	if topic := d.bytes(); !light || flags&messageRetained != 0 {
		m.Topic = string(topic)
	}
	if flags&messagePublisher != 0 {
		if p := d.bytes(); !light {
			m.Publisher = string(p)
		}
	}
	if flags&messageProperties != 0 {
		m.Properties = d.bytes()
	}
	if flags&messageRetained != 0 {
		x.retained = d.number()
	}
	if flags&messageReceived != 0 {
		x.session = SessionID(d.number())
		x.packetID = d.packetID()
	}
	for range d.count(4) {
		x.to = append(x.to, Delivery{Session: SessionID(d.number()), Seq: d.number(), Flags: d.byte(), Extra: d.bytes()})
	}
	m.Payload = d.b
	if m.QoS > 2 {
		d.fail(fmt.Errorf("QoS %d", m.QoS))
	}
	return d.err
}

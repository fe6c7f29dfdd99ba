package broker

import (
	"bytes"
	"math"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
)

// QoS is the quality of service of a message or a subscription: 0 at most
// once, 1 at least once, 2 exactly once.
type QoS = packet.QoS

// Properties are the MQTT 5 properties of a message that its publisher set
// for its subscribers: PayloadFormat, ContentType, ResponseTopic,
// CorrelationData and User. The broker passes them on as they are.
type Properties = packet.Properties

// Message is a published message. It is immutable from Publish on, payload
// and properties included, and shared by everybody who gets it.
type Message struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Expires    time.Time   // when it is no longer of use to anybody; zero for never
	Properties *Properties // nil if none

	publisher string // client id, "" for this process
	extra     int64  // what Properties count in size
}

// size is what the message counts in the bounds of queues, bytes.
func (m *Message) size() int64 { return int64(len(m.Topic)+len(m.Payload)) + m.extra }

// sizeOf is what properties count in the bounds of queues, bytes: their text,
// and what holds it, which for short texts is more. It is not less than what
// they have encoded.
func sizeOf(p *Properties) int64 {
	if p == nil {
		return 0
	}
	n := 128 + len(p.ContentType.V) + len(p.ResponseTopic.V) + len(p.CorrelationData)
	for _, u := range p.User {
		n += 32 + len(u.Name) + len(u.Value)
	}
	return int64(n)
}

func (m *Message) expired(now time.Time) bool {
	return !m.Expires.IsZero() && !now.Before(m.Expires)
}

// publication is a message on its way through the tree. Its topic and
// payload may lie in a connection's read buffer: what anybody is to keep, keep
// copies once for all. It belongs to one goroutine, and is used again for the
// next message, so that a message that nobody keeps costs no memory.
type publication struct {
	m      Message
	kept   *Message  // the lasting copy of m, once somebody asked for it
	now    time.Time // when it was published, once somebody asked for it
	dirty  []*conn   // connections that got something and are to be flushed
	plenty bool      // for one of them so much waits that it should go out
	heads  [4]head   // by protocol version and QoS, once somebody asked for them
	props  []byte    // encoded properties, valid if hasProps
	ready  bool      // props is valid
	custom head      // made for one receiver
	frame  packet.PublishHead
}

// head is the beginning of a PUBLISH as all receivers of one kind get it, but
// for RETAIN, DUP and the packet identifier.
type head struct {
	b    []byte
	idAt int // 0: no packet identifier
}

// begin makes p the publication of m, which is copied.
func (p *publication) begin(m Message) {
	p.m = m
	p.kept, p.now, p.ready = nil, time.Time{}, false
	for i := range p.heads {
		p.heads[i].b = p.heads[i].b[:0]
	}
}

// beginKept makes p the publication of a message that is nobody's to change.
func (p *publication) beginKept(m *Message) {
	p.begin(*m)
	p.kept = m
}

// keep returns the message in memory of its own. All who keep it share it.
func (p *publication) keep() *Message {
	if p.kept == nil {
		m := p.m
		m.Payload = bytes.Clone(m.Payload)
		p.kept = &m
		p.m.Payload = m.Payload
	}
	return p.kept
}

// forget lets go of the message, so that the memory of p keeps nothing alive.
func (p *publication) forget() {
	p.m, p.kept = Message{}, nil
	if cap(p.props) > benchSize || cap(p.custom.b) > benchSize {
		*p = publication{dirty: p.dirty}
	}
}

func (p *publication) expires() bool { return !p.m.Expires.IsZero() }

// time returns the time that counts for all receivers of p.
func (p *publication) time() time.Time {
	if p.now.IsZero() {
		p.now = time.Now()
	}
	return p.now
}

// properties returns the encoded properties.
func (p *publication) properties() []byte {
	if p.ready {
		return p.props
	}
	var expiry packet.Opt[uint32]
	if p.expires() { // [MQTT-3.3.2-6]
		left := max(0, math.Ceil(p.m.Expires.Sub(p.time()).Seconds()))
		expiry = packet.Some(uint32(min(left, math.MaxUint32)))
	}
	var err error
	p.props, err = packet.AppendMessageProperties(p.props[:0], p.m.Properties, expiry)
	if err != nil { // Publish and the codec have checked them
		panic(err)
	}
	p.ready = true
	return p.props
}

// head returns the head that receivers of version v at that QoS share; DUP is 0
// [MQTT-4.3.1-1].
func (p *publication) head(v packet.Version, qos QoS) *head {
	i := 0
	if v == packet.V5 {
		i = 2
	}
	if qos > 0 {
		i++
	}
	h := &p.heads[i]
	if len(h.b) == 0 {
		p.frame = packet.PublishHead{QoS: qos, Topic: p.m.Topic, PayloadSize: len(p.m.Payload)}
		if v == packet.V5 {
			p.frame.Properties = p.properties()
		}
		h.b, h.idAt = p.frame.Append(h.b, v)
	}
	return h
}

// delivery is a message waiting for one subscriber.
type delivery struct {
	msg    *Message
	group  *group   // the shared subscription that it came by; nil for none
	ids    []uint32 // subscription identifiers, shared: read only
	seq    uint64   // order of arrival in the subscriber's queues
	came   int64    // durable subscriptions: when, Unix time, s
	qos    QoS
	retain bool // the RETAIN flag to send
	replay bool // comes from the retained tree
}

// queue is a bounded first-in first-out queue of deliveries. The zero queue
// is empty. Its owner locks.
type queue struct {
	ring  []delivery
	head  int
	len   int
	bytes int64
	total *atomic.Int64 // bytes in all queues that share it; may be nil
}

func (q *queue) count(bytes int64) {
	q.bytes += bytes
	if q.total != nil {
		q.total.Add(bytes)
	}
}

// clear empties the queue and gives its memory back.
func (q *queue) clear() {
	q.count(-q.bytes)
	*q = queue{total: q.total}
}

func (q *queue) push(d delivery) {
	if q.len == len(q.ring) {
		grown := make([]delivery, max(8, 2*len(q.ring)))
		for i := range q.len {
			grown[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.len)%len(q.ring)] = d
	q.len++
	q.count(d.msg.size())
}

// front returns the oldest delivery, nil if there is none. It is valid until
// the next call of a method.
func (q *queue) front() *delivery {
	if q.len == 0 {
		return nil
	}
	return &q.ring[q.head]
}

func (q *queue) pop() delivery {
	d := q.ring[q.head]
	q.ring[q.head] = delivery{}
	q.head = (q.head + 1) % len(q.ring)
	q.len--
	q.count(-d.msg.size())
	if q.len == 0 && len(q.ring) > 64 {
		q.clear() // a burst is over; give its memory back
	}
	return d
}

// full tells whether a delivery of size bytes more would break the bounds; 0
// is no bound.
func (q *queue) full(size int64, maxMessages int, maxBytes int64) bool {
	return maxMessages > 0 && q.len >= maxMessages ||
		maxBytes > 0 && q.len > 0 && q.bytes+size > maxBytes
}

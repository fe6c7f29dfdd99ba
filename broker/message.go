package broker

import (
	"bytes"
	"math"
	"sort"
	"sync/atomic"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
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
	// Origin says which part of this process published it, "" for clients and
	// sensors. It is neither sent nor stored: see SubscribeOptions.Skip.
	Origin string

	publisher string // client id, "" for this process
	came      int64  // Unix time, ms; 0 while it is in nobody's queue
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

// Publisher returns the id of the client that published it, "" for this process.
func (m *Message) Publisher() string { return m.publisher }

// Came returns when the message was published here, to the millisecond. Of one
// that the broker has not kept for anybody it is the zero time.
func (m *Message) Came() time.Time {
	if m.came == 0 {
		return time.Time{}
	}
	return time.UnixMilli(m.came)
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

	keeping keeping // what of it is to be stored
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
	p.keeping.reset()
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
		m.came = p.time().UnixMilli()
		p.kept = &m
		p.m.Payload = m.Payload
	}
	return p.kept
}

// forget lets go of the message, so that the memory of p keeps nothing alive.
func (p *publication) forget() {
	p.m, p.kept = Message{}, nil
	p.keeping.reset()
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
	msg    *Message   // nil: it is in the store only
	via    *via       // nil for none of it
	seq    uint64     // QoS 1 and 2: its number; QoS 0: that of the last one before
	mark   store.Mark // when it is stable in the store; unstored while it is on its way there
	size   uint32     // of the message, as it counts in the bounds of queues
	came   uint32     // Unix time, s; 0 if it is not known. Of a Subscription only, as what follows void
	qos    QoS
	retain bool // the RETAIN flag to send
	replay bool // comes from the retained tree
	dup    bool // it may have been sent before
	void   bool // it is not to be sent after all

	latest   bool // a newer one of its topic takes its place
	kept     bool // it is in the store
	released bool // its receiver has recorded it: there is no message any more
}

// via says by which subscriptions a delivery came.
type via struct {
	group *group   // the shared subscription; nil for none
	ids   []uint32 // subscription identifiers, shared: read only
}

// viaOf returns nil where there is nothing to say.
func viaOf(g *group, ids []uint32) *via {
	if g == nil && len(ids) == 0 {
		return nil
	}
	return &via{g, ids}
}

func (d *delivery) group() *group {
	if d.via == nil {
		return nil
	}
	return d.via.group
}

func (d *delivery) ids() []uint32 {
	if d.via == nil {
		return nil
	}
	return d.via.ids
}

// unstored is the mark of a delivery that is on its way to the store. It is not
// sent before: it would be acknowledged before it is there.
const unstored = store.Mark(math.MaxUint64)

// queue is a first-in first-out queue of deliveries. The zero queue is empty.
// Its owner locks.
//
// It is made of blocks, so that a long one neither moves when it grows nor keeps
// what it does not need.
type queue struct {
	blocks []*[queueBlock]delivery
	head   int // in the first block
	len    int
	bytes  int64         // of all messages in it
	total  *atomic.Int64 // bytes of those in memory, in all queues that share it; may be nil
}

const queueBlock = 32

// hold counts the memory of n bytes.
func (q *queue) hold(n int64) {
	if q.total != nil {
		q.total.Add(n)
	}
}

// clear empties the queue and gives its memory back.
func (q *queue) clear() {
	for i := range q.len {
		if d := q.at(i); d.msg != nil {
			q.hold(-int64(d.size))
		}
	}
	*q = queue{total: q.total}
}

func (q *queue) push(d delivery) {
	end := q.head + q.len
	if end == len(q.blocks)*queueBlock {
		q.blocks = append(q.blocks, new([queueBlock]delivery))
	}
	q.blocks[end/queueBlock][end%queueBlock] = d
	q.len++
	q.bytes += int64(d.size)
	if d.msg != nil {
		q.hold(int64(d.size))
	}
}

// at returns the i-th delivery, counted from the oldest. It is valid until it
// is taken out.
func (q *queue) at(i int) *delivery {
	i += q.head
	return &q.blocks[i/queueBlock][i%queueBlock]
}

// front returns the oldest delivery, nil if there is none.
func (q *queue) front() *delivery {
	if q.len == 0 {
		return nil
	}
	return q.at(0)
}

// find returns the delivery with that number, nil if there is none. Numbers
// rise.
func (q *queue) find(seq uint64) *delivery {
	i := sort.Search(q.len, func(i int) bool { return q.at(i).seq >= seq })
	if i == q.len {
		return nil
	}
	if d := q.at(i); d.seq == seq {
		return d
	}
	return nil
}

func (q *queue) pop() delivery {
	at := q.at(0)
	d := *at
	*at = delivery{}
	q.len--
	q.bytes -= int64(d.size)
	if d.msg != nil {
		q.hold(-int64(d.size))
	}
	if q.head++; q.head == queueBlock {
		q.blocks[0] = nil
		q.blocks, q.head = q.blocks[1:], 0
	}
	if q.len == 0 {
		q.head = 0
		if len(q.blocks) > 1 {
			q.blocks = q.blocks[:1]
		}
	}
	return d
}

// leave lets go of the message of d, which is in the store.
func (q *queue) leave(d *delivery) {
	if d.msg != nil {
		q.hold(-int64(d.size))
		d.msg = nil
	}
}

// fetch gives d its message back.
func (q *queue) fetch(d *delivery, m *Message) {
	if d.msg == nil {
		d.msg = m
		q.hold(int64(d.size))
	}
}

// full tells whether a delivery of size bytes more would break the bounds; 0
// is no bound.
func (q *queue) full(size int64, maxMessages int, maxBytes int64) bool {
	return maxMessages > 0 && q.len >= maxMessages ||
		maxBytes > 0 && q.len > 0 && q.bytes+size > maxBytes
}

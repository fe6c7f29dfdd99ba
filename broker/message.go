package broker

import (
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
}

// size is what the message counts in the bounds of queues, bytes.
func (m *Message) size() int64 { return int64(len(m.Topic) + len(m.Payload)) }

func (m *Message) expired(now time.Time) bool {
	return !m.Expires.IsZero() && !now.Before(m.Expires)
}

// delivery is a message on its way to one subscriber.
type delivery struct {
	msg    *Message
	seq    uint64 // order of arrival in the subscriber's queues
	qos    QoS
	retain bool     // the RETAIN flag to send
	replay bool     // comes from the retained tree
	came   int64    // durable subscriptions: when, Unix time, s
	ids    []uint32 // subscription identifiers, shared: read only
}

// queue is a bounded first-in first-out queue of deliveries. The zero queue
// is empty. Its owner locks.
type queue struct {
	ring  []delivery
	head  int
	len   int
	bytes int64
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
	q.bytes += d.msg.size()
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
	q.bytes -= d.msg.size()
	if q.len == 0 && len(q.ring) > 64 {
		*q = queue{} // a burst is over; give its memory back
	}
	return d
}

// full tells whether a delivery of size bytes more would break the bounds; 0
// is no bound.
func (q *queue) full(size int64, maxMessages int, maxBytes int64) bool {
	return maxMessages > 0 && q.len >= maxMessages ||
		maxBytes > 0 && q.len > 0 && q.bytes+size > maxBytes
}

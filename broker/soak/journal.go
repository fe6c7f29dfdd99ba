//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"gateway/broker/packet"
)

// key names a message: seq counts the messages of one publisher from 0, over
// all its topics.
type key struct{ publisher, seq int }

func (k key) String() string { return fmt.Sprintf("publisher %d, message %d", k.publisher, k.seq) }

// message is what a publisher knows of one message. Times are since the
// journal began.
type message struct {
	topic   string
	qos     packet.QoS
	retain  bool
	clear   bool // without payload: takes the retained message of its topic away
	round   int
	sent    time.Duration     // for the first time
	acked   time.Duration     // PUBACK or PUBREC; 0: never
	refused packet.ReasonCode // from 0x80 on: it was told so
}

// promised tells whether the publisher may rely on it.
func (m *message) promised() bool { return m.acked != 0 && m.refused < 0x80 }

// receipt is one time that a message reached a subscriber, after what QoS 2
// tells apart by packet identifiers.
type receipt struct {
	key
	member string // client
	at     time.Duration
	round  int
	qos    packet.QoS // it came with
	dup    bool
}

// sink is a subscriber, or a group that shares a subscription, with what it has
// received in the order in which it came.
type sink struct {
	name     string
	prefix   string // of the topics it subscribes to, all the time
	qos      packet.QoS
	shared   bool // no order among the members
	receipts []receipt
}

// will is a promise of the broker to publish something when its client is gone.
type will struct {
	name      string
	qos       packet.QoS
	delay     time.Duration
	round     int
	connected time.Duration // CONNACK; 0: never
	lost      time.Duration // the connection, at the earliest; 0: never
	tried     bool          // the client tried to come back
	back      time.Duration // CONNACK of the client that came back; 0: not
	came      []time.Duration
}

// event is something that happened to the broker.
type event struct {
	at   time.Duration
	text string
}

// journal is what the clients of one run have seen. It is judged when the run is
// over.
type journal struct {
	began time.Time

	mu       sync.Mutex
	round    int
	sent     [][]message // by publisher, and seq
	sinks    []*sink
	wills    []*will
	events   []event
	retained map[string]key // at the end, by topic
	faults   []fault        // found on the way
	refused  int            // starts
	sessions int            // lost
	active   time.Duration  // when something was received or acknowledged last
	arrived  map[key]bool   // at any sink
}

func newJournal(publishers int) *journal {
	return &journal{began: time.Now(), sent: make([][]message, publishers), arrived: make(map[key]bool)}
}

// now is the time since the journal began, and never 0.
func (j *journal) now() time.Duration { return max(time.Since(j.began), 1) }

// send notes a message before it is sent, and returns its number.
func (j *journal) send(publisher int, m message) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	m.sent, m.round = j.now(), j.round
	j.sent[publisher] = append(j.sent[publisher], m)
	return len(j.sent[publisher]) - 1
}

// ack notes PUBACK or PUBREC.
func (j *journal) ack(k key, code packet.ReasonCode) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := &j.sent[k.publisher][k.seq]
	if m.acked == 0 {
		m.acked, m.refused = j.now(), code
	}
	j.active = j.now()
}

// receive notes what reached a subscriber.
func (j *journal) receive(s *sink, member string, p *packet.Publish) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.now()
	j.active = at
	if name, ok := bytes.CutPrefix(p.Payload, []byte("will ")); ok {
		for _, w := range j.wills {
			if w.name == string(name) && s.prefix == "load/will/" {
				w.came = append(w.came, at)
			}
		}
		return
	}
	if len(p.Payload) == 0 { // a retained message is cleared
		return
	}
	k, qos, topic, ok := parse(p.Payload)
	if !ok || topic != p.Topic || k.publisher >= len(j.sent) || k.seq >= len(j.sent[k.publisher]) || qos < p.QoS {
		j.faults = append(j.faults, fault{kind: altered, text: fmt.Sprintf("%s got %q on %q at QoS %d, which nobody sent", s.name, p.Payload, p.Topic, p.QoS)})
		return
	}
	j.arrived[k] = true
	s.receipts = append(s.receipts, receipt{key: k, member: member, at: at, round: j.round, qos: p.QoS, dup: p.Dup})
}

// unpromised tells whether nobody outside the broker knows that it has the
// message: it was not acknowledged, and has reached nobody.
func (j *journal) unpromised(k key) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return k.publisher < len(j.sent) && k.seq < len(j.sent[k.publisher]) && j.sent[k.publisher][k.seq].acked == 0 && !j.arrived[k]
}

// note writes down what happened to the broker.
func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event{j.now(), fmt.Sprintf(format, args...)})
}

// sessionLost notes a client whose session should have been there.
func (j *journal) sessionLost(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sessions++
	j.faults = append(j.faults, fault{kind: sessionGone, at: j.now(), text: fmt.Sprintf("%s connected in round %d, and its session was gone", id, j.round)})
}

// refusedStart notes a broker that did not start.
func (j *journal) refusedStart(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused++
	j.faults = append(j.faults, fault{kind: refusedStart, at: j.now(), text: fmt.Sprintf("round %d: %v", j.round, err)})
}

// quiet returns how long nothing was received or acknowledged.
func (j *journal) quiet() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now() - j.active
}

// payload writes what a message says of itself, and fills it up to size bytes.
func payload(k key, qos packet.QoS, topic string, size int) []byte {
	b := fmt.Appendf(nil, "soak %d %d %d %s ", k.publisher, k.seq, qos, topic)
	for len(b) < size {
		b = append(b, '.')
	}
	return b
}

// parse reads what payload wrote.
func parse(b []byte) (k key, qos packet.QoS, topic string, ok bool) {
	f := strings.SplitN(string(b), " ", 6)
	if len(f) != 6 || f[0] != "soak" {
		return k, 0, "", false
	}
	var err [3]error
	var q int
	k.publisher, err[0] = strconv.Atoi(f[1])
	k.seq, err[1] = strconv.Atoi(f[2])
	q, err[2] = strconv.Atoi(f[3])
	ok = err == [3]error{} && k.publisher >= 0 && k.seq >= 0 && q >= 0 && q <= 2 && strings.Trim(f[5], ".") == ""
	return k, packet.QoS(q), f[4], ok
}

package broker

import (
	"encoding/json"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

// sessionState is what the store has of a session besides subscriptions and
// messages, as JSON, so that whoever inspects a store can read it.
type sessionState struct {
	// Process is a durable subscription of this process, whose name the
	// session has.
	Process bool   `json:"process,omitempty"`
	User    string `json:"user,omitempty"`
	// Expiry is how long it outlives its connection, s; -1 is for ever.
	Expiry int64 `json:"expiry"`
	// Left is when its connection ended, Unix time, ms; 0 while it is there.
	Left int64 `json:"left,omitempty"`
	// Sent is the number of the last message that was sent.
	Sent uint64 `json:"sent,omitempty"`
	// UnderWay are the numbers of the messages that may have been sent, from and
	// to, of a session of this process, which does not send them in order.
	UnderWay []run `json:"under_way,omitempty"`
	// Reached is the highest number that a message may have been sent with that
	// could not be stored: the store knows nothing else of it.
	Reached uint64     `json:"reached,omitempty"`
	Will    *willState `json:"will,omitempty"`
}

// run is numbers of messages that follow one another: the first and the last.
type run [2]uint64

// underWay tells whether a message may have been sent.
func (s *sessionState) underWay(seq uint64) bool {
	for _, r := range s.UnderWay {
		if r[0] <= seq && seq <= r[1] {
			return true
		}
	}
	return false
}

// willState is a will that was not published yet.
type willState struct {
	Topic      string `json:"topic"`
	Payload    []byte `json:"payload,omitempty"`
	QoS        byte   `json:"qos"`
	Retain     bool   `json:"retain,omitempty"`
	Properties []byte `json:"properties,omitempty"`
	Expiry     int64  `json:"expiry,omitempty"` // s, 0 for none
	Delay      int64  `json:"delay,omitempty"`  // s
}

func secondsToStore(d time.Duration) int64 {
	if d == noExpiry {
		return -1
	}
	return int64(d / time.Second)
}

func secondsFromStore(s int64) time.Duration {
	if s < 0 || s > int64(noExpiry/time.Second) {
		return noExpiry
	}
	return time.Duration(s) * time.Second
}

func (w *will) state() *willState {
	if w == nil {
		return nil
	}
	s := &willState{
		Topic: w.m.Topic, Payload: w.m.Payload, QoS: byte(w.m.QoS), Retain: w.m.Retain,
		Properties: messageToStore(&w.m).Properties, Delay: secondsToStore(w.delay),
	}
	if w.expiry.OK {
		s.Expiry = int64(w.expiry.V)
	}
	return s
}

// will is the reverse of state.
func (s *willState) will(publisher string) (*will, error) {
	props, err := packet.ParseMessageProperties(s.Properties)
	if err != nil {
		return nil, err
	}
	w := &will{
		m: Message{
			Topic: s.Topic, Payload: s.Payload, QoS: QoS(min(s.QoS, 2)), Retain: s.Retain,
			Properties: props, extra: sizeOf(props), publisher: publisher,
		},
		delay: secondsFromStore(s.Delay),
	}
	if s.Expiry > 0 {
		w.expiry = packet.Some(uint32(s.Expiry))
	}
	return w, nil
}

// put returns the change that stores what is known of s. will is what it may
// leave behind, left when its connection has ended, zero if it has not.
// Broker.sessionsMu is held.
func (s *session) put(w *will, left time.Time) store.Change {
	st := sessionState{User: s.identity.User, Expiry: secondsToStore(s.expiry), Will: w.state()}
	s.mu.Lock()
	st.Sent = s.sentLocked()
	s.mu.Unlock()
	if !left.IsZero() {
		st.Left = left.UnixMilli()
	}
	data, err := json.Marshal(st)
	if err != nil { // there is nothing in it that could not be encoded
		panic(err)
	}
	return store.Change{Op: store.PutSession, Session: s.num, Name: s.id, Data: data}
}

// subscriptionState is what the store has of a subscription, as JSON.
type subscriptionState struct {
	Filter      string `json:"filter"` // in the tree
	QoS         QoS    `json:"qos"`
	Share       string `json:"share,omitempty"`
	ID          uint32 `json:"id,omitempty"`
	NoLocal     bool   `json:"noLocal,omitempty"`
	AsPublished bool   `json:"asPublished,omitempty"`
}

// put returns the change that stores a subscription, which its client calls
// name.
func (s *subscription) put(num store.SessionID, name string) store.Change {
	data, err := json.Marshal(subscriptionState{s.filter, s.qos, s.share, s.id, s.noLocal, s.asPublished})
	if err != nil {
		panic(err)
	}
	return store.Change{Op: store.Subscribe, Session: num, Name: name, Data: data}
}

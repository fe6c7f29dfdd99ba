package broker

import (
	"encoding/binary"
	"errors"
	"time"

	"gateway/broker/packet"
	"gateway/broker/store"
)

// How a message gets into the store.
//
// While a publication is carried to its subscribers, those whose sessions are
// kept put it in their queues, marked as unstored, and note it in the
// publication. When all have, one change has the message, all these deliveries,
// what becomes of the retained message, and the packet identifier of a
// publisher whose session is kept: a crash leaves all of it or nothing. Then
// the deliveries may be sent. One of QoS 2 waits until it is stable, or a
// publisher that sends it again after a crash would double it; and the
// publisher is not acknowledged before, see hold.go.

// keeper is a subscriber whose deliveries are kept in the store.
type keeper interface {
	// stored notes that the delivery with that number is in the store, stable as
	// soon as its mark is.
	stored(p *publication, seq uint64, mark store.Mark)
	// lost notes that it is not, and will not be. If it may, it goes on in memory.
	lost(p *publication, seq uint64, memory bool)
}

// keeping is what of a publication is to be stored.
type keeping struct {
	to      []store.Delivery
	keepers []keeper // of each of to
	retain  retainChange
	session store.SessionID // who published it with the packet identifier id, 0 if that is not kept
	id      uint16
	done    store.Change // what ends with it; Op is 0 if nothing does
	urgent  bool         // somebody waits for it
	refused bool         // a subscriber's queue is full, and nothing of it may be dropped

	mark    store.Mark // when it is stable
	err     error      // why it is not stored
	message store.Message
	changes []store.Change // memory for them
}

// retainChange is what a publication does to the retained message of its topic.
type retainChange byte

const (
	retainNothing retainChange = iota
	retainSet
	retainClear
)

func (k *keeping) reset() {
	k.urgent = false
	if len(k.to) == 0 && k.retain == retainNothing && k.session == 0 && k.done.Op == 0 && !k.refused {
		return // as nearly always
	}
	clear(k.to)
	clear(k.keepers)
	clear(k.changes)
	*k = keeping{to: k.to[:0], keepers: k.keepers[:0], changes: k.changes[:0]}
}

// add notes a delivery.
func (k *keeping) add(to keeper, d store.Delivery) {
	k.to = append(k.to, d)
	k.keepers = append(k.keepers, to)
}

// keep stores what of p is to be stored. Broker.mu is held, shared.
func (b *Broker) keep(p *publication) {
	k := &p.keeping
	if b.store == nil || len(k.to) == 0 && k.retain == retainNothing && k.session == 0 && k.done.Op == 0 {
		return
	}
	m := p.keep()
	changes := k.changes[:0]
	c := store.Change{Op: store.Publish, To: k.to, Retain: k.retain == retainSet, Message: &k.message}
	if k.session != 0 {
		c.Session, c.PacketID = k.session, k.id
	}
	if len(k.to) > 0 || c.Retain {
		k.message = messageToStore(m)
	}
	if len(k.to) > 0 || c.Retain || k.session != 0 {
		changes = append(changes, c)
	}
	if k.retain == retainClear {
		changes = append(changes, store.Change{Op: store.ClearRetained, Name: m.Topic})
	}
	if k.done.Op != 0 {
		changes = append(changes, k.done)
	}
	urgency := store.Later
	if k.urgent {
		urgency = store.Now
	}
	k.mark, k.err = b.store.Append(urgency, changes...)
	k.changes = changes
	if k.err != nil {
		b.notKept(p)
		return
	}
	for i, to := range k.keepers {
		to.stored(p, k.to[i].Seq, k.mark)
	}
}

// notKept goes on after a publication could not be stored. One of this process
// goes on in memory: nobody was promised anything. A client is told, and keeps
// it.
func (b *Broker) notKept(p *publication) {
	k := &p.keeping
	b.counters.notStored.Add(1)
	for i, to := range k.keepers {
		to.lost(p, k.to[i].Seq, !k.urgent)
	}
}

// messageToStore returns a message as the store keeps it. Its payload is shared.
func messageToStore(m *Message) store.Message {
	s := store.Message{
		Topic: m.Topic, Publisher: m.publisher, Payload: m.Payload,
		QoS: byte(m.QoS), Retain: m.Retain, Came: m.came,
	}
	if !m.Expires.IsZero() {
		s.Expires = m.Expires.UnixMilli()
	}
	if m.Properties != nil {
		b, err := packet.AppendMessageProperties(nil, m.Properties, packet.Opt[uint32]{})
		if err != nil { // Publish and the codec have checked them
			panic(err)
		}
		s.Properties = b
	}
	return s
}

// messageFromStore is the reverse. The payload is shared.
func messageFromStore(s *store.Message) (*Message, error) {
	props, err := packet.ParseMessageProperties(s.Properties)
	if err != nil {
		return nil, err
	}
	m := &Message{
		Topic: s.Topic, publisher: s.Publisher, Payload: s.Payload,
		QoS: QoS(s.QoS), Retain: s.Retain, came: s.Came,
		Properties: props, extra: sizeOf(props),
	}
	if s.Expires != 0 {
		m.Expires = expiryStored(time.UnixMilli(s.Came), time.UnixMilli(s.Expires), time.Now())
	}
	return m, nil
}

// Bits of store.Delivery.Flags.
const (
	flagQoS    = 3
	flagRetain = 1 << 2
	flagReplay = 1 << 3
	flagLatest = 1 << 4
)

func deliveryFlags(d *delivery) byte {
	flags := byte(d.qos)
	if d.retain {
		flags |= flagRetain
	}
	if d.replay {
		flags |= flagReplay
	}
	if d.latest {
		flags |= flagLatest
	}
	return flags
}

// appendVia appends by which subscriptions a delivery came, as Extra has it: the
// name and filter of the shared subscription, and the subscription identifiers.
func appendVia(b []byte, v *via) []byte {
	if v == nil {
		return b
	}
	var key groupKey
	if v.group != nil {
		key = v.group.key
	}
	for _, s := range []string{key.share, key.filter} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	for _, id := range v.ids {
		b = binary.AppendUvarint(b, uint64(id))
	}
	return b
}

// parseVia is the reverse.
func parseVia(b []byte) (key groupKey, ids []uint32, err error) {
	bad := errors.New("subscriptions of a delivery")
	for _, s := range []*string{&key.share, &key.filter} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return groupKey{}, nil, bad
		}
		*s = string(b[size : size+int(n)])
		b = b[size+int(n):]
	}
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > 1<<28 {
			return groupKey{}, nil, bad
		}
		ids = append(ids, uint32(n))
		b = b[size:]
	}
	return key, ids, nil
}

// note stores changes that nobody waits for. What was closed meanwhile is.
func (b *Broker) note(changes ...store.Change) {
	if b.store != nil {
		_, _ = b.store.Append(store.Later, changes...)
	}
}

// promise stores changes that somebody waits for, and returns when they are
// stable.
func (b *Broker) promise(changes ...store.Change) store.Mark {
	if b.store == nil {
		return 0
	}
	mark, err := b.store.Append(store.Now, changes...)
	if err != nil {
		return 0
	}
	return mark
}

// read returns the message of a delivery that is in the store only.
func (b *Broker) read(id store.SessionID, seq uint64) (*Message, error) {
	s, _, err := b.store.Read(id, seq)
	if err != nil {
		return nil, err
	}
	return messageFromStore(s)
}

// unreadable notes that a message cannot be read any more.
func (b *Broker) unreadable(who string, seq uint64, err error) {
	b.counters.droppedUnreadable.Add(1)
	b.log.Error("a message that waits cannot be read from the store", "client", who, "delivery", seq, "error", err)
}

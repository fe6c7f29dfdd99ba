package store

// The index says of everything that is kept where its record lies. Payloads
// stay on the disk: a delivery that waits takes 16 bytes here, and 3 if many do.

// place is where the record of a message lies, and what it is shared by.
type place struct {
	segment uint32
	offset  uint32 // in the segment
	size    uint32 // bytes of the record; 0: there is none
	share   uint16 // deliveries, and the retained message, that it was written for
	flags   byte   // Delivery.Flags
	bits    byte
}

const (
	bitLive     = 1 << iota // the delivery is not done
	bitReleased             // and its receiver has recorded it
	bitExtra                // there is Extra with it
)

// weight is what one of those that share the record accounts for, bytes.
func (p *place) weight() int64 {
	if p.share <= 1 {
		return int64(p.size)
	}
	return int64(p.size)/int64(p.share) + 1
}

// sessionIndex is a session in the index.
type sessionIndex struct {
	known    bool // it was put: recovery meets deliveries of others, too
	stated   Mark // when it was put or stated in whole, the last time
	name     string
	data     []byte
	subs     map[string][]byte
	received map[uint16]struct{}
	next     uint64 // higher than every seq
	places          // of what is not done
}

// put notes a delivery. What was there is returned.
func (s *sessionIndex) put(seq uint64, p place) (old place) {
	s.next = max(s.next, seq+1)
	return s.places.put(seq, p)
}

// retainedPlace is the retained message of a topic.
type retainedPlace struct {
	number uint64
	place
}

// numbersSize is how many numbers lie together.
const numbersSize = 256

// numbers is a set of the numbers of retained messages.
type numbers map[uint64]*[numbersSize / 64]uint64

func (n numbers) add(x uint64) {
	c := n[x/numbersSize]
	if c == nil {
		c = new([numbersSize / 64]uint64)
		n[x/numbersSize] = c
	}
	c[x%numbersSize/64] |= 1 << (x % 64)
}

func (n numbers) has(x uint64) bool {
	c := n[x/numbersSize]
	return c != nil && c[x%numbersSize/64]&(1<<(x%64)) != 0
}

func (n numbers) remove(x uint64) {
	c := n[x/numbersSize]
	if c == nil {
		return
	}
	c[x%numbersSize/64] &^= 1 << (x % 64)
	if *c == [numbersSize / 64]uint64{} {
		delete(n, x/numbersSize)
	}
}

// in returns those of one chunk in their order.
func (n numbers) in(key uint64) (xs []uint64) {
	c := n[key]
	if c == nil {
		return nil
	}
	for i := range uint64(numbersSize) {
		if c[i/64]&(1<<(i%64)) != 0 {
			xs = append(xs, key*numbersSize+i)
		}
	}
	return xs
}

// index is everything that is kept. Its owner locks.
type index struct {
	sessions     map[SessionID]*sessionIndex
	nextSession  SessionID
	retained     map[string]retainedPlace
	retainedNext uint64 // number of the next one
	numbers      numbers
	usage        map[uint32]*usage // by segment
	live         int64             // bytes of records that are needed
	now          Mark              // of the change that is being made
	to           []Delivery        // memory for the next message
}

// usage is what a segment holds that is needed.
type usage struct {
	refs  int   // deliveries and retained messages
	bytes int64 // their weight
	empty Mark  // of the change since which there are no refs
}

func newIndex() *index {
	return &index{
		sessions:     make(map[SessionID]*sessionIndex),
		nextSession:  1,
		retained:     make(map[string]retainedPlace),
		retainedNext: 1,
		numbers:      make(numbers),
		usage:        make(map[uint32]*usage),
	}
}

// count notes that p is needed, or with -1 that it is not any more.
func (x *index) count(p *place, n int) {
	if p.size == 0 {
		return
	}
	u := x.usage[p.segment]
	if u == nil {
		u = new(usage)
		x.usage[p.segment] = u
	}
	u.refs += n
	u.empty = x.now
	u.bytes += int64(n) * p.weight()
	x.live += int64(n) * p.weight()
}

// session returns the session, a new one that is not known if there is none.
func (x *index) session(id SessionID) *sessionIndex {
	s := x.sessions[id]
	if s == nil {
		s = &sessionIndex{next: 1}
		x.sessions[id] = s
		x.nextSession = max(x.nextSession, id+1)
	}
	return s
}

// known returns a session that was put, nil if there is none.
func (x *index) known(id SessionID) *sessionIndex {
	if s := x.sessions[id]; s != nil && s.known {
		return s
	}
	return nil
}

func (x *index) putSession(id SessionID, name string, data []byte, at Mark) {
	s := x.session(id)
	s.known, s.stated, s.name, s.data = true, at, name, data
}

func (x *index) endSession(id SessionID) {
	s := x.sessions[id]
	if s == nil {
		return
	}
	s.each(0, func(_ uint64, p *place) bool {
		x.count(p, -1)
		return true
	})
	delete(x.sessions, id)
}

func (x *index) deliver(s *sessionIndex, seq uint64, p place) {
	old := s.put(seq, p)
	x.count(&old, -1)
	x.count(&p, 1)
}

func (x *index) done(id SessionID, seq uint64) {
	if s := x.sessions[id]; s != nil {
		old := s.remove(seq)
		x.count(&old, -1)
	}
}

func (x *index) release(id SessionID, seq uint64) {
	s := x.sessions[id]
	if s == nil {
		return
	}
	if p := s.at(seq); p != nil {
		x.count(p, -1)
		*p = place{bits: bitLive | bitReleased, flags: p.flags}
	}
}

// released notes a delivery that was released, whether or not there is a record
// of its message: its segment may be gone since.
func (x *index) released(id SessionID, seq uint64, flags byte) {
	x.deliver(x.session(id), seq, place{bits: bitReleased, flags: flags})
}

func (x *index) receive(id SessionID, packetID uint16) {
	s := x.session(id)
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[packetID] = struct{}{}
}

func (x *index) forget(id SessionID, packetID uint16) {
	if s := x.sessions[id]; s != nil {
		delete(s.received, packetID)
	}
}

func (x *index) subscribe(id SessionID, filter string, options []byte) {
	s := x.session(id)
	if s.subs == nil {
		s.subs = make(map[string][]byte)
	}
	s.subs[filter] = options
}

func (x *index) unsubscribe(id SessionID, filter string) {
	if s := x.sessions[id]; s != nil {
		delete(s.subs, filter)
	}
}

// retain makes the record at p, which has that number, the retained message of
// a topic, unless a later one is known.
func (x *index) retain(topic string, number uint64, p place) {
	old, ok := x.retained[topic]
	if ok && old.number > number {
		return
	}
	if ok {
		x.count(&old.place, -1)
		x.numbers.remove(old.number)
	}
	x.numbers.add(number)
	x.count(&p, 1)
	x.retained[topic] = retainedPlace{number, p}
	x.retainedNext = max(x.retainedNext, number+1)
}

// clear removes the retained message of a topic if its number is below number.
func (x *index) clear(topic string, number uint64) {
	x.retainedNext = max(x.retainedNext, number+1)
	if old, ok := x.retained[topic]; ok && old.number < number {
		x.count(&old.place, -1)
		x.numbers.remove(old.number)
		delete(x.retained, topic)
	}
}

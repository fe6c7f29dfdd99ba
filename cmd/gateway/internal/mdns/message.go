package mdns

import (
	"encoding/binary"
	"errors"
	"slices"
)

// The types of records that are written and read here (RFC 1035, 2782, 3596, 4034).
const (
	typeA    = 1
	typePTR  = 12
	typeTXT  = 16
	typeAAAA = 28
	typeSRV  = 33
	typeNSEC = 47
	typeANY  = 255
)

const (
	classIN    = 1
	classANY   = 255
	topBit     = 1 << 15 // of a class: flush caches, or answer by unicast
	flagAnswer = 1 << 15
	flagAuth   = 1 << 10
	flagTrunc  = 1 << 9
	opcodes    = 0xf << 11
	rcodes     = 0xf
)

// question asks for the records of a name.
type question struct {
	name    name
	typ     uint16
	unicast bool // the answer is wanted by unicast
}

// record is a resource record.
type record struct {
	name   name
	typ    uint16
	unique bool // only one responder has it, so that caches forget others
	ttl    uint32
	data   string // without compression
}

// identity is what two records have in common that are the same.
type identity struct {
	name name
	typ  uint16
	data string
}

func (r record) identity() identity {
	data := r.data
	switch {
	case r.typ == typePTR:
		data = string(name(data).fold())
	case r.typ == typeSRV && len(data) > 6:
		data = data[:6] + string(name(data[6:]).fold())
	}
	return identity{r.name.fold(), r.typ, data}
}

// message is one of DNS.
type message struct {
	id         uint16
	flags      uint16
	questions  []question
	answers    []record
	authority  []record
	additional []record
}

func (m *message) isAnswer() bool { return m.flags&flagAnswer != 0 }

var errShort = errors.New("a message that ends too early or leads in circles")

// parse reads a message. It is lenient: of one that is cut off or odd behind the
// questions it returns what came before.
func parse(b []byte) (*message, error) {
	if len(b) < 12 {
		return nil, errShort
	}
	m := &message{id: binary.BigEndian.Uint16(b), flags: binary.BigEndian.Uint16(b[2:])}
	r := reader{b: b, at: 12}
	for range binary.BigEndian.Uint16(b[4:]) {
		n, ok := r.name()
		typ, class := r.uint16(), r.uint16()
		if !ok || r.bad {
			return nil, errShort
		}
		if c := class &^ topBit; c == classIN || c == classANY {
			m.questions = append(m.questions, question{n, typ, class&topBit != 0})
		}
	}
	for i, section := range []*[]record{&m.answers, &m.authority, &m.additional} {
		for range binary.BigEndian.Uint16(b[6+2*i:]) {
			rec, known, ok := r.record()
			if !ok {
				return m, nil
			}
			if known {
				*section = append(*section, rec)
			}
		}
	}
	return m, nil
}

// reader reads a message; bad is set when it goes beyond its end.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) uint16() uint16 {
	if r.at+2 > len(r.b) {
		r.bad = true
		return 0
	}
	r.at += 2
	return binary.BigEndian.Uint16(r.b[r.at-2:])
}

// name reads one, which may go on earlier in the message.
func (r *reader) name() (n name, ok bool) {
	n, next, ok := nameAt(r.b, r.at)
	r.at = next
	return n, ok
}

func nameAt(b []byte, at int) (n name, next int, ok bool) {
	var labels []byte
	next = -1
	for {
		if at >= len(b) {
			return "", at, false
		}
		size := int(b[at])
		switch {
		case size == 0:
			if next < 0 {
				next = at + 1
			}
			return name(labels), next, true
		case size < 64:
			if at+1+size > len(b) || len(labels)+1+size > 254 {
				return "", at, false
			}
			labels = append(labels, b[at:at+1+size]...)
			at += 1 + size
		case size >= 0xc0 && at+1 < len(b):
			to := size&0x3f<<8 | int(b[at+1])
			if next < 0 {
				next = at + 2
			}
			if to >= at { // only backwards, so that it ends
				return "", at, false
			}
			at = to
		default:
			return "", at, false
		}
	}
}

// record reads one; known is false for one of a class that is not ours.
func (r *reader) record() (rec record, known, ok bool) {
	n, ok := r.name()
	if !ok {
		return rec, false, false
	}
	typ, class := r.uint16(), r.uint16()
	high, low, size := r.uint16(), r.uint16(), int(r.uint16())
	if r.bad || r.at+size > len(r.b) {
		return rec, false, false
	}
	data, ok := rdata(r.b[:r.at+size], r.at, typ)
	r.at += size
	return record{n, typ, class&topBit != 0, uint32(high)<<16 | uint32(low), data}, ok && class&^topBit == classIN, true
}

// rdata reads the data of a record without compression.
func rdata(b []byte, at int, typ uint16) (data string, ok bool) {
	before := at
	switch typ {
	case typeSRV:
		before += 6
	case typePTR, typeNSEC:
	default:
		return string(b[at:]), true
	}
	if before > len(b) {
		return "", false
	}
	n, next, ok := nameAt(b, before)
	if !ok || next < len(b) && typ != typeNSEC {
		return "", false
	}
	return string(b[at:before]) + string(n) + "\x00" + string(b[next:]), true
}

// pack writes m, with names compressed that stand before data.
func (m *message) pack() []byte {
	w := writer{b: make([]byte, 0, 512), seen: make(map[name]int)}
	for _, n := range []int{int(m.id), int(m.flags), len(m.questions), len(m.answers), len(m.authority), len(m.additional)} {
		w.uint16(uint16(n)) // so few
	}
	for _, q := range m.questions {
		w.name(q.name)
		w.uint16(q.typ)
		w.uint16(class(q.unicast))
	}
	for _, r := range slices.Concat(m.answers, m.authority, m.additional) {
		w.record(r)
	}
	return w.b
}

func class(top bool) uint16 {
	if top {
		return classIN | topBit
	}
	return classIN
}

type writer struct {
	b    []byte
	seen map[name]int // where a name stands
}

func (w *writer) uint16(n uint16) { w.b = binary.BigEndian.AppendUint16(w.b, n) }

func (w *writer) name(n name) {
	for n != "" {
		if at, ok := w.seen[n]; ok {
			w.uint16(uint16(0xc000 | at))
			return
		}
		if len(w.b) < 1<<14 {
			w.seen[n] = len(w.b)
		}
		size := 1 + int(n[0])
		w.b = append(w.b, n[:size]...)
		n = n[size:]
	}
	w.b = append(w.b, 0)
}

func (w *writer) record(r record) {
	w.name(r.name)
	w.uint16(r.typ)
	w.uint16(class(r.unique))
	w.b = binary.BigEndian.AppendUint32(w.b, r.ttl)
	at := len(w.b)
	w.uint16(0)
	if r.typ == typePTR {
		w.name(name(r.data[:len(r.data)-1]))
	} else {
		w.b = append(w.b, r.data...)
	}
	binary.BigEndian.PutUint16(w.b[at:], uint16(len(w.b)-at-2))
}

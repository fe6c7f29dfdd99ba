package mdns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// How long others may believe a record, s (RFC 6762, section 10): what has to do with
// a host is asked for again after two minutes.
const (
	hostTTL  = 120
	otherTTL = 4500
	// maxServices bounds what is said in one go.
	maxServices = 12
	// maxAddresses of one interface and family, of which some machines have many.
	maxAddresses = 6
)

var (
	local    = domain("local")
	allTypes = domain("_services._dns-sd._udp.local")
)

// zone is what a gateway has to say on one interface.
type zone struct {
	host    name
	records []record // those that are announced
	nothing []record // NSEC: which types a name of ours has, and that it has no others
}

// newZone makes the zone of an interface with these addresses.
func newZone(n names, services []Service, addresses []netip.Addr) *zone {
	z := &zone{host: newName(n.host).under(local)}
	seen := make(map[string]int)
	for _, s := range services[:min(len(services), maxServices)] {
		if s.Address != "" && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a.String() == s.Address }) {
			continue // not to be reached from here
		}
		instance := n.instance
		if seen[s.Type]++; seen[s.Type] > 1 { // another listener of the same kind
			instance = fmt.Sprintf("%s port %d", shorten(instance, 63-len(" port 65535")), s.Port)
		}
		z.service(s, instance, seen[s.Type] == 1)
	}
	if len(z.records) > 0 {
		z.addresses(addresses)
	}
	return z
}

func (z *zone) service(s Service, instance string, first bool) {
	typ := domain(s.Type).under(local)
	own := newName(instance).under(typ)
	if first {
		z.add(record{allTypes, typePTR, false, otherTTL, string(typ) + "\x00"})
	}
	srv := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0}, uint16(s.Port)) // priority and weight 0
	z.add(
		record{typ, typePTR, false, otherTTL, string(own) + "\x00"},
		record{own, typeSRV, true, hostTTL, string(srv) + string(z.host) + "\x00"},
		record{own, typeTXT, true, otherTTL, text(s.Text)})
	z.nothing = append(z.nothing, nsec(own, otherTTL, typeTXT, typeSRV))
}

func (z *zone) addresses(all []netip.Addr) {
	var types []uint16
	count := make(map[uint16]int)
	for _, a := range all {
		typ := uint16(typeA)
		if a.Is6() {
			typ = typeAAAA
		}
		if count[typ]++; count[typ] > maxAddresses {
			continue
		}
		if count[typ] == 1 {
			types = append(types, typ)
		}
		z.add(record{z.host, typ, true, hostTTL, string(a.AsSlice())})
	}
	slices.Sort(types)
	z.nothing = append(z.nothing, nsec(z.host, hostTTL, types...))
}

func (z *zone) add(all ...record) { z.records = append(z.records, all...) }

// text writes strings as a TXT record has them; without any it has an empty one
// (RFC 6763, section 6.1).
func text(all []string) string {
	var b strings.Builder
	for _, s := range all {
		s = shorten(s, 255)
		b.WriteByte(byte(len(s)))
		b.WriteString(s)
	}
	if b.Len() == 0 {
		return "\x00"
	}
	return b.String()
}

// nsec says that a name has records of these types and of no others (RFC 6762,
// section 6.1).
func nsec(n name, ttl uint32, types ...uint16) record {
	var bits [32]byte
	size := 0
	for _, t := range types {
		bits[t/8] |= 0x80 >> (t % 8)
		size = max(size, int(t/8)+1)
	}
	return record{n, typeNSEC, true, ttl, string(n) + "\x00\x00" + string([]byte{byte(size)}) + string(bits[:size])}
}

// has tells whether n is a name that is ours alone.
func (z *zone) has(n name) bool {
	return slices.ContainsFunc(z.records, func(r record) bool { return r.unique && r.name.fold() == n.fold() })
}

// answer returns what is to be said to a question, nothing if it is none of ours, and
// what whoever asks wants to know next.
func (z *zone) answer(q question) (answers, additional []record) {
	for _, r := range z.records {
		if r.name.fold() == q.name.fold() && (q.typ == r.typ || q.typ == typeANY) {
			answers = append(answers, r)
		}
	}
	if len(answers) == 0 {
		for _, r := range z.nothing {
			if r.name.fold() == q.name.fold() {
				answers = append(answers, r)
			}
		}
	}
	for i := 0; i < len(answers); i++ {
		additional = z.following(answers[i], additional)
	}
	for i := 0; i < len(additional); i++ {
		additional = z.following(additional[i], additional)
	}
	additional = slices.DeleteFunc(additional, func(r record) bool { return slices.Contains(answers, r) })
	return answers, additional
}

// following adds what belongs to a record: RFC 6763, section 12.
func (z *zone) following(r record, all []record) []record {
	var to name
	switch r.typ {
	case typePTR:
		to = name(r.data[:len(r.data)-1])
	case typeSRV:
		to = name(r.data[6 : len(r.data)-1])
	default:
		return all
	}
	for _, next := range z.records {
		if next.unique && next.name == to && !slices.Contains(all, next) {
			all = append(all, next)
		}
	}
	return all
}

// goodbye returns records with a time of nothing (RFC 6762, section 10.1).
func goodbye(all []record) []record {
	all = slices.Clone(all)
	for i := range all {
		all[i].ttl = 0
	}
	return all
}

package packet

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// maker makes random packets that are right: every field takes every kind of
// value it may have.
type maker struct {
	*rand.Rand
	v Version
}

func (m maker) flip() bool { return m.IntN(2) == 0 }

func (m maker) id() uint16 { return uint16(1 + m.IntN(65535)) }

// text returns a string of n to 20 characters, of one to four bytes each.
func (m maker) text(n int) string {
	letters := []rune("az09 /$ä€\u00a0\ufeff\uffff\U0001F600\x01")
	s := make([]rune, n+m.IntN(20))
	for i := range s {
		s[i] = letters[m.IntN(len(letters))]
	}
	return string(s)
}

// bytes returns 0 to 50 bytes, never nil.
func (m maker) bytes() []byte {
	b := make([]byte, m.IntN(50))
	for i := range b {
		b[i] = byte(m.IntN(256))
	}
	return b
}

// some returns a value in half of the cases.
func some[T any](m maker, make func() T) Opt[T] {
	if m.flip() {
		return Opt[T]{}
	}
	return Some(make())
}

func (m maker) bit() byte   { return byte(m.IntN(2)) }
func (m maker) u16() uint16 { return uint16(m.IntN(65536)) }
func (m maker) u32() uint32 { return m.Uint32() }
func (m maker) word() string {
	return m.text(0)
}

// properties returns what a packet of type in may have, nil if it is nothing.
func (m maker) properties(in Type) *Properties {
	if m.v < V5 {
		return nil
	}
	p := new(Properties)
	for range m.IntN(3) {
		p.User = append(p.User, UserProperty{m.word(), m.word()})
	}
	switch in {
	case TypeConnect, TypeConnack:
		p.SessionExpiry, p.ReceiveMaximum, p.TopicAliasMaximum = some(m, m.u32), some(m, m.id), some(m, m.u16)
		p.MaximumPacketSize = some(m, func() uint32 { return 1 + m.Uint32N(1<<30) })
		m.authentication(p)
	case TypePublish, willType:
		p.PayloadFormat, p.MessageExpiry, p.ContentType, p.ResponseTopic = some(m, m.bit), some(m, m.u32), some(m, m.word), some(m, func() string { return m.text(1) })
		if m.flip() {
			p.CorrelationData = m.bytes()
		}
	case TypeDisconnect:
		p.SessionExpiry, p.ServerReference = some(m, m.u32), some(m, m.word)
	case TypeAuth:
		p.AuthMethod = Some(m.word())
		m.authentication(p)
		p.AuthMethod.OK = true
	case TypeSubscribe:
		if m.flip() {
			p.SubscriptionIDs = []uint32{1 + m.Uint32N(maxVarint)}
		}
	}
	switch in {
	case TypeConnect:
		p.RequestProblemInfo, p.RequestResponseInfo = some(m, m.bit), some(m, m.bit)
	case TypeConnack:
		p.AssignedClientID, p.ServerKeepAlive, p.ResponseInfo, p.ServerReference = some(m, m.word), some(m, m.u16), some(m, m.word), some(m, m.word)
		p.MaximumQoS, p.RetainAvailable = some(m, m.bit), some(m, m.bit)
		p.WildcardSubscriptionAvailable, p.SubscriptionIDAvailable, p.SharedSubscriptionAvailable = some(m, m.bit), some(m, m.bit), some(m, m.bit)
	case TypePublish:
		p.TopicAlias = some(m, m.id)
		for range m.IntN(4) {
			p.SubscriptionIDs = append(p.SubscriptionIDs, 1+m.Uint32N(maxVarint))
		}
	case willType:
		p.WillDelay = some(m, m.u32)
	}
	switch in {
	case TypeConnect, TypePublish, willType, TypeSubscribe, TypeUnsubscribe:
	default:
		p.ReasonString = some(m, m.word)
	}
	if reflect.DeepEqual(*p, Properties{}) {
		return nil
	}
	return p
}

func (m maker) authentication(p *Properties) {
	if m.flip() {
		p.AuthMethod = Some(m.word())
		if m.flip() {
			p.AuthData = m.bytes()
		}
	}
}

// code returns one of the reason codes, Success before MQTT 5.0.
func (m maker) code(codes ...ReasonCode) ReasonCode {
	if m.v < V5 {
		return Success
	}
	return codes[m.IntN(len(codes))]
}

func (m maker) connect() *Connect {
	p := &Connect{
		Version: m.v, Bridge: m.flip(), CleanStart: m.flip(), KeepAlive: m.u16(), ClientID: m.word(),
		Username: some(m, m.word), Properties: m.properties(TypeConnect),
	}
	if p.Username.OK && m.flip() {
		p.Password = m.bytes()
	}
	if m.flip() {
		p.Will = &Will{Topic: m.text(1), Payload: m.bytes(), QoS: QoS(m.IntN(3)), Retain: m.flip(), Properties: m.properties(willType)}
	}
	return p
}

func (m maker) publish() *Publish {
	p := &Publish{QoS: QoS(m.IntN(3)), Retain: m.flip(), Topic: m.text(1), Payload: m.bytes(), Properties: m.properties(TypePublish)}
	if p.QoS > 0 {
		p.Dup, p.ID = m.flip(), m.id()
	}
	return p
}

func (m maker) subscribe() *Subscribe {
	p := &Subscribe{ID: m.id(), Properties: m.properties(TypeSubscribe)}
	for range 1 + m.IntN(5) {
		f := Subscription{Filter: m.text(0), QoS: QoS(m.IntN(3))}
		if m.v >= V5 {
			f.NoLocal, f.RetainAsPublished, f.RetainHandling = m.flip(), m.flip(), byte(m.IntN(3))
		}
		p.Filters = append(p.Filters, f)
	}
	return p
}

func (m maker) unsubscribe() *Unsubscribe {
	p := &Unsubscribe{ID: m.id(), Properties: m.properties(TypeUnsubscribe)}
	for range 1 + m.IntN(5) {
		p.Filters = append(p.Filters, m.text(0))
	}
	return p
}

// packet returns a packet of any type that the version has.
func (m maker) packet() Packet {
	switch Type(1 + m.IntN(15)) {
	case TypeConnect:
		return m.connect()
	case TypeConnack:
		p := &Connack{Code: m.code(Success, NotAuthorized, ServerBusy), Properties: m.properties(TypeConnack)}
		p.SessionPresent = p.Code == Success && m.v > V31 && m.flip()
		return p
	case TypePublish:
		return m.publish()
	case TypePuback:
		return &Puback{m.id(), m.code(Success, NoMatchingSubscribers, QuotaExceeded), m.properties(TypePuback)}
	case TypePubrec:
		return &Pubrec{m.id(), m.code(Success, PacketIdentifierInUse), m.properties(TypePubrec)}
	case TypePubrel:
		return &Pubrel{m.id(), m.code(Success, PacketIdentifierNotFound), m.properties(TypePubrel)}
	case TypePubcomp:
		return &Pubcomp{m.id(), m.code(Success, PacketIdentifierNotFound), m.properties(TypePubcomp)}
	case TypeSubscribe:
		return m.subscribe()
	case TypeSuback:
		return &Suback{m.id(), []ReasonCode{GrantedQoS1, UnspecifiedError, m.code(TopicFilterInvalid, GrantedQoS2)}, m.properties(TypeSuback)}
	case TypeUnsubscribe:
		return m.unsubscribe()
	case TypeUnsuback:
		p := &Unsuback{ID: m.id(), Properties: m.properties(TypeUnsuback)}
		if m.v >= V5 {
			p.Codes = []ReasonCode{Success, m.code(NoSubscriptionExisted, NotAuthorized)}
		}
		return p
	case TypePingreq:
		return &Pingreq{}
	case TypePingresp:
		return &Pingresp{}
	case TypeDisconnect:
		return &Disconnect{m.code(Success, DisconnectWithWill, ServerShuttingDown), m.properties(TypeDisconnect)}
	}
	if m.v < V5 {
		return &Pingreq{}
	}
	return &Auth{m.code(ContinueAuthentication, ReAuthenticate), m.properties(TypeAuth)}
}

// TestRandomPackets: what is encoded is decoded to the same, for 30,000
// random packets.
func TestRandomPackets(t *testing.T) {
	seen := make(map[Type]int)
	for _, v := range []Version{V31, V311, V5} {
		m := maker{rand.New(rand.NewPCG(1, uint64(v))), v}
		for range 10_000 {
			p := m.packet()
			seen[p.Type()]++
			b, err := p.Append(nil, v)
			if err != nil {
				t.Fatalf("version %v: %+v: %v", v, p, err)
			}
			got, err := decodeWhole(t, b, v)
			if err != nil || !reflect.DeepEqual(got, p) {
				t.Fatalf("version %v: % x\n%+v\nhas become\n%+v, %v", v, b, p, got, err)
			}
		}
	}
	if len(seen) != 15 {
		t.Errorf("types made: %v", seen)
	}
}

// TestRandomStream reads random packets of random lengths through a Reader.
func TestRandomStream(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(2, 2)), V5}
	var stream []byte
	var want []Packet
	for range 2000 {
		p := m.packet()
		var err error
		if stream, err = p.Append(stream, V5); err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	got, _ := readAll(&chunks{m.Rand, stream}, 0, V5)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d packets came through of %d", len(got), len(want))
	}
}

// chunks gives its bytes in pieces of random lengths.
type chunks struct {
	*rand.Rand
	b []byte
}

func (c *chunks) Read(p []byte) (int, error) {
	n := copy(p, c.b[:min(len(c.b), 1+c.IntN(100))])
	c.b = c.b[n:]
	if n == 0 {
		return 0, bytes.ErrTooLarge // any error ends it
	}
	return n, nil
}

// TestBitFlips flips each bit of random packets: never a panic, and what is
// still a packet can be encoded again.
func TestBitFlips(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		m := maker{rand.New(rand.NewPCG(3, uint64(v))), v}
		for range 300 {
			b, err := m.packet().Append(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			_, length, n, _ := ParseHeader(b)
			body := b[n : n+length]
			for bit := range 8 * len(body) {
				body[bit/8] ^= 1 << (bit % 8)
				if p, err := Decode(b[0], body, v); err == nil {
					w := v
					if c, ok := p.(*Connect); ok {
						w = c.Version
					}
					if _, err := p.Append(nil, w); err != nil {
						t.Fatalf("%+v was decoded and cannot be encoded: %v", p, err)
					}
				}
				body[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

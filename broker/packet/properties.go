package packet

// Opt is a value that may be absent; the zero value is.
type Opt[T any] struct {
	V  T
	OK bool // V is there
}

// Some returns v as a value that is there.
func Some[T any](v T) Opt[T] { return Opt[T]{v, true} }

// Or returns the value, or absent when it is not there.
func (o Opt[T]) Or(absent T) T {
	if o.OK {
		return o.V
	}
	return absent
}

// UserProperty is a pair of strings that means what its users agree on. Names
// may come more than once, and the order is kept.
type UserProperty struct{ Name, Value string }

// Properties are the properties of a packet of MQTT 5.0 or of a will. Each
// packet has its own few, section 2.2.2.2; the others are refused on both
// ways. A packet without properties has nil.
type Properties struct {
	PayloadFormat   Opt[byte]   // 1: the payload is UTF-8
	MessageExpiry   Opt[uint32] // seconds
	ContentType     Opt[string]
	ResponseTopic   Opt[string]
	CorrelationData []byte   // nil: absent
	SubscriptionIDs []uint32 // 1 to 268,435,455; at most one in SUBSCRIBE

	SessionExpiry       Opt[uint32] // seconds; 0xFFFFFFFF: never
	AssignedClientID    Opt[string]
	ServerKeepAlive     Opt[uint16] // seconds
	AuthMethod          Opt[string]
	AuthData            []byte      // nil: absent
	RequestProblemInfo  Opt[byte]   // 0: no reason strings, please
	WillDelay           Opt[uint32] // seconds
	RequestResponseInfo Opt[byte]
	ResponseInfo        Opt[string]
	ServerReference     Opt[string]
	ReasonString        Opt[string]
	ReceiveMaximum      Opt[uint16] // unacknowledged QoS 1 and 2 messages; not 0
	TopicAliasMaximum   Opt[uint16]
	TopicAlias          Opt[uint16] // not 0
	MaximumQoS          Opt[byte]   // 0 or 1
	RetainAvailable     Opt[byte]
	User                []UserProperty
	MaximumPacketSize   Opt[uint32] // bytes; not 0

	WildcardSubscriptionAvailable Opt[byte]
	SubscriptionIDAvailable       Opt[byte]
	SharedSubscriptionAvailable   Opt[byte]
}

// The identifiers, section 2.2.2.2.
const (
	propPayloadFormat                 = 0x01
	propMessageExpiry                 = 0x02
	propContentType                   = 0x03
	propResponseTopic                 = 0x08
	propCorrelationData               = 0x09
	propSubscriptionID                = 0x0B
	propSessionExpiry                 = 0x11
	propAssignedClientID              = 0x12
	propServerKeepAlive               = 0x13
	propAuthMethod                    = 0x15
	propAuthData                      = 0x16
	propRequestProblemInfo            = 0x17
	propWillDelay                     = 0x18
	propRequestResponseInfo           = 0x19
	propResponseInfo                  = 0x1A
	propServerReference               = 0x1C
	propReasonString                  = 0x1F
	propReceiveMaximum                = 0x21
	propTopicAliasMaximum             = 0x22
	propTopicAlias                    = 0x23
	propMaximumQoS                    = 0x24
	propRetainAvailable               = 0x25
	propUser                          = 0x26
	propMaximumPacketSize             = 0x27
	propWildcardSubscriptionAvailable = 0x28
	propSubscriptionIDAvailable       = 0x29
	propSharedSubscriptionAvailable   = 0x2A
)

// bounds says which values a number may have.
type bounds byte

const (
	anyValue bounds = iota
	zeroOrOne
	notZero
)

// properties is the table of section 2.2.2.2: the name of each property, and
// the packets that may have it. The codes for a value out of its bounds are
// those of the sections on each packet.
var properties = [...]struct {
	name   string
	in     types
	value  bounds
	code   ReasonCode
	clause string
}{
	propPayloadFormat:                 {name: "payload format indicator", in: inPublish | inWill, value: zeroOrOne},
	propMessageExpiry:                 {name: "message expiry interval", in: inPublish | inWill},
	propContentType:                   {name: "content type", in: inPublish | inWill},
	propResponseTopic:                 {name: "response topic", in: inPublish | inWill},
	propCorrelationData:               {name: "correlation data", in: inPublish | inWill},
	propSubscriptionID:                {name: "subscription identifier", in: inPublish | inSubscribe, value: notZero},
	propSessionExpiry:                 {name: "session expiry interval", in: inConnect | inConnack | inDisconnect},
	propAssignedClientID:              {name: "assigned client identifier", in: inConnack},
	propServerKeepAlive:               {name: "server keep alive", in: inConnack},
	propAuthMethod:                    {name: "authentication method", in: inConnect | inConnack | inAuth},
	propAuthData:                      {name: "authentication data", in: inConnect | inConnack | inAuth},
	propRequestProblemInfo:            {name: "request problem information", in: inConnect, value: zeroOrOne},
	propWillDelay:                     {name: "will delay interval", in: inWill},
	propRequestResponseInfo:           {name: "request response information", in: inConnect, value: zeroOrOne},
	propResponseInfo:                  {name: "response information", in: inConnack},
	propServerReference:               {name: "server reference", in: inConnack | inDisconnect},
	propReasonString:                  {name: "reason string", in: inConnack | inPuback | inPubrec | inPubrel | inPubcomp | inSuback | inUnsuback | inDisconnect | inAuth},
	propReceiveMaximum:                {name: "receive maximum", in: inConnect | inConnack, value: notZero},
	propTopicAliasMaximum:             {name: "topic alias maximum", in: inConnect | inConnack},
	propTopicAlias:                    {name: "topic alias", in: inPublish, value: notZero, code: TopicAliasInvalid, clause: "MQTT-3.3.2-8"},
	propMaximumQoS:                    {name: "maximum QoS", in: inConnack, value: zeroOrOne},
	propRetainAvailable:               {name: "retain available", in: inConnack, value: zeroOrOne},
	propUser:                          {name: "user property", in: ^types(0) &^ (1<<TypePingreq | 1<<TypePingresp)},
	propMaximumPacketSize:             {name: "maximum packet size", in: inConnect | inConnack, value: notZero},
	propWildcardSubscriptionAvailable: {name: "wildcard subscription available", in: inConnack, value: zeroOrOne},
	propSubscriptionIDAvailable:       {name: "subscription identifier available", in: inConnack, value: zeroOrOne},
	propSharedSubscriptionAvailable:   {name: "shared subscription available", in: inConnack, value: zeroOrOne},
}

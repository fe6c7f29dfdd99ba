package packet

import "fmt"

// ReasonCode is a reason code of MQTT 5.0; from 0x80 on it says that something
// failed. The return codes of MQTT 3 are translated, see [Connack] and
// [Suback].
type ReasonCode byte

// The reason codes, section 2.4. Success is also "Normal disconnection" and
// "Granted QoS 0".
const (
	Success                             ReasonCode = 0x00
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWill                  ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	ReAuthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

// types is a set of packet types, bit t for Type t. Bit 0, which is no type,
// stands for the will of a CONNECT where properties are concerned.
type types uint16

const (
	inWill        types = 1
	inConnect     types = 1 << TypeConnect
	inConnack     types = 1 << TypeConnack
	inPublish     types = 1 << TypePublish
	inPuback      types = 1 << TypePuback
	inPubrec      types = 1 << TypePubrec
	inPubrel      types = 1 << TypePubrel
	inPubcomp     types = 1 << TypePubcomp
	inSubscribe   types = 1 << TypeSubscribe
	inSuback      types = 1 << TypeSuback
	inUnsubscribe types = 1 << TypeUnsubscribe
	inUnsuback    types = 1 << TypeUnsuback
	inDisconnect  types = 1 << TypeDisconnect
	inAuth        types = 1 << TypeAuth
)

func (s types) has(t Type) bool { return s&(1<<t) != 0 }

// reasons is the table of section 2.4: the words of each code, and the packets
// that it is for.
var reasons = [...]struct {
	words string
	in    types
}{
	Success:                             {"Success", inConnack | inPuback | inPubrec | inPubrel | inPubcomp | inSuback | inUnsuback | inDisconnect | inAuth},
	GrantedQoS1:                         {"Granted QoS 1", inSuback},
	GrantedQoS2:                         {"Granted QoS 2", inSuback},
	DisconnectWithWill:                  {"Disconnect with Will Message", inDisconnect},
	NoMatchingSubscribers:               {"No matching subscribers", inPuback | inPubrec},
	NoSubscriptionExisted:               {"No subscription existed", inUnsuback},
	ContinueAuthentication:              {"Continue authentication", inAuth},
	ReAuthenticate:                      {"Re-authenticate", inAuth},
	UnspecifiedError:                    {"Unspecified error", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	MalformedPacket:                     {"Malformed Packet", inConnack | inDisconnect},
	ProtocolError:                       {"Protocol Error", inConnack | inDisconnect},
	ImplementationSpecificError:         {"Implementation specific error", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	UnsupportedProtocolVersion:          {"Unsupported Protocol Version", inConnack},
	ClientIdentifierNotValid:            {"Client Identifier not valid", inConnack},
	BadUserNameOrPassword:               {"Bad User Name or Password", inConnack},
	NotAuthorized:                       {"Not authorized", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	ServerUnavailable:                   {"Server unavailable", inConnack},
	ServerBusy:                          {"Server busy", inConnack | inDisconnect},
	Banned:                              {"Banned", inConnack},
	ServerShuttingDown:                  {"Server shutting down", inDisconnect},
	BadAuthenticationMethod:             {"Bad authentication method", inConnack | inDisconnect},
	KeepAliveTimeout:                    {"Keep Alive timeout", inDisconnect},
	SessionTakenOver:                    {"Session taken over", inDisconnect},
	TopicFilterInvalid:                  {"Topic Filter invalid", inSuback | inUnsuback | inDisconnect},
	TopicNameInvalid:                    {"Topic Name invalid", inConnack | inPuback | inPubrec | inDisconnect},
	PacketIdentifierInUse:               {"Packet Identifier in use", inPuback | inPubrec | inSuback | inUnsuback},
	PacketIdentifierNotFound:            {"Packet Identifier not found", inPubrel | inPubcomp},
	ReceiveMaximumExceeded:              {"Receive Maximum exceeded", inDisconnect},
	TopicAliasInvalid:                   {"Topic Alias invalid", inDisconnect},
	PacketTooLarge:                      {"Packet too large", inConnack | inDisconnect},
	MessageRateTooHigh:                  {"Message rate too high", inDisconnect},
	QuotaExceeded:                       {"Quota exceeded", inConnack | inPuback | inPubrec | inSuback | inDisconnect},
	AdministrativeAction:                {"Administrative action", inDisconnect},
	PayloadFormatInvalid:                {"Payload format invalid", inConnack | inPuback | inPubrec | inDisconnect},
	RetainNotSupported:                  {"Retain not supported", inConnack | inDisconnect},
	QoSNotSupported:                     {"QoS not supported", inConnack | inDisconnect},
	UseAnotherServer:                    {"Use another server", inConnack | inDisconnect},
	ServerMoved:                         {"Server moved", inConnack | inDisconnect},
	SharedSubscriptionsNotSupported:     {"Shared Subscriptions not supported", inSuback | inDisconnect},
	ConnectionRateExceeded:              {"Connection rate exceeded", inConnack | inDisconnect},
	MaximumConnectTime:                  {"Maximum connect time", inDisconnect},
	SubscriptionIdentifiersNotSupported: {"Subscription Identifiers not supported", inSuback | inDisconnect},
	WildcardSubscriptionsNotSupported:   {"Wildcard Subscriptions not supported", inSuback | inDisconnect},
}

// String returns the words of the specification, "Packet too large".
func (c ReasonCode) String() string {
	if int(c) < len(reasons) && reasons[c].words != "" {
		return reasons[c].words
	}
	return fmt.Sprintf("reason code 0x%02X", byte(c))
}

// in tells whether a packet of type t may have the code.
func (c ReasonCode) in(t Type) bool {
	return int(c) < len(reasons) && reasons[c].in.has(t)
}

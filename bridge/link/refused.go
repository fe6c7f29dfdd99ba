package link

import "fmt"

// Refused is that the upstream has said no.
type Refused struct {
	// Packet is what said so: CONNACK, PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK or
	// DISCONNECT. Of a message that was not sent it is CONNACK, which had the limit,
	// or PUBLISH or PUBREL, if there cannot be such a one.
	Packet string
	// Code is the reason code of MQTT 5. The return codes that MQTT 3 has in CONNACK
	// are translated, see [FromReturnCode].
	Code byte
	// Reason is what the upstream said in words, "" if nothing; or what is wrong with
	// a message that was not sent.
	Reason string
	// Server is where the upstream wants us to go, "" for nowhere.
	Server string
}

func (r *Refused) Error() string {
	s := fmt.Sprintf("%s: %s (0x%02x)", r.Packet, codeText(r.Code), r.Code)
	if r.Reason != "" {
		s += fmt.Sprintf(": %q", r.Reason)
	}
	if r.Server != "" {
		s += fmt.Sprintf("; it names the server %q", r.Server)
	}
	return s
}

// Reason codes that callers tell apart (MQTT 5, section 2.4).
const (
	Unspecified               = 0x80
	UnsupportedVersion        = 0x84
	ClientIDNotValid          = 0x85
	BadUserNameOrPassword     = 0x86
	NotAuthorized             = 0x87
	ServerUnavailable         = 0x88
	ServerBusy                = 0x89
	Banned                    = 0x8a
	SessionTakenOver          = 0x8e
	TopicFilterInvalid        = 0x8f
	TopicNameInvalid          = 0x90
	PacketIdentifierInUse     = 0x91
	PacketIdentifierNotFound  = 0x92
	PacketTooLarge            = 0x95
	QuotaExceeded             = 0x97
	PayloadFormatInvalid      = 0x99
	RetainNotSupported        = 0x9a
	QoSNotSupported           = 0x9b
	UseAnotherServer          = 0x9c
	ServerMoved               = 0x9d
	ConnectionRateExceeded    = 0x9f
	WildcardsNotSupported     = 0xa2
	ImplementationSpecific    = 0x83
	MalformedPacket           = 0x81
	ProtocolError             = 0x82
	KeepAliveTimeout          = 0x8d
	ServerShuttingDown        = 0x8b
	ReceiveMaximumExceeded    = 0x93
	MessageRateTooHigh        = 0x96
	AdministrativeAction      = 0x98
	BadAuthenticationMethod   = 0x8c
	TopicAliasInvalid         = 0x94
	SharedNotSupported        = 0x9e
	MaximumConnectTime        = 0xa0
	SubscriptionIDUnsupported = 0xa1
)

var codeTexts = map[byte]string{
	Unspecified: "unspecified error", MalformedPacket: "malformed packet", ProtocolError: "protocol error",
	ImplementationSpecific: "implementation specific error", UnsupportedVersion: "unsupported protocol version",
	ClientIDNotValid: "client identifier not valid", BadUserNameOrPassword: "bad user name or password",
	NotAuthorized: "not authorized", ServerUnavailable: "server unavailable", ServerBusy: "server busy",
	Banned: "banned", ServerShuttingDown: "server shutting down", BadAuthenticationMethod: "bad authentication method",
	KeepAliveTimeout: "keep alive timeout", SessionTakenOver: "session taken over", TopicFilterInvalid: "topic filter invalid",
	TopicNameInvalid: "topic name invalid", PacketIdentifierInUse: "packet identifier in use",
	PacketIdentifierNotFound: "packet identifier not found", ReceiveMaximumExceeded: "receive maximum exceeded",
	TopicAliasInvalid: "topic alias invalid", PacketTooLarge: "packet too large", MessageRateTooHigh: "message rate too high",
	QuotaExceeded: "quota exceeded", AdministrativeAction: "administrative action", PayloadFormatInvalid: "payload format invalid",
	RetainNotSupported: "retain not supported", QoSNotSupported: "QoS not supported", UseAnotherServer: "use another server",
	ServerMoved: "server moved", SharedNotSupported: "shared subscriptions not supported",
	ConnectionRateExceeded: "connection rate exceeded", MaximumConnectTime: "maximum connect time",
	SubscriptionIDUnsupported: "subscription identifiers not supported", WildcardsNotSupported: "wildcard subscriptions not supported",
}

func codeText(code byte) string {
	if s, ok := codeTexts[code]; ok {
		return s
	}
	return "reason code"
}

// FromReturnCode translates a return code that CONNACK has in MQTT 3.1 and
// 3.1.1, section 3.2.2.3, to the reason code of MQTT 5.
func FromReturnCode(code byte) byte {
	switch code {
	case 1:
		return UnsupportedVersion
	case 2:
		return ClientIDNotValid
	case 3:
		return ServerUnavailable
	case 4:
		return BadUserNameOrPassword
	case 5:
		return NotAuthorized
	}
	return Unspecified
}

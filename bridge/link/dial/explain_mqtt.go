package dial

import (
	"errors"
	"fmt"
	"time"

	"gateway/bridge/link"
)

// refusal is for what the upstream says in MQTT.
func refusal(err error, _ time.Time) string {
	r, ok := errors.AsType[*link.Refused](err)
	if !ok {
		return ""
	}
	s := ""
	switch r.Packet {
	case "CONNACK":
		s = connectRefusals[r.Code]
	case "SUBACK":
		s = subscribeRefusals[r.Code]
	case "PUBACK", "PUBREC", "PUBCOMP":
		s = publishRefusals[r.Code]
	}
	if s == "" {
		s = refusals[r.Code]
	}
	if s != "" && r.Server != "" {
		return fmt.Sprintf("%s (it names %q)", s, r.Server)
	}
	return s
}

const (
	elsewhere = "the upstream wants to be spoken to at another address; correct address"
	notNow    = "the upstream takes nobody at the moment; the bridge tries again by itself"
)

// refusals are for every packet.
var refusals = map[byte]string{
	link.Unspecified:            "the upstream gives no reason; its log may say one",
	link.MalformedPacket:        "the upstream does not understand what we sent; that is a fault of ours or its own: please report it, with its version",
	link.ProtocolError:          "the upstream takes what we sent for a breach of MQTT; that is a fault of ours or its own, or it needs bridge_bit: off",
	link.ServerUnavailable:      notNow,
	link.ServerBusy:             notNow,
	link.ServerShuttingDown:     "the upstream is shutting down; the bridge tries again by itself",
	link.KeepAliveTimeout:       "the upstream has heard nothing for one and a half keep_alive; the line is worse than keep_alive expects, raise it",
	link.SessionTakenOver:       "another client has connected with the same client_id, and both throw each other out for ever; give each its own client_id",
	link.ReceiveMaximumExceeded: "the upstream says that we sent more at once than it allows; lower max_inflight",
	link.PacketTooLarge:         "a packet is larger than the upstream takes; set max_message_size to what it takes, and larger messages are set aside",
	link.MessageRateTooHigh:     "messages come faster than the upstream allows; bound the rate of the bridge",
	link.QuotaExceeded:          "a quota of the upstream's is used up: messages, connections or bytes; look at its account, or bound the rate of the bridge",
	link.AdministrativeAction:   "somebody at the upstream has ended the connection; ask who runs it",
	link.RetainNotSupported:     "the upstream keeps no retained messages; set retain_available: false",
	link.QoSNotSupported:        "the upstream does not have this QoS; set max_qos to 1, or 0",
	link.UseAnotherServer:       elsewhere,
	link.ServerMoved:            elsewhere + ", for good",
	link.ConnectionRateExceeded: "we connect more often than the upstream allows; raise reconnect_min",
	link.MaximumConnectTime:     "the upstream ends each connection after some time; the bridge connects again by itself",
	link.WildcardsNotSupported:  "the upstream has no subscriptions with wildcards; write one in route for each topic, without + and #",
	link.TopicAliasInvalid:      "the upstream does not take topic aliases, which the bridge does not use; please report it",
	link.NotAuthorized:          "the upstream no longer allows what we did; look at its rights for this user (ACL)",
	link.TopicNameInvalid:       "the upstream does not take this topic; it may not allow its first level ($…), its length or its levels: change remote_prefix",
	link.TopicFilterInvalid:     "the upstream does not take this filter; change filter or remote_prefix of the route",
}

// connectRefusals are those that mean something else, or more, in CONNACK.
var connectRefusals = map[byte]string{
	link.Unspecified:             "the upstream gives no reason; its log may say one. Some mean the client_id, the user or the version of MQTT by it",
	link.UnsupportedVersion:      `the upstream does not speak this version of MQTT; set protocol: "3.1.1", or "3.1" for a very old one; if it is 3.1.1 already, bridge_bit: off, or "5"`,
	link.ClientIDNotValid:        "the upstream does not take this client_id; set one that it allows: some bind it to the user or certificate (AWS IoT: the thing's name), want 1 to 23 letters and digits (MQTT 3.1), or have it registered (Azure Event Grid)",
	link.BadUserNameOrPassword:   "the user name or the password is wrong; correct username, and password or password_file. Some answer this where the user is right but may not use this client_id",
	link.NotAuthorized:           "the upstream does not let this client in; correct username and password (or tls.certificate), which some answer this to when they are wrong, or have the user and client_id allowed there",
	link.Banned:                  "the upstream has banned this client; ask who runs it, and raise reconnect_min",
	link.BadAuthenticationMethod: "the upstream wants another way to log in, which the bridge does not have; user and password, or a certificate, have to be allowed there",
	link.TopicNameInvalid:        "the upstream does not take the topic of the will; change status_topic, or leave it empty",
	link.PayloadFormatInvalid:    "the upstream does not take the payload of the will; leave status_topic empty",
	link.QuotaExceeded:           "a quota of the upstream's is used up, of connections perhaps; look at its account",
	link.PacketTooLarge:          "CONNECT is larger than the upstream takes; shorten client_id, user name and password",
}

// subscribeRefusals are those of SUBACK. Before MQTT 5 there is 0x80 only.
var subscribeRefusals = map[byte]string{
	link.Unspecified:        "the upstream does not let this user read the topics of this route, in all likelihood; allow reading them there (ACL), or narrow filter and remote_prefix to what is allowed",
	link.NotAuthorized:      "the upstream does not let this user read the topics of this route; allow reading them there (ACL), or narrow filter and remote_prefix to what is allowed",
	link.QuotaExceeded:      "the upstream allows no more subscriptions; write fewer under topics",
	link.ServerBusy:         notNow,
	0x8f:                    "the upstream does not take this filter; change filter or remote_prefix of the route",
	link.PacketTooLarge:     "there are more filters in one packet than the upstream takes; write fewer under topics",
	link.TopicNameInvalid:   "the upstream does not take this filter; change filter or remote_prefix of the route",
	link.SharedNotSupported: "the upstream has no shared subscriptions; the routes need none: please report it",
}

// publishRefusals are those of PUBACK and PUBREC.
var publishRefusals = map[byte]string{
	link.NotAuthorized:          "the upstream does not let this user publish to this topic; allow writing it there (ACL), or change remote_prefix to what is allowed",
	link.PayloadFormatInvalid:   "the upstream does not take such a payload; it may want JSON, or UTF-8",
	link.ImplementationSpecific: "the upstream does not take this message, for a reason of its own; its log may say which",
}

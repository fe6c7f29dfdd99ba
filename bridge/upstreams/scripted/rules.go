package scripted

import (
	"time"

	"gateway/broker/packet"
)

// Rules are what a broker does not take, and what it does then. With the zero
// value it takes everything.
type Rules struct {
	// BridgeBit is what it makes of Mosquitto's bridge bit.
	BridgeBit BridgeBit
	// ClientIDs are those that may connect; empty for all. Others are closed
	// without CONNACK.
	ClientIDs []string
	// ALPN is the protocol that a client has to ask for in TLS, "" for any.
	ALPN string
	// MaxKeepAlive is the longest keep-alive that is taken; 0 for any. A longer one
	// is told Server Keep Alive in MQTT 5, and closed before.
	MaxKeepAlive time.Duration

	// A PUBLISH that breaks one of these closes the connection: QoS 2, the RETAIN
	// flag, more slashes in the topic or more bytes of payload; 0 for any number.
	NoQoS2, NoRetain bool
	MaxSlashes       int
	MaxPayload       int
	// MaxFilters is how many filters a SUBSCRIBE may have; one with more closes the
	// connection. 0 for any number.
	MaxFilters int
	// MaxRate is how many messages it takes of a connection in a second; 0 for any
	// number. It does not acknowledge the others, and forgets them.
	MaxRate int

	// Refuse is the reason code for a message of QoS 1 or 2 in MQTT 5; nil for
	// Success. From 0x80 on the message is not taken.
	Refuse func(*packet.Publish) packet.ReasonCode
	// Connack are the properties of CONNACK in MQTT 5. A client that does not keep
	// to Maximum QoS, Retain Available, Receive Maximum or Maximum Packet Size is
	// disconnected with the code for it.
	Connack packet.Properties
}

// BridgeBit is what a broker makes of Mosquitto's bridge bit.
type BridgeBit byte

// From silently left aside to understood in part.
const (
	BitIgnored     BridgeBit = iota
	BitCloses                // closes without CONNACK
	BitKeepsRetain           // RETAIN comes as it was published, and so do the client's own messages
	BitAsMosquitto           // the first without the second
)

// HiveMQ is HiveMQ Community Edition. Its decoder knows no protocol level above 5,
// and closes on the bit: hivemq-community-edition pull request 739 is about that.
// QoS 2, retained messages and MQTT 5 it has in whole.
func HiveMQ() Rules { return Rules{BridgeBit: BitCloses} }

// EMQX is EMQX as it is installed. With the bridge bit it keeps the RETAIN flag,
// and goes on sending what the client itself has published: emqx issue 11672.
// docs.emqx.com, guides/configuration/mqtt: packets up to 1 MB, topics up to 128
// levels, QoS 2, retained messages. It says "no matching subscribers" where there
// are none, www.emqx.com/en/blog/mqtt5-new-features-reason-code-and-ack.
func EMQX() Rules {
	return Rules{
		BridgeBit:  BitKeepsRetain,
		MaxSlashes: 127,
		MaxPayload: 1 << 20,
		Connack:    packet.Properties{MaximumPacketSize: packet.Some(uint32(1 << 20))},
		Refuse:     func(*packet.Publish) packet.ReasonCode { return packet.NoMatchingSubscribers },
	}
}

// AWSIoT is AWS IoT Core with a policy for one client id.
//
// docs.aws.amazon.com, general/latest/gr/iot-core.html, as quoted by
// docs.espressif.com (esp-rainmaker-neo, specs/limits) and applied by the AWS SDK
// (aws-iot-device-sdk-js-v2, ClientExtendedValidationAndFlowControl): 128 KB of
// payload, 7 slashes, 8 filters in a SUBSCRIBE, 100 publishes a second and
// connection, 100 unacknowledged. What is over the rate is not acknowledged and
// the connection stays (dev.classmethod.jp, behavior of MQTT messages when
// throttling occurs). More slashes reset it: greengrass-nucleus issue 852. Its
// CONNACK has Maximum QoS 1; keep-alive is 1,200 s at most. Its documents are
// silent about the bridge bit: here it closes.
func AWSIoT(clientID string) Rules {
	return Rules{
		BridgeBit:    BitCloses,
		ClientIDs:    []string{clientID},
		NoQoS2:       true,
		MaxSlashes:   7,
		MaxPayload:   128 << 10,
		MaxFilters:   8,
		MaxRate:      100,
		MaxKeepAlive: 1200 * time.Second,
		Connack: packet.Properties{
			MaximumQoS:        packet.Some(byte(1)),
			ReceiveMaximum:    packet.Some(uint16(100)),
			MaximumPacketSize: packet.Some(uint32(149_504)), // 146 KB
		},
	}
}

// AzureEventGrid is an Azure Event Grid namespace before it had retained messages.
//
// docs.chariot.io, x/VQEHD: QoS 2 or RETAIN closes the connection, keep-alive is
// 1,160 s at most. learn.microsoft.com, event-grid/mqtt-support: TLS only, the
// client id is required and bound to the client. Its documents are silent about
// the bridge bit: here it closes.
func AzureEventGrid(clientID string) Rules {
	return Rules{
		BridgeBit:    BitCloses,
		ClientIDs:    []string{clientID},
		NoQoS2:       true,
		NoRetain:     true,
		MaxPayload:   512 << 10,
		MaxKeepAlive: 1160 * time.Second,
		Connack: packet.Properties{
			MaximumQoS:        packet.Some(byte(1)),
			RetainAvailable:   packet.Some(byte(0)),
			MaximumPacketSize: packet.Some(uint32(512 << 10)),
		},
	}
}

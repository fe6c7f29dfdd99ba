package broker

import (
	"bytes"
	"testing"

	"gateway/broker/packet"
)

// The packets below are sent byte by byte as they stand here, see wire, and
// every byte of the answer is looked at.

// oddity is a packet that no well-behaved client would send, and the bytes
// that the broker answers.
type oddity struct {
	name   string
	v      packet.Version
	send   string
	want   string
	clause string // why
}

// oddFirstRefused are first packets. After the answer, if there is one, the
// broker closes the connection.
var oddFirstRefused = []oddity{
	// Something else than CONNECT.
	{"PINGREQ first", packet.V5, "c0 00", "", "[MQTT-3.1.0-1]"},
	{"PUBLISH first", packet.V5, "30: 0001 'a' 00", "", "[MQTT-3.1.0-1] [MQTT-3.14.0-1]"},
	{"SUBSCRIBE first", packet.V311, "82: 0001 0001 'a' 00", "", "[MQTT-3.1.0-1 v3] [MQTT-3.2.0-1 v3]"},
	{"DISCONNECT first", packet.V311, "e0 00", "", "[MQTT-3.1.0-1 v3]"},
	{"AUTH first", packet.V5, "f0: 18 04 15 0001 'M'", "", "[MQTT-3.1.0-1] [MQTT-3.2.0-1]"},
	{"AUTH first, empty", packet.V5, "f0 00", "", "[MQTT-3.1.0-1]"},
	{"CONNACK first", packet.V5, "20: 00 00 00", "", "[MQTT-3.1.0-1]"},
	{"type 0 first", packet.V5, "00 00", "", "[MQTT-3.1.0-1]"},
	{"HTTP first", packet.V5, "'GET / HTTP/1.1' 0d0a 0d0a", "", "[MQTT-3.1.0-1]"},
	{"TLS first", packet.V5, "16 03 01 00 05 01 00 00 01 00", "", "[MQTT-3.1.0-1]"},
	// The fixed header.
	{"length of five bytes", packet.V5, "10 ff ff ff ff 01", "", "[MQTT-3.1.4-1]"},
	{"length longer than needed", packet.V5, "10 80 00", "", "[MQTT-1.5.5-1]"},
	{"length of 256 MB", packet.V5, "10 ff ff ff 7f", "", "[MQTT-3.2.2-15]"},
	{"larger than allowed", packet.V5, "10 ff 0f", "", "[MQTT-3.2.2-15]"},
	{"header flags", packet.V5, "11: 0004 'MQTT' 05 02 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-2.1.3-1]"},
	{"header flags v3", packet.V311, "18: 0004 'MQTT' 04 02 0000 0001 'c'", "", "[MQTT-2.2.2-1 v3] [MQTT-2.2.2-2 v3]"},
	{"header flags 0001 v3", packet.V311, "11: 0004 'MQTT' 04 02 0000 0001 'x'", "", "[MQTT-2.2.2-1 v3]"},
	// Protocol name and version.
	{"nothing in it", packet.V5, "10 00", "", "[MQTT-3.1.4-1]"},
	{"name mqtt", packet.V5, "10: 0004 'mqtt' 05 02 0000 00 0001 'c'", "", "[MQTT-3.1.2-1]"},
	{"name mqtt v3", packet.V311, "10: 0004 'mqtt' 04 02 0000 0001 'x'", "", "[MQTT-3.1.2-1 v3]"},
	{"name AMQP", packet.V311, "10: 0004 'AMQP' 04 02 0000 0001 'c'", "", "[MQTT-3.1.2-1 v3]"},
	{"name MQTTX", packet.V311, "10: 0005 'MQTTX' 04 02 0000 0001 'c'", "", "[MQTT-3.1.2-1 v3]"},
	{"name with U+0000", packet.V5, "10: 0004 'MQ' 0054 05 02 0000 00 0001 'c'", "", "[MQTT-1.5.4-2]"},
	{"no name", packet.V5, "10: 0000 05 02 0000 00 0001 'c'", "", "[MQTT-3.1.2-1]"},
	{"no name v3", packet.V311, "10: 0000 04 02 0000 0001 'x'", "", "[MQTT-3.1.2-1 v3]"},
	{"name cut", packet.V5, "10: 0004 'MQ'", "", "[MQTT-3.1.4-1]"},
	{"version 0", packet.V311, "10: 0004 'MQTT' 00 02 0000 00 0001 'c'", "20 02 00 01", "[MQTT-3.1.2-2 v3]"},
	{"version 3 by the new name", packet.V311, "10: 0004 'MQTT' 03 02 0000 0001 'c'", "20 02 00 01", "[MQTT-3.1.2-2 v3]"},
	{"version 6", packet.V5, "10: 0004 'MQTT' 06 02 0000 00 0001 'c'", "20 03 00 84 00", "[MQTT-3.1.2-2]"},
	{"version 255", packet.V5, "10: 0004 'MQTT' ff 02 0000 00 0001 'c'", "20 03 00 84 00", "[MQTT-3.1.2-2]"},
	{"bad flags of a 5.0 bridge", packet.V5, "10: 0004 'MQTT' 85 03 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-3]"},
	{"version 4 by the old name", packet.V311, "10: 0006 'MQIsdp' 04 02 0000 0001 'c'", "20 02 00 01", "[MQTT-3.1.2-2 v3]"},
	// Truncated at every field.
	{"ends before the version", packet.V5, "10: 0004 'MQTT'", "", "[MQTT-3.1.4-1]"},
	{"ends before the flags", packet.V5, "10: 0004 'MQTT' 05", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"ends before the keep-alive", packet.V5, "10: 0004 'MQTT' 05 02", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"ends within the keep-alive", packet.V5, "10: 0004 'MQTT' 05 02 00", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"ends before the properties", packet.V5, "10: 0004 'MQTT' 05 02 0000", "20 03 00 81 00", "[MQTT-2.2.2-1]"},
	{"ends within the properties", packet.V5, "10: 0004 'MQTT' 05 02 0000 05 11 0000", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"ends behind the identifier of a property", packet.V5, "10: 0004 'MQTT' 05 02 0000 05 11", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"ends before the client id", packet.V5, "10: 0004 'MQTT' 05 02 0000 00", "20 03 00 81 00", "[MQTT-3.1.3-3]"},
	{"ends within the client id", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0003 'c'", "20 03 00 81 00", "[MQTT-3.1.3-3]"},
	{"ends before the will properties", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-9]"},
	{"ends before the will topic", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00", "20 03 00 81 00", "[MQTT-3.1.2-9]"},
	{"ends before the will payload", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0001 'w'", "20 03 00 81 00", "[MQTT-3.1.2-9]"},
	{"ends within the will payload", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0001 'w' 0005 'x'", "20 03 00 81 00", "[MQTT-3.1.2-9]"},
	{"ends before the user name", packet.V5, "10: 0004 'MQTT' 05 82 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-17]"},
	{"ends before the password", packet.V5, "10: 0004 'MQTT' 05 c2 0000 00 0001 'c' 0001 'u'", "20 03 00 81 00", "[MQTT-3.1.2-19]"},
	{"ends before the flags v3", packet.V311, "10: 0004 'MQTT' 04", "", "[MQTT-3.1.4-1 v3] [MQTT-3.2.2-6 v3]"},
	{"ends before the keep-alive v3", packet.V311, "10: 0004 'MQTT' 04 02", "", "[MQTT-3.1.4-1 v3]"},
	{"ends before the client id v3", packet.V311, "10: 0004 'MQTT' 04 02 0000", "", "[MQTT-3.1.3-3 v3]"},
	{"ends within the client id v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0005 61", "", "[MQTT-3.1.3-3 v3]"},
	{"ends before the will topic v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c'", "", "[MQTT-3.1.2-9 v3]"},
	{"ends before the will message v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c' 0001 'w'", "", "[MQTT-3.1.2-9 v3]"},
	{"ends before the user name v3", packet.V311, "10: 0004 'MQTT' 04 82 0000 0001 'c'", "", "[MQTT-3.1.2-19 v3]"},
	{"ends before the password v3", packet.V311, "10: 0004 'MQTT' 04 c2 0000 0001 'c' 0001 'u'", "", "[MQTT-3.1.2-21 v3]"},
	// More than there should be.
	{"a byte too many", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0001 'c' 00", "20 03 00 81 00", "[MQTT-3.1.3-1]"},
	{"a byte too many v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0001 'c' 00", "", "[MQTT-3.1.3-1 v3]"},
	{"user name without its flag", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0001 'c' 0001 'u'", "20 03 00 81 00", "[MQTT-3.1.2-16]"},
	{"user name without its flag v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0001 'c' 0001 'u'", "", "[MQTT-3.1.2-18 v3]"},
	{"password without its flag", packet.V5, "10: 0004 'MQTT' 05 82 0000 00 0001 'c' 0001 'u' 0001 'p'", "20 03 00 81 00", "[MQTT-3.1.2-18]"},
	{"password without its flag v3", packet.V311, "10: 0004 'MQTT' 04 82 0000 0001 'c' 0001 'u' 0001 'p'", "", "[MQTT-3.1.2-20 v3]"},
	{"will without its flag v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0001 'c' 0001 'w' 0001 'x'", "", "[MQTT-3.1.2-11 v3]"},
	// Flags.
	{"reserved flag", packet.V5, "10: 0004 'MQTT' 05 03 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-3]"},
	{"reserved flag v3", packet.V311, "10: 0004 'MQTT' 04 03 0000 0001 'c'", "", "[MQTT-3.1.2-3 v3]"},
	{"will QoS without will", packet.V5, "10: 0004 'MQTT' 05 0a 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-11]"},
	{"will QoS without will v3", packet.V311, "10: 0004 'MQTT' 04 12 0000 0001 'c'", "", "[MQTT-3.1.2-13 v3]"},
	{"will QoS 1 without will v3", packet.V311, "10: 0004 'MQTT' 04 0a 0000 0001 'x'", "", "[MQTT-3.1.2-13 v3]"},
	{"will retain without will", packet.V5, "10: 0004 'MQTT' 05 22 0000 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.2-13]"},
	{"will retain without will v3", packet.V311, "10: 0004 'MQTT' 04 22 0000 0001 'c'", "", "[MQTT-3.1.2-15 v3]"},
	{"will QoS 3", packet.V5, "10: 0004 'MQTT' 05 1e 0000 00 0001 'c' 00 0001 'w' 0000", "20 03 00 81 00", "[MQTT-3.1.2-12]"},
	{"will QoS 3 v3", packet.V311, "10: 0004 'MQTT' 04 1e 0000 0001 'c' 0001 'w' 0000", "", "[MQTT-3.1.2-14 v3]"},
	{"password without user name v3", packet.V311, "10: 0004 'MQTT' 04 42 0000 0001 'c' 0001 'p'", "", "[MQTT-3.1.2-22 v3]"},
	// Strings.
	{"client id not UTF-8", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0001 ff", "20 03 00 81 00", "[MQTT-3.1.3-4] [MQTT-1.5.4-1]"},
	{"client id with a surrogate", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0003 eda080", "20 03 00 81 00", "[MQTT-1.5.4-1]"},
	{"client id with U+0000", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0003 'a' 00 'b'", "20 03 00 81 00", "[MQTT-1.5.4-2]"},
	{"client id not UTF-8 v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0002 c328", "", "[MQTT-3.1.3-4 v3] [MQTT-1.5.3-1 v3]"},
	{"client id with U+0000 v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0001 00", "", "[MQTT-1.5.3-2 v3]"},
	{"user name not UTF-8", packet.V5, "10: 0004 'MQTT' 05 82 0000 00 0001 'c' 0001 80", "20 03 00 81 00", "[MQTT-3.1.3-12]"},
	{"user name with U+0000", packet.V5, "10: 0004 'MQTT' 05 82 0000 00 0001 'x' 0001 00", "20 03 00 81 00", "[MQTT-1.5.4-2]"},
	{"user name not UTF-8 v3", packet.V311, "10: 0004 'MQTT' 04 82 0000 0001 'c' 0001 80", "", "[MQTT-3.1.3-11 v3]"},
	{"will topic not UTF-8", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0002 c0af 0000", "20 03 00 81 00", "[MQTT-3.1.3-11]"},
	{"will topic not UTF-8 v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c' 0002 c0af 0000", "", "[MQTT-3.1.3-10 v3]"},
	{"will topic empty", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0000 0000", "20 03 00 90 00", "[MQTT-4.7.3-1]"},
	{"will topic empty v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c' 0000 0000", "", "[MQTT-4.7.3-1 v3]"},
	{"will topic with #", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0003 'a/#' 0000", "20 03 00 90 00", "[MQTT-4.7.0-1]"},
	{"will topic with +", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'x' 00 0003 'w/+' 0001 'm'", "20 03 00 90 00", "[MQTT-4.7.0-1]"},
	{"will topic with + v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c' 0001 '+' 0000", "", "[MQTT-4.7.1-1 v3]"},
	{"will topic with # v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'x' 0003 'w/#' 0001 'm'", "", "[MQTT-4.7.1-1 v3]"},
	// Properties.
	{"session expiry twice", packet.V5, "10: 0004 'MQTT' 05 02 0000 0a 11 00000001 11 00000001 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"receive maximum 0", packet.V5, "10: 0004 'MQTT' 05 02 0000 03 21 0000 0001 'c'", "20 03 00 82 00", "[MQTT-4.9.0-1]"},
	{"receive maximum twice", packet.V5, "10: 0004 'MQTT' 05 02 0000 06 21 0001 21 0001 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"maximum packet size 0", packet.V5, "10: 0004 'MQTT' 05 02 0000 05 27 00000000 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"topic alias maximum twice", packet.V5, "10: 0004 'MQTT' 05 02 0000 06 22 0001 22 0001 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"request response information 2", packet.V5, "10: 0004 'MQTT' 05 02 0000 02 19 02 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"request problem information 2", packet.V5, "10: 0004 'MQTT' 05 02 0000 02 17 02 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"authentication data without method", packet.V5, "10: 0004 'MQTT' 05 02 0000 04 16 0001 07 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"authentication method twice", packet.V5, "10: 0004 'MQTT' 05 02 0000 08 15 0001 'M' 15 0001 'M' 0001 'c'", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"authentication method not known", packet.V5, "10: 0004 'MQTT' 05 02 0000 04 15 0001 'M' 0001 'c'", "20 03 00 8c 00", "[MQTT-4.12.0-1]"},
	{"a will's property", packet.V5, "10: 0004 'MQTT' 05 02 0000 05 18 00000001 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"a PUBLISH's property", packet.V5, "10: 0004 'MQTT' 05 02 0000 03 23 0001 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"no such property", packet.V5, "10: 0004 'MQTT' 05 02 0000 02 7f 00 0001 'c'", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"user property not UTF-8", packet.V5, "10: 0004 'MQTT' 05 02 0000 07 26 0001 ff 0001 'v' 0001 'c'", "20 03 00 81 00", "[MQTT-1.5.7-1]"},
	{"user property without value", packet.V5, "10: 0004 'MQTT' 05 02 0000 04 26 0001 'k' 0001 'c'", "20 03 00 81 00", "[MQTT-1.5.7-1]"},
	{"will: a CONNECT's property", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 05 11 00000001 0001 'w' 0000", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"will: a topic alias", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 03 23 0001 0001 'w' 0000", "20 03 00 81 00", "[MQTT-3.1.4-1]"},
	{"will: delay twice", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 0a 18 00000001 18 00000001 0001 'w' 0000", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"will: payload format 2", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 02 01 02 0001 'w' 0000", "20 03 00 82 00", "[MQTT-3.1.4-1]"},
	{"will: response topic with +", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 04 08 0001 '+' 0001 'w' 0000", "20 03 00 82 00", "[MQTT-3.3.2-14]"},
	{"will: content type with U+0000", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 04 03 0001 00 0001 'w' 0000", "20 03 00 81 00", "[MQTT-3.3.2-19]"},
	// Refused for what they say.
	{"no client id in 3.1.1 and no clean session", packet.V311, "10: 0004 'MQTT' 04 00 0000 0000", "20 02 00 02", "[MQTT-3.1.3-8 v3] [MQTT-3.1.3-9 v3] [MQTT-3.2.2-4 v3] [MQTT-3.2.2-5 v3]"},
}

// oddFirst are first packets that are unusual and right.
var oddFirst = []oddity{
	{"password without user name", packet.V5, "10: 0004 'MQTT' 05 42 0000 00 0001 'c' 0001 'p'", "", "[MQTT-3.1.2-19]"},
	{"will without payload", packet.V5, "10: 0004 'MQTT' 05 06 0000 00 0001 'c' 00 0001 'w' 0000", "", "[MQTT-3.1.2-9]"},
	{"will without message v3", packet.V311, "10: 0004 'MQTT' 04 06 0000 0001 'c' 0001 'w' 0000", "", "[MQTT-3.1.2-9 v3]"},
	{"client id of a byte order mark", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0003 efbbbf", "", "[MQTT-1.5.4-3]"},
	{"client id of a byte order mark v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0003 efbbbf", "", "[MQTT-1.5.3-3 v3]"},
	{"no client id", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0000", "", "[MQTT-3.1.3-6]"},
	{"no client id and no clean start", packet.V5, "10: 0004 'MQTT' 05 00 0000 00 0000", "", "[MQTT-3.1.3-6]"},
	{"no client id v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0000", "", "[MQTT-3.1.3-6 v3]"},
	{"empty user name and password", packet.V5, "10: 0004 'MQTT' 05 c2 0000 00 0001 'c' 0000 0000", "", "[MQTT-3.1.2-17]"},
	{"password that is not UTF-8", packet.V311, "10: 0004 'MQTT' 04 c2 0000 0001 'c' 0001 'u' 0002 ff00", "", "[MQTT-3.1.2-21 v3]"},
	{"user properties of the same name", packet.V5, "10: 0004 'MQTT' 05 02 0000 0e 26 0001 'k' 0001 'v' 26 0001 'k' 0001 'v' 0001 'c'", "", "[MQTT-3.1.4-5]"},
	{"MQTT 3.1", packet.V31, "10: 0006 'MQIsdp' 03 02 0000 0001 'c'", "", "[MQTT-3.1.2-1 v3]"},
	{"every property", packet.V5, "10: 0004 'MQTT' 05 02 0000 19 11 00000001 21 0001 27 00000100 22 0001 19 01 17 00 26 0000 0000 0001 'c'", "", "[MQTT-3.1.4-5]"},
}

// oddAndClosed are packets after which the broker closes the connection; a client
// of MQTT 5 is told why.
var oddAndClosed = []oddity{
	// The fixed header.
	{"type 0", packet.V5, "00 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"type 0 v3", packet.V311, "00 00", "", "[MQTT-4.8.0-1 v3]"},
	{"length of five bytes", packet.V5, "30 ff ff ff ff 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PINGREQ with a length of five bytes", packet.V5, "c0 80808080 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"length of five zeros", packet.V311, "30 80 80 80 80 00", "", "[MQTT-4.8.0-1 v3]"},
	{"PINGREQ with a length of five bytes v3", packet.V311, "c0 80808080 01", "", "[MQTT-4.8.0-1 v3]"},
	{"length longer than needed", packet.V5, "c0 80 00", "e0 01 81", "[MQTT-1.5.5-1]"},
	{"length of 3 bytes longer than needed", packet.V5, "30 85 80 00", "e0 01 81", "[MQTT-1.5.5-1]"},
	{"too large, body not sent", packet.V5, "30 ff ff ff 7f", "e0 01 95", "[MQTT-3.2.2-15]"},
	{"a byte too large", packet.V5, "30 e6 07", "e0 01 95", "[MQTT-3.2.2-15]"},
	{"too large v3", packet.V311, "30 ff ff ff 7f", "", "[MQTT-4.8.0-1 v3]"},
	{"PUBACK flags", packet.V5, "41: 0001", "e0 01 81", "[MQTT-2.1.3-1]"},
	{"PUBACK flags v3", packet.V311, "42: 0001", "", "[MQTT-2.2.2-2 v3]"},
	{"PUBREC flags", packet.V5, "52: 0001", "e0 01 81", "[MQTT-2.1.3-1]"},
	{"PUBREL flags", packet.V5, "60: 0001", "e0 01 81", "[MQTT-3.6.1-1]"},
	{"PUBREL DUP", packet.V5, "6a: 0001", "e0 01 81", "[MQTT-3.6.1-1]"},
	{"PUBREL flags v3", packet.V311, "60: 0001", "", "[MQTT-3.6.1-1 v3]"},
	{"PUBREL DUP v3", packet.V311, "6a: 0001", "", "[MQTT-3.6.1-1 v3]"},
	{"PUBCOMP flags", packet.V5, "78: 0001", "e0 01 81", "[MQTT-2.1.3-1]"},
	{"PUBCOMP flags 0010", packet.V5, "72: 0001", "e0 01 81", "[MQTT-2.1.3-1]"},
	{"SUBSCRIBE flags", packet.V5, "80: 0001 00 0001 'a' 00", "e0 01 81", "[MQTT-3.8.1-1]"},
	{"SUBSCRIBE flags 0011", packet.V5, "83: 0001 00 0001 'a' 00", "e0 01 81", "[MQTT-3.8.1-1]"},
	{"SUBSCRIBE flags v3", packet.V311, "80: 0001 0001 'a' 00", "", "[MQTT-3.8.1-1 v3]"},
	{"UNSUBSCRIBE flags", packet.V5, "a0: 0001 00 0001 'a'", "e0 01 81", "[MQTT-3.10.1-1]"},
	{"UNSUBSCRIBE flags v3", packet.V311, "a3: 0001 0001 'a'", "", "[MQTT-3.10.1-1 v3]"},
	{"UNSUBSCRIBE flags 0000 v3", packet.V311, "a0: 0001 0001 'a'", "", "[MQTT-3.10.1-1 v3]"},
	{"PINGREQ flags", packet.V5, "c1 00", "e0 01 81", "[MQTT-2.1.3-1]"},
	{"PINGREQ flags v3", packet.V311, "c8 00", "", "[MQTT-2.2.2-2 v3]"},
	{"PINGREQ flags 0001 v3", packet.V311, "c1 00", "", "[MQTT-2.2.2-2 v3]"},
	{"DISCONNECT flags", packet.V5, "e1 00", "e0 01 81", "[MQTT-3.14.1-1]"},
	{"DISCONNECT flags v3", packet.V311, "e2 00", "", "[MQTT-3.14.1-1 v3]"},
	{"DISCONNECT flags 0001 v3", packet.V311, "e1 00", "", "[MQTT-3.14.1-1 v3]"},
	{"AUTH flags", packet.V5, "f1: 19 04 15 0001 'M'", "e0 01 81", "[MQTT-3.15.1-1]"},
	{"AUTH flags, and empty", packet.V5, "f1 00", "e0 01 81", "[MQTT-3.15.1-1]"},

	// What only a server sends, or a client sends once.
	{"second CONNECT", packet.V5, "10: 0004 'MQTT' 05 02 0000 00 0001 'c'", "e0 01 82", "[MQTT-3.1.0-2] [MQTT-3.2.0-2]"},
	{"second CONNECT, another version", packet.V5, "10: 0004 'MQTT' 04 02 0000 0001 'c'", "e0 01 82", "[MQTT-3.1.0-2]"},
	{"second CONNECT v3", packet.V311, "10: 0004 'MQTT' 04 02 0000 0001 'c'", "", "[MQTT-3.1.0-2 v3]"},
	{"CONNACK", packet.V5, "20: 00 00 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"CONNACK v3", packet.V311, "20: 00 00", "", "[MQTT-4.8.0-1 v3]"},
	{"SUBACK", packet.V5, "90: 0001 00 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"SUBACK v3", packet.V311, "90: 0001 00", "", "[MQTT-4.8.0-1 v3]"},
	{"UNSUBACK", packet.V5, "b0: 0001 00 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"UNSUBACK v3", packet.V311, "b0: 0001", "", "[MQTT-4.8.0-1 v3]"},
	{"PINGRESP", packet.V5, "d0 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"PINGRESP v3", packet.V311, "d0 00", "", "[MQTT-4.8.0-1 v3]"},

	// PUBLISH.
	{"QoS 3", packet.V5, "36: 0001 'a' 0001 00", "e0 01 81", "[MQTT-3.3.1-4]"},
	{"QoS 3 v3", packet.V311, "36: 0001 'a' 0001", "", "[MQTT-3.3.1-4 v3]"},
	{"DUP at QoS 0", packet.V5, "38: 0001 'a' 00", "e0 01 81", "[MQTT-3.3.1-2]"},
	{"DUP at QoS 0 v3", packet.V311, "38: 0001 'a'", "", "[MQTT-3.3.1-2 v3]"},
	{"PUBLISH empty", packet.V5, "30 00", "e0 01 81", "[MQTT-3.3.2-1]"},
	{"PUBLISH empty v3", packet.V311, "30 00", "", "[MQTT-3.3.2-1 v3]"},
	{"half a topic length", packet.V5, "30: 00", "e0 01 81", "[MQTT-3.3.2-1]"},
	{"topic cut", packet.V5, "30: 0003 'ab'", "e0 01 81", "[MQTT-3.3.2-1]"},
	{"topic cut v3", packet.V311, "30: 0003 'ab'", "", "[MQTT-3.3.2-1 v3]"},
	{"no packet identifier", packet.V5, "32: 0001 'a'", "e0 01 81", "[MQTT-2.2.1-3]"},
	{"half a packet identifier", packet.V5, "34: 0001 'a' 00", "e0 01 81", "[MQTT-2.2.1-3]"},
	{"half a packet identifier at QoS 1", packet.V5, "32: 0001 'a' 00", "e0 01 81", "[MQTT-2.2.1-3]"},
	{"packet identifier 0", packet.V5, "32: 0001 'a' 0000 00", "e0 01 82", "[MQTT-2.2.1-3]"},
	{"packet identifier 0 at QoS 2", packet.V5, "34: 0001 'a' 0000 00", "e0 01 82", "[MQTT-2.2.1-3]"},
	{"packet identifier 0 v3", packet.V311, "32: 0001 'a' 0000", "", "[MQTT-2.3.1-1 v3]"},
	{"no packet identifier v3", packet.V311, "34: 0001 'a'", "", "[MQTT-2.3.1-1 v3]"},
	{"no packet identifier at QoS 1 v3", packet.V311, "32: 0001 'a'", "", "[MQTT-2.3.1-1 v3]"},
	{"no property length", packet.V5, "30: 0001 'a'", "e0 01 81", "[MQTT-2.2.2-1]"},
	{"properties cut", packet.V5, "30: 0001 'a' 05 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property length of five bytes", packet.V5, "30: 0001 'a' ff ff ff ff 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property length of five bytes, four of them zeros", packet.V5, "30: 0001 'a' 8080808001", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property length longer than needed", packet.V5, "30: 0001 'a' 80 00", "e0 01 81", "[MQTT-1.5.5-1]"},
	{"property cut by the property length", packet.V5, "30: 0001 'a' 02 02 00 000000", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property cut by the packet", packet.V5, "30: 0001 'a' 03 02 0000", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"topic not UTF-8", packet.V5, "30: 0001 ff 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with a lone continuation", packet.V5, "30: 0001 80 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with a sequence cut", packet.V5, "30: 0001 c3 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with a sequence of 3 bytes cut", packet.V5, "30: 0002 e282 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with an overlong form", packet.V5, "30: 0002 c0af 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with an overlong form of 3 bytes", packet.V5, "30: 0003 e080af 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with an overlong U+0000", packet.V5, "30: 0002 c080 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with the first surrogate", packet.V5, "30: 0003 eda080 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with the last surrogate", packet.V5, "30: 0003 edbfbf 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with a pair of surrogates", packet.V5, "30: 0006 eda081 edb080 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic beyond U+10FFFF", packet.V5, "30: 0004 f4908080 00", "e0 01 81", "[MQTT-1.5.4-1]"},
	{"topic with U+0000", packet.V5, "30: 0003 'a' 00 'b' 00", "e0 01 81", "[MQTT-1.5.4-2] [MQTT-4.7.3-2]"},
	{"topic with a control character", packet.V5, "30: 0001 01 00", "e0 01 90", "section 1.5.4.1"},
	{"topic not UTF-8 v3", packet.V311, "30: 0002 c328", "", "[MQTT-1.5.3-1 v3]"},
	{"topic of a byte 0xff v3", packet.V311, "30: 0001 ff", "", "[MQTT-1.5.3-1 v3]"},
	{"topic with a surrogate v3", packet.V311, "30: 0003 eda080", "", "[MQTT-1.5.3-1 v3]"},
	{"topic with U+0000 v3", packet.V311, "30: 0001 00", "", "[MQTT-1.5.3-2 v3] [MQTT-4.7.3-2 v3]"},
	{"topic with U+0000 inside v3", packet.V311, "30: 0003 610062", "", "[MQTT-1.5.3-2 v3] [MQTT-4.7.3-2 v3]"},
	{"topic with #", packet.V5, "30: 0003 'a/#' 00", "e0 01 90", "[MQTT-3.3.2-2] [MQTT-4.7.0-1]"},
	{"topic with +", packet.V5, "32: 0003 '+/a' 0001 00", "e0 01 90", "[MQTT-3.3.2-2]"},
	{"topic with + at its end", packet.V5, "30: 0003 'a/+' 00", "e0 01 90", "[MQTT-3.3.2-2]"},
	{"topic with # v3", packet.V311, "30: 0001 '#'", "", "[MQTT-3.3.2-2 v3] [MQTT-4.7.1-1 v3]"},
	{"topic with # at its end v3", packet.V311, "30: 0003 'a/#'", "", "[MQTT-3.3.2-2 v3]"},
	{"topic with + v3", packet.V311, "30: 0003 'a/+'", "", "[MQTT-3.3.2-2 v3]"},
	{"topic of + v3", packet.V311, "30: 0001 '+'", "", "[MQTT-3.3.2-2 v3]"},
	{"topic empty", packet.V5, "30: 0000 00 'x'", "e0 01 82", "[MQTT-4.7.3-1]"},
	{"topic empty v3", packet.V311, "30: 0000 'x'", "", "[MQTT-4.7.3-1 v3]"},
	{"topic alias 0", packet.V5, "30: 0001 'a' 03 23 0000", "e0 01 94", "[MQTT-3.3.2-8]"},
	{"topic alias 11 of 10", packet.V5, "30: 0001 'a' 03 23 000b", "e0 01 94", "[MQTT-3.3.2-9] [MQTT-3.2.2-17]"},
	{"topic alias 65535", packet.V5, "30: 0001 'a' 03 23 ffff", "e0 01 94", "[MQTT-3.3.2-9]"},
	{"topic alias not set", packet.V5, "30: 0000 03 23 0001", "e0 01 82", "[MQTT-3.3.2-7]"},
	{"topic alias twice", packet.V5, "30: 0001 'a' 06 23 0001 23 0002", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"the same topic alias twice", packet.V5, "30: 0001 'a' 06 23 0001 23 0001", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"subscription identifier from a client", packet.V5, "30: 0001 'a' 02 0b 01", "e0 01 82", "[MQTT-3.3.4-6]"},
	{"subscription identifier 0 from a client", packet.V5, "30: 0001 'a' 02 0b 00", "e0 01 82", "[MQTT-3.3.4-6]"},
	{"payload format 2", packet.V5, "30: 0001 'a' 02 01 02", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"payload format twice", packet.V5, "30: 0001 'a' 04 01 01 01 01", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"message expiry twice", packet.V5, "30: 0001 'a' 0a 02 00000001 02 00000001", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"content type twice", packet.V5, "30: 0001 'a' 08 03 0001 'x' 03 0001 'x'", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"content type not UTF-8", packet.V5, "30: 0001 'a' 04 03 0001 ff", "e0 01 81", "[MQTT-3.3.2-19]"},
	{"content type with U+0000", packet.V5, "30: 0001 'a' 04 03 0001 00", "e0 01 81", "[MQTT-3.3.2-19] [MQTT-1.5.4-2]"},
	{"response topic twice", packet.V5, "30: 0001 'a' 08 08 0001 'x' 08 0001 'x'", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"response topic with #", packet.V5, "30: 0001 'a' 06 08 0003 'x/#'", "e0 01 82", "[MQTT-3.3.2-14]"},
	{"response topic empty", packet.V5, "30: 0001 'a' 03 08 0000", "e0 01 82", "[MQTT-4.7.3-1]"},
	{"response topic not UTF-8", packet.V5, "30: 0001 'a' 04 08 0001 ff", "e0 01 81", "[MQTT-3.3.2-13]"},
	{"response topic with a surrogate", packet.V5, "30: 0001 'a' 06 08 0003 eda080", "e0 01 81", "[MQTT-3.3.2-13]"},
	{"correlation data twice", packet.V5, "30: 0001 'a' 08 09 0001 00 09 0001 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"correlation data cut", packet.V5, "30: 0001 'a' 04 09 0005 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"user property name with U+0000", packet.V5, "30: 0001 'a' 07 26 0001 00 0001 'v'", "e0 01 81", "[MQTT-1.5.7-1]"},
	{"user property value with a surrogate", packet.V5, "30: 0001 'a' 09 26 0001 'k' 0003 eda080", "e0 01 81", "[MQTT-1.5.7-1]"},
	{"user property without value", packet.V5, "30: 0001 'a' 04 26 0001 'k'", "e0 01 81", "[MQTT-1.5.7-1]"},
	{"a CONNECT's property", packet.V5, "30: 0001 'a' 05 11 00000001", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"a CONNACK's property", packet.V5, "30: 0001 'a' 02 25 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"a will's property", packet.V5, "30: 0001 'a' 05 18 00000001", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property 0", packet.V5, "30: 0001 'a' 01 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property 0x7f", packet.V5, "30: 0001 'a' 02 7f 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property identifier of two bytes", packet.V5, "30: 0001 'a' 03 81 01 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"property identifier longer than needed", packet.V5, "30: 0001 'a' 03 81 00 01", "e0 01 81", "[MQTT-1.5.5-1]"},

	// Acknowledgements.
	{"PUBACK empty", packet.V5, "40 00", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBACK of one byte", packet.V5, "40: 00", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBACK of one byte v3", packet.V311, "40: 00", "", "[MQTT-2.3.1-6 v3]"},
	{"PUBACK of identifier 0", packet.V5, "40: 0000", "e0 01 82", "[MQTT-2.2.1-5]"},
	{"PUBACK with a SUBACK's code", packet.V5, "40: 0001 02", "e0 01 82", "[MQTT-3.4.2-1]"},
	{"PUBACK with an UNSUBACK's code", packet.V5, "40: 0001 11", "e0 01 82", "[MQTT-3.4.2-1]"},
	{"PUBACK with a PUBREL's code", packet.V5, "40: 0001 92", "e0 01 82", "[MQTT-3.4.2-1]"},
	{"PUBACK with properties cut", packet.V5, "40: 0001 00 05 1f", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PUBACK with two reason strings", packet.V5, "40: 0001 00 08 1f 0001 'r' 1f 0001 'r'", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"PUBACK with a PUBLISH's property", packet.V5, "40: 0001 00 02 01 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PUBACK with a content type", packet.V5, "40: 0001 00 04 03 0001 'x'", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PUBACK with a byte too many", packet.V5, "40: 0001 00 00 ff", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PUBACK with a byte too many v3", packet.V311, "40: 0001 00", "", "[MQTT-4.8.0-1 v3]"},
	{"PUBREC empty", packet.V5, "50 00", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBREC of identifier 0", packet.V5, "50: 0000", "e0 01 82", "[MQTT-2.2.1-5]"},
	{"PUBREC with a PUBREL's code", packet.V5, "50: 0001 92", "e0 01 82", "[MQTT-3.5.2-1]"},
	{"PUBREC with a SUBACK's code", packet.V5, "50: 0001 01", "e0 01 82", "[MQTT-3.5.2-1]"},
	{"PUBREC of identifier 0 v3", packet.V311, "50: 0000", "", "[MQTT-2.3.1-6 v3]"},
	{"PUBREL empty", packet.V5, "62 00", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBREL of one byte", packet.V5, "62: 01", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBREL of identifier 0", packet.V5, "62: 0000", "e0 01 82", "[MQTT-2.2.1-5]"},
	{"PUBREL with a PUBREC's code", packet.V5, "62: 0001 10", "e0 01 82", "[MQTT-3.6.2-1]"},
	{"PUBREL with code 0x80", packet.V5, "62: 0001 80", "e0 01 82", "[MQTT-3.6.2-1]"},
	{"PUBREL with a byte too many v3", packet.V311, "62: 0001 00", "", "[MQTT-4.8.0-1 v3]"},
	{"PUBCOMP empty", packet.V5, "70 00", "e0 01 81", "[MQTT-2.2.1-5]"},
	{"PUBCOMP of identifier 0", packet.V5, "70: 0000", "e0 01 82", "[MQTT-2.2.1-5]"},
	{"PUBCOMP with a PUBREC's code", packet.V5, "70: 0001 87", "e0 01 82", "[MQTT-3.7.2-1]"},
	{"PUBCOMP with code 0x10", packet.V5, "70: 0001 10", "e0 01 82", "[MQTT-3.7.2-1]"},
	{"PUBCOMP empty v3", packet.V311, "70 00", "", "[MQTT-2.3.1-6 v3]"},

	// SUBSCRIBE.
	{"SUBSCRIBE empty", packet.V5, "82 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"SUBSCRIBE with an identifier only", packet.V5, "82: 0001", "e0 01 81", "[MQTT-2.2.2-1]"},
	{"SUBSCRIBE without filter", packet.V5, "82: 0001 00", "e0 01 82", "[MQTT-3.8.3-2]"},
	{"SUBSCRIBE without filter v3", packet.V311, "82: 0001", "", "[MQTT-3.8.3-3 v3]"},
	{"SUBSCRIBE of identifier 0", packet.V5, "82: 0000 00 0001 'a' 00", "e0 01 82", "[MQTT-2.2.1-3]"},
	{"SUBSCRIBE of identifier 0 v3", packet.V311, "82: 0000 0001 'a' 00", "", "[MQTT-2.3.1-1 v3]"},
	{"filter length cut", packet.V5, "82: 0001 00 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"filter cut", packet.V5, "82: 0001 00 0005 'a/b'", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"filter without options", packet.V5, "82: 0001 00 0001 'a'", "e0 01 81", "[MQTT-3.8.3-2]"},
	{"filter without options v3", packet.V311, "82: 0001 0001 'a'", "", "[MQTT-3.8.3-3 v3]"},
	{"second filter without options", packet.V5, "82: 0001 00 0001 'a' 00 0001 'b'", "e0 01 81", "[MQTT-3.8.3-2]"},
	{"second filter cut v3", packet.V311, "82: 0001 0001 'a' 00 0002 'b'", "", "[MQTT-4.8.0-1 v3]"},
	{"filter not UTF-8", packet.V5, "82: 0001 00 0001 ff 00", "e0 01 81", "[MQTT-3.8.3-1]"},
	{"filter with a surrogate", packet.V5, "82: 0001 00 0003 eda080 00", "e0 01 81", "[MQTT-3.8.3-1] [MQTT-1.5.4-1]"},
	{"filter not UTF-8 v3", packet.V311, "82: 0001 0001 ff 00", "", "[MQTT-3.8.3-1 v3]"},
	{"filter with U+0000", packet.V5, "82: 0001 00 0003 'a' 00 'b' 00", "e0 01 81", "[MQTT-4.7.3-2]"},
	{"requested QoS 3", packet.V5, "82: 0001 00 0001 'a' 03", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"requested QoS 3 v3", packet.V311, "82: 0001 0001 'a' 03", "", "[MQTT-3.8.3-4 v3]"},
	{"no local in 3.1.1", packet.V311, "82: 0001 0001 'a' 04", "", "[MQTT-3.8.3-4 v3]"},
	{"reserved option bit 6", packet.V5, "82: 0001 00 0001 'a' 40", "e0 01 81", "[MQTT-3.8.3-5]"},
	{"reserved option bit 7", packet.V5, "82: 0001 00 0001 'a' 81", "e0 01 81", "[MQTT-3.8.3-5]"},
	{"reserved option bits v3", packet.V311, "82: 0001 0001 'a' f0", "", "[MQTT-3.8.3-4 v3]"},
	{"retain handling 3", packet.V5, "82: 0001 00 0001 'a' 30", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"no local on a shared subscription", packet.V5, "82: 0001 00 000a '$share/g/a' 04", "e0 01 82", "[MQTT-3.8.3-4]"},
	{"subscription identifier 0", packet.V5, "82: 0001 02 0b 00 0001 'a' 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"subscription identifier twice", packet.V5, "82: 0001 04 0b 01 0b 02 0001 'a' 00", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"subscription identifier of five bytes", packet.V5, "82: 0001 06 0b ff ff ff ff 01 0001 'a' 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"subscription identifier longer than needed", packet.V5, "82: 0001 03 0b 81 00 0001 'a' 00", "e0 01 81", "[MQTT-1.5.5-1]"},
	{"a PUBLISH's property in SUBSCRIBE", packet.V5, "82: 0001 03 23 0001 0001 'a' 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"filter empty v3", packet.V311, "82: 0001 0000 00", "", "[MQTT-4.7.3-1 v3]"},
	{"filter a# v3", packet.V311, "82: 0001 0002 'a#' 00", "", "[MQTT-4.7.1-2 v3]"},
	{"filter #/a v3", packet.V311, "82: 0001 0003 '#/a' 00", "", "[MQTT-4.7.1-2 v3]"},
	{"filter a/#/b v3", packet.V311, "82: 0001 0005 'a/#/b' 00", "", "[MQTT-4.7.1-2 v3]"},
	{"filter a+ v3", packet.V311, "82: 0001 0002 'a+' 00", "", "[MQTT-4.7.1-3 v3]"},

	// UNSUBSCRIBE.
	{"UNSUBSCRIBE empty", packet.V5, "a2 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"UNSUBSCRIBE without filter", packet.V5, "a2: 0001 00", "e0 01 82", "[MQTT-3.10.3-2]"},
	{"UNSUBSCRIBE without filter v3", packet.V311, "a2: 0001", "", "[MQTT-3.10.3-2 v3]"},
	{"UNSUBSCRIBE of identifier 0", packet.V5, "a2: 0000 00 0001 'a'", "e0 01 82", "[MQTT-2.2.1-3]"},
	{"UNSUBSCRIBE of identifier 0 v3", packet.V311, "a2: 0000 0001 'a'", "", "[MQTT-2.3.1-1 v3]"},
	{"UNSUBSCRIBE filter cut", packet.V5, "a2: 0001 00 0002 'a'", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"UNSUBSCRIBE filter not UTF-8", packet.V5, "a2: 0001 00 0002 c328", "e0 01 81", "[MQTT-3.10.3-1]"},
	{"UNSUBSCRIBE filter with U+0000", packet.V5, "a2: 0001 00 0003 610062", "e0 01 81", "[MQTT-4.7.3-2]"},
	{"UNSUBSCRIBE filter not UTF-8 v3", packet.V311, "a2: 0001 0002 c328", "", "[MQTT-3.10.3-1 v3]"},
	{"UNSUBSCRIBE with a subscription identifier", packet.V5, "a2: 0001 02 0b 01 0001 'a'", "e0 01 81", "[MQTT-4.13.1-1]"},

	// PINGREQ, DISCONNECT and AUTH.
	{"PINGREQ with a byte", packet.V5, "c0: 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"PINGREQ with a byte v3", packet.V311, "c0: 00", "", "[MQTT-4.8.0-1 v3]"},
	{"DISCONNECT with an unknown code", packet.V5, "e0: 01", "e0 01 82", "[MQTT-3.14.2-1]"},
	{"DISCONNECT with properties cut", packet.V5, "e0: 00 05 11", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"DISCONNECT without the properties announced", packet.V5, "e0: 00 01", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with a byte too many", packet.V5, "e0: 00 00 00", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with session expiry twice", packet.V5, "e0: 00 0a 11 00000000 11 00000000", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with two reason strings", packet.V5, "e0: 00 08 1f 0001 'x' 1f 0001 'x'", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with U+0000 in its reason string", packet.V5, "e0: 00 04 1f 0001 00", "e0 01 81", "[MQTT-1.5.4-2]"},
	{"DISCONNECT that makes the session last", packet.V5, "e0: 00 05 11 00000001", "e0 01 82", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with a CONNECT's property", packet.V5, "e0: 00 03 21 0001", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"DISCONNECT with a byte v3", packet.V311, "e0: 00", "", "[MQTT-4.8.0-1 v3]"},
	{"DISCONNECT", packet.V5, "e0 00", "", "[MQTT-3.14.4-1] [MQTT-3.14.4-2]"},
	{"DISCONNECT with code 0", packet.V5, "e0: 00", "", "[MQTT-3.14.4-2]"},
	{"DISCONNECT and then more", packet.V5, "e0 00 c0 00", "", "[MQTT-3.14.4-1]"},
	{"DISCONNECT v3", packet.V311, "e0 00", "", "[MQTT-3.14.4-1 v3]"},
	{"AUTH without a method in CONNECT", packet.V5, "f0: 18 04 15 0001 'M'", "e0 01 82", "[MQTT-4.12.0-7]"},
	{"AUTH again without a method in CONNECT", packet.V5, "f0: 19 04 15 0001 'M'", "e0 01 82", "[MQTT-4.12.0-6]"},
	{"AUTH empty", packet.V5, "f0 00", "e0 01 82", "[MQTT-4.12.0-7]"},
	{"AUTH with a code only", packet.V5, "f0: 18", "e0 01 81", "[MQTT-4.13.1-1]"},
	{"AUTH without method", packet.V5, "f0: 18 00", "e0 01 82", "[MQTT-4.12.0-5]"},
	{"AUTH with an unknown code", packet.V5, "f0: 87 04 15 0001 'M'", "e0 01 82", "[MQTT-3.15.2-1]"},
	{"AUTH with code 0x01", packet.V5, "f0: 01 00", "e0 01 82", "[MQTT-3.15.2-1]"},
	{"AUTH v3", packet.V311, "f0 00", "", "[MQTT-2.2.2-2 v3]"},
}

// oddAndServed are packets that are unusual and right: the broker answers, or
// does not, and the connection goes on.
var oddAndServed = []oddity{
	{"nothing subscribed at QoS 1", packet.V5, "32: 0001 'a' 0001 00", "40 03 0001 10", "[MQTT-3.4.2-1]"},
	{"nothing subscribed at QoS 2", packet.V5, "34: 0001 'a' 0001 00", "50 03 0001 10", "[MQTT-3.5.2-1]"},
	{"QoS 1 v3", packet.V311, "32: 0001 'a' ffff", "40 02 ffff", "[MQTT-2.3.1-6 v3]"},
	{"QoS 2 v3", packet.V311, "34: 0001 'a' ffff", "50 02 ffff", "[MQTT-2.3.1-6 v3]"},
	{"DUP on the first attempt", packet.V5, "3a: 0001 'a' 0001 00", "40 03 0001 10", "[MQTT-3.3.1-3]"},
	{"DUP on the first attempt at QoS 2 v3", packet.V311, "3c: 0001 'a' 0001", "50 02 0001", "[MQTT-3.3.1-3 v3]"},
	{"no payload", packet.V5, "30: 0001 'a' 00", "", "[MQTT-3.3.4-1]"},
	{"no payload v3", packet.V311, "30: 0001 'a'", "", "[MQTT-3.3.4-1 v3]"},
	{"payload of U+0000", packet.V311, "30: 0001 'a' 00", "", "[MQTT-3.3.4-1 v3]"},
	{"topic of a byte order mark", packet.V5, "32: 0003 efbbbf 0001 00", "40 03 0001 10", "[MQTT-1.5.4-3]"},
	{"topic that begins with a byte order mark", packet.V5, "30: 0004 efbbbf61 00", "", "[MQTT-1.5.4-3]"},
	{"topic of a byte order mark v3", packet.V311, "32: 0003 efbbbf 0001", "40 02 0001", "[MQTT-1.5.3-3 v3]"},
	{"topic of slashes", packet.V5, "32: 0003 '///' 0001 00", "40 03 0001 10", "[MQTT-4.7.3-4]"},
	{"topic of a space", packet.V311, "32: 0001 ' ' 0001", "40 02 0001", "[MQTT-4.7.3-4 v3]"},
	{"the broker's topics", packet.V5, "32: 0006 '$SYS/x' 0001 00", "40 03 0001 87", "[MQTT-3.4.2-1]"},
	{"the broker's topics at QoS 2", packet.V5, "34: 0006 '$SYS/x' 0001 00", "50 03 0001 87", "[MQTT-3.5.2-1]"},
	{"the broker's topics v3", packet.V311, "32: 0006 '$SYS/x' 0001", "40 02 0001", "[MQTT-3.3.5-2 v3]"},
	{"highest topic alias", packet.V5, "32: 0001 'a' 0001 03 23 000a", "40 03 0001 10", "[MQTT-3.3.2-12]"},
	{"payload format 1 of no UTF-8", packet.V5, "32: 0001 'a' 0001 02 01 01 ff", "40 03 0001 10", "[MQTT-3.3.2-4]"},
	{"message expiry 0", packet.V5, "32: 0001 'a' 0001 05 02 00000000", "40 03 0001 10", "[MQTT-3.3.2-5]"},
	{"user property of empty strings", packet.V5, "30: 0001 'a' 05 26 0000 0000", "", "[MQTT-1.5.7-1]"},
	{"the largest packet", packet.V5, "30 e5 07 0001 'a' 00 " + zeros(993), "", "[MQTT-3.2.2-15]"},
	{"PUBACK of what was not sent", packet.V5, "40: 0007", "", "[MQTT-4.3.2-3]"},
	{"PUBACK of what was not sent v3", packet.V311, "40: 0007", "", "[MQTT-4.3.2-1 v3]"},
	{"PUBACK in words", packet.V5, "40: 0007 83 0b 1f 0001 'r' 26 0001 'k' 0001 'v'", "", "[MQTT-3.4.2-1]"},
	{"PUBACK of 0x10 in words", packet.V5, "40: 0001 10 06 1f 0003 'odd'", "", "[MQTT-3.4.2-1]"},
	{"PUBREC of what was not sent", packet.V5, "50: 0007", "62 03 0007 92", "[MQTT-3.6.2-1]"},
	{"PUBREC of what was not sent v3", packet.V311, "50: 0007", "62 02 0007", "[MQTT-4.3.3-1 v3]"},
	{"PUBREC that refuses what was not sent", packet.V5, "50: 0007 80", "", "[MQTT-4.4.0-2]"},
	{"PUBREL of what was not sent", packet.V5, "62: 0007", "70 03 0007 92", "[MQTT-3.7.2-1] [MQTT-4.3.3-11]"},
	{"PUBREL of what was not sent v3", packet.V311, "62: 0007", "70 02 0007", "[MQTT-4.3.3-2 v3]"},
	{"PUBREL with code 0x92", packet.V5, "62: 0007 92", "70 03 0007 92", "[MQTT-3.7.2-1]"},
	{"PUBCOMP of what was not sent", packet.V5, "70: 0007 92", "", "[MQTT-4.3.3-5]"},
	{"PUBCOMP without code of what was not sent", packet.V5, "70: 0001", "", "[MQTT-4.3.3-5]"},
	{"PUBCOMP of what was not sent v3", packet.V311, "70: 0007", "", "[MQTT-4.3.3-1 v3]"},
	{"SUBSCRIBE of three filters, one wrong", packet.V5, "82: 0001 00 0001 'a' 02 0002 'a#' 01 0001 'b' 00", "90 06 0001 00 02 8f 00", "[MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-4.7.1-1]"},
	{"SUBSCRIBE of a filter twice", packet.V311, "82: 0001 0001 'a' 00 0001 'a' 02", "90 04 0001 00 02", "[MQTT-3.8.4-4 v3] [MQTT-3.8.4-5 v3]"},
	{"filter empty", packet.V5, "82: 0001 00 0000 00", "90 04 0001 00 8f", "[MQTT-4.7.3-1]"},
	{"filter #/a", packet.V5, "82: 0001 00 0003 '#/a' 00", "90 04 0001 00 8f", "[MQTT-4.7.1-1]"},
	{"filter a+", packet.V5, "82: 0001 00 0002 'a+' 00", "90 04 0001 00 8f", "[MQTT-4.7.1-2]"},
	{"filter of slashes and wildcards", packet.V5, "82: 0001 00 0005 '/+//#' 00", "90 04 0001 00 00", "[MQTT-4.7.1-2]"},
	{"filter of a byte order mark", packet.V5, "82: 0001 00 0003 efbbbf 00", "90 04 0001 00 00", "[MQTT-1.5.4-3]"},
	{"every option", packet.V5, "82: 0001 00 0001 'a' 2e", "90 04 0001 00 02", "[MQTT-3.8.3-5]"},
	{"highest subscription identifier", packet.V5, "82: 0001 05 0b ff ff ff 7f 0001 'a' 00", "90 04 0001 00 00", "[MQTT-3.8.4-7]"},
	{"shared without filter", packet.V5, "82: 0001 00 0008 '$share/g' 00", "90 04 0001 00 8f", "[MQTT-4.8.2-2]"},
	{"shared with an empty filter", packet.V5, "82: 0001 00 0009 '$share/g/' 00", "90 04 0001 00 8f", "[MQTT-4.8.2-2]"},
	{"shared without name", packet.V5, "82: 0001 00 0009 '$share//a' 00", "90 04 0001 00 8f", "[MQTT-4.8.2-1]"},
	{"shared by +", packet.V5, "82: 0001 00 000a '$share/+/a' 00", "90 04 0001 00 8f", "[MQTT-4.8.2-2]"},
	{"shared by g#", packet.V5, "82: 0001 00 000b '$share/g#/a' 00", "90 04 0001 00 8f", "[MQTT-4.8.2-2]"},
	{"shared", packet.V5, "82: 0001 00 000a '$share/g/#' 01", "90 04 0001 00 01", "[MQTT-4.8.2-1]"},
	{"UNSUBSCRIBE from nothing", packet.V5, "a2: 0001 00 0001 'a'", "b0 04 0001 00 11", "[MQTT-3.10.4-5] [MQTT-3.11.3-2]"},
	{"UNSUBSCRIBE from nothing v3", packet.V311, "a2: 0001 0001 'a'", "b0 02 0001", "[MQTT-3.10.4-5 v3]"},
	{"UNSUBSCRIBE with a user property", packet.V5, "a2: 0001 07 26 0001 'k' 0001 'v' 0001 'a'", "b0 04 0001 00 11", "[MQTT-3.10.4-4]"},
	{"PINGREQ twice", packet.V311, "c0 00 c0 00", "d0 00 d0 00", "[MQTT-3.12.4-1 v3]"},
}

// zeros returns n bytes of 0 as wire wants them.
func zeros(n int) string { return string(bytes.Repeat([]byte("00"), n)) }

// oddConfig keeps the packets in the tables small: at most 1000 bytes.
var oddConfig = Config{MaxPacketSize: 1000}

// inOddBubble runs a test for each row with a broker of its own.
func inOddBubble(t *testing.T, rows []oddity, test func(t *testing.T, b *testBroker, o oddity)) {
	for _, o := range rows {
		t.Run(o.name, func(t *testing.T) {
			inBubble(t, oddConfig, func(t *testing.T, b *testBroker) { test(t, b, o) })
		})
	}
}

func (r *rawClient) wantClosed(o oddity) {
	r.t.Helper()
	got, closed := r.untilClosed()
	if !closed {
		r.t.Errorf("%s: not closed %s", o.send, o.clause)
	}
	if want := wire(r.t, o.want); !bytes.Equal(got, want) {
		r.t.Errorf("%s\ngot  % x\nwant % x %s", o.send, got, want, o.clause)
	}
}

func TestFirstPacketRefused(t *testing.T) {
	inOddBubble(t, oddFirstRefused, func(t *testing.T, b *testBroker, o oddity) {
		r := b.raw(o.v)
		r.write(wire(t, o.send))
		r.wantClosed(o)
		if n := b.Stats().Sessions; n != 0 { // [MQTT-3.1.4-6] [MQTT-3.1.4-5 v3]
			t.Errorf("%d sessions", n)
		}
	})
}

func TestFirstPacketOdd(t *testing.T) {
	inOddBubble(t, oddFirst, func(t *testing.T, b *testBroker, o oddity) {
		r := b.raw(o.v)
		r.write(wire(t, o.send))
		r.accepted()
		r.write([]byte{0xc0, 0})
		if got, open := r.sofar(); string(got) != "\xd0\x00" || !open {
			t.Errorf("%s: got % x, open: %v %s", o.send, got, open, o.clause)
		}
	})
}

func TestPacketCloses(t *testing.T) {
	inOddBubble(t, oddAndClosed, func(t *testing.T, b *testBroker, o oddity) {
		other := b.connect(packet.V5, "other")
		other.subscribe("#", 0)
		r := b.rawConnected(o.v)
		r.write(wire(t, o.send))
		r.wantClosed(o)
		other.silent() // nothing of it was published
	})
}

func TestPacketCarriesOn(t *testing.T) {
	inOddBubble(t, oddAndServed, func(t *testing.T, b *testBroker, o oddity) {
		r := b.rawConnected(o.v)
		r.write(append(wire(t, o.send), 0xc0, 0))
		want := append(wire(t, o.want), 0xd0, 0)
		if got, open := r.sofar(); !bytes.Equal(got, want) || !open {
			t.Errorf("%s\ngot  % x\nwant % x, open: %v %s", o.send, got, want, open, o.clause)
		}
	})
}

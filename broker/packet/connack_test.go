package packet

import (
	"bytes"
	"testing"
)

// connackGoldens are CONNACK, section 3.2; in MQTT 3.1.1 with the return codes
// [MQTT-3.2.2-6 v3].
var connackGoldens = []golden{
	{"3.1", V31, "20 02 00 00", &Connack{}},
	{"3.1 refused: password", V31, "20 02 00 04", &Connack{Code: BadUserNameOrPassword}},
	{"3.1.1", V311, "20 02 00 00", &Connack{}},
	{"session present", V311, "20 02 01 00", &Connack{SessionPresent: true}},
	{"refused: version", V311, "20 02 00 01", &Connack{Code: UnsupportedProtocolVersion}},
	{"refused: id", V311, "20 02 00 02", &Connack{Code: ClientIdentifierNotValid}},
	{"refused: unavailable", V311, "20 02 00 03", &Connack{Code: ServerUnavailable}},
	{"refused: password", V311, "20 02 00 04", &Connack{Code: BadUserNameOrPassword}},
	{"refused: not authorized", V311, "20 02 00 05", &Connack{Code: NotAuthorized}},
	{"5.0", V5, "20 03 00 00 00", &Connack{}},
	{"session present 5.0", V5, "20 03 01 00 00", &Connack{SessionPresent: true}},
	{"refused 5.0", V5, "20 03 00 87 00", &Connack{Code: NotAuthorized}},
	{"refused with a reason", V5, "20 0a 00 89 07 1f 0004 'busy'",
		&Connack{Code: ServerBusy, Properties: &Properties{ReasonString: Some("busy")}}},
	// As Mosquitto writes it: its users compare bytes.
	{"as Mosquitto's", V5, "20 0e 00 00 0b 22 000a 27 001e8480 21 0014",
		&Connack{Properties: &Properties{TopicAliasMaximum: Some[uint16](10), MaximumPacketSize: Some[uint32](2_000_000), ReceiveMaximum: Some[uint16](20)}}},
	{"as Mosquitto's with an id", V5, "20 16 00 00 13 22 000a 12 0002 'me' 13 001e 27 001e8480 21 0014",
		&Connack{Properties: &Properties{TopicAliasMaximum: Some[uint16](10), AssignedClientID: Some("me"), ServerKeepAlive: Some[uint16](30),
			MaximumPacketSize: Some[uint32](2_000_000), ReceiveMaximum: Some[uint16](20)}}},
	{"all its properties", V5, "20 47 01 00 44 22 0000 12 0002 'me' 13 0000 11 ffffffff 15 0001 'M' 16 0001 07 " +
		"1a 0001 'i' 1c 0001 's' 1f 0001 'r' 24 01 25 00 28 01 29 00 2a 01 " +
		"26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 27 ffffffff 21 ffff",
		&Connack{SessionPresent: true, Properties: &Properties{
			TopicAliasMaximum: Some[uint16](0), AssignedClientID: Some("me"), ServerKeepAlive: Some[uint16](0),
			SessionExpiry: Some[uint32](0xffffffff), AuthMethod: Some("M"), AuthData: []byte{7}, ResponseInfo: Some("i"),
			ServerReference: Some("s"), ReasonString: Some("r"), MaximumQoS: Some[byte](1), RetainAvailable: Some[byte](0),
			WildcardSubscriptionAvailable: Some[byte](1), SubscriptionIDAvailable: Some[byte](0), SharedSubscriptionAvailable: Some[byte](1),
			User: user, MaximumPacketSize: Some[uint32](0xffffffff), ReceiveMaximum: Some[uint16](65535)}}},
}

// connackUnusual holds what old servers say.
var connackUnusual = []golden{
	{"reserved byte of 3.1", V31, "20 02 7f 00", &Connack{}},
	{"a server without 5.0", V5, "20 02 00 01", &Connack{Code: UnsupportedProtocolVersion}},
}

func TestConnack(t *testing.T)        { testGoldens(t, connackGoldens) }
func TestConnackUnusual(t *testing.T) { testUnusual(t, connackUnusual) }

// TestConnackSessionPresent is only true with Success [MQTT-3.2.2-6]
// [MQTT-3.2.2-4 v3].
func TestConnackSessionPresent(t *testing.T) {
	for v, want := range map[Version]string{V31: "20 02 00 00", V311: "20 02 01 00", V5: "20 03 01 00 00"} {
		if b, err := (&Connack{SessionPresent: true}).Append(nil, v); err != nil || !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("version %v: % x, %v", v, b, err)
		}
	}
	for v, want := range map[Version]string{V31: "20 02 00 05", V311: "20 02 00 05", V5: "20 03 00 87 00"} {
		if b, err := (&Connack{SessionPresent: true, Code: NotAuthorized}).Append(nil, v); err != nil || !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("version %v, refused: % x, %v", v, b, err)
		}
	}
}

// TestConnackReturnCodes encodes every reason code as MQTT 3.1.1: what it has
// not is 3, or 5 when it is about authentication.
func TestConnackReturnCodes(t *testing.T) {
	want := map[ReasonCode]byte{
		Success: 0, UnsupportedProtocolVersion: 1, ClientIdentifierNotValid: 2, ServerUnavailable: 3, BadUserNameOrPassword: 4,
		NotAuthorized: 5, BadAuthenticationMethod: 5,
	}
	for c := range 256 {
		code, ok := want[ReasonCode(c)]
		if !ok {
			code = 3
		}
		if b, err := (&Connack{Code: ReasonCode(c)}).Append(nil, V311); err != nil || !bytes.Equal(b, []byte{0x20, 2, 0, code}) {
			t.Errorf("%v: % x, %v; want return code %d", ReasonCode(c), b, err, code)
		}
	}
}

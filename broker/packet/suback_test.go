package packet

import (
	"bytes"
	"testing"
)

// subackGoldens are SUBACK, section 3.9.
var subackGoldens = []golden{
	{"3.1", V31, "90 03 0001 02", &Suback{ID: 1, Codes: []ReasonCode{GrantedQoS2}}},
	{"3.1.1", V311, "90 06 0001 00 01 02 80", &Suback{ID: 1, Codes: []ReasonCode{0, 1, 2, 0x80}}},
	{"5.0", V5, "90 04 ffff 00 01", &Suback{ID: 65535, Codes: []ReasonCode{GrantedQoS1}}},
	{"all codes", V5, "90 0f 0001 00 00 01 02 80 83 87 8f 91 97 9e a1 a2",
		&Suback{ID: 1, Codes: []ReasonCode{Success, GrantedQoS1, GrantedQoS2, UnspecifiedError, ImplementationSpecificError, NotAuthorized,
			TopicFilterInvalid, PacketIdentifierInUse, QuotaExceeded, SharedSubscriptionsNotSupported,
			SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported}}},
	{"with all its properties", V5, "90 16 0001 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 00",
		&Suback{ID: 1, Codes: []ReasonCode{Success}, Properties: &Properties{ReasonString: Some("r"), User: user}}},
}

func TestSuback(t *testing.T) { testGoldens(t, subackGoldens) }

// TestSubackFailures are all the same in MQTT 3 [MQTT-3.9.3-2 v3].
func TestSubackFailures(t *testing.T) {
	for c := int(UnspecifiedError); c < 256; c++ {
		p := &Suback{ID: 1, Codes: []ReasonCode{GrantedQoS1, ReasonCode(c)}}
		if b, err := p.Append(nil, V311); err != nil || !bytes.Equal(b, unhex(t, "90 04 0001 01 80")) {
			t.Errorf("%v: % x, %v", ReasonCode(c), b, err)
		}
	}
}

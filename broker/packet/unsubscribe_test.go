package packet

import "testing"

// unsubscribeGoldens are UNSUBSCRIBE, section 3.10 [MQTT-3.10.1-1]
// [MQTT-3.10.3-1].
var unsubscribeGoldens = []golden{
	{"3.1", V31, "a2 05 0001 0001 'a'", &Unsubscribe{ID: 1, Filters: []string{"a"}}},
	{"3.1.1", V311, "a2 08 ffff 0001 'a' 0001 'b'", &Unsubscribe{ID: 65535, Filters: []string{"a", "b"}}},
	{"from nothing", V311, "a2 04 0001 0000", &Unsubscribe{ID: 1, Filters: []string{""}}},
	{"5.0", V5, "a2 0b 0001 00 0001 'a' 0003 'b/#'", &Unsubscribe{ID: 1, Filters: []string{"a", "b/#"}}},
	{"with user properties", V5, "a2 14 0001 0e 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 0001 'a'",
		&Unsubscribe{ID: 1, Filters: []string{"a"}, Properties: &Properties{User: user}}},
}

var unsubscribeUnusual = []golden{
	{"again 3.1", V31, "aa 05 0001 0001 'a'", &Unsubscribe{ID: 1, Filters: []string{"a"}}},
}

// unsubackGoldens are UNSUBACK, section 3.11.
var unsubackGoldens = []golden{
	{"3.1", V31, "b0 02 0001", &Unsuback{ID: 1}},
	{"3.1.1", V311, "b0 02 ffff", &Unsuback{ID: 65535}},
	{"5.0", V5, "b0 04 0001 00 00", &Unsuback{ID: 1, Codes: []ReasonCode{Success}}},
	{"all codes", V5, "b0 0a 0001 00 00 11 80 83 87 8f 91",
		&Unsuback{ID: 1, Codes: []ReasonCode{Success, NoSubscriptionExisted, UnspecifiedError, ImplementationSpecificError, NotAuthorized,
			TopicFilterInvalid, PacketIdentifierInUse}}},
	{"with all its properties", V5, "b0 16 0001 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c' 11",
		&Unsuback{ID: 1, Codes: []ReasonCode{NoSubscriptionExisted}, Properties: &Properties{ReasonString: Some("r"), User: user}}},
}

func TestUnsubscribe(t *testing.T)        { testGoldens(t, unsubscribeGoldens) }
func TestUnsubscribeUnusual(t *testing.T) { testUnusual(t, unsubscribeUnusual) }
func TestUnsuback(t *testing.T)           { testGoldens(t, unsubackGoldens) }

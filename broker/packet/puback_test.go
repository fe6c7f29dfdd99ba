package packet

import "testing"

// The acknowledgements, sections 3.4 to 3.7, look alike: a code of Success and
// an empty list of properties are left out. PUBREL has its flags
// [MQTT-3.6.1-1].
var (
	pubackGoldens = []golden{
		{"3.1", V31, "40 02 0001", &Puback{ID: 1}},
		{"3.1.1", V311, "40 02 0102", &Puback{ID: 258}},
		{"5.0", V5, "40 02 ffff", &Puback{ID: 65535}},
		{"with a code", V5, "40 03 0102 10", &Puback{ID: 258, Code: NoMatchingSubscribers}},
		{"with a reason", V5, "40 0a 0102 87 06 1f 0003 'sad'",
			&Puback{ID: 258, Code: NotAuthorized, Properties: &Properties{ReasonString: Some("sad")}}},
		{"with user properties", V5, "40 12 0102 00 0e 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
			&Puback{ID: 258, Properties: &Properties{User: user}}},
		{"with both", V5, "40 16 0102 97 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
			&Puback{ID: 258, Code: QuotaExceeded, Properties: &Properties{ReasonString: Some("r"), User: user}}},
	}
	pubrecGoldens = []golden{
		{"3.1", V31, "50 02 0001", &Pubrec{ID: 1}},
		{"3.1.1", V311, "50 02 0102", &Pubrec{ID: 258}},
		{"5.0", V5, "50 02 0102", &Pubrec{ID: 258}},
		{"with a code", V5, "50 03 0102 97", &Pubrec{ID: 258, Code: QuotaExceeded}},
		{"with both", V5, "50 16 0102 91 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
			&Pubrec{ID: 258, Code: PacketIdentifierInUse, Properties: &Properties{ReasonString: Some("r"), User: user}}},
	}
	pubrelGoldens = []golden{
		{"3.1", V31, "62 02 0001", &Pubrel{ID: 1}},
		{"3.1.1", V311, "62 02 0102", &Pubrel{ID: 258}},
		{"5.0", V5, "62 02 0102", &Pubrel{ID: 258}},
		{"with a code", V5, "62 03 0102 92", &Pubrel{ID: 258, Code: PacketIdentifierNotFound}},
		{"with both", V5, "62 16 0102 92 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
			&Pubrel{ID: 258, Code: PacketIdentifierNotFound, Properties: &Properties{ReasonString: Some("r"), User: user}}},
	}
	pubcompGoldens = []golden{
		{"3.1", V31, "70 02 0001", &Pubcomp{ID: 1}},
		{"3.1.1", V311, "70 02 0102", &Pubcomp{ID: 258}},
		{"5.0", V5, "70 02 0102", &Pubcomp{ID: 258}},
		{"with a code", V5, "70 03 0102 92", &Pubcomp{ID: 258, Code: PacketIdentifierNotFound}},
		{"with both", V5, "70 16 0102 92 12 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
			&Pubcomp{ID: 258, Code: PacketIdentifierNotFound, Properties: &Properties{ReasonString: Some("r"), User: user}}},
	}
)

// ackUnusual holds what might have been left out: sections 3.4.2.1 and
// 3.4.2.2.1 allow both. PUBREL of MQTT 3.1 has DUP in another attempt.
var ackUnusual = []golden{
	{"puback with Success", V5, "40 03 0001 00", &Puback{ID: 1}},
	{"pubrec with Success", V5, "50 03 0001 00", &Pubrec{ID: 1}},
	{"pubrel with Success", V5, "62 03 0001 00", &Pubrel{ID: 1}},
	{"pubcomp with Success", V5, "70 03 0001 00", &Pubcomp{ID: 1}},
	{"puback with no properties", V5, "40 04 0001 00 00", &Puback{ID: 1}},
	{"pubrec with no properties", V5, "50 04 0001 97 00", &Pubrec{ID: 1, Code: QuotaExceeded}},
	{"pubrel again 3.1", V31, "6a 02 0001", &Pubrel{ID: 1}},
}

func TestPuback(t *testing.T)     { testGoldens(t, pubackGoldens) }
func TestPubrec(t *testing.T)     { testGoldens(t, pubrecGoldens) }
func TestPubrel(t *testing.T)     { testGoldens(t, pubrelGoldens) }
func TestPubcomp(t *testing.T)    { testGoldens(t, pubcompGoldens) }
func TestAckUnusual(t *testing.T) { testUnusual(t, ackUnusual) }

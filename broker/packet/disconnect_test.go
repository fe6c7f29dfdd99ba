package packet

import "testing"

// disconnectGoldens are DISCONNECT, section 3.14.
var disconnectGoldens = []golden{
	{"3.1", V31, "e0 00", &Disconnect{}},
	{"3.1.1", V311, "e0 00", &Disconnect{}},
	{"5.0", V5, "e0 00", &Disconnect{}},
	{"with will", V5, "e0 01 04", &Disconnect{Code: DisconnectWithWill}},
	{"taken over", V5, "e0 01 8e", &Disconnect{Code: SessionTakenOver}},
	{"with expiry", V5, "e0 07 00 05 11 0000000a", &Disconnect{Properties: &Properties{SessionExpiry: Some[uint32](10)}}},
	{"to another server", V5, "e0 06 9c 04 1c 0001 'x'",
		&Disconnect{Code: UseAnotherServer, Properties: &Properties{ServerReference: Some("x")}}},
	{"with all its properties", V5, "e0 1d 9d 1b 11 00000000 1c 0001 's' 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
		&Disconnect{Code: ServerMoved, Properties: &Properties{SessionExpiry: Some[uint32](0), ServerReference: Some("s"), ReasonString: Some("r"), User: user}}},
}

var disconnectUnusual = []golden{
	{"with Success", V5, "e0 01 00", &Disconnect{}},
	{"with Success and no properties", V5, "e0 02 00 00", &Disconnect{}},
	{"with a code and no properties", V5, "e0 02 8b 00", &Disconnect{Code: ServerShuttingDown}},
}

func TestDisconnect(t *testing.T)        { testGoldens(t, disconnectGoldens) }
func TestDisconnectUnusual(t *testing.T) { testUnusual(t, disconnectUnusual) }

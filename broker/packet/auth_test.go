package packet

import "testing"

// authGoldens are AUTH, section 3.15.
var authGoldens = []golden{
	{"done", V5, "f0 00", &Auth{}},
	{"begins again", V5, "f0 06 19 04 15 0001 'M'", &Auth{Code: ReAuthenticate, Properties: &Properties{AuthMethod: Some("M")}}},
	{"goes on", V5, "f0 0b 18 09 15 0001 'M' 16 0002 0102",
		&Auth{Code: ContinueAuthentication, Properties: &Properties{AuthMethod: Some("M"), AuthData: []byte{1, 2}}}},
	{"with no data", V5, "f0 09 18 07 15 0001 'M' 16 0000",
		&Auth{Code: ContinueAuthentication, Properties: &Properties{AuthMethod: Some("M"), AuthData: []byte{}}}},
	{"with all its properties", V5, "f0 1c 00 1a 15 0001 'M' 16 0001 07 1f 0001 'r' 26 0001 'a' 0001 'b' 26 0001 'a' 0001 'c'",
		&Auth{Properties: &Properties{AuthMethod: Some("M"), AuthData: []byte{7}, ReasonString: Some("r"), User: user}}},
}

var authUnusual = []golden{
	{"data before the method", V5, "f0 0a 18 08 16 0001 07 15 0001 'M'",
		&Auth{Code: ContinueAuthentication, Properties: &Properties{AuthMethod: Some("M"), AuthData: []byte{7}}}},
}

func TestAuth(t *testing.T)        { testGoldens(t, authGoldens) }
func TestAuthUnusual(t *testing.T) { testUnusual(t, authUnusual) }

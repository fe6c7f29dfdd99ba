package packet

import "testing"

// PINGREQ and PINGRESP, sections 3.12 and 3.13, are the same in all versions.
var (
	pingreqGoldens = []golden{
		{"3.1", V31, "c0 00", &Pingreq{}},
		{"3.1.1", V311, "c0 00", &Pingreq{}},
		{"5.0", V5, "c0 00", &Pingreq{}},
	}
	pingrespGoldens = []golden{
		{"3.1", V31, "d0 00", &Pingresp{}},
		{"3.1.1", V311, "d0 00", &Pingresp{}},
		{"5.0", V5, "d0 00", &Pingresp{}},
	}
)

func TestPingreq(t *testing.T)  { testGoldens(t, pingreqGoldens) }
func TestPingresp(t *testing.T) { testGoldens(t, pingrespGoldens) }

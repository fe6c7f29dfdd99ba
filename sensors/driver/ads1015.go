// Texas Instruments ADS1015: analog-to-digital converter of 12 bits with four
// inputs.
//
//	chip       ADS1015
//	bus        I²C up to 400 kHz and more
//	addresses  0x48 to 0x4B (ADDR)
//	datasheet  Texas Instruments ADS1015, SBAS473
//	checksum   none
//
// An ADS1115, see there, that is faster and has four bits less: those of a
// result are the upper twelve.

package driver

import "gateway/sensors/bus"

var ads1015Kind = adsKind{"ads1015", 12, []string{"128", "250", "490", "920", "1600", "2400", "3300"}, "1600"}

var _ = register(Driver{
	Name:      "ads1015",
	Title:     "Texas Instruments ADS1015 analog inputs, 12 bits",
	Datasheet: "Texas Instruments ADS1015, SBAS473 (registers, rates and ranges confirmed, times as of an ADS1115)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x48, 0x49, 0x4A, 0x4B},
	Channels:  ads1015Kind.channels([]adsInput{{name: "0"}, {name: "1"}, {name: "2"}, {name: "3"}}, ads1115Auto),
	Options:   ads1015Kind.options(),
	Dynamic:   true,
	Check:     ads1015Kind.check,
	Wiring:    adsWiring,
	Open:      ads1015Kind.open,
})

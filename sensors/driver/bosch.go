package driver

import (
	"errors"
	"fmt"

	"gateway/sensors/bus"
)

// What Bosch's chips of the BMP and BME families have in common: an identity
// in register 0xD0, a reset by writing 0xB6, and a bit to wait for.
//
// None of them sends a checksum: a disturbed bus would be believed, and
// disturbed calibration until the chip is opened again. So everything that
// counts is read twice: calibration and results do not change while the chip
// sleeps, as it does whenever it does not measure.

const (
	boschID        = 0xD0
	boschReset     = 0xE0
	boschSoftReset = 0xB6
)

// boschWiring is that of all but the BMP180, which has neither pin.
const boschWiring = "CSB to VDDIO, as most boards have it: low while the power comes, it makes the chip one of SPI.\n" +
	"SDO to GND is address 0x76, to VDDIO 0x77; left open it is neither."

// errBoschSkipped is about a value that is what the registers hold after a
// reset, and after a measurement that leaves it out.
var errBoschSkipped = errors.New("a value was not measured, the chip has lost its settings")

// boschSetting is what a register has to hold, in the bits of mask, for a value
// to be measured.
type boschSetting struct {
	reg        byte
	name       string
	want, mask byte
}

// boschMeasured makes sure that a value was measured that looks as one that was
// left out: half of full scale, which is also 23 °C, or 80 % of humidity
// (adafruit/Adafruit_BME280_Library#114). The settings tell.
func boschMeasured(slot *bus.Slot, settings ...boschSetting) error {
	for _, s := range settings {
		var is [1]byte
		if err := slot.ReadRegisters(s.reg, is[:]); err != nil {
			return err
		}
		if (is[0]^s.want)&s.mask != 0 {
			return fmt.Errorf("register 0x%02X (%s) is 0x%02X in place of 0x%02X: %w", s.reg, s.name, is[0], s.want, errBoschSkipped)
		}
	}
	return nil
}

// boschChip returns the name of the chip with that identity in register 0xD0,
// and of its driver; "" for another.
func boschChip(id byte) (name, driver string) {
	switch id {
	case 0x55:
		return "BMP180", "bmp180"
	case 0x56, 0x57, 0x58: // the first two are samples
		return "BMP280", "bmp280"
	case 0x60:
		return "BME280", "bme280"
	case 0x61:
		return "BME680 or BME688", "bme680"
	}
	return "", ""
}

// boschIdentify returns the identity of a chip for that driver, and refuses
// others by their names. It only reads.
func boschIdentify(slot *bus.Slot, driver string) (byte, error) {
	var id [1]byte
	if err := slot.ReadRegisters(boschID, id[:]); err != nil {
		return 0, err
	}
	name, its := boschChip(id[0])
	if its == driver {
		return id[0], nil
	}
	is := "this is another chip than " + driver
	switch {
	case id[0] == 0x00 || id[0] == 0xFF:
		is = "nothing drives the bus; check power and wires"
	case driver == "bme280" && (its == "bmp180" || its == "bmp280"):
		is = fmt.Sprintf("this is a %s, which has no humidity; its driver is %s", name, its)
	case its != "":
		is = fmt.Sprintf("this is a %s; its driver is %s", name, its)
	}
	return 0, fmt.Errorf("register 0x%02X (id) is 0x%02X: %s", boschID, id[0], is)
}

// Aosong AHT10 and AHT15: temperature and relative humidity.
//
//	chip       AHT10, calibrated by its maker
//	bus        I²C up to 400 kHz
//	address    0x38; 0x39 with its address pin high
//	datasheet  Aosong AHT10, version 1.1
//	checksum   none
//
// It is an AHT20 (aht20.go) without the checksum, and with another command to
// load its calibration. Without a checksum a result is read twice: it stays
// until the next measurement.

package driver

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
)

// aht10Init loads the calibration, with 0x08 0x00. Section 5.3.
const aht10Init = 0xE1

var _ = register(Driver{
	Name:      "aht10",
	Aliases:   []string{"aht15"},
	Title:     "Aosong AHT10/AHT15 temperature and humidity",
	Datasheet: "Aosong AHT10, version 1.1 (commands and state confirmed, address 0x39 from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x38, 0x39},
	MinPeriod: 2 * time.Second,
	Channels:  ahtChannels,
	Notes:     "Many boards sold as AHT10 carry an AHT20; if gateway scan finds one, use the driver aht20, which checks more.",
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		return openAHT(ctx, &aht{slot, "aht10", aht10Init, readAHT10})
	},
})

// readAHT10 reads an answer twice.
func readAHT10(slot *bus.Slot) ([]byte, error) {
	frame, again := make([]byte, ahtMeasurement), make([]byte, ahtMeasurement)
	for _, p := range [][]byte{frame, again} {
		if err := slot.I2C.Tx(slot.Addr, nil, p); err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
	}
	if !bytes.Equal(frame, again) {
		return nil, fmt.Errorf("it is % X and then % X: the transmission is disturbed", frame, again)
	}
	return frame, checkAHTState(frame)
}

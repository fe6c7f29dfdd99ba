// Texas Instruments HDC3020, HDC3021 and HDC3022: temperature and relative
// humidity.
//
//	chip       HDC302x, calibrated by its maker
//	bus        I²C up to 1 MHz, no clock stretching
//	addresses  0x44 to 0x47 (ADDR and ADDR1)
//	datasheet  Texas Instruments HDC302x, SNAS778
//	checksum   CRC-8 after every 16-bit word, that of Sensirion
//
// Its commands are those of an SHT3x, where it has the same. It may have an
// offset programmed, which it adds by itself.

package driver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 8.5.7.
const (
	hdc302xMeasure = 0x2400 // on demand, low power mode 0: lowest noise
	hdc302xExit    = 0x3093 // ends auto mode
	hdc302xReset   = 0x30A2 // soft reset: heater off
	hdc302xMaker   = 0x3781 // manufacturer
	hdc302xNIST    = 0x3683 // and the two after it: a number of 48 bits
	hdc302xOffsets = 0xA004 // of humidity and temperature, a byte each

	hdc302xTI = 0x3000 // manufacturer: Texas Instruments
)

// Times, section 7.5, with a reserve.
const (
	hdc302xConvert = 18 * time.Millisecond // typically 12.5 ms
	hdc302xShort   = 10 * time.Millisecond // reset 3 ms
)

var _ = register(Driver{
	Name:      "hdc302x",
	Aliases:   []string{"hdc3020", "hdc3021", "hdc3022"},
	Title:     "Texas Instruments HDC3020/3021/3022 temperature and humidity",
	Datasheet: "Texas Instruments HDC302x, SNAS778D (commands, offsets and typical times confirmed, longest times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x44, 0x45, 0x46, 0x47},
	Channels: []Channel{ // section 7.5: range, and repeatability of 0.04 °C and 0.02 %
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 2},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Open:  openHDC302x,
	Probe: probeHDC302x,
})

type hdc302x struct{ slot *bus.Slot }

// openHDC302x ends what another program may have begun, auto mode and the
// heater, and makes sure that it is this chip.
func openHDC302x(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	for _, cmd := range []uint16{hdc302xExit, hdc302xReset} {
		if err := sensirionCommand(ctx, slot, cmd, hdc302xShort); err != nil {
			return nil, fmt.Errorf("hdc302x: %w", err)
		}
	}
	if err := identifyHDC302x(ctx, slot); err != nil {
		return nil, fmt.Errorf("hdc302x: %w", err)
	}
	return &hdc302x{slot}, nil
}

func identifyHDC302x(ctx context.Context, slot *bus.Slot) error {
	w, err := sensirionWords(ctx, slot, hdc302xMaker, 0, 1)
	if err != nil {
		return fmt.Errorf("manufacturer: %w", err)
	}
	if w[0] != hdc302xTI {
		return fmt.Errorf("the answer to command 0x%04X (manufacturer) is 0x%04X in place of 0x%04X: this is another chip",
			hdc302xMaker, w[0], hdc302xTI)
	}
	return nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *hdc302x) Measure(ctx context.Context, out []float64) error {
	w, err := sensirionWords(ctx, s.slot, hdc302xMeasure, hdc302xConvert, 2)
	if err != nil {
		return fmt.Errorf("hdc302x: measurement: %w", err)
	}
	out[0], out[1] = hdc302xTemperature(w[0]), hdc302xHumidity(w[1])
	return nil
}

// hdc302xTemperature returns the temperature in °C of a word. Section 8.3.2.
func hdc302xTemperature(w uint16) float64 { return -45 + 175*float64(w)/65535 }

// hdc302xHumidity returns the relative humidity in % of a word. Section 8.3.2.
func hdc302xHumidity(w uint16) float64 { return 100 * float64(w) / 65535 }

// Steps of the offsets, section 8.3.8.
const (
	hdc302xTemperatureStep = 175.0 / 1024 // °C
	hdc302xHumidityStep    = 100.0 / 512  // %
)

// hdc302xOffset returns what a byte of the offsets adds. The top bit is set
// to add, clear to subtract. Section 8.3.8.
func hdc302xOffset(b byte, step float64) float64 {
	x := float64(b&0x7F) * step
	if b&0x80 == 0 {
		x = -x
	}
	return x
}

// probeHDC302x also tells of a programmed offset: with one in the
// configuration besides, it would count twice.
func probeHDC302x(ctx context.Context, slot *bus.Slot) (Found, error) {
	if err := identifyHDC302x(ctx, slot); err != nil {
		return Found{}, err
	}
	f := Found{Model: "HDC302x", Certain: true}
	var serial strings.Builder
	for cmd := uint16(hdc302xNIST); cmd < hdc302xNIST+3; cmd++ {
		w, err := sensirionWords(ctx, slot, cmd, 0, 1)
		if err != nil {
			return Found{}, err
		}
		fmt.Fprintf(&serial, "%04x", w[0])
	}
	f.Serial = serial.String()
	w, err := sensirionWords(ctx, slot, hdc302xOffsets, 0, 1)
	if err != nil {
		return Found{}, err
	}
	rh, t := hdc302xOffset(byte(w[0]>>8), hdc302xHumidityStep), hdc302xOffset(byte(w[0]), hdc302xTemperatureStep)
	if rh != 0 || t != 0 {
		f.Note = fmt.Sprintf("the chip itself adds %.2f °C and %.2f %%", t, rh)
	}
	return f, nil
}

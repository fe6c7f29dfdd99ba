// Aosong AM2320, AM2321 and AM2315: temperature and relative humidity.
//
//	chip       AM2320; the AM2315 is one in a housing with a cable
//	bus        I²C up to 100 kHz, with the functions of Modbus
//	address    0x5C
//	datasheet  Aosong AM2320, version 1.0
//	checksum   CRC-16 of Modbus
//
// The chip sleeps, and does not acknowledge what wakes it. It answers with
// what it measured when it was read before, however long ago that is: so a
// measurement is two reads, 2 s apart.
//
// It is not looked for: asking means writing a byte of 0 to what may be a
// BH1750, which that would switch off.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// am2320Read is Modbus function 03: the four registers of a byte from 0x00
// on, humidity and temperature. Section 8.2.4.
const am2320Read = 0x03

const (
	am2320Wake   = 2 * time.Millisecond // section 8.2.4: 0.8 ms to 3 ms
	am2320Answer = 2 * time.Millisecond // section 8.2.4: at least 1.5 ms
	am2320Anew   = 2100 * time.Millisecond
	am2320Bytes  = 8 // function, length, four registers, CRC
)

var _ = register(Driver{
	Name:      "am2320",
	Aliases:   []string{"am2321", "am2315"},
	Title:     "Aosong AM2320/AM2321/AM2315 temperature and humidity",
	Datasheet: "Aosong AM2320, version 1.0 (functions, times and values confirmed; of the AM2315, from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x5C},
	MinPeriod: 5 * time.Second,
	Channels: []Channel{ // section 3: resolution 0.1 °C and 0.1 %; the AM2315 goes up to 125 °C
		{Quantity: reading.Temperature, Min: -40, Max: 125, Decimals: 1},
		{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
	},
	Wiring: "The single-wire mode that a low SDA selects at power-on is not used; pull-ups of 2 to 10 kΩ are needed.",
	Notes:  "The AM2315C is another chip, with the commands of the AHT20: use the driver aht20.",
	Open:   openAM2320,
})

type am2320 struct{ slot *bus.Slot }

func openAM2320(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &am2320{slot}
	if _, err := s.read(ctx); err != nil {
		return nil, fmt.Errorf("am2320: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *am2320) Measure(ctx context.Context, out []float64) error {
	if _, err := s.read(ctx); err != nil { // begins the measurement
		return fmt.Errorf("am2320: %w", err)
	}
	if err := bus.Wait(ctx, am2320Anew); err != nil {
		return fmt.Errorf("am2320: wait for the measurement of function 0x%02X: %w", am2320Read, err)
	}
	frame, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("am2320: %w", err)
	}
	out[0], out[1] = am2320Temperature(frame), am2320Humidity(frame)
	return nil
}

// read wakes the chip and reads its registers.
func (s *am2320) read(ctx context.Context) ([]byte, error) {
	err := s.slot.I2C.Tx(s.slot.Addr, []byte{0x00}, nil)
	if err != nil && !bus.NoAnswer(err) { // no answer is what it says, asleep
		return nil, fmt.Errorf("wake it for function 0x%02X: %w", am2320Read, err)
	}
	if err := bus.Wait(ctx, am2320Wake); err != nil {
		return nil, fmt.Errorf("wait before function 0x%02X: %w", am2320Read, err)
	}
	if err := s.slot.I2C.Tx(s.slot.Addr, []byte{am2320Read, 0x00, 0x04}, nil); err != nil {
		return nil, fmt.Errorf("send function 0x%02X: %w", am2320Read, err)
	}
	if err := bus.Wait(ctx, am2320Answer); err != nil {
		return nil, fmt.Errorf("wait for function 0x%02X: %w", am2320Read, err)
	}
	frame := make([]byte, am2320Bytes)
	if err := s.slot.I2C.Tx(s.slot.Addr, nil, frame); err != nil {
		return nil, fmt.Errorf("read the answer to function 0x%02X: %w", am2320Read, err)
	}
	return frame, checkAM2320(frame)
}

// checkAM2320 checks an answer of eight bytes: the CRC, and that it is one to
// what was asked.
func checkAM2320(frame []byte) error {
	got, want := binary.LittleEndian.Uint16(frame[6:]), bus.CRC16(0xFFFF, frame[:6])
	switch {
	case frame[0] == am2320Read|0x80 && binary.LittleEndian.Uint16(frame[2:]) == bus.CRC16(0xFFFF, frame[:2]):
		return fmt.Errorf("answer to function 0x%02X: the chip refuses with code 0x%02X", am2320Read, frame[1])
	case got != want:
		return fmt.Errorf("answer to function 0x%02X: % X has CRC 0x%04X in place of 0x%04X: the transmission is disturbed",
			am2320Read, frame, got, want)
	case frame[0] != am2320Read || frame[1] != 4:
		return fmt.Errorf("answer to function 0x%02X: % X is none", am2320Read, frame)
	}
	return nil
}

// am2320Humidity returns the relative humidity in % of an answer. Section
// 8.2.3.
func am2320Humidity(frame []byte) float64 {
	return float64(binary.BigEndian.Uint16(frame[2:])) / 10
}

// am2320Temperature returns the temperature in °C of an answer: not two's
// complement, the first bit is a minus. Section 8.2.3.
func am2320Temperature(frame []byte) float64 {
	v := binary.BigEndian.Uint16(frame[4:])
	t := float64(v&0x7FFF) / 10
	if v&0x8000 != 0 {
		return -t
	}
	return t
}

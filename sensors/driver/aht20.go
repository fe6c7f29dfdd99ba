// Aosong AHT20, AHT21, DHT20 and AM2301B: temperature and relative humidity.
//
//	chip       AHT20, and what has one inside; calibrated by its maker
//	bus        I²C up to 400 kHz
//	address    0x38
//	datasheet  Aosong AHT20, version 1.1
//	checksum   CRC-8 of the state and both values, that of Sensirion
//
// Its forerunner without a checksum has a driver of its own, aht10, which
// shares what is here.

package driver

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 5.3, and the bits of the state, section 5.4, table 9.
// What the datasheet calls 0x71 is the address of the chip with the bit for
// reading: the state is the first byte of every answer. Written as a command
// it leaves some chips busy forever (anglerud/aht20-driver#10), and an AHT20
// that is sent the AHT10's 0xE1 stops answering (adafruit/Adafruit_AHTX0#19).
const (
	ahtReset   = 0xBA
	ahtMeasure = 0xAC // with 0x33 0x00
	aht20Init  = 0xBE // with 0x08 0x00: loads the calibration

	ahtBusy       = 1 << 7
	ahtCalibrated = 1 << 3
)

const (
	ahtResetTime   = 25 * time.Millisecond // section 5.5: 20 ms at most
	ahtInitTime    = 10 * time.Millisecond // section 5.4
	ahtConvert     = 80 * time.Millisecond // section 5.4
	ahtPoll        = 10 * time.Millisecond
	ahtPolls       = 10
	ahtMeasurement = 6 // bytes of an answer without its CRC
)

// ahtChannels are of every chip of the family. Section 1.3, table 2: range up
// to 120 °C of the AHT21; resolution 0.01 °C and 0.024 %.
var ahtChannels = []Channel{
	{Quantity: reading.Temperature, Min: -40, Max: 120, Decimals: 2},
	{Quantity: reading.Humidity, Min: 0, Max: 100, Decimals: 1},
}

var _ = register(Driver{
	Name:      "aht20",
	Aliases:   []string{"aht21", "aht25", "dht20", "am2301b"},
	Title:     "Aosong AHT20/AHT21/DHT20/AM2301B temperature and humidity",
	Datasheet: "Aosong AHT20, version 1.1 (commands and times confirmed, range of the AHT21 from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x38},
	MinPeriod: 2 * time.Second, // section 5.4: else it warms itself by more than 0.1 °C
	Channels:  ahtChannels,
	Open: func(ctx context.Context, slot *bus.Slot) (Sensor, error) {
		return openAHT(ctx, &aht{slot, "aht20", aht20Init, readAHT20})
	},
	Probe: probeAHT20,
})

// aht is an AHT20 or an AHT10.
type aht struct {
	slot *bus.Slot
	name string
	init byte // the command that loads the calibration

	// result reads the answer to a measurement that has ended, and returns
	// its first six bytes if they are to be believed.
	result func(*bus.Slot) ([]byte, error)
}

// openAHT resets the chip and has it load its calibration, if it did not by
// itself.
func openAHT(ctx context.Context, s *aht) (Sensor, error) {
	if err := sendCommand(ctx, s.slot, ahtResetTime, ahtReset); err != nil {
		return nil, fmt.Errorf("%s: soft reset: %w", s.name, err)
	}
	state, err := s.state()
	if err != nil {
		return nil, fmt.Errorf("%s: after command 0x%02X: %w", s.name, ahtReset, err)
	}
	if state&ahtCalibrated != 0 {
		return s, nil
	}
	if err := sendCommand(ctx, s.slot, ahtInitTime, s.init, 0x08, 0x00); err != nil {
		return nil, fmt.Errorf("%s: load the calibration: %w", s.name, err)
	}
	if err := s.await(ctx, s.init); err != nil {
		return nil, fmt.Errorf("%s: load the calibration: %w", s.name, err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is temperature in °C, humidity in %.
func (s *aht) Measure(ctx context.Context, out []float64) error {
	if err := sendCommand(ctx, s.slot, ahtConvert, ahtMeasure, 0x33, 0x00); err != nil {
		return fmt.Errorf("%s: measurement: %w", s.name, err)
	}
	if err := s.await(ctx, ahtMeasure); err != nil {
		return fmt.Errorf("%s: measurement: %w", s.name, err)
	}
	frame, err := s.result(s.slot)
	if err != nil {
		return fmt.Errorf("%s: answer to command 0x%02X: %w", s.name, ahtMeasure, err)
	}
	out[0], out[1] = ahtTemperature(frame), ahtHumidity(frame)
	return nil
}

// state reads the state.
func (s *aht) state() (byte, error) {
	var b [1]byte
	if err := s.slot.I2C.Tx(s.slot.Addr, nil, b[:]); err != nil {
		return 0, fmt.Errorf("read the state: %w", err)
	}
	return b[0], nil
}

// await waits until the chip is no longer busy with cmd, and has its
// calibration.
func (s *aht) await(ctx context.Context, cmd byte) error {
	var state byte
	for i := range ahtPolls {
		if i > 0 {
			if err := bus.Wait(ctx, ahtPoll); err != nil {
				return fmt.Errorf("wait for command 0x%02X: %w", cmd, err)
			}
		}
		var err error
		if state, err = s.state(); err != nil {
			return fmt.Errorf("after command 0x%02X: %w", cmd, err)
		}
		if state&(ahtBusy|ahtCalibrated) == ahtCalibrated {
			return nil
		}
	}
	if state&ahtBusy != 0 {
		return fmt.Errorf("after command 0x%02X the state is 0x%02X: still busy after %v", cmd, state, ahtPolls*ahtPoll)
	}
	return fmt.Errorf("after command 0x%02X the state is 0x%02X: not calibrated; it has lost its power, or is broken", cmd, state)
}

// readAHT20 reads an answer and its CRC.
func readAHT20(slot *bus.Slot) ([]byte, error) {
	frame := make([]byte, ahtMeasurement+1)
	if err := slot.I2C.Tx(slot.Addr, nil, frame); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return frame[:ahtMeasurement], checkAHT20(frame)
}

// checkAHT20 checks the CRC of an answer and that it is one of a measurement
// that has ended.
func checkAHT20(frame []byte) error {
	n := len(frame) - 1
	if got, want := frame[n], crc8(frame[:n]); got != want {
		return fmt.Errorf("% X has CRC 0x%02X in place of 0x%02X: the transmission is disturbed", frame, got, want)
	}
	return checkAHTState(frame)
}

// checkAHTState refuses an answer that is no finished measurement of a
// calibrated chip.
func checkAHTState(frame []byte) error {
	if frame[0]&(ahtBusy|ahtCalibrated) != ahtCalibrated {
		return fmt.Errorf("% X: the state is 0x%02X, busy or not calibrated", frame, frame[0])
	}
	return nil
}

// ahtHumidity returns the relative humidity in % of an answer. Section 6.1.
func ahtHumidity(frame []byte) float64 {
	srh := uint32(frame[1])<<12 | uint32(frame[2])<<4 | uint32(frame[3])>>4
	return float64(srh) / (1 << 20) * 100
}

// ahtTemperature returns the temperature in °C of an answer. Section 6.2.
func ahtTemperature(frame []byte) float64 {
	st := uint32(frame[3]&0x0F)<<16 | uint32(frame[4])<<8 | uint32(frame[5])
	return float64(st)/(1<<20)*200 - 50
}

// probeAHT20 reads what the chip says without being asked anything: to
// another chip at its address, a PCF8574A, a command would be a write. A state
// without the CRC of an AHT20 may be that of an AHT10.
func probeAHT20(_ context.Context, slot *bus.Slot) (Found, error) {
	frame := make([]byte, ahtMeasurement+1)
	if err := slot.I2C.Tx(slot.Addr, nil, frame); err != nil {
		return Found{}, fmt.Errorf("read the state: %w", err)
	}
	if bytes.Count(frame, frame[:1]) == len(frame) {
		return Found{}, fmt.Errorf("% X: nothing drives the bus, or it is another chip", frame)
	}
	if frame[ahtMeasurement] == crc8(frame[:ahtMeasurement]) {
		return Found{Model: "AHT20", Certain: true}, nil
	}
	return Found{Model: "AHT20 or AHT10", Note: "it sends no checksum: if it does not after a measurement either, use the driver aht10"}, nil
}

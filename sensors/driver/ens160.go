// ScioSense ENS160: air quality index, volatile organic compounds and what CO₂
// there would be if people had made them.
//
//	chip       ENS160, four heated metal oxides and a processor
//	bus        I²C up to 1 MHz
//	addresses  0x53 (ADDR high), 0x52 (ADDR low)
//	datasheet  ScioSense ENS160, version 0.95
//	checksum   DATA_MISR, of which the datasheet does not say how to use it for
//	           a read like ours: not used
//
// Without a checksum, what counts is read twice: a result stays for a second,
// until the next. NEWDAT of its status does not: the datasheet has it go when
// DATA is read, chips have it go when the status is. The chip is reset only if
// it does not measure: every reset costs three minutes of warming up.

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, section 16.1. Words have their least significant byte first.
const (
	ens160PartID = 0x00 // a word
	ens160OpMode = 0x10
	ens160TempIn = 0x13 // a word, and RH_IN after it
	ens160Status = 0x20 // and after it DATA_AQI, and words DATA_TVOC and DATA_ECO2
)

// What is in them, section 16.2.
const (
	ens160IsENS160 = 0x0160

	ens160Idle     = 0x01
	ens160Standard = 0x02 // it measures
	ens160Reset    = 0xF0

	ens160Running  = 1 << 7 // DEVICE_STATUS: STATAS, an operating mode is running
	ens160Error    = 1 << 6 // STATER
	ens160Validity = 3 << 2
	ens160NewData  = 1 << 1
	ens160NewGPR   = 1 << 0

	ens160WarmUp  = 1 << 2 // values of the validity flag
	ens160StartUp = 2 << 2
	ens160Invalid = 3 << 2
)

const (
	ens160Settle = 20 * time.Millisecond // how long it takes to change its mode, with a reserve
	ens160Begins = 10 * time.Second      // until it says that it runs; a second is usual
)

var _ = register(Driver{
	Name:      "ens160",
	Title:     "ScioSense ENS160 air quality",
	Datasheet: "ScioSense ENS160, version 0.95",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x53, 0x52},
	MinPeriod: time.Second,
	Channels: []Channel{ // section 5
		{Quantity: reading.AQI, Min: 1, Max: 5},
		{Quantity: reading.VOCParts, Min: 0, Max: 65000},
		{Quantity: reading.ECO2, Min: 400, Max: 65000},
	},
	Wiring: "CS to 3.3 V: the chip speaks SPI otherwise.",
	Notes: "Nothing is measured in the first 3 minutes after power-up, and in the first hour of its life, which it forgets " +
		"if it is then taken off power before 24 hours have passed. " +
		"The index is that of the German environment agency (UBA): 1 is excellent, 5 unhealthy. " +
		"CO₂ is estimated from other gases, not measured. " +
		"Name a sensor of temperature and humidity to compensate by, but not one on the same board: the ENS160 heats it.",
	Open:  openENS160,
	Probe: probeENS160,
})

type ens160 struct {
	slot    *bus.Slot
	ambient Ambient
	began   time.Time // to measure; zero if it did when it was opened
}

func openENS160(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &ens160{slot: slot, ambient: Ambient{math.NaN(), math.NaN(), math.NaN()}}
	for _, step := range []func(context.Context) error{s.identify, s.start} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("ens160: %w", err)
		}
	}
	return s, nil
}

// Compensate implements [Compensated].
func (s *ens160) Compensate(a Ambient) { s.ambient = a }

// Measure implements [Sensor]: out is the air quality index, TVOC in ppb and
// equivalent CO₂ in ppm. There is nothing new if a second has not passed since
// the last result, and as long as the chip says that its results mean nothing.
func (s *ens160) Measure(ctx context.Context, out []float64) error {
	data, err := s.result(ctx)
	if err != nil {
		return fmt.Errorf("ens160: %w", err)
	}
	out[0], out[1], out[2] = parseENS160(data)
	return nil
}

// result returns registers 0x21 to 0x25, if they are new and mean something.
func (s *ens160) result(ctx context.Context) (data [5]byte, err error) {
	if err := ctx.Err(); err != nil { // it waits for nothing
		return data, fmt.Errorf("write register 0x%02X: %w", ens160TempIn, err)
	}
	if err := s.slot.WriteRegisters(ens160TempIn, ens160Around(s.ambient)); err != nil {
		return data, err
	}
	var first, second [6]byte
	for _, b := range []*[6]byte{&first, &second} {
		if err := s.slot.ReadRegisters(ens160Status, b[:]); err != nil {
			return data, err
		}
	}
	const fleeting = ens160NewData | ens160NewGPR
	data = [5]byte(first[1:])
	if (first[0]^second[0])&^fleeting != 0 || data != [5]byte(second[1:]) {
		return data, fmt.Errorf("registers from 0x%02X are % X and then % X: the transmission is disturbed", ens160Status, first, second)
	}
	return data, s.judge(first[0] | second[0]&fleeting)
}

// identify refuses a chip that is not an ENS160.
func (s *ens160) identify(context.Context) error {
	var id [2]byte
	if err := s.slot.ReadRegisters(ens160PartID, id[:]); err != nil {
		return err
	}
	got := binary.LittleEndian.Uint16(id[:])
	is := "this is another chip"
	switch {
	case got == ens160IsENS160:
		return nil
	case got == 0x0161:
		is = "this is an ENS161, which is not supported"
	case id[0] == 0xE5:
		is = "this is an ADXL345, an accelerometer"
	case got == 0x0000, got == 0xFFFF:
		is = "nothing drives the bus; check power and wires"
	}
	return fmt.Errorf("register 0x%02X (PART_ID) is 0x%04X in place of 0x%04X: %s", ens160PartID, got, ens160IsENS160, is)
}

// start makes the chip measure, unless it does.
func (s *ens160) start(ctx context.Context) error {
	if measuring, err := s.measuring(); err != nil || measuring {
		return err
	}
	for _, mode := range []byte{ens160Reset, ens160Idle, ens160Standard} {
		if err := s.slot.WriteRegister(ens160OpMode, mode); err != nil {
			return err
		}
		if err := bus.Wait(ctx, ens160Settle); err != nil {
			return fmt.Errorf("wait for register 0x%02X (OPMODE): %w", ens160OpMode, err)
		}
	}
	var mode [1]byte
	if err := s.slot.ReadRegisters(ens160OpMode, mode[:]); err != nil {
		return err
	}
	if mode[0] != ens160Standard {
		return fmt.Errorf("register 0x%02X (OPMODE) is 0x%02X in place of 0x%02X: the chip does not begin to measure", ens160OpMode, mode[0], ens160Standard)
	}
	s.began = time.Now()
	return nil
}

// measuring tells whether the chip measures, and without an error.
func (s *ens160) measuring() (bool, error) {
	var mode, status [1]byte
	if err := s.slot.ReadRegisters(ens160OpMode, mode[:]); err != nil {
		return false, err
	}
	if err := s.slot.ReadRegisters(ens160Status, status[:]); err != nil {
		return false, err
	}
	return mode[0] == ens160Standard && status[0]&(ens160Running|ens160Error) == ens160Running, nil
}

// judge returns nil if DEVICE_STATUS says that there is a new result that
// means something. Section 16.2.7.
func (s *ens160) judge(status byte) error {
	says := func(what string, err error) error {
		return fmt.Errorf("register 0x%02X (DEVICE_STATUS) is 0x%02X: %s: %w", ens160Status, status, what, err)
	}
	switch {
	case status&ens160Error != 0:
		return says("the chip reports an error", errENS160)
	case status&ens160Running == 0 && time.Since(s.began) < ens160Begins:
		return says("it begins to measure", ErrNothingNew)
	case status&ens160Running == 0:
		return says("it does not measure: it has lost its power, or was stopped", errENS160)
	}
	switch status & ens160Validity {
	case ens160WarmUp:
		return says("it warms up, for 3 minutes after power-up", ErrNothingNew)
	case ens160StartUp:
		return says("it is new and starts up, for an hour", ErrNothingNew)
	case ens160Invalid:
		return says("its signals are out of range", errENS160)
	}
	if status&ens160NewData == 0 {
		return says("there is a new result every second", ErrNothingNew)
	}
	return nil
}

var errENS160 = errors.New("it has no valid result")

// parseENS160 reads registers 0x21 to 0x25. Sections 16.2.8 to 16.2.10.
func parseENS160(data [5]byte) (aqi, tvoc, eco2 float64) {
	word := binary.LittleEndian.Uint16
	return float64(data[0] & 7), float64(word(data[1:])), float64(word(data[3:]))
}

// ens160Around returns TEMP_IN and RH_IN: kelvins times 64, per cent times
// 512. What is not known is 25 °C and 50 %, as after a reset. Sections 16.2.5
// and 16.2.6.
func ens160Around(a Ambient) []byte {
	t, h := a.Temperature, a.Humidity
	if math.IsNaN(t) {
		t = 25
	}
	if math.IsNaN(h) {
		h = 50
	}
	t, h = min(max(t, -40), 85), min(max(h, 0), 100)
	b := binary.LittleEndian.AppendUint16(nil, uint16(math.Round((t+273.15)*64)))
	return binary.LittleEndian.AppendUint16(b, uint16(math.Round(h*512)))
}

// probeENS160 reads the identity.
func probeENS160(ctx context.Context, slot *bus.Slot) (Found, error) {
	s := &ens160{slot: slot}
	if err := s.identify(ctx); err != nil {
		return Found{}, err
	}
	return Found{Model: "ENS160", Certain: true}, nil
}

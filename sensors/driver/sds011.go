// Nova Fitness SDS011: particulate matter by laser.
//
//	chip       SDS011, and SDS021 with the same protocol
//	bus        serial, 9600 8N1, 3.3 V
//	datasheet  Laser Dust Sensor Control Protocol V1.3; SDS011 specification V1.3
//	checksum   8-bit sum of the data bytes
//
// The sensor is asked for each measurement. In sleep it hears nothing but the
// command to work.

package driver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Frames: head, what it is, data, checksum, tail. Protocol, section 1.
const (
	sdsHead    = 0xAA
	sdsTail    = 0xAB
	sdsCommand = 0xB4 // 19 bytes, to the sensor
	sdsValues  = 0xC0 // 10 bytes: PM2.5, PM10, id
	sdsReply   = 0xC5 // 10 bytes: command, three data bytes, id
	sdsSize    = 10
)

// Commands, section 3.
const (
	sdsReporting = 2 // 0 by itself, 1 when asked
	sdsQuery     = 4
	sdsWork      = 6 // 0 sleep, 1 work
	sdsPeriod    = 8 // minutes of its own sleep between measurements, 0 none
)

const (
	sdsTime   = 2 * time.Second  // it answers within one of its seconds
	sdsWarmUp = 30 * time.Second // specification, section 6: sleep 30 s before the value is read
	sdsTries  = 3                // commands get lost while the fan starts
)

const sdsHint = "check that it has 5 V, and that TX and RX are crossed"

var _ = register(Driver{
	Name:      "sds011",
	Aliases:   []string{"sds021"},
	Title:     "Nova SDS011 particulate matter",
	Datasheet: "Laser Dust Sensor Control Protocol V1.3 (the 30 s of the specification from memory, not re-read)",
	Bus:       bus.Serial,
	Serial:    serial9600,
	MinPeriod: 1e9,
	Channels: []Channel{ // specification, section 3
		{Quantity: reading.PM25, Max: 999.9, Decimals: 1},
		{Quantity: reading.PM10, Max: 999.9, Decimals: 1},
	},
	Options: []Option{
		{Name: "sleep", Doc: "Stop fan and laser between measurements; each takes 30 s then.", Default: "false", Type: Truth},
	},
	Wiring: "5V to 5 V. TX to RX of the port, RX to TX of the port, both 3.3 V. Or plug its USB adapter in.",
	Notes: "The laser lasts about 8000 h, a year of measuring all the time: with sleep: true and an interval of 5 min it lasts ten. " +
		"It is set to answer only when asked, and to no sleep of its own, and keeps that without power. " +
		"Above 70 % humidity droplets are counted as dust.",
	Open: openSDS,
})

type sds struct {
	*frames
	sleep bool

	id       uint16 // 0 until it is known
	asleep   bool
	warm     time.Time // when values are right
	measured time.Time // zero without sleep: when it was asked
}

// openSDS wakes the sensor if it sleeps, and has it answer when asked.
func openSDS(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	f, err := openFrames(slot, serial9600, cutSDS, sdsHint)
	if err != nil {
		return nil, err
	}
	s := &sds{frames: f, sleep: options(slot.Options).truth("sleep")}
	if err := s.begin(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("sds011: %w", err)
	}
	return s, nil
}

func (s *sds) begin(ctx context.Context) error {
	if _, err := s.ask(ctx, sdsWork, 0, 0); errors.Is(err, bus.ErrSilent) {
		if err := s.wake(ctx); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for _, set := range []struct{ cmd, value byte }{{sdsReporting, 1}, {sdsPeriod, 0}} {
		if err := s.ensure(ctx, set.cmd, set.value); err != nil {
			return err
		}
	}
	return nil
}

// ensure sets what is not set yet: the sensor keeps it in its memory, which
// wears out.
func (s *sds) ensure(ctx context.Context, cmd, value byte) error {
	reply, err := s.ask(ctx, cmd, 0, 0)
	if err != nil || reply[4] == value {
		return err
	}
	reply, err = s.ask(ctx, cmd, 1, value)
	if err == nil && reply[4] != value {
		err = fmt.Errorf("command %#02x: the sensor answers %d in place of %d", cmd, reply[4], value)
	}
	return err
}

// Measure implements [Sensor]: out is PM2.5 and PM10 in µg/m³.
func (s *sds) Measure(ctx context.Context, out []float64) error {
	if err := s.measure(ctx, out); err != nil {
		return fmt.Errorf("sds011: %w", err)
	}
	return nil
}

func (s *sds) measure(ctx context.Context, out []float64) error {
	if s.asleep {
		if err := s.wake(ctx); err != nil {
			return err
		}
	}
	if wait := time.Until(s.warm); wait > 0 {
		if err := bus.Wait(ctx, wait); err != nil {
			return fmt.Errorf("wait for the fan: %w", err)
		}
	}
	frame, err := s.ask(ctx, sdsQuery, 0, 0)
	if err != nil {
		return err
	}
	id := sdsID(frame)
	if s.id == 0 {
		s.id = id
	}
	if id != s.id {
		return fmt.Errorf("sensor %04X answers in place of %04X: it was exchanged", id, s.id)
	}
	if s.sleep {
		s.measured = s.at
		if _, err := s.ask(ctx, sdsWork, 1, 0); err != nil {
			return fmt.Errorf("send it to sleep: %w", err)
		}
		s.asleep = true
	}
	out[0], out[1] = sdsMass(frame)
	return nil
}

// Measured implements [Timed]: with sleep it begins half a minute before.
func (s *sds) Measured() time.Time { return s.measured }

func (s *sds) wake(ctx context.Context) error {
	s.warm = time.Now().Add(sdsWarmUp)
	if _, err := s.ask(ctx, sdsWork, 1, 1); err != nil {
		return fmt.Errorf("wake it: %w", err)
	}
	s.asleep = false
	return nil
}

// ask sends a command until it is answered, and returns the answer.
func (s *sds) ask(ctx context.Context, cmd, write, value byte) ([]byte, error) {
	var err error
	for range sdsTries {
		if err = s.fresh(); err != nil {
			return nil, err
		}
		if err = s.send(sdsFrame(cmd, write, value)); err != nil {
			return nil, err
		}
		var frame []byte
		if frame, err = s.answer(ctx, cmd); err == nil {
			return frame, nil
		}
		if !errors.Is(err, bus.ErrSilent) {
			break
		}
	}
	return nil, fmt.Errorf("command %#02x: %w", cmd, err)
}

// answer waits for the answer to cmd. A sensor that sends by itself may send
// values in between.
func (s *sds) answer(ctx context.Context, cmd byte) ([]byte, error) {
	others := 0
	for end := time.Now().Add(sdsTime); ; others++ {
		frame, err := s.next(ctx, time.Until(end))
		if others > 0 && errors.Is(err, bus.ErrSilent) {
			return nil, &silentError{fmt.Sprintf("%d other frames in %v and no answer: check that its RX is connected to TX of the port", others, sdsTime)}
		}
		if err != nil {
			return nil, err
		}
		if cmd == sdsQuery && frame[1] == sdsValues || frame[1] == sdsReply && frame[2] == cmd {
			return frame, nil
		}
	}
}

// sdsFrame is a command to whichever sensor is there, id FFFF.
func sdsFrame(cmd, write, value byte) []byte {
	b := make([]byte, 19)
	b[0], b[1], b[2], b[3], b[4] = sdsHead, sdsCommand, cmd, write, value
	b[15], b[16] = 0xFF, 0xFF
	b[17], b[18] = byte(byteSum(b[2:17])), sdsTail
	return b
}

// cutSDS is the [cutter] of the sensor.
func cutSDS(b []byte) (frame []byte, n int, why error) {
	start := bytes.IndexByte(b, sdsHead)
	switch {
	case start < 0:
		return nil, len(b), nil
	case start > 0:
		return nil, start, nil
	case len(b) > 1 && b[1] != sdsValues && b[1] != sdsReply:
		return nil, 1, nil
	case len(b) < sdsSize:
		return nil, 0, nil
	case b[9] != sdsTail:
		return nil, 1, fmt.Errorf("frame % X does not end in %02X", b[:sdsSize], sdsTail)
	}
	if want := byte(byteSum(b[2:8])); b[8] != want {
		return nil, 1, fmt.Errorf("checksum %#02x in place of %#02x: the transmission is disturbed", b[8], want)
	}
	return b[:sdsSize], sdsSize, nil
}

// sdsMass returns PM2.5 and PM10 of a frame, in µg/m³. Section 3, 2).
func sdsMass(frame []byte) (pm25, pm10 float64) {
	return float64(binary.LittleEndian.Uint16(frame[2:])) / 10, float64(binary.LittleEndian.Uint16(frame[4:])) / 10
}

// sdsID returns the number of the sensor, as it is printed on it.
func sdsID(frame []byte) uint16 { return binary.BigEndian.Uint16(frame[6:]) }

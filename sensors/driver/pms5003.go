// Plantower PMS5003, PMS7003 and PMSA003: particulate matter by laser.
//
//	chip       PMS5003, PMS6003, PMS7003, PMSA003: frames of 32 bytes; PMS3003: 24, without particles
//	bus        serial, 9600 8N1, 3.3 V
//	datasheet  Plantower PMS5003 series data manual V2.3 and V2.5 (appendix I, II)
//	checksum   16-bit sum of the bytes before it
//
// A frame has two sets of mass concentrations: "factory" (CF=1, as in the
// factory's air) and "atmospheric". Up to about 30 µg/m³ they are the same.
// PMS5003T and PMS5003ST have other frames: a PMS5003T's have the same length,
// and cannot be told.

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

// The frame, appendix I: 42 4D, length of what follows, 13 words, checksum.
const (
	pmsFrame  = 32
	pmsShort  = 24 // PMS3003, which has 9 words
	pmsAnswer = 8  // to a command: 42 4D 00 04, command, data, checksum
)

var pmsStart = []byte{0x42, 0x4D}

// Commands, appendix II.
const (
	pmsMode  = 0xE1 // 0 passive, 1 active
	pmsRead  = 0xE2 // in passive mode
	pmsSleep = 0xE4 // 0 sleep, 1 work
)

const (
	// In active mode frames come every 200 to 800 ms, or 2.3 s when little
	// changes.
	pmsSilence = 4 * time.Second
	// Until the fan has run up, after sleep.
	pmsWarmUp = 30 * time.Second
)

const pmsHint = "check that it has 5 V, and that its TX is connected to RX of the port"

var _ = register(Driver{
	Name:      "pms5003",
	Aliases:   []string{"pms3003", "pms6003", "pms7003", "pmsa003"},
	Title:     "Plantower PMS3003/5003/7003/A003 particulate matter",
	Datasheet: "Plantower PMS5003 series data manual V2.3 (answers to commands, and the PMS3003, from memory, not re-read)",
	Bus:       bus.Serial,
	Serial:    serial9600,
	MinPeriod: 200 * time.Millisecond, // between two frames when much changes
	Dynamic:   true,                   // a PMS3003 counts no particles
	Channels: []Channel{ // effective to 500 µg/m³, reported to at least 1000
		{Quantity: reading.PM1, Max: 5000},
		{Quantity: reading.PM25, Max: 5000},
		{Quantity: reading.PM10, Max: 5000},
		{Quantity: reading.Particles.Of("0_3um"), Max: 65535},
		{Quantity: reading.Particles.Of("0_5um"), Max: 65535},
		{Quantity: reading.Particles.Of("1um"), Max: 65535},
		{Quantity: reading.Particles.Of("2_5um"), Max: 65535},
		{Quantity: reading.Particles.Of("5um"), Max: 65535},
		{Quantity: reading.Particles.Of("10um"), Max: 65535},
	},
	Options: []Option{
		{Name: "mode", Doc: "Whether it sends by itself (active) or when it is asked (passive), for which its RX has to be connected.", Default: "active", Allowed: []string{"active", "passive"}},
		{Name: "sleep", Doc: "Stop fan and laser between measurements; each takes 30 s then, and its RX has to be connected.", Default: "false", Type: Truth},
		{Name: "concentration", Doc: "Which mass concentrations of its two: atmospheric, for the air around us, or factory (CF=1).", Default: "atmospheric", Allowed: []string{"atmospheric", "factory"}},
	},
	Wiring: "VCC to 5 V: the fan needs it. TX to RX of the port, 3.3 V; RX to TX of the port for passive mode and sleep.\n" +
		"Leave SET and RESET open.",
	Notes: "The laser lasts about 8000 h, a year of measuring all the time: with sleep: true and an interval of 5 min it lasts ten. " +
		"Values are right 30 s after the fan has started. Above 80 % humidity droplets are counted as dust. " +
		"Particles are those in 0.1 L of air that are larger than the size.",
	Open: openPMS,
})

type pms struct {
	*frames
	passive bool
	sleep   bool
	factory bool

	size   int // of its frames
	asleep bool
	warm   time.Time // when values are right
}

// openPMS listens whether the sensor is awake. If nothing comes it may have
// been sent to sleep by someone: it is woken.
func openPMS(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	f, err := openFrames(slot, serial9600, cutPMS, pmsHint)
	if err != nil {
		return nil, err
	}
	s := &pms{frames: f, passive: o["mode"] == "passive", sleep: o.truth("sleep"), factory: o["concentration"] == "factory"}
	if err := s.begin(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("pms5003: %w", err)
	}
	return s, nil
}

func (s *pms) begin(ctx context.Context) error {
	mode := byte(1)
	if s.passive {
		mode = 0
	}
	if err := s.command(pmsMode, mode); err != nil {
		return err
	}
	frame, err := s.frame(ctx)
	s.size = len(frame)
	if !errors.Is(err, bus.ErrSilent) {
		return err // nil if it is awake
	}
	if err := s.wake(); err != nil {
		return err
	}
	// What it had been told is forgotten in sleep, by some.
	if err := s.command(pmsMode, mode); err != nil {
		return err
	}
	frame, err = s.frame(ctx)
	s.size = len(frame)
	return err
}

// Channels implements [Channeler].
func (s *pms) Channels() []Channel {
	d, _ := Lookup("pms5003")
	if s.size == pmsShort {
		return d.Channels[:3]
	}
	return d.Channels
}

// Measure implements [Sensor]: out is the mass of PM1, PM2.5 and PM10 in
// µg/m³, then the number of particles above six sizes in 0.1 L.
func (s *pms) Measure(ctx context.Context, out []float64) error {
	if err := s.measure(ctx, out); err != nil {
		return fmt.Errorf("pms5003: %w", err)
	}
	return nil
}

func (s *pms) measure(ctx context.Context, out []float64) error {
	if s.asleep {
		if err := s.wake(); err != nil {
			return err
		}
		if s.passive {
			if err := s.command(pmsMode, 0); err != nil {
				return err
			}
		}
	}
	if wait := time.Until(s.warm); wait > 0 {
		if err := bus.Wait(ctx, wait); err != nil {
			return fmt.Errorf("wait for the fan: %w", err)
		}
	}
	frame, err := s.frame(ctx)
	if err != nil {
		return err
	}
	if len(frame) != s.size {
		return fmt.Errorf("frame of %d bytes in place of %d: the sensor was exchanged", len(frame), s.size)
	}
	if s.sleep {
		if err := s.command(pmsSleep, 0); err != nil {
			return err
		}
		s.asleep = true
	}
	copy(out, pmsValues(frame, s.factory))
	return nil
}

// Measured implements [Timed]: with sleep it begins half a minute before.
func (s *pms) Measured() time.Time { return s.at }

func (s *pms) wake() error {
	s.warm = time.Now().Add(pmsWarmUp)
	s.asleep = false
	return s.command(pmsSleep, 1)
}

// frame returns a frame that was measured from now on.
func (s *pms) frame(ctx context.Context) ([]byte, error) {
	if err := s.fresh(); err != nil {
		return nil, err
	}
	if s.passive {
		if err := s.command(pmsRead, 0); err != nil {
			return nil, err
		}
	}
	return s.next(ctx, pmsSilence)
}

func (s *pms) command(cmd, data byte) error { return s.send(pmsCommand(cmd, data)) }

// pmsCommand is a command with its checksum. Appendix II.
func pmsCommand(cmd, data byte) []byte {
	b := []byte{0x42, 0x4D, cmd, 0, data}
	return binary.BigEndian.AppendUint16(b, byteSum(b))
}

// byteSum is the sum of b.
func byteSum(b []byte) uint16 {
	var sum uint16
	for _, v := range b {
		sum += uint16(v)
	}
	return sum
}

// cutPMS is the [cutter] of the sensor. It passes over answers to commands.
func cutPMS(b []byte) (frame []byte, n int, why error) {
	start := bytes.Index(b, pmsStart)
	switch {
	case start < 0 && b[len(b)-1] == pmsStart[0]:
		return nil, len(b) - 1, nil
	case start < 0:
		return nil, len(b), nil
	case start > 0:
		return nil, start, nil
	case len(b) < 4:
		return nil, 0, nil
	}
	size := int(binary.BigEndian.Uint16(b[2:])) + 4
	if size != pmsFrame && size != pmsShort && size != pmsAnswer {
		return nil, len(pmsStart), fmt.Errorf("frame of %d bytes in place of %d: another sensor, a PMS5003ST?", size, pmsFrame)
	}
	if len(b) < size {
		return nil, 0, nil
	}
	if got, want := binary.BigEndian.Uint16(b[size-2:]), byteSum(b[:size-2]); got != want {
		return nil, len(pmsStart), fmt.Errorf("checksum %#04x in place of %#04x: the transmission is disturbed", got, want)
	}
	if size == pmsAnswer {
		return nil, size, nil
	}
	return b[:size], size, nil
}

// pmsValues returns the values of a frame, in the order of the channels.
// Appendix I: three words of CF=1, three atmospheric, six of particles.
func pmsValues(frame []byte, factory bool) []float64 {
	word := func(i int) float64 { return float64(binary.BigEndian.Uint16(frame[4+2*i:])) }
	mass := 3
	if factory {
		mass = 0
	}
	values := make([]float64, 0, 9)
	for i := range 3 {
		values = append(values, word(mass+i))
	}
	if len(frame) == pmsShort {
		return values
	}
	for i := range 6 {
		values = append(values, word(6+i))
	}
	return values
}

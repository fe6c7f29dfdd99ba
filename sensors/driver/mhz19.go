// Winsen MH-Z19: carbon dioxide by infrared.
//
//	chip       MH-Z19, MH-Z19B, MH-Z19C
//	bus        serial, 9600 8N1, 3.3 V
//	datasheet  Winsen MH-Z19B user's manual V1.6 (commands), V1.0 (range)
//	checksum   two's complement of the 8-bit sum of bytes 1 to 7
//
// While it warms up the sensor answers with a number that is none.

package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands.
const (
	mhzRead  = 0x86
	mhzZero  = 0x87 // the air now has 400 ppm
	mhzABC   = 0x79 // A0 on, 00 off
	mhzRange = 0x99 // ppm in bytes 6 and 7
)

const (
	mhzStart  = 0xFF
	mhzSize   = 9
	mhzTime   = time.Second
	mhzPause  = 100 * time.Millisecond // after a command without an answer
	mhzWarmUp = 3 * time.Minute
	mhzTries  = 3
)

const mhzHint = "check that it has 5 V, and that TX and RX are crossed"

var _ = register(Driver{
	Name:      "mhz19",
	Aliases:   []string{"mhz19b", "mhz19c"},
	Title:     "Winsen MH-Z19 carbon dioxide",
	Datasheet: "Winsen MH-Z19B user's manual V1.6 (range and zero calibration from memory, not re-read)",
	Bus:       bus.Serial,
	Serial:    serial9600,
	MinPeriod: 2e9,
	Channels:  []Channel{{Quantity: reading.CarbonDioxide, Max: 10000}},
	Options: []Option{
		{Name: "abc", Doc: "Whether it takes the lowest value of a day for 400 ppm, fresh air; keep leaves it as it is, which is on from the factory.", Default: "keep", Allowed: []string{"keep", "on", "off"}},
		{Name: "range", Doc: "Range of measurement in ppm; keep leaves it as it is.", Default: "keep", Allowed: []string{"keep", "2000", "5000", "10000"}},
	},
	Settings: []Setting{
		{Name: "zero", Doc: "Calibrates it to 400 ppm, the only value there is: only when it has been in fresh air outside for 20 min.", Min: 400, Max: 400},
	},
	Wiring: "Vin to 5 V. TX to RX of the port, RX to TX of the port, both 3.3 V. Leave Hd open: low for 7 s calibrates it.",
	Notes: "Warms up for 3 min, in which 410 or 500 ppm is no measurement and is not published. " +
		"Automatic calibration (abc) suits rooms that are aired every day; in a room that never is, such as a stable or a cellar, " +
		"it makes all values too low: set abc: \"off\", and calibrate with the setting zero.",
	Open: openMHZ,
})

type mhz struct {
	*frames
	opened time.Time
	warm   bool // it has given a value that is none of warming up
}

// openMHZ sets what is configured, and asks once.
func openMHZ(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	f, err := openFrames(slot, serial9600, cutMHZ, mhzHint)
	if err != nil {
		return nil, err
	}
	s := &mhz{frames: f, opened: time.Now()}
	if err := s.begin(ctx, slot.Options); err != nil {
		f.Close()
		return nil, fmt.Errorf("mhz19: %w", err)
	}
	return s, nil
}

func (s *mhz) begin(ctx context.Context, o options) error {
	if _, err := s.read(ctx); err != nil {
		return err
	}
	switch o["abc"] {
	case "on":
		if err := s.tell(ctx, mhzABC, 3, 0xA0); err != nil {
			return err
		}
	case "off":
		if err := s.tell(ctx, mhzABC, 3, 0); err != nil {
			return err
		}
	}
	if ppm, err := strconv.Atoi(o["range"]); err == nil {
		return s.tell(ctx, mhzRange, 6, byte(ppm>>8), byte(ppm))
	}
	return nil
}

// Measure implements [Sensor]: out is CO₂ in ppm.
func (s *mhz) Measure(ctx context.Context, out []float64) error {
	ppm, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("mhz19: %w", err)
	}
	if !s.warm && time.Since(s.opened) < mhzWarmUp && (ppm == 410 || ppm == 500) {
		return ErrNothingNew
	}
	s.warm = true
	out[0] = float64(ppm)
	return nil
}

// Set implements [Setter]: it calibrates the sensor to 400 ppm.
func (s *mhz) Set(ctx context.Context, name string, _ float64) error {
	if !s.warm || time.Since(s.opened) < mhzWarmUp {
		return errors.New("mhz19: not calibrated: the sensor has to be warm, 20 min in fresh air; try again later")
	}
	if err := s.tell(ctx, mhzZero, 3, 0); err != nil {
		return fmt.Errorf("mhz19: %s: %w", name, err)
	}
	return nil
}

// read asks for the concentration, ppm, again if the answer is lost.
func (s *mhz) read(ctx context.Context) (int, error) {
	var err error
	for range mhzTries {
		if err = s.fresh(); err != nil {
			return 0, err
		}
		if err = s.send(mhzCommand(mhzRead, 3, 0)); err != nil {
			return 0, err
		}
		var frame []byte
		if frame, err = s.next(ctx, mhzTime); err == nil {
			return mhzPPM(frame), nil
		}
		if !errors.Is(err, bus.ErrSilent) {
			break
		}
	}
	return 0, fmt.Errorf("command %#02x: %w", mhzRead, err)
}

// tell sends a command that is not answered by every version.
func (s *mhz) tell(ctx context.Context, cmd byte, at int, data ...byte) error {
	if err := s.send(mhzCommand(cmd, at, data...)); err != nil {
		return fmt.Errorf("command %#02x: %w", cmd, err)
	}
	return bus.Wait(ctx, mhzPause)
}

// mhzCommand is a command with data from byte at on.
func mhzCommand(cmd byte, at int, data ...byte) []byte {
	b := make([]byte, mhzSize)
	b[0], b[1], b[2] = mhzStart, 1, cmd
	copy(b[at:8], data)
	b[8] = mhzSum(b)
	return b
}

// mhzSum is the checksum of a frame.
func mhzSum(b []byte) byte { return -byte(byteSum(b[1:8])) }

// cutMHZ is the [cutter] of answers to [mhzRead]. It passes over others.
func cutMHZ(b []byte) (frame []byte, n int, why error) {
	start := bytes.IndexByte(b, mhzStart)
	switch {
	case start < 0:
		return nil, len(b), nil
	case start > 0:
		return nil, start, nil
	case len(b) > 1 && b[1] != mhzRead:
		return nil, 1, nil
	case len(b) < mhzSize:
		return nil, 0, nil
	}
	if want := mhzSum(b); b[8] != want {
		return nil, 1, fmt.Errorf("checksum %#02x in place of %#02x: the transmission is disturbed", b[8], want)
	}
	return b[:mhzSize], mhzSize, nil
}

// mhzPPM returns the concentration of a frame in ppm.
func mhzPPM(frame []byte) int { return int(frame[2])<<8 | int(frame[3]) }

// Sensirion SGP40: volatile organic compounds, as an index.
//
//	chip       SGP40, a heated metal oxide; what it has in common with the SGP41
//	           is here, too
//	bus        I²C up to 400 kHz, no clock stretching
//	addresses  0x59
//	datasheet  Sensirion SGP40, version 1.2
//	checksum   CRC-8 after every 16-bit word
//
// The raw signal, the logarithm of a resistance, becomes an index by what it
// was in the last hours; see gasindex.go. For that it has to be measured every
// second.

package driver

import (
	"context"
	"fmt"
	"math"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Commands, section 4.5; of the SGP41, too, but for the measurement.
const (
	sgp40Measure   = 0x260F // arguments: humidity and temperature; one word: SRAW_VOC
	sgp4xHeaterOff = 0x3615
	sgp4xSerial    = 0x3682 // three words
	// The feature set, of which the datasheets of the SGP40 and SGP41 do not
	// speak. Sensirion's SGP30 has it, and ESPHome tells the two by it.
	sgp4xFeatures = 0x202F
)

// What the feature set says of the chip in its lower nine bits.
const (
	sgp4xFeatureBits = 0x01FF
	sgp40Features    = 0x0020
	sgp41Features    = 0x0040
)

// Times, table 10.
const (
	sgp40Convert = 30 * time.Millisecond
	sgp4xShort   = 2 * time.Millisecond // serial number, heater off: 1 ms
	sgp4xFeature = 10 * time.Millisecond
)

const (
	// The algorithm goes on with what it had learned if it was interrupted for
	// no longer than this. Sensirion, gas-index-algorithm.
	sgp4xForgets = 10 * time.Minute
	sgp4xSave    = time.Minute
)

var _ = register(Driver{
	Name:      "sgp40",
	Title:     "Sensirion SGP40 air quality (VOC index)",
	Datasheet: "Sensirion SGP40, version 1.2 (commands confirmed, times from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x59},
	Sample:    time.Second,
	Channels: []Channel{
		{Quantity: reading.VOCIndex, Min: 1, Max: 500},
		{Quantity: reading.Raw.Of("voc"), Min: 0, Max: 65535},
	},
	Notes: sgp4xNotes,
	Open:  openSGP40,
	Probe: func(ctx context.Context, slot *bus.Slot) (Found, error) {
		return probeSGP4x(ctx, slot, "SGP40", sgp40Features)
	},
})

const sgp4xNotes = "The VOC index compares the air with that of the last day: 100 is usual, above is worse. " +
	"It needs 45 s before there is one, some minutes until it means something and a day to be at its best. " +
	"What it has learned survives a restart of at most 10 minutes. " +
	"It is measured every second, whatever the interval of publishing. " +
	"Name a sensor of temperature and humidity to compensate by; otherwise 25 °C and 50 % are assumed."

// sgp4x is what the two chips have in common.
type sgp4x struct {
	slot     *bus.Slot
	name     string // of the driver
	ambient  Ambient
	voc, nox *gasIndex // nox is nil of a chip that does not measure it
	nextSave time.Time // zero as long as there was no index
}

// sgp4xState is what outlives a restart.
type sgp4xState struct {
	Time time.Time     `json:"time"` // when it was so
	VOC  gasIndexState `json:"voc"`
	NOx  gasIndexState `json:"nox,omitzero"`
}

type sgp40 struct{ sgp4x }

func openSGP40(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	s := &sgp40{newSGP4x(slot, "sgp40")}
	if err := s.begin(ctx, sgp40Features); err != nil {
		return nil, fmt.Errorf("sgp40: %w", err)
	}
	return s, nil
}

// Measure implements [Sensor]: out is the VOC index and the raw signal it is
// of. There is nothing new as long as there is no index.
func (s *sgp40) Measure(ctx context.Context, out []float64) error {
	w, err := sensirionWords(ctx, s.slot, sgp40Measure, sgp40Convert, 1, s.around()...)
	if err != nil {
		return fmt.Errorf("sgp40: measurement: %w", err)
	}
	index := s.voc.next(w[0])
	if index == 0 {
		return fmt.Errorf("sgp40: the first %d s after the heater was turned on mean nothing: %w", gasIndexBlackout, ErrNothingNew)
	}
	if err := s.save(); err != nil {
		return err
	}
	out[0], out[1] = float64(index), float64(w[0])
	return nil
}

func newSGP4x(slot *bus.Slot, name string) sgp4x {
	return sgp4x{slot: slot, name: name, ambient: Ambient{math.NaN(), math.NaN(), math.NaN()}, voc: newGasIndex(&vocIndex)}
}

// Compensate implements [Compensated].
func (s *sgp4x) Compensate(a Ambient) { s.ambient = a }

// Close notes what was learned, so that opening the chip again after a fault
// costs nothing of it, and turns the heater off: nobody measures any more.
func (s *sgp4x) Close() error {
	var saved error
	if !s.nextSave.IsZero() { // it has learned something since it was opened
		s.nextSave = time.Time{}
		saved = s.save()
	}
	if err := sensirionCommand(context.Background(), s.slot, sgp4xHeaterOff, sgp4xShort); err != nil {
		return fmt.Errorf("%s: heater off: %w", s.name, err)
	}
	return saved
}

// begin ends what another program may have begun, identifies the chip, and
// goes on with what was learned, if that is not long ago.
func (s *sgp4x) begin(ctx context.Context, features uint16) error {
	if err := sensirionCommand(ctx, s.slot, sgp4xHeaterOff, sgp4xShort); err != nil {
		return fmt.Errorf("heater off: %w", err)
	}
	if err := sgp4xIdentify(ctx, s.slot, features); err != nil {
		return err
	}
	var was sgp4xState
	there, err := s.slot.State.Load(&was)
	if err != nil {
		return fmt.Errorf("what was learned before: %w", err)
	}
	if ago := time.Since(was.Time); !there || ago < 0 || ago > sgp4xForgets {
		return nil
	}
	s.voc.restore(was.VOC)
	if s.nox != nil {
		s.nox.restore(was.NOx)
	}
	return nil
}

// save notes what was learned, now and then.
func (s *sgp4x) save() error {
	now := time.Now().Round(0)
	voc, ok := s.voc.state()
	if !ok || now.Before(s.nextSave) {
		return nil
	}
	state := sgp4xState{Time: now, VOC: voc}
	if s.nox != nil {
		state.NOx, _ = s.nox.state()
	}
	if err := s.slot.State.Save(state); err != nil {
		return fmt.Errorf("%s: note what was learned: %w", s.name, err)
	}
	s.nextSave = now.Add(sgp4xSave)
	return nil
}

// around returns the arguments of a measurement: relative humidity and
// temperature in the chip's units, table 9. What is not known is 50 % and
// 25 °C.
func (s *sgp4x) around() []uint16 {
	humidity, temperature := s.ambient.Humidity, s.ambient.Temperature
	if math.IsNaN(humidity) {
		humidity = 50
	}
	if math.IsNaN(temperature) {
		temperature = 25
	}
	humidity, temperature = min(max(humidity, 0), 100), min(max(temperature, -45), 130)
	return []uint16{uint16(math.Round(humidity / 100 * 65535)), uint16(math.Round((temperature + 45) / 175 * 65535))}
}

// sgp4xIdentify refuses a chip with other features.
func sgp4xIdentify(ctx context.Context, slot *bus.Slot, want uint16) error {
	w, err := sensirionWords(ctx, slot, sgp4xFeatures, sgp4xFeature, 1)
	if err != nil {
		return fmt.Errorf("feature set: %w", err)
	}
	is := "this is another chip"
	switch w[0] & sgp4xFeatureBits {
	case want:
		return nil
	case sgp40Features:
		is = "this is an SGP40; choose the driver sgp40"
	case sgp41Features:
		is = "this is an SGP41; choose the driver sgp41"
	}
	return fmt.Errorf("the answer to command 0x%04X (feature set) is 0x%04X: %s", sgp4xFeatures, w[0], is)
}

// probeSGP4x reads feature set and serial number, which turn nothing on.
func probeSGP4x(ctx context.Context, slot *bus.Slot, model string, features uint16) (Found, error) {
	if err := sgp4xIdentify(ctx, slot, features); err != nil {
		return Found{}, err
	}
	w, err := sensirionWords(ctx, slot, sgp4xSerial, sgp4xShort, 3)
	if err != nil {
		return Found{}, fmt.Errorf("serial number: %w", err)
	}
	return Found{Model: model, Serial: fmt.Sprintf("%04x%04x%04x", w[0], w[1], w[2]), Certain: true}, nil
}

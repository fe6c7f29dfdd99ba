// ams CCS811: volatile organic compounds and what CO₂ there would be if people
// had made them.
//
//	chip       CCS811, a heated metal oxide and a processor with firmware 1.1 or 2.0
//	bus        I²C up to 400 kHz, with clock stretching
//	addresses  0x5A (ADDR low), 0x5B (ADDR high)
//	datasheet  ams CCS811, DS000459; programming guide AN000369
//	checksum   none
//
// Without a checksum, what counts is read twice. The chip measures by itself.
// It is reset only if it does not: every reset costs it 20 minutes of
// conditioning, and what it has learned of clean air, its baseline. That is
// saved here, and given back after the conditioning.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers of the application, table 14 ("mailboxes"). Words have their most
// significant byte first.
const (
	ccs811Status   = 0x00
	ccs811MeasMode = 0x01
	ccs811Result   = 0x02 // words eCO2 and TVOC, STATUS, ERROR_ID
	ccs811EnvData  = 0x05 // words humidity and temperature
	ccs811Baseline = 0x11
	ccs811HwID     = 0x20
	ccs811Hardware = 0x21 // HW_VERSION: 1 in its upper half
	ccs811ErrorID  = 0xE0
	ccs811AppStart = 0xF4 // of the boot loader: written without a value
	ccs811SwReset  = 0xFF
)

// What is in them.
const (
	ccs811IsCCS811 = 0x81

	ccs811Firmware = 1 << 7 // STATUS: the application runs, not the boot loader
	ccs811AppValid = 1 << 4
	ccs811Ready    = 1 << 3
	ccs811Failed   = 1 << 0
)

// ccs811ResetKey keeps the chip from being reset by accident.
var ccs811ResetKey = []byte{0x11, 0xE5, 0x72, 0x8A}

// ccs811Modes are the values of MEAS_MODE, by the time between two results.
var ccs811Modes = map[string]byte{"1s": 1 << 4, "10s": 2 << 4, "60s": 3 << 4}

// Times, table 6 and AN000369, with a reserve: not all chips are in time.
const (
	ccs811Boot  = 100 * time.Millisecond // after a reset: 2 ms; after power-up: 20 ms
	ccs811Start = 100 * time.Millisecond // of the application: 1 ms

	ccs811Conditioning = 20 * time.Minute // before a baseline may be written
	ccs811Learning     = 24 * time.Hour   // before there is one worth saving
	ccs811Save         = time.Hour
)

var _ = register(Driver{
	Name:      "ccs811",
	Title:     "ams CCS811 air quality",
	Datasheet: "ams CCS811, DS000459 (registers as in Linux, times, ENV_DATA and BASELINE from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x5A, 0x5B},
	MinPeriod: time.Second,
	Channels: []Channel{ // firmware 2.0
		{Quantity: reading.ECO2, Min: 400, Max: 32768},
		{Quantity: reading.VOCParts, Min: 0, Max: 32768},
	},
	Options: []Option{{Name: "period", Default: "1s", Allowed: []string{"1s", "10s", "60s"},
		Doc: "Time between two results of the chip; with 60s it takes 1.2 mW in place of 46, and sees less."}},
	Wiring: "WAKE to GND: the chip does not listen otherwise.",
	Notes: "The chip stretches the clock, which the Raspberry Pi's I²C does badly: if it is lost now and then, " +
		"set dtparam=i2c_arm_baudrate=10000 in config.txt, or use the overlay i2c-gpio. " +
		"A new one has to burn in for 48 hours, and each needs 20 minutes after power-up until its values mean something. " +
		"CO₂ is estimated from other gases, not measured. The baseline is saved and restored. " +
		"Name a sensor of temperature and humidity to compensate by; otherwise 25 °C and 50 % are assumed.",
	Open:  openCCS811,
	Probe: probeCCS811,
})

type ccs811 struct {
	slot    *bus.Slot
	mode    byte // MEAS_MODE
	ambient Ambient

	baseline uint16    // to be given back
	restore  time.Time // when; zero if never
	save     time.Time // when the baseline is saved next
}

// ccs811State is what outlives a restart.
type ccs811State struct {
	Baseline uint16 `json:"baseline"`
}

func openCCS811(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	unknown := Ambient{math.NaN(), math.NaN(), math.NaN()}
	s := &ccs811{slot: slot, mode: ccs811Modes[slot.Options["period"]], ambient: unknown, save: time.Now().Add(ccs811Learning)}
	for _, step := range []func(context.Context) error{s.identify, s.start} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("ccs811: %w", err)
		}
	}
	return s, nil
}

// Compensate implements [Compensated].
func (s *ccs811) Compensate(a Ambient) { s.ambient = a }

// Measure implements [Sensor]: out is equivalent CO₂ in ppm and TVOC in ppb.
// There is nothing new if the chip has not finished since the last time.
func (s *ccs811) Measure(ctx context.Context, out []float64) error {
	result, err := s.result(ctx)
	if err == nil {
		err = s.keepBaseline()
	}
	if err != nil {
		return fmt.Errorf("ccs811: %w", err)
	}
	out[0], out[1] = parseCCS811(result)
	return nil
}

// result returns eCO2 and TVOC. Three reads have to agree that they are new
// and right: STATUS, the result with its own copy of STATUS, and the result
// once more.
func (s *ccs811) result(ctx context.Context) (result [4]byte, err error) {
	if err := ctx.Err(); err != nil { // it waits for nothing
		return result, fmt.Errorf("write register 0x%02X: %w", ccs811EnvData, err)
	}
	if err := s.slot.WriteRegisters(ccs811EnvData, ccs811Around(s.ambient)); err != nil {
		return result, err
	}
	status, err := s.status()
	if err != nil {
		return result, err
	}
	if status&ccs811Ready == 0 {
		return result, fmt.Errorf("register 0x%02X (STATUS) is 0x%02X: %w", ccs811Status, status, ErrNothingNew)
	}
	var first [6]byte
	if err := s.slot.ReadRegisters(ccs811Result, first[:]); err != nil {
		return result, err
	}
	if err := s.slot.ReadRegisters(ccs811Result, result[:]); err != nil {
		return result, err
	}
	if [4]byte(first[:]) != result || first[4] != status || first[5] != 0 {
		return result, fmt.Errorf("register 0x%02X (ALG_RESULT_DATA) is % X and then % X, with STATUS 0x%02X: the transmission is disturbed",
			ccs811Result, first, result, status)
	}
	return result, nil
}

// status returns STATUS. What the chip has to complain about is an error, and
// so is a chip that does not measure.
func (s *ccs811) status() (byte, error) {
	var status [1]byte
	if err := s.slot.ReadRegisters(ccs811Status, status[:]); err != nil {
		return 0, err
	}
	switch {
	case status[0] == 0xFF:
		return 0, fmt.Errorf("register 0x%02X (STATUS) is 0xFF: nothing drives the bus", ccs811Status)
	case status[0]&ccs811Failed != 0:
		return 0, s.failure(status[0])
	case status[0]&^ccs811Ready != ccs811Firmware|ccs811AppValid:
		return 0, fmt.Errorf("register 0x%02X (STATUS) is 0x%02X: its firmware does not run, it may have lost its power", ccs811Status, status[0])
	}
	return status[0], nil
}

// failure returns the error about what ERROR_ID says, which is 0 afterwards.
func (s *ccs811) failure(status byte) error {
	var id [1]byte
	if err := s.slot.ReadRegisters(ccs811ErrorID, id[:]); err != nil {
		return err
	}
	return fmt.Errorf("register 0x%02X (STATUS) is 0x%02X, 0x%02X (ERROR_ID) 0x%02X: %s", ccs811Status, status, ccs811ErrorID, id[0], ccs811Says(id[0]))
}

// ccs811Says is what ERROR_ID means, bit by bit. Table 25.
func ccs811Says(id byte) string {
	var all []string
	for bit, text := range []string{
		"a register was written that cannot be",
		"a register was read that cannot be",
		"MEAS_MODE has no such mode",
		"the sensor's resistance is at its maximum or beyond",
		"the heater's current is out of range; replace the chip",
		"the heater's voltage is wrong; check the power supply",
	} {
		if id&(1<<bit) != 0 {
			all = append(all, text)
		}
	}
	if all == nil {
		return "it does not say what is wrong"
	}
	return strings.Join(all, ", ")
}

// identify refuses a chip that is not a CCS811.
func (s *ccs811) identify(context.Context) error {
	var id [1]byte
	if err := s.slot.ReadRegisters(ccs811HwID, id[:]); err != nil {
		return err
	}
	is := "this is another chip"
	switch id[0] {
	case ccs811IsCCS811:
		return nil
	case 0x00, 0xFF:
		is = "nothing drives the bus; check power and wires, and that WAKE is low"
	}
	return fmt.Errorf("register 0x%02X (HW_ID) is 0x%02X in place of 0x%02X: %s", ccs811HwID, id[0], ccs811IsCCS811, is)
}

// start makes the chip measure, unless it does. What a chip has learned that
// goes on measuring, it knows by itself.
func (s *ccs811) start(ctx context.Context) error {
	if measuring, err := s.measuring(); err != nil || measuring {
		return err
	}
	if err := s.slot.WriteRegisters(ccs811SwReset, ccs811ResetKey); err != nil {
		return err
	}
	if err := bus.Wait(ctx, ccs811Boot); err != nil {
		return fmt.Errorf("wait for register 0x%02X (SW_RESET): %w", ccs811SwReset, err)
	}
	if err := s.slot.WriteRegisters(ccs811AppStart, nil); err != nil {
		return err
	}
	if err := bus.Wait(ctx, ccs811Start); err != nil {
		return fmt.Errorf("wait for register 0x%02X (APP_START): %w", ccs811AppStart, err)
	}
	if _, err := s.status(); err != nil {
		return err
	}
	if err := s.slot.WriteRegister(ccs811MeasMode, s.mode); err != nil {
		return err
	}
	switch measuring, err := s.measuring(); {
	case err != nil:
		return err
	case !measuring:
		return fmt.Errorf("register 0x%02X (MEAS_MODE) is not 0x%02X: the chip does not begin to measure", ccs811MeasMode, s.mode)
	}
	return s.remember()
}

// measuring tells whether the chip measures, as often as it should and without
// an error.
func (s *ccs811) measuring() (bool, error) {
	var b [1]byte
	if err := s.slot.ReadRegisters(ccs811Status, b[:]); err != nil {
		return false, err
	}
	if b[0]&^ccs811Ready != ccs811Firmware|ccs811AppValid {
		return false, nil
	}
	if err := s.slot.ReadRegisters(ccs811MeasMode, b[:]); err != nil {
		return false, err
	}
	return b[0] == s.mode, nil
}

// remember looks up what is to be given back to a chip that was reset.
func (s *ccs811) remember() error {
	var was ccs811State
	there, err := s.slot.State.Load(&was)
	if err != nil {
		return fmt.Errorf("the baseline that was saved: %w", err)
	}
	if there && was.Baseline != 0 {
		s.baseline, s.restore = was.Baseline, time.Now().Add(ccs811Conditioning)
	}
	return nil
}

// keepBaseline gives a saved baseline back once the chip is conditioned, and
// saves it from time to time once there is one. AN000370.
func (s *ccs811) keepBaseline() error {
	now := time.Now()
	if !s.restore.IsZero() && !now.Before(s.restore) {
		if err := s.slot.WriteWord(ccs811Baseline, s.baseline); err != nil {
			return fmt.Errorf("restore the baseline: %w", err)
		}
		s.restore, s.save = time.Time{}, now.Add(ccs811Save)
	}
	if now.Before(s.save) {
		return nil
	}
	var b [2]byte
	if err := s.slot.ReadRegistersTwice(ccs811Baseline, b[:]); err != nil {
		return fmt.Errorf("save the baseline: %w", err)
	}
	if err := s.slot.State.Save(ccs811State{binary.BigEndian.Uint16(b[:])}); err != nil {
		return fmt.Errorf("save the baseline of register 0x%02X: %w", ccs811Baseline, err)
	}
	s.save = now.Add(ccs811Save)
	return nil
}

// parseCCS811 reads the first four bytes of ALG_RESULT_DATA.
func parseCCS811(b [4]byte) (eco2, tvoc float64) {
	return float64(binary.BigEndian.Uint16(b[0:])), float64(binary.BigEndian.Uint16(b[2:]))
}

// ccs811Around returns ENV_DATA: per cent times 512, and °C above -25 times
// 512. What is not known is 50 % and 25 °C, as after a reset.
func ccs811Around(a Ambient) []byte {
	t, h := a.Temperature, a.Humidity
	if math.IsNaN(t) {
		t = 25
	}
	if math.IsNaN(h) {
		h = 50
	}
	t, h = min(max(t, -25), 100), min(max(h, 0), 100)
	b := binary.BigEndian.AppendUint16(nil, uint16(math.Round(h*512)))
	return binary.BigEndian.AppendUint16(b, uint16(math.Round((t+25)*512)))
}

// probeCCS811 reads the identity and the version of the hardware: other chips at
// these addresses have values that change in these places.
func probeCCS811(ctx context.Context, slot *bus.Slot) (Found, error) {
	s := &ccs811{slot: slot}
	if err := s.identify(ctx); err != nil {
		return Found{}, err
	}
	var version [1]byte
	if err := slot.ReadRegisters(ccs811Hardware, version[:]); err != nil {
		return Found{}, err
	}
	if version[0]>>4 != 1 {
		return Found{}, fmt.Errorf("register 0x%02X (HW_VERSION) is 0x%02X in place of 0x1X: %s", ccs811Hardware, version[0], anotherChip)
	}
	return Found{Model: "CCS811", Certain: true}, nil
}

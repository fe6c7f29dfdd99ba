// InvenSense MPU-6050 and MPU-6000: acceleration and angular velocity on three
// axes.
//
//	chip       MPU-6050, MPU-6000
//	bus        I²C up to 400 kHz
//	addresses  0x68 (AD0 low), 0x69 (AD0 high)
//	datasheet  InvenSense PS-MPU-6000A and RM-MPU-6000A (register map)
//	checksum   none
//
// A FIFO of 1024 bytes: 73 samples of acceleration, temperature and angular
// velocity, each two bytes per value, the upper one first. Where it overflows,
// it loses bytes and not samples: everything behind is shifted, and is not
// looked at.

package driver

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// Registers, RM-MPU-6000A section 3.
const (
	mpu6050Divider = 0x19 // SMPLRT_DIV, and after it CONFIG, GYRO_CONFIG, ACCEL_CONFIG
	mpu6050Config  = 0x1A
	mpu6050Gyro    = 0x1B
	mpu6050Accel   = 0x1C
	mpu6050Fill    = 0x23 // FIFO_EN
	mpu6050Status  = 0x3A // INT_STATUS
	mpu6050User    = 0x6A // USER_CTRL
	mpu6050Power   = 0x6B // PWR_MGMT_1
	mpu6050Count   = 0x72 // FIFO_COUNTH, FIFO_COUNTL
	mpu6050FIFO    = 0x74 // FIFO_R_W
	mpu6050ID      = 0x75 // WHO_AM_I
)

// What is in them.
const (
	mpu6050IsMPU6050 = 0x68
	mpu6050Reset     = 1 << 7    // PWR_MGMT_1
	mpu6050Awake     = 1         // PWR_MGMT_1: clocked by the gyroscope, as is recommended
	mpu6050FillAll   = 0x1F << 3 // FIFO_EN: temperature, angular velocity, acceleration
	mpu6050Overflow  = 1 << 4    // INT_STATUS, cleared by reading it
	mpu6050UseFIFO   = 1 << 6    // USER_CTRL
	mpu6050Empty     = 1 << 2    // USER_CTRL: FIFO_RESET, with the FIFO off
	mpu6050Sample    = 14        // bytes
	mpu6050Bytes     = 1024
	mpu6050Named     = "register 0x72 (FIFO_COUNT)"

	mpu6050ResetTime = 100 * time.Millisecond
	mpu6050TurnOn    = 100 * time.Millisecond // 30 ms until the gyroscope runs, and the filter
	mpu6050Clock     = 1000                   // samples a second with the filter on, to be divided
)

// mpu6050Filters are the low-pass filters by the rate, below half of which
// they are. CONFIG, DLPF_CFG: 21, 44, 94 Hz.
var mpu6050Filters = map[string]byte{"50": 4, "100": 3, "200": 2}

// mpu6050Gyros are the ranges of the angular velocity in °/s, and steps to one
// °/s. PS-MPU-6000A section 6.1.
var (
	mpu6050Gyros     = []string{"250", "500", "1000", "2000"}
	mpu6050GyroSteps = []float64{131, 65.5, 32.8, 16.4}
)

var _ = register(Driver{
	Name:      "mpu6050",
	Aliases:   []string{"mpu6000"},
	Title:     "InvenSense MPU-6050/6000 acceleration and angular velocity",
	Datasheet: "InvenSense PS-MPU-6000A, RM-MPU-6000A revision 4.2 (FIFO confirmed, the rest from memory)",
	Bus:       bus.I2C,
	Addrs:     []uint16{0x68, 0x69},
	Channels:  mpu6050Channels(16, 2000),
	Options: append(motionOptions("50", "100", "200"), motionRange, Option{
		Name: "gyro_range", Default: "250", Allowed: mpu6050Gyros,
		Doc: "Largest angular velocity in °/s, either way; a lower one is finer.",
	}),
	Notes: motionNotes + " The angular velocity is a mean, too, and a chip at rest shows its offset, up to 20 °/s: filters have offset for that. " +
		"The temperature is the chip's own. A DS3231 clock has the same address.",
	Open: openMPU6050,
	Probe: func(_ context.Context, slot *bus.Slot) (Found, error) {
		if err := wantID(slot, mpu6050ID, "WHO_AM_I", mpu6050IsMPU6050, mpu6050Others); err != nil {
			return Found{}, err
		}
		return Found{Model: "MPU-6050", Certain: true}, nil
	},
})

// mpu6050Others are what is sold in its place.
var mpu6050Others = map[byte]string{
	0x70: "an MPU-6500", 0x71: "an MPU-9250", 0x73: "an MPU-9255", 0x19: "an MPU-6886", 0x98: "an ICM-20689",
	0x12: "an ICM-20602", 0xAF: "an ICM-20608", 0xEA: "an ICM-20948",
}

// mpu6050Channels are those of a range in g and one in °/s, of which a step is
// not quite the last part.
func mpu6050Channels(full, turns float64) []Channel {
	all := motionChannels(full)
	most := rounded(turns * 1.001)
	for _, axis := range []string{"x", "y", "z"} {
		all = append(all, Channel{Quantity: reading.AngularVelocity.Of(axis), Min: -most, Max: most, Decimals: 2})
	}
	return append(all, Channel{Quantity: reading.Temperature, Min: -40, Max: 85, Decimals: 1})
}

type mpu6050 struct {
	slot     *bus.Slot
	window   motionWindow
	full     float64 // g
	turns    float64 // °/s
	perTurn  float64 // steps to one °/s
	settings [4]byte // SMPLRT_DIV to ACCEL_CONFIG
	other    mpu6050Sums
}

// mpu6050Sums are of the values of a window besides acceleration.
type mpu6050Sums struct {
	n           int
	temperature int
	gyro        [3]int
}

func openMPU6050(ctx context.Context, slot *bus.Slot) (Sensor, error) {
	o := options(slot.Options)
	accel, gyro := slices.Index(motionRange.Allowed, o["range"]), slices.Index(mpu6050Gyros, o["gyro_range"])
	s := &mpu6050{
		slot:    slot,
		window:  newMotionWindow(o, mpu6050Bytes/mpu6050Sample, mpu6050Named),
		full:    o.number("range"),
		turns:   o.number("gyro_range"),
		perTurn: mpu6050GyroSteps[gyro],
	}
	s.settings = [4]byte{byte(mpu6050Clock/s.window.rate - 1), mpu6050Filters[o["rate"]], byte(gyro) << 3, byte(accel) << 3}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("mpu6050: %w", err)
	}
	return s, nil
}

// prepare resets and sets up the chip, and waits until it measures right.
func (s *mpu6050) prepare(ctx context.Context) error {
	if err := wantID(s.slot, mpu6050ID, "WHO_AM_I", mpu6050IsMPU6050, mpu6050Others); err != nil {
		return err
	}
	if err := s.slot.WriteRegister(mpu6050Power, mpu6050Reset); err != nil {
		return err
	}
	if err := bus.Wait(ctx, mpu6050ResetTime); err != nil {
		return fmt.Errorf("wait for the reset by register 0x%02X (PWR_MGMT_1): %w", mpu6050Power, err)
	}
	if err := writeAll(s.slot, [][2]byte{
		{mpu6050Power, mpu6050Awake},
		{mpu6050Divider, s.settings[0]}, {mpu6050Config, s.settings[1]}, {mpu6050Gyro, s.settings[2]}, {mpu6050Accel, s.settings[3]},
		{mpu6050Fill, mpu6050FillAll},
	}...); err != nil {
		return err
	}
	if err := bus.Wait(ctx, mpu6050TurnOn); err != nil {
		return fmt.Errorf("wait for register 0x%02X (PWR_MGMT_1): %w", mpu6050Power, err)
	}
	return nil
}

// Channels implements [Channeler]: of the ranges.
func (s *mpu6050) Channels() []Channel { return mpu6050Channels(s.full, s.turns) }

// Measure implements [Sensor]: out is the mean acceleration along x, y and z,
// and without it the root mean square and the peak, all in m/s², the mean
// angular velocity around x, y and z in °/s, and the temperature in °C.
func (s *mpu6050) Measure(ctx context.Context, out []float64) error {
	samples, err := s.window.collect(ctx, s)
	if err == nil {
		err = wantRegisters(s.slot, mpu6050Divider, "SMPLRT_DIV to ACCEL_CONFIG", s.settings[:])
	}
	if err != nil {
		return fmt.Errorf("mpu6050: %w", err)
	}
	statistics(samples).put(out, s.full/32768)
	n := float64(s.other.n)
	for axis, sum := range s.other.gyro {
		out[motionValues+axis] = float64(sum) / n / s.perTurn
	}
	out[motionValues+3] = mpu6050Temperature(float64(s.other.temperature) / n)
	return nil
}

// mpu6050Temperature returns the temperature in °C. RM-MPU-6000A section 4.18.
func mpu6050Temperature(raw float64) float64 { return raw/340 + 36.53 }

// start implements [fifo]. The status is read because that clears it.
func (s *mpu6050) start(context.Context) error {
	s.other = mpu6050Sums{}
	if err := writeAll(s.slot, [2]byte{mpu6050User, 0}, [2]byte{mpu6050User, mpu6050Empty}); err != nil {
		return err
	}
	var status [1]byte
	if err := s.slot.ReadRegisters(mpu6050Status, status[:]); err != nil {
		return err
	}
	return s.slot.WriteRegister(mpu6050User, mpu6050UseFIFO)
}

// drain implements [fifo]. Whether it overflowed is asked afterwards, when it
// cannot have happened unseen. A FIFO without room for a sample counts as one
// that did, for its interrupt, which sets that bit, is not enabled.
func (s *mpu6050) drain(samples [][3]int16) ([][3]int16, error) {
	n, err := s.count()
	if err != nil {
		return nil, err
	}
	data := make([]byte, n)
	if n > 0 {
		if err := s.slot.ReadRegisters(mpu6050FIFO, data); err != nil {
			return nil, err
		}
	}
	var status [1]byte
	if err := s.slot.ReadRegisters(mpu6050Status, status[:]); err != nil {
		return nil, err
	}
	if status[0]&mpu6050Overflow != 0 {
		return nil, fmt.Errorf("register 0x%02X (INT_STATUS) is 0x%02X: %w", mpu6050Status, status[0], errOverflow)
	}
	return s.other.add(samples, data), nil
}

// count returns how many bytes there are of whole samples. It is asked for
// twice: in between it can only grow.
func (s *mpu6050) count() (int, error) {
	n, err := s.slot.ReadWord(mpu6050Count)
	if err != nil {
		return 0, err
	}
	then, err := s.slot.ReadWord(mpu6050Count)
	if err != nil {
		return 0, err
	}
	switch {
	case n > then || then > mpu6050Bytes:
		return 0, fmt.Errorf("register 0x%02X (FIFO_COUNT) is %d and then %d: the transmission is disturbed", mpu6050Count, n, then)
	case then > mpu6050Bytes-mpu6050Sample:
		return 0, fmt.Errorf("register 0x%02X (FIFO_COUNT) is %d: %w", mpu6050Count, then, errOverflow)
	}
	return int(n) / mpu6050Sample * mpu6050Sample, nil
}

// add appends samples of acceleration, and sums up what comes with them.
func (m *mpu6050Sums) add(samples [][3]int16, data []byte) [][3]int16 {
	for b := range slices.Chunk(data, mpu6050Sample) {
		var v [7]int16
		for i := range v {
			v[i] = int16(binary.BigEndian.Uint16(b[2*i:]))
		}
		samples = append(samples, [3]int16(v[:]))
		m.n++
		m.temperature += int(v[3])
		for axis := range m.gyro {
			m.gyro[axis] += int(v[4+axis])
		}
	}
	return samples
}

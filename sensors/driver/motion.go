package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// What chips that measure acceleration have in common.
//
// Nobody wants hundreds of samples a second in a topic. A measurement is a
// window of samples, of which the mean tells how the chip lies, and what is
// left without the mean, without gravity that is, how it shakes. The samples
// come from the chip's FIFO, at its own pace, so that a bus that is busy loses
// none. If the FIFO overflows all the same, the window has a hole, is thrown
// away and begun again.

const standardGravity = 9.80665 // m/s²

// fifo is a chip that collects samples by itself.
type fifo interface {
	// start empties it, so that what it has next begins now.
	start(ctx context.Context) error
	// drain appends the samples that it has. errOverflow is that some were lost.
	drain(samples [][3]int16) ([][3]int16, error)
}

var errOverflow = errors.New("samples were lost, the bus is too slow or too busy; choose a lower rate, or dtparam=i2c_arm_baudrate=400000")

// motionTries is how often a window is begun in which samples are lost.
const motionTries = 3

// motionWindow is how long is measured, and how.
type motionWindow struct {
	rate  float64 // samples a second
	count int     // samples
	depth int     // of the FIFO, in samples
	name  string  // of the FIFO's register, for errors
}

// motionOptions are the options window and rate.
func motionOptions(rates ...string) []Option {
	return []Option{
		{
			Name: "window", Default: "1s", Type: Duration, Min: 0.1, Max: 60,
			Doc: "How long a measurement lasts; what happens between two measurements is not seen.",
		},
		{
			Name: "rate", Default: "100", Allowed: rates,
			Doc: "Samples a second; vibrations up to half of it are seen.",
		},
	}
}

const motionNotes = "A measurement lasts for the option window: interval should not be much longer if short shocks count. " +
	"acceleration_x, _y and _z are means and show how the chip lies; acceleration_rms and acceleration_peak are without that, " +
	"and 0 for a chip at rest but for noise. A peak near the range may have been greater. Samples that were lost because the " +
	"bus is busy make the window begin again; if that goes on, the error says to lower the rate."

// motionRange is the option range, in g.
var motionRange = Option{
	Name: "range", Default: "4", Allowed: []string{"2", "4", "8", "16"},
	Doc: "Largest acceleration in g, either way; a lower one is finer.",
}

// newMotionWindow takes the options.
func newMotionWindow(o options, depth int, name string) motionWindow {
	w := motionWindow{rate: o.number("rate"), depth: depth, name: name}
	w.count = max(int(o.duration("window").Seconds()*w.rate+0.5), 2)
	return w
}

// collect returns a window of samples.
func (w motionWindow) collect(ctx context.Context, f fifo) (samples [][3]int16, err error) {
	for range motionTries {
		if samples, err = w.fill(ctx, f); !errors.Is(err, errOverflow) {
			return samples, err
		}
	}
	return nil, err
}

// fill is one try to collect.
func (w motionWindow) fill(ctx context.Context, f fifo) ([][3]int16, error) {
	if err := f.start(ctx); err != nil {
		return nil, err
	}
	samples := make([][3]int16, 0, w.count+w.depth)
	period := time.Duration(float64(time.Second) / w.rate)
	end := time.Now().Add(2*period*time.Duration(w.count) + time.Second)
	for len(samples) < w.count {
		// One more than is missing, for a clock that is not quite this one's.
		missing := min(w.count-len(samples)+1, w.depth/2)
		if err := bus.Wait(ctx, period*time.Duration(missing)); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", w.name, err)
		}
		var err error
		if samples, err = f.drain(samples); err != nil {
			return nil, err
		}
		if time.Now().After(end) && len(samples) < w.count {
			return nil, fmt.Errorf("%s has had %d samples in place of %d: %s", w.name, len(samples), w.count, lostSettings)
		}
	}
	return samples[:w.count], nil
}

// motionStatistics is what is published of a window.
type motionStatistics struct {
	mean      [3]float64 // of x, y and z
	rms, peak float64    // of the distance from the mean, all axes together
}

// statistics are those of samples, in steps of the chip. There is at least one.
func statistics(samples [][3]int16) (s motionStatistics) {
	for _, v := range samples {
		for axis := range v {
			s.mean[axis] += float64(v[axis]) / float64(len(samples))
		}
	}
	for _, v := range samples {
		square := 0.0
		for axis := range v {
			d := float64(v[axis]) - s.mean[axis]
			square += d * d
		}
		s.rms += square / float64(len(samples))
		s.peak = max(s.peak, square)
	}
	s.rms, s.peak = math.Sqrt(s.rms), math.Sqrt(s.peak)
	return s
}

// motionValues is how many motionChannels there are.
const motionValues = 5

// put writes the statistics to out, of motionValues, in m/s². step is that of
// the chip in g.
func (s motionStatistics) put(out []float64, step float64) {
	step *= standardGravity
	for axis, v := range s.mean {
		out[axis] = v * step
	}
	out[3], out[4] = s.rms*step, s.peak*step
}

// motionChannels are what put writes: of a chip with a range in g, either way.
func motionChannels(full float64) []Channel {
	most := rounded(full * standardGravity)
	deviation := rounded(2 * full * standardGravity * math.Sqrt(3)) // from one corner to the other
	all := make([]Channel, 0, motionValues)
	for _, axis := range []string{"x", "y", "z"} {
		all = append(all, Channel{Quantity: reading.Acceleration.Of(axis), Min: -most, Max: most, Decimals: 3})
	}
	for _, part := range []string{"rms", "peak"} {
		all = append(all, Channel{Quantity: reading.Acceleration.Of(part), Min: 0, Max: deviation, Decimals: 3})
	}
	return all
}

// wantRegisters refuses a chip of which the registers from reg on are not
// want, as they were set.
func wantRegisters(slot *bus.Slot, reg byte, name string, want []byte) error {
	got := make([]byte, len(want))
	if err := slot.ReadRegisters(reg, got); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("registers from 0x%02X (%s) are % X in place of % X: %s", reg, name, got, want, lostSettings)
	}
	return nil
}

// wantID refuses a chip of which register reg, called name, is not want.
// others are what else it may be.
func wantID(slot *bus.Slot, reg byte, name string, want byte, others map[byte]string) error {
	var id [1]byte
	if err := slot.ReadRegistersTwice(reg, id[:]); err != nil {
		return err
	}
	if id[0] == want {
		return nil
	}
	is := anotherChip
	if other, known := others[id[0]]; known {
		is = "this is " + other + ", which this driver does not know"
	}
	return fmt.Errorf("register 0x%02X (%s) is 0x%02X in place of 0x%02X: %s", reg, name, id[0], want, is)
}

// writeAll writes registers, one after the other: pairs of number and value.
func writeAll(slot *bus.Slot, pairs ...[2]byte) error {
	for _, p := range pairs {
		if err := slot.WriteRegister(p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

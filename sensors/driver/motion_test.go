package driver

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// What Shaking is: 1 g along z, 0.1 g along x from sample to sample.
var shaking = []float64{0, 0, 9.80665, 0.980665, 0.980665}

// motionChip is one of the models, for what all must do.
type motionChip struct {
	driver  string
	chip    func() bustest.Chip
	powerOn func(bustest.Chip)
	dead    func(bustest.Chip)
	motion  func(bustest.Chip, bustest.Motion)
	status  byte          // register that tells of the FIFO
	depth   time.Duration // of the FIFO, at 100 a second
	step    float64       // g
}

var motionChips = []motionChip{
	{
		"lis3dh", func() bustest.Chip { return bustest.NewLIS3DH() },
		func(c bustest.Chip) { c.(*bustest.LIS3DH).PowerOn() },
		func(c bustest.Chip) { c.(*bustest.LIS3DH).Dead = true },
		func(c bustest.Chip, m bustest.Motion) { c.(*bustest.LIS3DH).Motion = m },
		lis3dhSource, 320 * time.Millisecond, 0.002,
	},
	{
		"adxl345", func() bustest.Chip { return bustest.NewADXL345() },
		func(c bustest.Chip) { c.(*bustest.ADXL345).PowerOn() },
		func(c bustest.Chip) { c.(*bustest.ADXL345).Dead = true },
		func(c bustest.Chip, m bustest.Motion) { c.(*bustest.ADXL345).Motion = m },
		adxl345Status, 320 * time.Millisecond, 1.0 / 256,
	},
	{
		"mpu6050", func() bustest.Chip { return bustest.NewMPU6050() },
		func(c bustest.Chip) { c.(*bustest.MPU6050).PowerOn() },
		func(c bustest.Chip) { c.(*bustest.MPU6050).Dead = true },
		func(c bustest.Chip, m bustest.Motion) { c.(*bustest.MPU6050).Motion = m },
		mpu6050Count, 730 * time.Millisecond, 4.0 / 32768,
	},
	{ // whose INT_STATUS does not tell
		"mpu6050", func() bustest.Chip {
			c := bustest.NewMPU6050()
			c.Mute = true
			return c
		},
		func(c bustest.Chip) { c.(*bustest.MPU6050).PowerOn() },
		func(c bustest.Chip) { c.(*bustest.MPU6050).Dead = true },
		func(c bustest.Chip, m bustest.Motion) { c.(*bustest.MPU6050).Motion = m },
		mpu6050Count, 730 * time.Millisecond, 4.0 / 32768,
	},
}

// i2cSlot is where a driver would be on b, with its default options.
func i2cSlot(b *bustest.Bus, d Driver) *bus.Slot {
	slot := &bus.Slot{I2C: b, Addr: d.Addrs[0], Options: make(map[string]string)}
	for _, o := range d.Options {
		slot.Options[o.Name] = o.Default
	}
	return slot
}

// open opens the driver on a bus of its own, with options as name, value.
func (m motionChip) open(t *testing.T, chip bustest.Chip, given ...string) (Sensor, *bustest.Bus) {
	t.Helper()
	d, ok := Lookup(m.driver)
	if !ok {
		t.Fatal(m.driver, "is not in the table")
	}
	b := bustest.New(map[uint16]bustest.Chip{d.Addrs[0]: chip})
	slot := i2cSlot(b, d)
	for i := 0; i < len(given); i += 2 {
		slot.Options[given[i]] = given[i+1]
	}
	s, err := d.Open(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func blank(s Sensor) []float64 {
	out := make([]float64, 5)
	if _, ok := s.(*mpu6050); ok {
		out = make([]float64, 9)
	}
	for i := range out {
		out[i] = untouched
	}
	return out
}

// testMotion runs f for each chip.
func testMotion(t *testing.T, f func(*testing.T, motionChip)) {
	for _, m := range motionChips {
		t.Run(m.driver, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, m) }) })
	}
}

// A window takes its time, and no longer, at any rate and of any length.
func TestMotionWindow(t *testing.T) {
	testMotion(t, func(t *testing.T, m motionChip) {
		for _, tt := range []struct{ window, rate string }{{"1s", "100"}, {"200ms", "50"}, {"3s", "200"}, {"2s", "100"}} {
			s, _ := m.open(t, m.chip(), "window", tt.window, "rate", tt.rate)
			for range 2 {
				began, out := time.Now(), blank(s)
				if err := s.Measure(t.Context(), out); err != nil {
					t.Fatal(err)
				}
				window, _ := time.ParseDuration(tt.window)
				if took := time.Since(began); took < window || took > window+100*time.Millisecond {
					t.Errorf("window %s took %v", tt.window, took)
				}
				if !near(out[:5], shaking, standardGravity*m.step) {
					t.Errorf("window %s, rate %s: measured %v", tt.window, tt.rate, out)
				}
			}
		}
	})
}

// Lying on a side, at rest, with one shock; and beyond the range.
func TestMotionStatistics(t *testing.T) {
	testMotion(t, func(t *testing.T, m motionChip) {
		chip := m.chip()
		s, _ := m.open(t, chip)
		for _, tt := range []struct {
			name   string
			motion bustest.Motion
			want   []float64 // g
		}{
			{"on its side", func(int) [3]float64 { return [3]float64{0, -1, 0} }, []float64{0, -1, 0, 0, 0}},
			{"one shock of 2 g", func(i int) [3]float64 {
				if i == 50 {
					return [3]float64{0, 0, 3}
				}
				return [3]float64{0, 0, 1}
			}, []float64{0, 0, 1.02, math.Sqrt(0.01*1.98*1.98 + 0.99*0.02*0.02), 1.98}},
			{"all axes", func(i int) [3]float64 {
				a := 0.5 * float64(i%2*2-1)
				return [3]float64{a, -a, 1 + a}
			}, []float64{0, 0, 1, 0.5 * math.Sqrt(3), 0.5 * math.Sqrt(3)}},
		} {
			m.motion(chip, tt.motion)
			out := blank(s)
			if err := s.Measure(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.want {
				if math.Abs(out[i]/standardGravity-want) > m.step {
					t.Errorf("%s: value %d is %v g, want %v", tt.name, i, out[i]/standardGravity, want)
				}
			}
		}
		m.motion(chip, func(i int) [3]float64 { return [3]float64{float64(i%2*2-1) * 100, 0, 0} })
		out := blank(s)
		if err := s.Measure(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		d, _ := Lookup(m.driver)
		channels := d.Channels
		if c, ok := s.(Channeler); ok {
			channels = c.Channels()
		}
		if full := channels[0].Max; math.Abs(out[4]-full) > 0.01*full {
			t.Errorf("shaken beyond ±%v m/s², the peak is %v", full, out[4])
		}
		for i, c := range channels {
			if out[i] < c.Min || out[i] > c.Max {
				t.Errorf("shaken beyond its range, channel %+v is %v", c, out[i])
			}
		}
	})
}

// A bus that was busy while the FIFO overflowed: the window is begun again,
// and if that goes on the error says what to do.
func TestMotionOverflow(t *testing.T) {
	testMotion(t, func(t *testing.T, m motionChip) {
		s, b := m.open(t, m.chip())
		busy := func(times int) {
			b.Heal()
			b.Reset()
			b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
				if len(tx.R) > 0 && tx.W[0] == m.status && times > 0 {
					times--
					time.Sleep(m.depth + 50*time.Millisecond)
				}
				return false
			}})
		}
		busy(2)
		out := blank(s)
		if err := s.Measure(t.Context(), out); err != nil || !near(out[:5], shaking, 0.1) {
			t.Errorf("measured %v, %v", out, err)
		}
		busy(1000)
		out = blank(s)
		err := s.Measure(t.Context(), out)
		if !errors.Is(err, errOverflow) || out[0] != untouched || !strings.Contains(err.Error(), "choose a lower rate") {
			t.Errorf("always busy: measured %v, %v", out, err)
		}
		b.Heal()
		if err := s.Measure(t.Context(), out); err != nil || !near(out[:5], shaking, 0.1) {
			t.Errorf("afterwards: measured %v, %v", out, err)
		}
	})
}

// A chip from which no samples come, and one that loses its power before,
// while or after it has measured.
func TestMotionPowerLoss(t *testing.T) {
	testMotion(t, func(t *testing.T, m motionChip) {
		chip := m.chip()
		s, b := m.open(t, chip, "window", "200ms")
		b.Reset()
		if err := s.Measure(t.Context(), blank(s)); err != nil {
			t.Fatal(err)
		}
		count := b.Count()
		for n := range count {
			s, b := m.open(t, chip, "window", "200ms")
			b.Reset()
			b.Inject(bustest.Fault{When: func(tx bustest.Tx) bool {
				if tx.N == n {
					m.powerOn(chip)
				}
				return false
			}})
			out := blank(s)
			if err := s.Measure(t.Context(), out); err == nil || out[0] != untouched {
				t.Errorf("power lost before transaction %d of %d: measured %v, %v", n, count, out, err)
			}
		}
		dead := m.chip()
		m.dead(dead)
		s, _ = m.open(t, dead)
		began, out := time.Now(), blank(s)
		err := s.Measure(t.Context(), out)
		if err == nil || !strings.Contains(err.Error(), "0 samples in place of 100") || out[0] != untouched {
			t.Errorf("no samples: measured %v, %v", out, err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("no samples: it took %v", took)
		}
	})
}

// Other chips are refused before anything is written to them.
func TestMotionRefusesOtherChips(t *testing.T) {
	for _, m := range motionChips {
		d, _ := Lookup(m.driver)
		for id, says := range map[byte]string{0x00: "all 0x00", 0xFF: "all 0xFF", 0x42: anotherChip} {
			chip := &bustest.Registers{}
			for i := range chip.Mem {
				chip.Mem[i] = id
			}
			b := bustest.New(map[uint16]bustest.Chip{d.Addrs[0]: chip})
			if _, err := d.Open(t.Context(), i2cSlot(b, d)); err == nil || !strings.Contains(err.Error(), says) || b.Count() != 2 {
				t.Errorf("%s: id 0x%02X: %v", m.driver, id, err)
			}
		}
	}
}

package driver

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSGP30(t *testing.T) {
	i2cTest{
		driver:   "sgp30",
		chip:     func() bustest.Chip { return bustest.NewSGP30() },
		want:     []float64{4660, 54274}, // dbrgn/sgp30-rs src/lib.rs
		ambient:  &Ambient{Temperature: 22, Humidity: 45, Pressure: math.NaN()},
		patience: 20 * time.Second,
		command:  command16,
		// It answers 400 ppm and 0 ppb then, which may be. What comes of it is
		// noticed by its baseline: see keep.
		unnoticed: bustest.Wrote(0x20, 0x08),
	}.test(t)
}

var _ = vectors("sgp30", 0, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 2)
	if err != nil {
		return nil, err
	}
	return []float64{float64(w[0]), float64(w[1])}, nil
},
	vector{in: "123437 D402A4", want: []float64{4660, 54274}, source: "dbrgn/sgp30-rs src/lib.rs"},
	vector{in: "0190" + crcHex(400) + " 000081", want: []float64{400, 0}, source: "datasheet section 6.3, while it warms up"},
	vector{in: "123437 D402A5", source: "dbrgn/sgp30-rs src/lib.rs, with a wrong CRC"},
)

// The chip's serial number.
var _ = vectors("sgp30", 0, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 3)
	if err != nil {
		return nil, err
	}
	return []float64{float64(w[0]), float64(w[1]), float64(w[2])}, nil
},
	vector{in: "000081 0064FE CC8287", want: []float64{0, 0x64, 0xCC82}, source: "dbrgn/sgp30-rs src/lib.rs"},
)

// The answer to the self-test, which the driver does not use.
var _ = vectors("sgp30", 0, func(in string) ([]float64, error) {
	w, err := unhexedWords(in, 1)
	if err != nil {
		return nil, err
	}
	return []float64{float64(w[0])}, nil
},
	vector{in: "D400C6", want: []float64{0xD400}, source: "dbrgn/sgp30-rs src/lib.rs, the self-test has passed"},
)

// What the chip is told of the air, in g/m³ as a relative humidity in % and a
// temperature in °C give it.
func TestSGP30Humidity(t *testing.T) {
	for _, tt := range []struct{ t, rh, want float64 }{
		{25, 50, 11.48}, // tables of saturated air, halved
		{22, 64, 12.40},
		{0, 100, 4.85},
		{30, 100, 30.27},
	} {
		if got := absoluteHumidity(tt.t, tt.rh); math.Abs(got-tt.want) > 0.1 {
			t.Errorf("%v °C, %v %% is %v g/m³, want %v", tt.t, tt.rh, got, tt.want)
		}
	}
	// Datasheet section 6.5: 0x0F80 is 15.50 g/m³, 0x0001 the least.
	for x, want := range map[float64]uint16{15.5: 0x0F80, 0: 1, -1: 1, 0.0001: 1, 255.9999: 0xFFFF, 300: 0xFFFF, math.NaN(): 0} {
		if got := sgp30HumidityWord(x); got != want {
			t.Errorf("%v g/m³ is 0x%04X, want 0x%04X", x, got, want)
		}
	}
}

// sgp30On opens a chip beside what was saved.
func sgp30On(t *testing.T, chip *bustest.SGP30, state *bustest.State) (*sgp30, *bustest.Bus) {
	t.Helper()
	b := bustest.New(map[uint16]bustest.Chip{0x58: chip})
	s, err := i2cTest{driver: "sgp30", state: state}.open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*sgp30), b
}

// runSGP30 measures for d, every second or a thousand times, and returns the
// last error.
func runSGP30(t *testing.T, s *sgp30, d time.Duration) (out []float64, err error) {
	t.Helper()
	out = make([]float64, 2)
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(max(time.Second, d/1000))
		if err = s.Measure(t.Context(), out); err != nil && !errors.Is(err, ErrNothingNew) {
			return out, err
		}
	}
	return out, err
}

// What is on the wire, and that the first 15 s are no readings.
func TestSGP30Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSGP30()
		now := time.Now().UTC().Format(time.RFC3339)
		s, b := sgp30On(t, chip, &bustest.State{Saved: `{"eco2":4660,"tvoc":22136,"time":"` + now + `"}`})
		wantLog(t, b.Log(),
			"58 W 20 2F", "58 R 00 22 "+crcHex(0x22), "58 W 20 03",
			"58 W 20 1E 56 78 7D 12 34 37") // dbrgn/sgp30-rs src/lib.rs: TVOC first
		if chip.Baseline != [2]uint16{0x1234, 0x5678} {
			t.Errorf("baseline %04X", chip.Baseline)
		}
		b.Reset()
		if out, err := runSGP30(t, s, 14*time.Second); !errors.Is(err, ErrNothingNew) {
			t.Errorf("within 15 s: %v, %v", out, err)
		}
		if chip.Measured < 13 {
			t.Errorf("it was asked %d times meanwhile", chip.Measured)
		}
		out, err := runSGP30(t, s, 2*time.Second)
		if err != nil || out[0] != 4660 || out[1] != 54274 {
			t.Errorf("after 15 s: %v, %v", out, err)
		}
		if tx := b.Log()[0].String(); tx != "0: 58 W 20 08" || chip.Tests != 0 {
			t.Errorf("%s, %d self-tests", tx, chip.Tests)
		}
	})
}

// A baseline counts for 7 days.
func TestSGP30Restores(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   time.Duration
		saved string
		want  bool
	}{
		{name: "an hour", age: time.Hour, want: true},
		{name: "almost 7 days", age: 7*24*time.Hour - time.Minute, want: true},
		{name: "7 days", age: 7 * 24 * time.Hour},
		{name: "a clock that is an hour late", age: -time.Hour, want: true},
		{name: "a clock that was not set", age: -1000 * time.Hour},
		{name: "nothing", saved: " "},
		{name: "no baseline", saved: `{"eco2":0,"tvoc":0,"time":"2000-01-01T00:00:00Z"}`},
		{name: "nonsense", saved: `{"eco2":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := &bustest.State{Saved: strings.TrimSpace(tt.saved)}
				if tt.saved == "" {
					state.Saved = fmt.Sprintf(`{"eco2":4660,"tvoc":22136,"time":%q}`, time.Now().Add(-tt.age).UTC().Format(time.RFC3339Nano))
				}
				chip := bustest.NewSGP30()
				sgp30On(t, chip, state)
				if restored := chip.Set == 1; restored != tt.want || chip.Inits != 1 {
					t.Errorf("restored %v, want %v; begun %d times", restored, tt.want, chip.Inits)
				}
			})
		})
	}
}

// A baseline of its own is saved after 12 hours, one that was restored after
// an hour, and then every hour.
func TestSGP30Saves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip, state := bustest.NewSGP30(), new(bustest.State)
		s, _ := sgp30On(t, chip, state)
		if _, err := runSGP30(t, s, 12*time.Hour-time.Minute); err != nil || state.Saves != 0 {
			t.Fatalf("within 12 h it was saved %d times, %v", state.Saves, err)
		}
		if _, err := runSGP30(t, s, 3*time.Minute); err != nil || state.Saves != 1 || !strings.Contains(state.Saved, `"eco2":36456,"tvoc":36673`) {
			t.Fatalf("after 12 h it was saved %d times, %q, %v", state.Saves, state.Saved, err)
		}
		again := bustest.NewSGP30()
		s, _ = sgp30On(t, again, state)
		if again.Baseline != [2]uint16{0x8E68, 0x8F41} {
			t.Errorf("restored %04X", again.Baseline)
		}
		if _, err := runSGP30(t, s, 2*time.Hour+3*time.Minute); err != nil || state.Saves != 3 {
			t.Errorf("in 2 h more it was saved %d times, %v", state.Saves-1, err)
		}
	})
}

// A chip that lost its power says 400 ppm and 0 ppb, which is also fresh air:
// it is not believed once.
func TestSGP30PowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSGP30()
		s, _ := sgp30On(t, chip, nil)
		if _, err := runSGP30(t, s, 3*time.Minute); err != nil {
			t.Fatal(err)
		}
		chip.Air = [2]uint16{400, 0}
		if out, err := runSGP30(t, s, time.Minute); err != nil || out[0] != 400 || out[1] != 0 {
			t.Errorf("fresh air is %v, %v", out, err)
		}
		chip.PowerOn()
		if out, err := runSGP30(t, s, time.Second); err == nil || !strings.Contains(err.Error(), "0x2015") {
			t.Errorf("measured %v, %v", out, err)
		}
	})
}

// The humidity is told when it changes, and when it is not known any more.
func TestSGP30Compensates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSGP30()
		s, b := sgp30On(t, chip, nil)
		nan := math.NaN()
		for _, tt := range []struct {
			t, rh float64
			sent  bool
		}{{nan, 50, false}, {25, 50, true}, {25, 50.5, false}, {25, 52, true}, {25, nan, true}, {25, nan, false}} {
			b.Reset()
			s.Compensate(Ambient{Temperature: tt.t, Humidity: tt.rh, Pressure: nan})
			if err := s.Measure(t.Context(), make([]float64, 2)); !errors.Is(err, ErrNothingNew) {
				t.Fatal(err)
			}
			if sent := b.Log()[0].W[1] == 0x61; sent != tt.sent || (chip.Humidity == 0) != math.IsNaN(tt.t+tt.rh) {
				t.Errorf("%v °C, %v %%: sent %v, the chip has 0x%04X", tt.t, tt.rh, sent, chip.Humidity)
			}
		}
	})
}

func TestSGP30RefusesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// An SGPC3 has the same address and commands, and product type 1.
		other := &bustest.Commands{Width: 2, Handle: func(uint16, []byte) (bustest.Answer, error) {
			return bustest.Answer{Data: []byte{0x10, 0x06, crc8([]byte{0x10, 0x06})}}, nil
		}}
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x58: other}), Addr: 0x58, State: new(bustest.State)}
		if _, err := openSGP30(t.Context(), slot); err == nil || !strings.Contains(err.Error(), "product type 1") {
			t.Errorf("opened: %v", err)
		}
	})
}

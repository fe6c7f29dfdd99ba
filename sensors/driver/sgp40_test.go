package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSGP40(t *testing.T) {
	i2cTest{
		driver:   "sgp40",
		chip:     func() bustest.Chip { return bustest.NewSGP40() },
		want:     []float64{1, 30000}, // the first index is 1, whatever the signal: see TestGasIndexDay
		patience: time.Minute,
		command:  command16,
	}.test(t)
}

// Arguments of a measurement: %, °C → humidity, temperature, with their CRCs.
var _ = vectors("sgp40", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	w, err := parseSensirionWords(b[2:])
	if err != nil || b[0] != 0x26 || b[1] != 0x0F {
		return nil, fmt.Errorf("% X is no measurement: %w", b, err)
	}
	for _, h := range []float64{0, 50, 100} {
		for _, c := range []float64{-45, 25, 130} {
			s := sgp4x{ambient: Ambient{Temperature: c, Humidity: h}}
			if a := s.around(); a[0] == w[0] && a[1] == w[1] {
				return []float64{h, c}, nil
			}
		}
	}
	return nil, errors.New("none of the airs tried")
},
	vector{in: "260F 8000A2 666693", want: []float64{50, 25}, source: memory + "SGP40 datasheet, table 9, defaults"},
	vector{in: "260F FFFFAC FFFFAC", want: []float64{100, 130}, source: "formula, datasheet table 9"},
	vector{in: "260F 000081 000081", want: []float64{0, -45}, source: "formula, datasheet table 9"},
	vector{in: "260F 8000A3 666693", source: "datasheet section 4.4"}, // a wrong CRC
)

// The index, as Sensirion's own test of the algorithm has it.
var _ = vectors("sgp40", 0, func(in string) ([]float64, error) {
	var raw uint16
	var times int
	if _, err := fmt.Sscanf(in, "%d for %d s", &raw, &times); err != nil {
		return nil, err
	}
	g, index := newGasIndex(&vocIndex), 0
	for range times {
		index = g.next(raw)
	}
	return []float64{float64(index)}, nil
},
	vector{in: "1337 for 201 s", want: []float64{100}, source: "Sensirion gas-index-algorithm test_voc_algorithm.py"},
	vector{in: "30000 for 46 s", want: []float64{0}, source: "Sensirion gas-index-algorithm, initial blackout"},
	vector{in: "30000 for 47 s", want: []float64{1}, source: "Sensirion gas-index-algorithm 3.2.0, calculated"},
)

// sgp4xMeasure measures every second for d; the error is the last one.
func sgp4xMeasure(ctx context.Context, s Sensor, out []float64, d time.Duration) (err error) {
	for range d / time.Second {
		err = s.Measure(ctx, out)
		time.Sleep(time.Second - 30*time.Millisecond)
	}
	return err
}

func TestSGP40Transactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSGP40()
		b := bustest.New(map[uint16]bustest.Chip{0x59: chip})
		s, err := openSGP40(t.Context(), &bus.Slot{I2C: b, Addr: 0x59, State: new(bustest.State)})
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{untouched, untouched}
		if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) || out[0] != untouched {
			t.Errorf("in the blackout: %v, %v", out, err)
		}
		if !chip.Heated {
			t.Error("it is not heated")
		}
		s.(Compensated).Compensate(Ambient{Temperature: math.NaN(), Humidity: 200, Pressure: 1013})
		s.Measure(t.Context(), out)
		if err := s.(io.Closer).Close(); err != nil || chip.Heated {
			t.Errorf("closed: heated is %v, %v", chip.Heated, err)
		}
		wantLog(t, b.Log(),
			"59 W 36 15", "59 W 20 2F", "59 R 32 20 6C",
			"59 W 26 0F 80 00 A2 66 66 93", "59 R 75 30 08",
			"59 W 26 0F FF FF AC 66 66 93", "59 R 75 30 08",
			"59 W 36 15")
	})
}

// What was learned outlives a fault, and a restart of ten minutes, but not of
// eleven.
func TestSGP40Restart(t *testing.T) {
	for _, tt := range []struct {
		learned, gone time.Duration
		closed        bool
		restored      bool
	}{
		{4 * time.Hour, 9 * time.Minute, false, true},
		{4 * time.Hour, 11 * time.Minute, false, false},
		{30 * time.Minute, time.Minute, false, true},
		{90 * time.Second, time.Minute, true, true},
	} {
		t.Run(fmt.Sprint(tt.learned, tt.gone), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip, state := bustest.NewSGP40(), new(bustest.State)
				slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x59: chip}), Addr: 0x59, State: state}
				out := make([]float64, 2)
				s, err := openSGP40(t.Context(), slot)
				if err != nil {
					t.Fatal(err)
				}
				if err := sgp4xMeasure(t.Context(), s, out, tt.learned); err != nil || out[0] < 80 || out[0] > 100 {
					t.Fatalf("measured %v, %v", out, err)
				}
				if tt.closed {
					if err := s.(io.Closer).Close(); err != nil {
						t.Fatal(err)
					}
				}
				if want := int(tt.learned/sgp4xSave) + 1; state.Saves > want {
					t.Errorf("saved %d times, want at most %d", state.Saves, want)
				}
				time.Sleep(tt.gone - sgp4xSave) // what is noted is up to a minute old
				if s, err = openSGP40(t.Context(), slot); err != nil {
					t.Fatal(err)
				}
				if got := s.(*sgp40).voc; got.learns != tt.restored || tt.restored && (got.mean != 10000 || got.age < tt.learned.Seconds()-110) {
					t.Errorf("goes on with %+v; want to go on: %v", got, tt.restored)
				}
				chip.VOC -= 200 // worse air: known to be worse only by who remembers
				if err := sgp4xMeasure(t.Context(), s, out, 90*time.Second); err != nil || out[0] > 110 != tt.restored {
					t.Errorf("measured %v, %v; want to have remembered: %v", out, err, tt.restored)
				}
			})
		})
	}
}

// A state that is none changes nothing.
func TestSGP40StateOfNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, voc := range []gasIndexState{
			{}, {Mean: -1, Deviation: 50}, {Mean: 10000}, {Mean: 1e9, Deviation: 50}, {Mean: 10000, Deviation: math.MaxFloat64},
			{Mean: 10000, Deviation: 50, Age: -1}, {Mean: 10000, Deviation: 50, BadAir: 1e9},
		} {
			text, err := json.Marshal(sgp4xState{Time: time.Now(), VOC: voc})
			if err != nil {
				t.Fatal(err)
			}
			b := bustest.New(map[uint16]bustest.Chip{0x59: bustest.NewSGP40()})
			s, err := openSGP40(t.Context(), &bus.Slot{I2C: b, Addr: 0x59, State: &bustest.State{Saved: string(text)}})
			if err != nil || s.(*sgp40).voc.learns {
				t.Errorf("%+v is taken over, %v", voc, err)
			}
		}
	})
}

func TestSGP40RefusesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			chip bustest.Chip
			open func(context.Context, *bus.Slot) (Sensor, error)
			says string
		}{
			{bustest.NewSGP41(), openSGP40, "choose the driver sgp41"},
			{bustest.NewSGP40(), openSGP41, "choose the driver sgp40"},
		} {
			b := bustest.New(map[uint16]bustest.Chip{0x59: tt.chip})
			if _, err := tt.open(t.Context(), &bus.Slot{I2C: b, Addr: 0x59, State: new(bustest.State)}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want it to say %q", err, tt.says)
			}
		}
	})
}

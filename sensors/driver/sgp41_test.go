package driver

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

func TestSGP41(t *testing.T) {
	i2cTest{
		driver:   "sgp41",
		chip:     func() bustest.Chip { return bustest.NewSGP41() },
		want:     []float64{1, 1, 30000, 16000},
		patience: time.Minute,
		command:  command16,
	}.test(t)
}

// The NOx index, as Sensirion's own test of the algorithm has it.
var _ = vectors("sgp41", 0, func(in string) ([]float64, error) {
	var raw uint16
	var times int
	if _, err := fmt.Sscanf(in, "%d for %d s", &raw, &times); err != nil {
		return nil, err
	}
	g, index := newGasIndex(&noxIndex), 0
	for range times {
		index = g.next(raw)
	}
	return []float64{float64(index)}, nil
},
	vector{in: "1337 for 201 s", want: []float64{1}, source: "Sensirion gas-index-algorithm test_nox_algorithm.py"},
	vector{in: "16000 for 46 s", want: []float64{0}, source: "Sensirion gas-index-algorithm, initial blackout"},
)

// Conditioning comes first and takes less than ten seconds, also if the
// program is stopped meanwhile and started again.
func TestSGP41Conditioning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewSGP41()
		b := bustest.New(map[uint16]bustest.Chip{0x59: chip})
		slot := &bus.Slot{I2C: b, Addr: 0x59, State: new(bustest.State)}
		for _, d := range []time.Duration{5 * time.Second, 70 * time.Second} {
			s, err := openSGP41(t.Context(), slot)
			if err != nil {
				t.Fatal(err)
			}
			out := []float64{untouched, untouched, untouched, untouched}
			b.Reset()
			var fresh int
			for range d / time.Second {
				began := time.Now()
				switch err := s.Measure(t.Context(), out); {
				case err == nil:
					fresh++
				case !errors.Is(err, ErrNothingNew) || out[0] != untouched:
					t.Errorf("measured %v, %v", out, err)
				}
				time.Sleep(time.Second - time.Since(began))
			}
			conditioned := 0
			for _, tx := range b.Log() {
				if bustest.Wrote(0x26, 0x12)(tx) {
					conditioned++
				}
			}
			if want := min(10, int(d/time.Second)); conditioned != want {
				t.Errorf("conditioned %d times, want %d", conditioned, want)
			}
			if want := max(int(d/time.Second)-46, 0); fresh != want {
				t.Errorf("%d measurements, want %d", fresh, want)
			}
		}
		if chip.Conditioned > 10*time.Second || chip.Conditioned < 9*time.Second {
			t.Errorf("conditioned for %v", chip.Conditioned)
		}
	})
}

// What was learned of both outlives a restart.
func TestSGP41Restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.New(map[uint16]bustest.Chip{0x59: bustest.NewSGP41()})
		slot := &bus.Slot{I2C: b, Addr: 0x59, State: new(bustest.State)}
		s, err := openSGP41(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		if err := sgp4xMeasure(t.Context(), s, make([]float64, 4), 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := s.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
		old := s.(*sgp41)
		if s, err = openSGP41(t.Context(), slot); err != nil {
			t.Fatal(err)
		}
		voc, _ := s.(*sgp41).voc.state()
		nox, _ := s.(*sgp41).nox.state()
		if wantVOC, _ := old.voc.state(); voc != wantVOC {
			t.Errorf("VOC is %+v, want %+v", voc, wantVOC)
		}
		if wantNOx, _ := old.nox.state(); nox != wantNOx || nox.Mean != 6000 {
			t.Errorf("NOx is %+v, want %+v", nox, wantNOx)
		}
	})
}

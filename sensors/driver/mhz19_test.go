package driver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var mhzTest = serialTest{driver: "mhz19", attach: func(p *bustest.Serial) func() {
	chip := bustest.NewMHZ19(p, 608)
	time.Sleep(mhzWarmUp)
	return chip.Stop
}, want: []float64{608}}

func TestMHZ19(t *testing.T) { mhzTest.test(t) }

var _ = vectors("mhz19", 0, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	frame, err := onlyFrame(cutMHZ, b)
	if err != nil {
		return nil, err
	}
	return []float64{float64(mhzPPM(frame))}, nil
},
	vector{in: "FF86026047000000D1", want: []float64{608}, source: memory + "MH-Z19 user's manual"},
	vector{in: "FF8602200000000058", want: []float64{544}, source: "MH-Z19B user's manual, command 0x86"},
	vector{in: "FFFF8602200000000058", want: []float64{544}, source: "MH-Z19B user's manual, command 0x86"}, // behind a start
	vector{in: "FF8602200000000059", source: "MH-Z19B user's manual, command 0x86"},                         // a wrong sum
	vector{in: "FF8702200000000057", source: "MH-Z19B user's manual, command 0x86"},                         // no answer to it
)

func TestMHZ19EverySingleBitFlipIsRefused(t *testing.T) {
	frame, _ := unhexed("FF86026047000000D1")
	refusesFlips(t, cutMHZ, frame, nil)
}

func TestMHZ19Commands(t *testing.T) {
	for _, test := range []struct {
		options map[string]string
		want    []string
	}{
		{nil, nil},
		{map[string]string{"abc": "on"}, []string{"FF0179A000000000E6"}},
		{map[string]string{"abc": "off"}, []string{"FF01790000000000 86"}},
		{map[string]string{"range": "5000"}, []string{"FF01990000001388CB"}},
		{map[string]string{"abc": "off", "range": "2000"}, []string{"FF01790000000000 86", "FF0199000000 07D08F"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := bustest.NewSerial()
			chip := bustest.NewMHZ19(p, 608)
			c := mhzTest
			c.options = test.options
			c.mustOpen(t, p)
			var want []string
			for _, w := range test.want {
				b, _ := unhexed(w)
				want = append(want, string(b))
			}
			if got := chip.Commands(); fmt.Sprintf("% X", got) != fmt.Sprintf("% X", want) {
				t.Errorf("%v: commands % X, want % X", test.options, got, want)
			}
		})
	}
}

// In its first minutes it says 410 or 500 ppm, whatever the air is.
func TestMHZ19WarmsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		chip := bustest.NewMHZ19(p, 608)
		s := mhzTest.mustOpen(t, p)
		out := []float64{untouched}
		for range 17 {
			if err := s.Measure(t.Context(), out); !errors.Is(err, ErrNothingNew) || out[0] != untouched {
				t.Fatalf("while it warms up: %v, %v", out, err)
			}
			if err := s.(Setter).Set(t.Context(), "zero", 400); err == nil || !strings.Contains(err.Error(), "warm") {
				t.Fatalf("calibrated while it warms up: %v", err)
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(10 * time.Second)
		mhzTest.healthy(t, s)
		chip.Air(410) // the sea is near
		if err := s.Measure(t.Context(), out); err != nil || out[0] != 410 {
			t.Errorf("410 ppm that were measured: %v, %v", out, err)
		}
		if err := s.(Setter).Set(t.Context(), "zero", 400); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprintf("% X", chip.Commands()); got != "[FF 01 87 00 00 00 00 00 78]" {
			t.Errorf("calibration is %s", got)
		}
	})
}

// A sensor that is warm already, because only the gateway was restarted.
func TestMHZ19WarmAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		mhzTest.attach(p)
		mhzTest.healthy(t, mhzTest.mustOpen(t, p))
	})
}

func FuzzMHZ19(f *testing.F) {
	frame, _ := unhexed("FF86026047000000D1")
	f.Add(frame, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		fuzzFrames(t, cutMHZ, b, split, func(frame []byte) {
			if len(frame) != mhzSize || byteSum(frame[1:])&0xFF != 0 {
				t.Errorf("% X is believed", frame)
			}
		})
	})
}

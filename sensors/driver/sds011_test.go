package driver

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var sdsTest = serialTest{driver: "sds011", attach: func(p *bustest.Serial) func() { return bustest.NewSDS011(p, 1236, 2618, 0xA160).Stop }, want: []float64{123.6, 261.8}}

func TestSDS011(t *testing.T) {
	sdsTest.test(t)
	sleeping := sdsTest
	sleeping.options = map[string]string{"sleep": "true"}
	t.Run("sleep", sleeping.test)
}

var _ = vectors("sds011", 1e-9, func(in string) ([]float64, error) {
	b, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	frame, err := onlyFrame(cutSDS, b)
	if err != nil {
		return nil, err
	}
	pm25, pm10 := sdsMass(frame)
	return []float64{pm25, pm10, float64(sdsID(frame))}, nil
},
	vector{in: "AAC0D4043A0AA1601DAB", want: []float64{123.6, 261.8, 0xA160}, source: "protocol V1.3, section 3, 2)"},
	vector{in: "AAAAC0D4043A0AA1601DAB", want: []float64{123.6, 261.8, 0xA160}, source: "protocol V1.3, section 3, 2)"}, // behind half a frame
	vector{in: "AAC0D4043A0AA1601EAB", source: "protocol V1.3, section 3, 2)"},                                          // a wrong sum
	vector{in: "AAC0D4043A0AA1601DAC", source: "protocol V1.3, section 3, 2)"},                                          // a wrong tail
)

func TestSDS011EverySingleBitFlipIsRefused(t *testing.T) {
	frame, _ := unhexed("AAC0D4043A0AA1601DAB")
	refusesFlips(t, cutSDS, frame, nil)
}

// The queries of section 3, for any sensor.
func TestSDS011Commands(t *testing.T) {
	for want, got := range map[string][]byte{
		"AAB404 000000000000000000000000 FFFF 02 AB": sdsFrame(sdsQuery, 0, 0),
		"AAB402 010100000000000000000000 FFFF 02 AB": sdsFrame(sdsReporting, 1, 1),
		"AAB406 010000000000000000000000 FFFF 05 AB": sdsFrame(sdsWork, 1, 0),
		"AAB406 010100000000000000000000 FFFF 06 AB": sdsFrame(sdsWork, 1, 1),
	} {
		if want, err := unhexed(want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("command % X, want % X", got, want)
		}
	}
}

// What the sensor keeps without power is set once: its memory wears out.
func TestSDS011SetsWhatIsNotSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		chip := bustest.NewSDS011(p, 1236, 2618, 0xA160)
		chip.Change(sdsPeriod, 5)
		sdsTest.healthy(t, sdsTest.mustOpen(t, p))
		reporting, writes := chip.Setting(sdsReporting)
		if period, _ := chip.Setting(sdsPeriod); reporting != 1 || period != 0 || writes != 2 {
			t.Errorf("reporting %d, period %d, %d writes; want 1, 0, 2", reporting, period, writes)
		}
		p.Unplug()
		p.Plug()
	})
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		chip := bustest.NewSDS011(p, 1236, 2618, 0xA160)
		chip.Change(sdsReporting, 1)
		sdsTest.healthy(t, sdsTest.mustOpen(t, p))
		if _, writes := chip.Setting(sdsReporting); writes != 0 {
			t.Errorf("%d writes of what was set already", writes)
		}
	})
}

func TestSDS011Sleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		chip := bustest.NewSDS011(p, 1236, 2618, 0xA160)
		chip.Change(sdsWork, 0) // by another program
		c := sdsTest
		c.options = map[string]string{"sleep": "true"}
		s := c.mustOpen(t, p)
		for range 3 {
			began := time.Now()
			c.healthy(t, s)
			if took := s.(Timed).Measured().Sub(began); took < sdsWarmUp-time.Second || took > sdsWarmUp+5*time.Second {
				t.Errorf("measured %v after it was woken", took)
			}
			if working, _ := chip.Setting(sdsWork); working != 0 {
				t.Error("it does not sleep afterwards")
			}
			time.Sleep(time.Minute)
		}
	})
}

// A sensor that hears nothing but talks says where the fault is.
func TestSDS011Deaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		bustest.NewSDS011(p, 1236, 2618, 0xA160)
		p.OnWrite(nil)
		if _, err := sdsTest.open(t.Context(), p); err == nil || !strings.Contains(err.Error(), "other frames in 2s and no answer") {
			t.Errorf("a sensor that is deaf: %v", err)
		}
	})
}

func TestSDS011Exchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		sdsTest.attach(p)
		s := sdsTest.mustOpen(t, p)
		sdsTest.healthy(t, s)
		bustest.NewSDS011(p, 10, 20, 0xBEEF).Change(sdsReporting, 1)
		if err := sdsTest.failed(t, t.Context(), s); !strings.Contains(err.Error(), "BEEF") {
			t.Errorf("another sensor: %v", err)
		}
	})
}

func FuzzSDS011(f *testing.F) {
	frame, _ := unhexed("AAC0D4043A0AA1601DAB")
	f.Add(frame, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		fuzzFrames(t, cutSDS, b, split, func(frame []byte) {
			if pm25, pm10 := sdsMass(frame); len(frame) != sdsSize || pm25 < 0 || pm10 < 0 {
				t.Errorf("% X is believed", frame)
			}
		})
	})
}

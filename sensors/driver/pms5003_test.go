package driver

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus/bustest"
)

var pmsWords = [13]uint16{1, 2, 3, 11, 22, 33, 510, 170, 40, 4, 2, 1, 0x9700}

func attachPMS(p *bustest.Serial) func() { return bustest.NewPMS5003(p, pmsWords).Stop }

func TestPMS5003(t *testing.T) {
	want := []float64{11, 22, 33, 510, 170, 40, 4, 2, 1}
	serialTest{driver: "pms5003", attach: attachPMS, want: want}.test(t)
	t.Run("passive", serialTest{driver: "pms5003", attach: attachPMS, want: want, options: map[string]string{"mode": "passive"}}.test)
	t.Run("sleep", serialTest{driver: "pms5003", attach: attachPMS, want: want, options: map[string]string{"sleep": "true"}}.test)
	want = []float64{1, 2, 3, 510, 170, 40, 4, 2, 1}
	t.Run("factory", serialTest{driver: "pms5003", attach: attachPMS, want: want, options: map[string]string{"concentration": "factory"}}.test)
}

// decodePMS finds the one frame of what was received.
func decodePMS(factory bool) func(string) ([]float64, error) {
	return func(in string) ([]float64, error) {
		b, err := unhexed(in)
		if err != nil {
			return nil, err
		}
		frame, err := onlyFrame(cutPMS, b)
		if err != nil {
			return nil, err
		}
		return pmsValues(frame, factory), nil
	}
}

var _ = vectors("pms5003", 0, decodePMS(false),
	vector{in: "424D001C 000000000000 000000000000 003300110004000000000000 9700 018A", want: []float64{0, 0, 0, 51, 17, 4, 0, 0, 0}, source: "esphome/issues#6031, a log"},
	vector{in: "424D001C 000000000000 000000000000 003300110004000000000000 9700 018B", source: "esphome/issues#6031, a log"},                                                                // a wrong sum
	vector{in: "424D0014 0001000200030001000200030000000000000000 00CC", source: "PMS3003 has 24 bytes, " + memory},                                                                          // not for us
	vector{in: "424D0004E1000174 424D001C 000100020003 000B0016 0021 01FE00AA00280004 00020001 9700 0362", want: []float64{11, 22, 33, 510, 170, 40, 4, 2, 1}, source: "manual, appendix I"}, // behind an answer
)

var _ = vectors("pms5003", 0, decodePMS(true),
	vector{in: "424D001C 000100020003 000B00160021 01FE00AA00280004 00020001 9700 0362", want: []float64{1, 2, 3, 510, 170, 40, 4, 2, 1}, source: "manual, appendix I"},
)

// The commands of appendix II, with their checksums.
func TestPMS5003Commands(t *testing.T) {
	for _, test := range []struct {
		cmd, data byte
		want      string
	}{
		{pmsMode, 0, "424DE100000170"}, {pmsMode, 1, "424DE100010171"}, {pmsRead, 0, "424DE200000171"},
		{pmsSleep, 0, "424DE400000173"}, {pmsSleep, 1, "424DE400010174"},
	} {
		want, _ := unhexed(test.want)
		if got := pmsCommand(test.cmd, test.data); !bytes.Equal(got, want) {
			t.Errorf("command %02X %d is % X, want % X", test.cmd, test.data, got, want)
		}
	}
}

func TestPMS5003EverySingleBitFlipIsRefused(t *testing.T) {
	frame, _ := unhexed("424D001C 000100020003 000B00160021 01FE00AA00280004 00020001 9700 0362")
	refusesFlips(t, cutPMS, frame, nil)
}

// With sleep the fan runs up for 30 s before each measurement, whose time is
// that of its frame, and rests afterwards.
func TestPMS5003Sleeps(t *testing.T) {
	for _, mode := range []string{"active", "passive"} {
		synctest.Test(t, func(t *testing.T) {
			p := bustest.NewSerial()
			chip := bustest.NewPMS5003(p, pmsWords)
			c := serialTest{driver: "pms5003", want: []float64{11, 22, 33, 510, 170, 40, 4, 2, 1}, options: map[string]string{"sleep": "true", "mode": mode}}
			s := c.mustOpen(t, p)
			c.healthy(t, s)
			for n := range 3 {
				if asleep, times := chip.Sleeps(); !asleep || times != n+1 {
					t.Fatalf("%s: asleep %v, %d times; want true, %d", mode, asleep, times, n+1)
				}
				time.Sleep(time.Minute)
				began := time.Now()
				c.healthy(t, s)
				if took := s.(Timed).Measured().Sub(began); took < pmsWarmUp || took > pmsWarmUp+5*time.Second {
					t.Errorf("%s: measured %v after it was woken", mode, took)
				}
			}
		})
	}
}

// A sensor that another program sent to sleep is woken, and its fan given
// time.
func TestPMS5003FoundAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		bustest.NewPMS5003(p, pmsWords).Sleep()
		c := serialTest{driver: "pms5003", want: []float64{11, 22, 33, 510, 170, 40, 4, 2, 1}}
		s := c.mustOpen(t, p)
		began := time.Now()
		c.healthy(t, s)
		if took := time.Since(began); took < 20*time.Second {
			t.Errorf("measured %v after it was woken", took)
		}
	})
}

func TestPMS5003OtherFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		p.Send(time.Second, append([]byte{0x42, 0x4D, 0, 20}, make([]byte, 20)...)...)
		_, err := serialTest{driver: "pms5003"}.open(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "nothing received") {
			t.Errorf("after it was woken: %v", err)
		}
		for i := range 20 {
			p.Send(time.Duration(i)*time.Second, append([]byte{0x42, 0x4D, 0, 20}, make([]byte, 20)...)...)
		}
		_, err = serialTest{driver: "pms5003"}.open(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "another sensor") {
			t.Errorf("a PMS3003: %v", err)
		}
	})
}

func FuzzPMS5003(f *testing.F) {
	frame, _ := unhexed("424D001C 000100020003 000B00160021 01FE00AA00280004 00020001 9700 0362")
	f.Add(frame, uint8(3))
	f.Add([]byte{0x42, 0x4D, 0, 4, 0xE1, 0, 1, 0x74}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		fuzzFrames(t, cutPMS, b, split, func(frame []byte) {
			if len(pmsValues(frame, false)) != 9 || byteSum(frame[:30]) != uint16(frame[30])<<8|uint16(frame[31]) {
				t.Errorf("% X is believed", frame)
			}
		})
	})
}

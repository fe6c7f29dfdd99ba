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
	vector{in: "424D001C 000000000000 000000000000 003300110004000000000000 9700 018B", source: "esphome/issues#6031, a log"}, // a wrong sum
	vector{in: "424D0014 000100020003 000B00160021 000000000000 00EB", want: []float64{11, 22, 33}, source: memory + "PMS3003 manual: 9 words"},
	vector{in: "424D0024" + strings.Repeat("00", 34) + "00B3", source: memory + "PMS5003ST manual: 40 bytes"},                                                                                // not for us
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

// A PMS3003 hears no commands, and counts no particles.
func TestPMS3003(t *testing.T) {
	frame, _ := unhexed("424D0014 000100020003 000B00160021 000000000000 00EB")
	refusesFlips(t, cutPMS, frame, nil)
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		for i := range 100 {
			p.Send(time.Duration(i)*time.Second, frame...)
		}
		c := serialTest{driver: "pms5003", want: []float64{11, 22, 33}}
		s := c.mustOpen(t, p)
		if got := len(s.(Channeler).Channels()); got != 3 {
			t.Errorf("%d channels", got)
		}
		c.healthy(t, s)
		time.Sleep(100 * time.Second)
		attachPMS(p)
		if err := c.failed(t, t.Context(), s); !strings.Contains(err.Error(), "exchanged") {
			t.Errorf("another sensor: %v", err)
		}
	})
}

func TestPMS5003OtherFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bustest.NewSerial()
		other := append([]byte{0x42, 0x4D, 0, 36}, make([]byte, 36)...)
		p.Send(time.Second, other...)
		_, err := serialTest{driver: "pms5003"}.open(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "nothing received") {
			t.Errorf("after it was woken: %v", err)
		}
		for i := range 20 {
			p.Send(time.Duration(i)*time.Second, other...)
		}
		_, err = serialTest{driver: "pms5003"}.open(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "another sensor") {
			t.Errorf("a PMS5003ST: %v", err)
		}
	})
}

func FuzzPMS5003(f *testing.F) {
	frame, _ := unhexed("424D001C 000100020003 000B00160021 01FE00AA00280004 00020001 9700 0362")
	f.Add(frame, uint8(3))
	f.Add([]byte{0x42, 0x4D, 0, 4, 0xE1, 0, 1, 0x74}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		fuzzFrames(t, cutPMS, b, split, func(frame []byte) {
			n := len(frame)
			if want := map[int]int{pmsFrame: 9, pmsShort: 3}[n]; len(pmsValues(frame, false)) != want || byteSum(frame[:n-2]) != uint16(frame[n-2])<<8|uint16(frame[n-1]) {
				t.Errorf("% X is believed", frame)
			}
		})
	})
}

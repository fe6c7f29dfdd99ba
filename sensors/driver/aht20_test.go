package driver

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// ahtPolled are the reads of the state, and of nothing else.
func ahtPolled(tx bustest.Tx) bool { return len(tx.R) == 1 }

func TestAHT20(t *testing.T) {
	i2cTest{
		driver: "aht20",
		chip:   func() bustest.Chip { return bustest.NewAHT20() },
		want:   []float64{19.4458, 45.8282}, // periph.io aht20_test.go
		polled: ahtPolled,
	}.test(t)
}

func TestAHT10(t *testing.T) {
	i2cTest{
		driver: "aht10",
		chip:   func() bustest.Chip { return bustest.NewAHT10() },
		want:   []float64{19.4458, 45.8282},
		polled: ahtPolled,
	}.test(t)
}

func decodeAHT20(in string) ([]float64, error) {
	frame, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if err := checkAHT20(frame); err != nil {
		return nil, err
	}
	return []float64{ahtTemperature(frame), ahtHumidity(frame)}, nil
}

func decodeAHT10(in string) ([]float64, error) {
	frame, err := unhexed(in)
	if err != nil {
		return nil, err
	}
	if err := checkAHTState(frame); err != nil {
		return nil, err
	}
	return []float64{ahtTemperature(frame), ahtHumidity(frame)}, nil
}

var (
	_ = vectors("aht20", 1e-3, decodeAHT20,
		vector{in: "18 75 52 05 8E 40 7F", want: []float64{19.445801, 45.828}, source: "periph.io aht20_test.go"},
		vector{in: "1C 3B 5E 86 88 B2 D2", want: []float64{31.674576, 23.191071}, source: "bilbobg/aht20 README.md, a recording"},
		vector{in: "18 75 52 05 8E 40 7E", source: "periph.io aht20_test.go, with a wrong CRC"},
		vector{in: "98 75 52 05 8E 40 " + crcHexOf("987552058E40"), source: "datasheet section 5.4, busy"},
		vector{in: "10 75 52 05 8E 40 " + crcHexOf("107552058E40"), source: "datasheet section 5.4, not calibrated"},
	)
	_ = vectors("aht10", 1e-3, decodeAHT10,
		vector{in: "18 75 52 05 8E 40", want: []float64{19.445801, 45.828}, source: "periph.io aht20_test.go, without its CRC"},
		vector{in: "18 00 00 00 00 00", want: []float64{-50, 0}, source: "formula, datasheet section 6"},
		vector{in: "18 FF FF FF FF FF", want: []float64{150, 100}, source: "formula, datasheet section 6"},
		vector{in: "08 80 00 08 00 00", want: []float64{50, 50}, source: "formula, datasheet section 6"},
		vector{in: "98 75 52 05 8E 40", source: "datasheet section 5.4, busy"},
	)
)

// crcHexOf is the CRC of bytes, as it follows them in a vector.
func crcHexOf(in string) string {
	b, _ := unhexed(in)
	return fmt.Sprintf("%02X", crc8(b))
}

// What is on the wire, and when.
func TestAHT20Transactions(t *testing.T) {
	for _, tt := range []struct {
		driver string
		chip   *bustest.AHT
		want   []string
	}{
		{"aht20", bustest.NewAHT20(), []string{
			"38 W BA", "38 R 18", "38 W AC 33 00", "38 R 18", "38 R 18 75 52 05 8E 40 7F"}},
		{"aht10", bustest.NewAHT10(), []string{
			"38 W BA", "38 R 10", "38 W E1 08 00", "38 R 18",
			"38 W AC 33 00", "38 R 18", "38 R 18 75 52 05 8E 40", "38 R 18 75 52 05 8E 40"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := bustest.New(map[uint16]bustest.Chip{0x38: tt.chip})
			d, _ := Lookup(tt.driver)
			s, err := d.Open(t.Context(), &bus.Slot{I2C: b, Addr: 0x38})
			if err == nil {
				err = s.Measure(t.Context(), make([]float64, 2))
			}
			if err != nil {
				t.Fatal(err)
			}
			wantLog(t, b.Log(), tt.want...)
		})
	}
}

// A chip that is slower than its datasheet is waited for; one that never ends,
// and one that does not load its calibration, are not.
func TestAHT20Slow(t *testing.T) {
	for _, tt := range []struct {
		name string
		chip func(*bustest.AHT)
		says string
	}{
		{"slow", func(c *bustest.AHT) { c.Conversion = 150 * time.Millisecond }, ""},
		{"never ends", func(c *bustest.AHT) { c.Conversion = -1 }, "still busy"},
		{"not calibrated", func(c *bustest.AHT) { c.Calibrated, c.Stubborn = false, true }, "not calibrated"},
		{"to be calibrated", func(c *bustest.AHT) { c.Calibrated = false }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := bustest.NewAHT20()
				tt.chip(chip)
				slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x38: chip}), Addr: 0x38}
				d, _ := Lookup("am2301b")
				began, out := time.Now(), []float64{untouched, untouched}
				s, err := d.Open(t.Context(), slot)
				if err == nil {
					err = s.Measure(t.Context(), out)
				}
				if took := time.Since(began); took > 300*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				if tt.says == "" && (err != nil || math.Abs(out[0]-19.446) > 1e-3) {
					t.Errorf("measured %v, %v", out, err)
				}
				if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || out[0] != untouched) {
					t.Errorf("measured %v, %v; want it to say %q", out, err, tt.says)
				}
			})
		})
	}
}

// A chip that lost its power between two measurements is not calibrated: an
// AHT10 says so, and opening it again helps.
func TestAHT10PowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := bustest.NewAHT10()
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x38: chip}), Addr: 0x38}
		d, _ := Lookup("aht10")
		s, err := d.Open(t.Context(), slot)
		if err != nil {
			t.Fatal(err)
		}
		chip.Calibrated = false
		out := []float64{untouched, untouched}
		if err := s.Measure(t.Context(), out); err == nil || out[0] != untouched {
			t.Errorf("measured %v, %v", out, err)
		}
		if s, err = d.Open(t.Context(), slot); err == nil {
			err = s.Measure(t.Context(), out)
		}
		if err != nil {
			t.Errorf("opened again: %v", err)
		}
	})
}

// An AHT10 is not taken for an AHT20, nor is what repeats one byte, as a
// PCF8574A does.
func TestAHT20ProbesNoAHT10(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := &bus.Slot{I2C: bustest.New(map[uint16]bustest.Chip{0x38: bustest.NewAHT10()}), Addr: 0x38}
		if found, err := probeAHT20(t.Context(), slot); err != nil || found.Certain || found.Note == "" {
			t.Errorf("found %+v, %v", found, err)
		}
		b := bustest.New(map[uint16]bustest.Chip{0x38: bustest.NewAHT20()})
		b.Inject(bustest.Fill(nil, 0x5A))
		if found, err := probeAHT20(t.Context(), &bus.Slot{I2C: b, Addr: 0x38}); err == nil {
			t.Errorf("found %+v", found)
		}
	})
}

// Whatever is accepted has its CRC, and is within what the formula can give.
func FuzzAHT20(f *testing.F) {
	f.Add([]byte("\x18\x75\x52\x05\x8E\x40\x7F"))
	f.Add(bytes.Repeat([]byte{0xFF}, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != ahtMeasurement+1 || checkAHT20(b) != nil {
			return
		}
		if c, h := ahtTemperature(b), ahtHumidity(b); c < -50 || c > 150 || h < 0 || h > 100 {
			t.Errorf("% X is %v °C, %v %%", b, c, h)
		}
	})
}

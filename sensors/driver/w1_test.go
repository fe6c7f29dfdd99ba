package driver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"gateway/sensors/bus"
)

// slave is the text of w1_slave for a scratchpad.
func slave(pad []byte, milli int) string {
	h := hex.EncodeToString(pad)
	var spaced []string
	for i := 0; i < len(h); i += 2 {
		spaced = append(spaced, h[i:i+2])
	}
	line := strings.Join(spaced, " ")
	return fmt.Sprintf("%s : crc=%02x YES\n%s t=%d\n", line, pad[len(pad)-1], line, milli)
}

// padOf is a scratchpad of a DS18B20 with this raw temperature.
func padOf(raw uint16) []byte {
	pad := []byte{byte(raw), byte(raw >> 8), 0x4b, 0x46, 0x7f, 0xff, 0x02, 0x10, 0}
	pad[8] = crc8Dallas(pad[:8])
	return pad
}

func w1Tree(devices map[string]string) fstest.MapFS {
	tree := fstest.MapFS{"sys/bus/w1/devices/w1_bus_master1/w1_master_slave_count": {Data: []byte("1\n")}}
	for file, data := range devices {
		tree["sys/bus/w1/devices/"+file] = &fstest.MapFile{Data: []byte(data)}
	}
	return tree
}

func measureW1(tree fs.FS, id string) (float64, error) {
	s, err := openW1(context.Background(), &bus.Slot{Root: tree, ID: id})
	if err != nil {
		return 0, err
	}
	out := []float64{math.Pi}
	if err := s.Measure(context.Background(), out); err != nil {
		if out[0] != math.Pi {
			return 0, fmt.Errorf("out was written on error %w", err)
		}
		return 0, err
	}
	return out[0], nil
}

// w1Row is a row of a thermometer's table: its raw value, as the kernel prints
// it.
func w1Row(raw uint16) string {
	return slave(padOf(raw), int(int16(raw))*1000/16)
}

var _ = vectors("w1", 0.001, func(in string) ([]float64, error) {
	t, err := parseW1Slave(in)
	return []float64{t}, err
},
	vector{in: w1Row(0x07D0), want: []float64{125}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0x0550), want: []float64{85}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0x0191), want: []float64{25.0625}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0x00A2), want: []float64{10.125}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0x0008), want: []float64{0.5}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0x0000), want: []float64{0}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0xFFF8), want: []float64{-0.5}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0xFF5E), want: []float64{-10.125}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0xFE6F), want: []float64{-25.0625}, source: "DS18B20 datasheet, table 1"},
	vector{in: w1Row(0xFC90), want: []float64{-55}, source: "DS18B20 datasheet, table 1"},
	vector{in: "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125", want: []float64{23.125}, source: "Linux w1_therm.rst"},
	vector{in: "f4 01 4b 46 7f ff 0c 10 c7 : crc=c7 YES\nf4 01 4b 46 7f ff 0c 10 c7 t=31250", want: []float64{31.25}, source: "google/periph#427"},
	vector{in: "9e 01 4b 46 7f ff 0c 10 8a : crc=8a YES\n9e 01 4b 46 7f ff 0c 10 8a t=25875", want: []float64{25.875}, source: "google/periph#359"},
	vector{in: "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000", source: "Linux w1_therm.rst, features"},
	vector{in: "00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0", source: "Maxim application note 27"},
)

func TestW1EverySingleBitFlipIsRefused(t *testing.T) {
	good := padOf(0x0191)
	for bit := range 72 {
		bad := append([]byte(nil), good...)
		bad[bit/8] ^= 1 << (bit % 8)
		if x, err := parseW1Slave(slave(bad, 25062)); err == nil {
			t.Errorf("bit %d flipped: %v °C", bit, x)
		}
	}
}

func TestW1Refuses(t *testing.T) {
	powerOn, _ := hex.DecodeString("5005" + "4b467fff0c101c")
	weak := []byte{0xff, 0x07, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10, 0}
	weak[8] = crc8Dallas(weak[:8])
	good := slave(padOf(0x0191), 25062)
	for _, test := range []struct{ name, text, want string }{
		{"value at power-on", slave(powerOn, 85000), "power-on"},
		{"weak supply", slave(weak, 127937), "power-on"},
		{"kernel's checksum", strings.Replace(good, "YES", "NO", 1), "the kernel says"},
		{"shorted line", slave(make([]byte, 9), 0), "zeros"},
		{"empty", "", "is not a scratchpad"},
		{"one line", strings.SplitAfter(good, "\n")[0], "is not a scratchpad"},
		{"short scratchpad", strings.Replace(good, "91 01 ", "91 ", 2), "want 9 bytes"},
		{"no hex", strings.Replace(good, "91 01 ", "xx yy ", 2), "want 9 bytes"},
		{"no temperature", strings.Replace(good, "t=", "x=", 1), "has no t="},
		{"garbage temperature", strings.Replace(good, "t=25062", "t=warm", 1), "is not a number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := measureW1(w1Tree(map[string]string{"28-1/w1_slave": test.text}), "")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "/sys/bus/w1/devices/28-1/w1_slave") {
				t.Errorf("error %v, want the file and %q in it", err, test.want)
			}
		})
	}
	// 85 °C that was measured is a temperature.
	if x, err := measureW1(w1Tree(map[string]string{"28-1/w1_slave": slave(padOf(0x0550), 85000)}), ""); x != 85 || err != nil {
		t.Errorf("measured 85 °C: %v, %v", x, err)
	}
}

func TestW1TemperatureFile(t *testing.T) {
	for text, want := range map[string]float64{"23125\n": 23.125, "-55000\n": -55} {
		if got, err := measureW1(w1Tree(map[string]string{"28-1/temperature": text}), "28-1"); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "\n", "warm", "99999999999"} {
		if got, err := measureW1(w1Tree(map[string]string{"28-1/temperature": text}), ""); err == nil {
			t.Errorf("%q: %v °C", text, got)
		}
	}
}

func TestW1ChoosesTheDevice(t *testing.T) {
	two := map[string]string{"28-1/temperature": "1000", "10-2/temperature": "2000", "29-3/x": "a switch, no thermometer"}
	for _, test := range []struct {
		name    string
		devices map[string]string
		id      string
		want    float64
		err     string
	}{
		{"by id", two, "10-2", 2, ""},
		{"upper case", map[string]string{"28-00aa/temperature": "1000"}, "28-00AA", 1, ""},
		{"the only one", map[string]string{"3b-1/temperature": "1000", "29-3/x": ""}, "", 1, ""},
		{"several", two, "", 0, "several thermometers on the 1-Wire bus: say which with id: 10-2, 28-1"},
		{"absent", two, "28-9", 0, "no thermometer 28-9 on the 1-Wire bus: file does not exist; there is 10-2, 28-1"},
		{"none", map[string]string{"29-3/x": ""}, "", 0, "4.7 kΩ"},
		{"no kernel driver", map[string]string{"28-1/id": "x"}, "", 0, "modprobe w1_therm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := measureW1(w1Tree(test.devices), test.id)
			if test.err == "" && (err != nil || got != test.want) {
				t.Errorf("%v, %v; want %v", got, err, test.want)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q in it", err, test.err)
			}
		})
	}
	_, err := openW1(context.Background(), &bus.Slot{Root: fstest.MapFS{}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "dtoverlay=w1-gpio") {
		t.Errorf("without 1-Wire: %v", err)
	}
}

func TestW1PulledSensor(t *testing.T) {
	tree := w1Tree(map[string]string{"28-1/w1_slave": slave(padOf(0x0191), 25062)})
	s, err := openW1(context.Background(), &bus.Slot{Root: tree})
	if err != nil {
		t.Fatal(err)
	}
	delete(tree, "sys/bus/w1/devices/28-1/w1_slave")
	if err := s.Measure(context.Background(), make([]float64, 1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pulled sensor: %v", err)
	}
}

func FuzzParseW1Slave(f *testing.F) {
	f.Add(slave(padOf(0x0191), 25062))
	f.Add("00 : crc=00 YES\nt=")
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := parseW1Slave(s); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Errorf("%q is %v °C", s, x)
		}
	})
}

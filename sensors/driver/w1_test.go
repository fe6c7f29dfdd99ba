package driver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
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

// ds18s20Row is what the kernel prints for a DS18S20: w1_DS18S20_convert_temp,
// in whole m°C.
func ds18s20Row(raw uint16, remain byte) string {
	pad := []byte{byte(raw), byte(raw >> 8), 0x4b, 0x46, 0xff, 0xff, remain, 0x10, 0}
	pad[8] = crc8Dallas(pad[:8])
	return slave(pad, int(int16(raw)>>1)*1000-250+1000*(16-int(remain))/16)
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
	vector{in: ds18s20Row(0x0032, 0x0C), want: []float64{25}, source: "periph.io ds18b20_test.go, DS18S20"},
	vector{in: ds18s20Row(0x0032, 0x0B), want: []float64{25.0625}, source: "periph.io ds18b20_test.go, DS18S20"},
	vector{in: ds18s20Row(0xFFEC, 0x0E), want: []float64{-10.125}, source: "periph.io ds18b20_test.go, DS18S20"},
	vector{in: ds18s20Row(0xFFCE, 0x0D), want: []float64{-25.0625}, source: "periph.io ds18b20_test.go, DS18S20"},
	vector{in: ds18s20Row(0x00AA, 0x0B), want: []float64{85.0625}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0x0001, 0x0C), want: []float64{0}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0x0000, 0x0C), want: []float64{0}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0x0001, 0x04), want: []float64{0.5}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0xFFFF, 0x04), want: []float64{-0.5}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0x0014, 0x0A), want: []float64{10.125}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0xFF92, 0x0C), want: []float64{-55}, source: "formula, DS18S20 datasheet"},
	vector{in: ds18s20Row(0x0064, 0x10), want: []float64{49.75}, source: "formula, DS18S20 datasheet"},
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
		{"DS18S20 at power-on", ds18s20Row(0x00AA, 0x0C), "power-on"},
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

// w1Bus is a master with thermometers behind a kernel: reading w1_slave
// converts unless a bulk conversion has its result waiting.
type w1Bus struct {
	fstest.MapFS
	conversions int
	waiting     map[string]bool // ids with a result of a bulk conversion
}

const w1Master = "sys/bus/w1/devices/w1_bus_master1"

func newW1Bus(power map[string]string) (*w1Bus, *bustest.Tree) {
	k := &w1Bus{MapFS: fstest.MapFS{w1Master + "/therm_bulk_read": {Data: []byte("0\n")}}, waiting: map[string]bool{}}
	for id, p := range power {
		for _, dir := range []string{w1Master + "/" + id, "sys/bus/w1/devices/" + id} {
			k.MapFS[dir+"/w1_slave"] = &fstest.MapFile{Data: []byte(slave(padOf(0x0191), 25062))}
			k.MapFS[dir+"/ext_power"] = &fstest.MapFile{Data: []byte(p + "\n")}
		}
	}
	return k, &bustest.Tree{FS: k, OnWrite: k.write}
}

func (k *w1Bus) write(name string, data []byte) error {
	if name != w1Master+"/therm_bulk_read" || string(data) != "trigger\n" {
		return fmt.Errorf("%q written to %s", data, name)
	}
	time.Sleep(750 * time.Millisecond)
	k.conversions++
	for name := range k.MapFS {
		if id := path.Base(path.Dir(name)); path.Base(name) == "w1_slave" && !strings.HasPrefix(id, "42-") { // not in w1_therm.c's table
			k.waiting[id] = true
		}
	}
	return nil
}

// ReadFile implements [fs.ReadFileFS].
func (k *w1Bus) ReadFile(name string) ([]byte, error) {
	b, err := k.MapFS.ReadFile(name)
	if id := path.Base(path.Dir(name)); err == nil && path.Base(name) == "w1_slave" {
		if !k.waiting[id] {
			k.conversions++
			time.Sleep(750 * time.Millisecond)
		}
		delete(k.waiting, id)
	}
	return b, err
}

func TestW1SharesConversions(t *testing.T) {
	three := map[string]string{"28-1": "1", "28-2": "1", "10-3": "1"}
	for _, test := range []struct {
		name   string
		power  map[string]string
		change func(*w1Bus, *bustest.Tree)
		want   int // conversions for three readings of each
	}{
		{"together", three, nil, 3},
		{"one on parasitic power", map[string]string{"28-1": "1", "28-2": "0", "10-3": "1"}, nil, 9},
		{"alone", map[string]string{"28-1": "1"}, nil, 3},
		{"a family that does not", map[string]string{"42-1": "1", "42-2": "1"}, nil, 6},
		{"one of that family among others", map[string]string{"28-1": "1", "28-2": "1", "42-3": "1"}, nil, 6},
		{"not allowed to write", three, func(_ *w1Bus, tree *bustest.Tree) { tree.OnWrite = nil }, 9},
		{"an older kernel", three, func(k *w1Bus, _ *bustest.Tree) { delete(k.MapFS, w1Master+"/therm_bulk_read") }, 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kernel, tree := newW1Bus(test.power)
				if test.change != nil {
					test.change(kernel, tree)
				}
				var all []Sensor
				for _, id := range slices.Sorted(maps.Keys(test.power)) {
					s, err := openW1(t.Context(), &bus.Slot{Root: tree, ID: id})
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, s)
				}
				for range 3 {
					for _, s := range all {
						began, out := time.Now(), make([]float64, 1)
						if err := s.Measure(t.Context(), out); err != nil || out[0] != 25.062 {
							t.Fatal(out, err)
						}
						at := s.(Timed).Measured()
						if at.After(began) || began.Sub(at) > w1Shared {
							t.Errorf("measured at %v, and read at %v", at, began)
						}
					}
					time.Sleep(10 * time.Second)
				}
				if kernel.conversions != test.want {
					t.Errorf("%d conversions, want %d", kernel.conversions, test.want)
				}
			})
		})
	}
}

// One that is read more often than the others converts anew each time.
func TestW1TakesNoConversionTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel, tree := newW1Bus(map[string]string{"28-1": "1", "28-2": "1"})
		s, err := openW1(t.Context(), &bus.Slot{Root: tree, ID: "28-1"})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := s.Measure(t.Context(), make([]float64, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if kernel.conversions != 3 {
			t.Errorf("%d conversions for 3 readings", kernel.conversions)
		}
	})
}

func TestW1Find(t *testing.T) {
	tree := w1Tree(map[string]string{
		"28-0000070e41ac/w1_slave":  slave(padOf(0x0191), 25062),
		"28-0000070e41ac/id":        "\x28\xac\x41\x0e\x07\x00\x00\x74", // periph.io ds18b20_test.go
		"10-000000000001/w1_slave":  slave(padOf(0x0191), 25062),
		"10-000000000001/ext_power": "0\n",
		"28-0000070e41ad/w1_slave":  slave(padOf(0x0191), 25062),
		"28-0000070e41ad/id":        "\x28\xad\x41\x0e\x07\x00\x00\x74",
		"3b-000000000002/name":      "3b-000000000002",
		"29-000000000003/state":     "a switch",
	})
	want := []Found{
		{Model: "DS18S20", Serial: "000000000001", ID: "10-000000000001", Certain: true, Note: "powered by the data line: give it 3.3 V of its own if you can"},
		{Model: "DS18B20", Serial: "0000070e41ac", ID: "28-0000070e41ac", Certain: true},
		{Model: "DS18B20", Serial: "0000070e41ad", ID: "28-0000070e41ad", Note: "it does not answer with a valid checksum: check cable and supply"},
		{Model: "DS1825", Serial: "000000000002", ID: "3b-000000000002", Note: "the kernel's driver is not loaded: sudo modprobe w1_therm"},
	}
	if got := findW1(tree); !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%+v, want\n%+v", got, want)
	}
	if got := findW1(fstest.MapFS{}); got != nil {
		t.Errorf("without 1-Wire: %v", got)
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

package driver

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

const iioDir = "sys/bus/iio/devices/iio:device0/"

// A vector is files of a chip, name=content, with spaces between them.
var _ = vectors("iio", 1e-6, func(in string) ([]float64, error) {
	files := map[string]string{iioDir + "name": "chip"}
	for f := range strings.FieldsSeq(in) {
		name, data, _ := strings.Cut(f, "=")
		files[iioDir+name] = data + "\n"
	}
	s, err := openIIO(context.Background(), &bus.Slot{Root: sysTree(files), Options: map[string]string{}})
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(s.(Channeler).Channels()))
	return out, s.Measure(context.Background(), out)
},
	vector{in: "in_temp_input=21400", want: []float64{21.4}, source: "Linux sysfs-bus-iio, temp in m°C"},
	vector{in: "in_humidityrelative_input=43700", want: []float64{43.7}, source: "Linux sysfs-bus-iio, humidityrelative in m%"},
	vector{in: "in_pressure_input=100.265625", want: []float64{1002.65625}, source: "Linux sysfs-bus-iio, pressure in kPa"},
	vector{in: "in_illuminance_raw=1456 in_illuminance_scale=0.833333", want: []float64{1213.332848}, source: "formula, sysfs-bus-iio: raw × scale, lx"},
	vector{in: "in_voltage0_raw=1000 in_voltage0_scale=2", want: []float64{2}, source: "formula, sysfs-bus-iio: raw × scale, mV"},
	vector{in: "in_current1_raw=-250 in_current_scale=1.000000000", want: []float64{-0.25}, source: "formula, sysfs-bus-iio: raw × scale, mA"},
	vector{in: "in_power2_raw=100 in_power2_scale=20", want: []float64{2}, source: "formula, sysfs-bus-iio: raw × scale, mW"},
	vector{in: "in_temp_raw=400 in_temp_offset=-236.5 in_temp_scale=100", want: []float64{16.35}, source: "formula, sysfs-bus-iio: (raw + offset) × scale, m°C"},
	vector{in: "in_resistance_raw=5 in_resistance_scale=2000", want: []float64{10000}, source: "formula, sysfs-bus-iio, Ω"},
	vector{in: "in_concentration_co2_raw=556 in_concentration_co2_scale=0.000100000", want: []float64{556}, source: "formula, sysfs-bus-iio: percent"},
	vector{in: "in_massconcentration_pm2p5_input=12.3", want: []float64{12.3}, source: "Linux sysfs-bus-iio, µg/m³"},
	vector{in: "in_distance_raw=1230 in_distance_scale=0.001", want: []float64{1230}, source: "Linux sysfs-bus-iio, m"},
	vector{in: "in_anglvel_x_raw=1000 in_anglvel_scale=0.001064724", want: []float64{61.0042}, within: 1e-3, source: "formula, sysfs-bus-iio, rad/s"},
	vector{in: "in_temp_input=warm", source: "Linux sysfs-bus-iio"},
	vector{in: "in_temp_input=nan", source: "Linux sysfs-bus-iio"},
	vector{in: "in_temp_raw=5", source: "sysfs-bus-iio: a raw value without scale has no unit"},
	vector{in: "in_temp_raw=1e308 in_temp_scale=1e308", source: "more than a number holds"},
)

// iioChipsOf is what overlays for a DHT, a BME280 and an ADS1115 show.
var iioBoard = map[string]string{
	"sys/bus/iio/devices/iio:device0":                                    "-> ../../../devices/platform/dht11@4/iio:device0",
	"sys/devices/platform/dht11@4/iio:device0/name":                      "dht11@4\n",
	"sys/devices/platform/dht11@4/iio:device0/in_temp_input":             "21400\n",
	"sys/devices/platform/dht11@4/iio:device0/in_humidityrelative_input": "43700\n",
	"sys/bus/iio/devices/iio:device1":                                    "-> ../../../devices/i2c-1/1-0048/iio:device1",
	"sys/devices/i2c-1/1-0048/iio:device1/name":                          "ads1015\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage0_raw":               "1000\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage0_scale":             "2\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage0_label":             "battery\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage1_raw":               "500\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage1_scale":             "2\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage0-voltage1_raw":      "-3\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage0-voltage1_scale":    "3\n",
	"sys/devices/i2c-1/1-0048/iio:device1/in_voltage_sampling_frequency": "1600\n",
	"sys/bus/iio/devices/iio:device2":                                    "-> ../../../devices/i2c-1/1-0049/iio:device2",
	"sys/devices/i2c-1/1-0049/iio:device2/name":                          "ads1015\n",
	"sys/devices/i2c-1/1-0049/iio:device2/in_voltage0_raw":               "7\n",
	"sys/bus/iio/devices/iio:device3":                                    "-> ../../../devices/i2c-1/1-005a/iio:device3",
	"sys/devices/i2c-1/1-005a/iio:device3/name":                          "mlx90614\n",
	"sys/devices/i2c-1/1-005a/iio:device3/in_temp_ambient_raw":           "14700\n",
	"sys/devices/i2c-1/1-005a/iio:device3/in_temp_object_raw":            "15000\n",
	"sys/devices/i2c-1/1-005a/iio:device3/in_temp_offset":                "-13657.5\n",
	"sys/devices/i2c-1/1-005a/iio:device3/in_temp_scale":                 "20\n",
	"sys/bus/iio/devices/iio:device4":                                    "-> ../../../devices/i2c-1/1-0076/iio:device4",
	"sys/devices/i2c-1/1-0076/iio:device4/name":                          "bme280\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_temp_input":                 "23720\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_temp_raw":                   "1\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_temp_scale":                 "1\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_pressure_input":             "100.942\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_illuminance_ir_raw":         "1\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_intensity_both_raw":         "1\n",
	"sys/devices/i2c-1/1-0076/iio:device4/in_temp_mean_x_raw":            "1\n",
}

func measureIIO(t *testing.T, root fs.FS, id, values string) (map[reading.Quantity]float64, error) {
	t.Helper()
	s, err := openIIO(t.Context(), &bus.Slot{Root: root, ID: id, Options: map[string]string{"values": values}})
	return kernelValuesOf(t, s, err)
}

func TestIIOMeasures(t *testing.T) {
	for _, test := range []struct {
		id, values string
		want       map[reading.Quantity]float64
	}{
		{"dht11@4", "", map[reading.Quantity]float64{"temperature": 21.4, "humidity": 43.7}},
		{"iio:device0", "", map[reading.Quantity]float64{"temperature": 21.4, "humidity": 43.7}},
		{"ads1015@1-0048", "", map[reading.Quantity]float64{"voltage_0": 2, "voltage_1": 1, "voltage_01": -0.009}},
		{"ads1015@1-0048", "battery=voltage_battery*11", map[reading.Quantity]float64{"voltage_battery": 22}},
		{"ads1015@1-0048", "voltage0-voltage1=voltage", map[reading.Quantity]float64{"voltage": -0.009}},
		{"mlx90614", "", map[reading.Quantity]float64{"temperature_ambient": 20.85, "temperature_object": 26.85}},
		{"bme280", "", map[reading.Quantity]float64{"temperature": 23.72, "pressure": 1009.42}},
	} {
		got, err := measureIIO(t, sysTree(iioBoard), test.id, test.values)
		same := maps.EqualFunc(got, test.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if err != nil || !same {
			t.Errorf("%s %q: %v, %v; want %v", test.id, test.values, got, err, test.want)
		}
	}
}

func TestIIOFails(t *testing.T) {
	for _, test := range []struct {
		root       fs.FS
		id, values string
		want       string
	}{
		{fstest.MapFS{}, "", "", "dtoverlay=dht11,gpiopin=4"},
		{sysTree(iioBoard), "", "", "with id: ads1015@1-0048, ads1015@1-0049, bme280, dht11@4, mlx90614"},
		{sysTree(iioBoard), "ads1015@1-0049", "", "no values"},
		{sysTree(iioBoard), "bme280", "humidityrelative=humidity", `has no "humidityrelative"; it has pressure, temp`},
	} {
		if _, err := measureIIO(t, test.root, test.id, test.values); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: error %v, want %q in it", test.id, test.values, err, test.want)
		}
	}
}

func TestIIOFind(t *testing.T) {
	want := []Found{
		{Model: "ads1015", ID: "ads1015@1-0048", Certain: true, Note: "has voltage0-voltage1, voltage0 (battery), voltage1"},
		{Model: "bme280", ID: "bme280", Certain: true, Note: "has pressure, temp"},
		{Model: "dht11@4", ID: "dht11@4", Certain: true, Note: "has humidityrelative, temp"},
		{Model: "mlx90614", ID: "mlx90614", Certain: true, Note: "has temp_ambient, temp_object"},
	}
	if got := findIIO(sysTree(iioBoard)); !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%+v, want\n%+v", got, want)
	}
}

// deaf is a DHT that is not heard the first times.
type deaf struct {
	fstest.MapFS
	err  error
	left int
	asks []time.Time
}

// ReadFile implements [fs.ReadFileFS].
func (d *deaf) ReadFile(name string) ([]byte, error) {
	if strings.HasSuffix(name, "in_humidityrelative_input") {
		d.asks = append(d.asks, time.Now())
		if d.left > 0 {
			d.left--
			return nil, &fs.PathError{Op: "read", Path: name, Err: d.err}
		}
	}
	return d.MapFS.ReadFile(name)
}

func TestIIOAsksADHTAgain(t *testing.T) {
	for _, test := range []struct {
		err        error
		times      int
		asks       int
		successful bool
	}{
		{syscall.EIO, 1, 2, true},
		{syscall.ETIMEDOUT, 2, 3, true},
		{syscall.ETIMEDOUT, 3, 3, false},
		{syscall.ENODEV, 1, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			root := &deaf{MapFS: sysTree(iioBoard), err: test.err, left: test.times}
			got, err := measureIIO(t, root, "dht11@4", "")
			if test.successful != (err == nil) || err != nil && !errors.Is(err, test.err) || len(root.asks) != test.asks {
				t.Errorf("%v %d times: %v, %v after %d", test.err, test.times, got, err, len(root.asks))
			}
			for i := 1; i < len(root.asks); i++ {
				if root.asks[i].Sub(root.asks[i-1]) < 2*time.Second {
					t.Errorf("asked again after %v", root.asks[i].Sub(root.asks[i-1]))
				}
			}
		})
	}
}

// Industrial I/O: chips whose driver is the kernel's, loaded by an overlay.
//
//	chip       any with a driver in drivers/iio: DHT11 and DHT22, BME280, SHT3x, ADS1115 …
//	bus        /sys/bus/iio/devices/iio:device*
//	reference  Linux: Documentation/ABI/testing/sysfs-bus-iio

package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// iioKind is a kind of value, by its type and, where one type has several
// quantities, its modifier.
type iioKind struct {
	quantity reading.Quantity
	factor   float64 // from the ABI's unit to the quantity's
}

// iioKinds are sysfs-bus-iio's, by "type" or "type_modifier".
var iioKinds = map[string]iioKind{
	"temp":                    {reading.Temperature, 1e-3}, // m°C
	"humidityrelative":        {reading.Humidity, 1e-3},    // m%
	"pressure":                {reading.Pressure, 10},      // kPa
	"illuminance":             {reading.Illuminance, 1},    // lx
	"voltage":                 {reading.Voltage, 1e-3},     // mV
	"current":                 {reading.Current, 1e-3},     // mA
	"power":                   {reading.Power, 1e-3},       // mW
	"energy":                  {reading.Energy, 1 / 3.6e6}, // J
	"resistance":              {reading.Resistance, 1},     // Ω
	"concentration_co2":       {reading.CarbonDioxide, 1e4},
	"concentration_voc":       {reading.VOCParts, 1e7}, // both are %
	"massconcentration_pm1":   {reading.PM1, 1},        // µg/m³
	"massconcentration_pm2p5": {reading.PM25, 1},
	"massconcentration_pm4":   {reading.PM4, 1},
	"massconcentration_pm10":  {reading.PM10, 1},
	"distance":                {reading.Distance, 1e3},                  // m
	"accel":                   {reading.Acceleration, 1},                // m/s²
	"anglvel":                 {reading.AngularVelocity, 180 / math.Pi}, // rad/s
	"count":                   {reading.Count, 1},
}

var _ = register(Driver{
	Name:      "iio",
	Title:     "A chip with a driver of the kernel's, by Industrial I/O",
	Datasheet: "Linux Documentation/ABI/testing/sysfs-bus-iio",
	Bus:       bus.Sysfs,
	Channels:  iioChannels(),
	Dynamic:   true,
	Options: []Option{{Name: "values", Doc: "Which of its values, and what they are called: \"voltage0=voltage_battery*11\", by the names of their " +
		"files without in_ and _raw or by their labels; all, if left out."}},
	Wiring: "DHT11, DHT22 and AM2302: data to a GPIO, with 4.7 to 10 kΩ from data to 3.3 V, VDD to 3.3 V; then the line " +
		"dtoverlay=dht11,gpiopin=4 in /boot/firmware/config.txt and a restart.",
	Notes: "The key id is the chip's name (dht11@4, bme280), name@device where there are several of that name, or its folder; gateway scan lists them. " +
		"A DHT that is not heard well gives EIO or ETIMEDOUT: it is asked again after 2 s, twice; the kernel reads it every 2 s at most. " +
		"DHT11 of a kind that has tenths of a degree are not understood by the kernel (its log says: don't know how to decode data). " +
		"Other overlays: dtoverlay=i2c-sensor,bme280 and so on, see dtoverlay -h i2c-sensor.",
	Open:  openIIO,
	Check: checkValues,
	Find:  findIIO,
})

func iioChannels() []Channel {
	var all []Channel
	for _, k := range iioKinds {
		all = append(all, channelOf(k.quantity))
	}
	slices.SortFunc(all, func(a, b Channel) int { return strings.Compare(string(a.Quantity), string(b.Quantity)) })
	return all
}

// iio is a chip.
type iio struct{ *kernelSensor }

func openIIO(_ context.Context, slot *bus.Slot) (Sensor, error) {
	chip, err := chooseChip(iioChips(slot.Root), slot.ID, "IIO chip",
		"load its driver with an overlay, for example dtoverlay=dht11,gpiopin=4 in /boot/firmware/config.txt, and restart")
	if err != nil {
		return nil, err
	}
	all := iioValues(slot.Root, chip)
	if len(all) == 0 {
		return nil, fmt.Errorf("/%s (%s): %w", chip.dir, chip.name, errNoValues)
	}
	s, err := openKernelSensor("/"+chip.dir+" ("+chip.name+")", all, slot.Options["values"])
	if err != nil {
		return nil, err
	}
	return iio{s}, nil
}

// A DHT that was not heard is asked again, after the time it needs.
const (
	iioAttempts = 3
	iioPause    = 2 * time.Second // DHT22 datasheet, section 7: between two readings
)

// Measure implements [Sensor].
func (s iio) Measure(ctx context.Context, out []float64) error {
	for attempt := 1; ; attempt++ {
		err := s.kernelSensor.Measure(ctx, out)
		if attempt == iioAttempts || !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ETIMEDOUT) {
			return err
		}
		if wait := bus.Wait(ctx, iioPause); wait != nil {
			return wait
		}
	}
}

// iioChips are the chips. Their folder is a link into that of the device they
// are on.
func iioChips(root fs.FS) []kernelChip {
	return kernelChips(root, "sys/bus/iio/devices/iio:device*", "name", func(dir string) string {
		to, err := fs.ReadLink(root, dir)
		if err != nil {
			return ""
		}
		return path.Base(path.Dir(to))
	})
}

func findIIO(root fs.FS) []Found {
	return kernelFound(iioChips(root), func(c kernelChip) []kernelValue { return iioValues(root, c) })
}

// iioName takes apart in_voltage0-voltage3_raw, in_temp_ambient_input: type,
// number, number of the negative side, modifier, and which of the two it is.
var iioName = regexp.MustCompile(`^in_([a-z]+)([0-9]*)(?:-[a-z]+([0-9]+))?(?:_([a-z0-9]+))?_(raw|input)$`)

// iioValues are the values of a chip, by name.
func iioValues(root fs.FS, chip kernelChip) []kernelValue {
	entries, _ := fs.ReadDir(root, chip.dir)
	var all []kernelValue
	for _, e := range entries {
		if m := iioName.FindStringSubmatch(e.Name()); m != nil {
			if v, ok := iioValue(root, chip, m); ok && !slices.ContainsFunc(all, func(o kernelValue) bool { return o.key == v.key }) {
				all = append(all, v) // _input stands before _raw and counts
			}
		}
	}
	return all
}

func iioValue(root fs.FS, chip kernelChip, m []string) (kernelValue, bool) {
	kind, number, negative, modifier := m[1], m[2], m[3], m[4]
	k, ok := iioKinds[kind+"_"+modifier]
	part := number + negative // voltage0-voltage3 is voltage_03
	if !ok {
		if k, ok = iioKinds[kind]; !ok {
			return kernelValue{}, false
		}
		part = strings.Trim(modifier+"_"+part, "_")
	}
	if part != "" && !reading.IsPart(part) {
		return kernelValue{}, false // a modifier that means something else: in_illuminance_ir
	}
	key := strings.TrimSuffix(strings.TrimPrefix(m[0], "in_"), "_"+m[5])
	v := kernelValue{key: key, quantity: k.quantity, part: part, always: modifier != "" && part != number+negative}
	v.label, _ = text(root, path.Join(chip.dir, "in_"+key+"_label"))
	file := path.Join(chip.dir, m[0])
	if m[5] == "input" {
		v.read = func() (float64, error) {
			x, err := kernelNumber(root, file)
			return x * k.factor, err
		}
		return v, true
	}
	shared := []string{key, kind + number, kind}
	if negative != "" {
		shared = []string{key, kind + "-" + kind, kind}
	}
	if modifier != "" {
		shared = append(shared, kind+"_"+modifier)
	}
	scale := iioFile(root, chip, shared, "scale")
	if scale == "" && k.quantity != reading.Count {
		return kernelValue{}, false // a number without a unit
	}
	offset := iioFile(root, chip, shared, "offset")
	v.read = func() (float64, error) { return iioProcessed(root, file, offset, scale, k.factor) }
	return v, true
}

// iioFile returns the file of what a value has of its own or shares with
// others, "" if there is none.
func iioFile(root fs.FS, chip kernelChip, names []string, what string) string {
	for _, name := range names {
		file := path.Join(chip.dir, "in_"+name+"_"+what)
		if _, err := fs.Stat(root, file); err == nil {
			return file
		}
	}
	return ""
}

// iioProcessed is (raw + offset) × scale, sysfs-bus-iio, in the quantity's
// unit. They are read each time: a chip that finds its range by itself
// changes its scale.
func iioProcessed(root fs.FS, raw, offset, scale string, factor float64) (float64, error) {
	x, err := kernelNumber(root, raw)
	if err != nil {
		return 0, err
	}
	if offset != "" {
		o, err := kernelNumber(root, offset)
		if err != nil {
			return 0, err
		}
		x += o
	}
	if scale != "" {
		s, err := kernelNumber(root, scale)
		if err != nil {
			return 0, err
		}
		x *= s
	}
	if x *= factor; math.IsInf(x, 0) {
		return 0, fmt.Errorf("/%s is too large a number", raw)
	}
	return x, nil
}

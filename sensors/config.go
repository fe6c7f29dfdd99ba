package sensors

import (
	"cmp"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// Config is the sensors part of the configuration.
type Config struct {
	// Site is the first level of every topic made here; default the host name.
	Site string `yaml:"site"`
	// Sensors are the devices to read.
	Sensors []SensorConfig `yaml:"sensors"`
	// Buses say more about buses that sensors are on.
	Buses []BusConfig `yaml:"buses"`
}

// BusConfig is a bus whose power can be switched.
type BusConfig struct {
	// Name is that of the bus, "i2c-1".
	Name string `yaml:"name"`
	// PowerPin is the GPIO line of a switch through which the chips of the bus
	// have their power. When they all have been silent for a minute, it is
	// turned off for a moment; at most every ten minutes. Nobody drives the line
	// at other times: a resistor keeps the switch on.
	PowerPin string `yaml:"power_pin"`
	// PowerActiveLow is for a switch that is on while its line is low.
	PowerActiveLow bool `yaml:"power_active_low"`
}

// SensorConfig is one physical device.
type SensorConfig struct {
	// Driver is the name of the driver, see gateway drivers.
	Driver string `yaml:"driver"`
	// Room is the second level of its topic.
	Room string `yaml:"room"`
	// Name is the third level of its topic; default the driver's name.
	Name string `yaml:"name"`

	// Bus is the bus it is attached to: default i2c-1, spi0.0 or w1, as the
	// driver needs. Sensors of one bus are read one after the other.
	Bus string `yaml:"bus"`
	// Address is its I²C address; default the driver's usual one.
	Address uint16 `yaml:"address"`
	// ID says which of several it is: a 1-Wire id, a chip of hwmon or IIO.
	ID string `yaml:"id"`
	// Pin is its GPIO line, "17" or "GPIO17".
	Pin string `yaml:"pin"`
	// Pins are its GPIO lines if it needs several, by the driver's names.
	Pins map[string]string `yaml:"pins"`
	// Port is its serial port, /dev/ttyUSB0 or tcp://host:port.
	Port string `yaml:"port"`
	// Serial is how the port is set up; default as the driver needs.
	Serial SerialConfig `yaml:"serial"`
	// UnitID is the address of a Modbus slave.
	UnitID uint8 `yaml:"unit_id"`
	// Options are settings of the driver, see gateway drivers NAME.
	Options map[string]string `yaml:"options"`

	// Interval is the time between two readings that are published; default
	// 10s, or what the driver needs at least.
	Interval time.Duration `yaml:"interval"`
	// Sample is the time between two measurements, which pass through the
	// filters, if it is not Interval; default what the driver needs.
	Sample time.Duration `yaml:"sample"`
	// StaleAfter is the age at which its last reading is no longer current;
	// default three intervals.
	StaleAfter time.Duration `yaml:"stale_after"`
	// CompensateFrom is the sensor that tells of the air around this one,
	// "room/name", for drivers that compensate and for Derive.
	CompensateFrom string `yaml:"compensate_from"`
	// Derive are quantities to calculate: dew_point, absolute_humidity,
	// sea_level_pressure.
	Derive []string `yaml:"derive"`
	// Altitude is that of the sensor above the sea, m, for sea_level_pressure.
	Altitude float64 `yaml:"altitude"`
	// Filters are what happens to each quantity, by its name.
	Filters map[string]FilterConfig `yaml:"filters"`

	// Publish is every (each reading) or on_change.
	Publish string `yaml:"publish"`
	// Heartbeat is the time after which a reading that has not changed is
	// published all the same; default 10m.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Values publishes each value as a plain number too, on
	// site/room/sensor/<quantity>.
	Values bool `yaml:"values"`
}

// SerialConfig is how a serial port is set up. Zero fields are as the driver
// needs them.
type SerialConfig struct {
	Baud     int    `yaml:"baud"`
	DataBits int    `yaml:"data_bits"`
	Parity   string `yaml:"parity"` // none, even or odd
	StopBits int    `yaml:"stop_bits"`
}

// FilterConfig is what happens to one quantity of a sensor, in the order of
// the fields. Names and meanings are ESPHome's.
type FilterConfig struct {
	// Clamp bounds the value, or drops what is out of bounds.
	Clamp *ClampConfig `yaml:"clamp"`
	// Median is the median of the last measurements.
	Median *WindowConfig `yaml:"median"`
	// Multiply and Offset correct the value: value × Multiply + Offset.
	Multiply *float64 `yaml:"multiply"`
	Offset   float64  `yaml:"offset"`
	// CalibrateLinear are points "measured -> true". Two make a line; more are
	// joined by lines, the outermost going on.
	CalibrateLinear []string `yaml:"calibrate_linear"`
	// CalibratePolynomial fits a polynomial to such points.
	CalibratePolynomial *PolynomialConfig `yaml:"calibrate_polynomial"`
	// As is another quantity that the value is by now: moisture, of a voltage.
	As string `yaml:"as"`
	// Unit is another unit: °F. The quantity gets its name behind it.
	Unit string `yaml:"unit"`
	// SlidingWindowMovingAverage is the mean of the last measurements.
	SlidingWindowMovingAverage *WindowConfig `yaml:"sliding_window_moving_average"`
	// ExponentialMovingAverage weighs them the less the older they are.
	ExponentialMovingAverage *AverageConfig `yaml:"exponential_moving_average"`
	// Round is the number of decimals; default what the chip can tell.
	Round *int `yaml:"round"`
	// Delta is how much the value has to change for on_change; default any
	// change that is left after Round.
	Delta float64 `yaml:"delta"`
	// Internal keeps the value from being published; it can be derived from.
	Internal bool `yaml:"internal"`
}

// ClampConfig bounds a value.
type ClampConfig struct {
	MinValue *float64 `yaml:"min_value"`
	MaxValue *float64 `yaml:"max_value"`
	// IgnoreOutOfRange drops a value out of bounds in place of bounding it.
	IgnoreOutOfRange bool `yaml:"ignore_out_of_range"`
}

// WindowConfig is a number of measurements.
type WindowConfig struct {
	WindowSize int `yaml:"window_size"`
}

// AverageConfig is the weight of the newest measurement, above 0 to 1.
type AverageConfig struct {
	Alpha float64 `yaml:"alpha"`
}

// PolynomialConfig is a polynomial through points "measured -> true".
type PolynomialConfig struct {
	Degree     int      `yaml:"degree"`
	Datapoints []string `yaml:"datapoints"`
}

// The policies of publishing.
const (
	PublishEvery    = "every"
	PublishOnChange = "on_change"
)

// What is used where the configuration is silent.
const (
	DefaultInterval  = 10 * time.Second
	DefaultHeartbeat = 10 * time.Minute
	defaultI2C       = "i2c-1"
	defaultSPI       = "spi0.0"
	defaultOneWire   = "w1"
	fallbackSite     = "gateway" // for a host without a usable name
	staleIntervals   = 3
)

// Default returns the configuration of a gateway nobody has configured: the
// machine it runs on.
func Default() Config {
	return Config{Sensors: []SensorConfig{{Driver: "host", Room: "gateway", Name: "host"}}}
}

// WithDefaults returns c with everything filled in that was left out and is
// not specific to a driver's Open. The slice of sensors is a copy. Whatever
// is wrong in c stays as it is, for Validate.
func (c Config) WithDefaults(hostname string) Config {
	if c.Site == "" {
		c.Site = siteOf(hostname)
	}
	sensors := make([]SensorConfig, len(c.Sensors))
	for i, s := range c.Sensors {
		sensors[i] = s.withDefaults()
	}
	c.Sensors = sensors
	return c
}

// Only returns c, defaults filled in, with the sensors that pick tells and those
// that they are compensated by, in their order. c is not changed.
func (c Config) Only(pick func(SensorConfig) bool) Config {
	at := make(map[string]int)
	for i, s := range c.Sensors {
		at[absolute(c.Site, s.Room+"/"+s.Name)] = i
	}
	kept := make([]bool, len(c.Sensors))
	for i, s := range c.Sensors {
		for ok := pick(s); ok && !kept[i]; {
			kept[i] = true
			i, ok = at[absolute(c.Site, c.Sensors[i].CompensateFrom)]
		}
	}
	var some []SensorConfig
	for i, s := range c.Sensors {
		if kept[i] {
			some = append(some, s)
		}
	}
	c.Sensors = some
	return c
}

func (s SensorConfig) withDefaults() SensorConfig {
	d, known := driver.Lookup(s.Driver)
	if s.Name == "" {
		s.Name = s.Driver
	}
	if known {
		s = s.withDriver(d)
	}
	if s.Interval == 0 {
		s.Interval = max(DefaultInterval, d.MinPeriod)
	}
	if s.Sample == 0 {
		s.Sample = d.Sample
	}
	if s.StaleAfter == 0 {
		s.StaleAfter = staleIntervals * s.Interval
	}
	if s.Publish == "" {
		s.Publish = PublishEvery
	}
	if s.Heartbeat == 0 && s.Publish == PublishOnChange {
		s.Heartbeat = DefaultHeartbeat
	}
	return s
}

// withDriver fills in where d is attached. Names of the same bus become equal.
func (s SensorConfig) withDriver(d driver.Driver) SensorConfig {
	switch d.Bus {
	case bus.I2C:
		s.Bus = i2cName(s.Bus)
		if s.Address == 0 && len(d.Addrs) > 0 {
			s.Address = d.Addrs[0]
		}
	case bus.SPI:
		s.Bus = cmp.Or(strings.TrimPrefix(strings.TrimPrefix(s.Bus, "/dev/spidev"), "spi"), strings.TrimPrefix(defaultSPI, "spi"))
		s.Bus = "spi" + s.Bus
	case bus.OneWire:
		s.Bus = cmp.Or(s.Bus, defaultOneWire)
	case bus.GPIO:
		s.Pins = s.lines(d)
	case bus.Serial, bus.Modbus:
		s.Serial = s.Serial.withDefaults(d.Serial)
	}
	return s
}

// lines are the GPIO lines by the driver's names, Pin among them.
func (s SensorConfig) lines(d driver.Driver) map[string]string {
	all := make(map[string]string)
	for name, line := range s.Pins {
		all[name] = bus.LineName(line)
	}
	if s.Pin != "" && len(d.Pins) > 0 {
		all[d.Pins[0].Name] = bus.LineName(s.Pin)
	}
	return all
}

func (c SerialConfig) withDefaults(d bus.SerialMode) SerialConfig {
	return SerialConfig{
		Baud:     cmp.Or(c.Baud, d.Baud, 9600),
		DataBits: cmp.Or(c.DataBits, d.DataBits, 8),
		Parity:   cmp.Or(c.Parity, d.Parity, "none"),
		StopBits: cmp.Or(c.StopBits, d.StopBits, 1),
	}
}

func (c SerialConfig) mode() bus.SerialMode { return bus.SerialMode(c) }

// i2cName returns the one name of an I²C bus, which people also write as
// /dev/i2c-1 or 1.
func i2cName(s string) string {
	s = strings.TrimPrefix(s, "/dev/")
	switch {
	case s == "":
		return defaultI2C
	case strings.Trim(s, "0123456789") == "":
		return "i2c-" + s
	}
	return s
}

// siteOf makes a topic level of a host name.
func siteOf(hostname string) string {
	clean := strings.Map(func(r rune) rune {
		if reading.CheckLevel(string(r)) != nil {
			return '-'
		}
		return r
	}, strings.TrimLeft(hostname, "$"))
	for reading.CheckLevel(clean) != nil && clean != "" {
		clean = clean[:len(clean)-1] // too long, or cut within a letter
	}
	if clean == "" {
		return fallbackSite
	}
	return clean
}

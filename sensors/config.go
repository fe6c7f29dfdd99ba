package sensors

import (
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
}

// SensorConfig is one physical device.
type SensorConfig struct {
	// Driver is the name of the driver, see gateway drivers.
	Driver string `yaml:"driver"`
	// Room is the second level of its topic.
	Room string `yaml:"room"`
	// Name is the third level of its topic; default the driver's name.
	Name string `yaml:"name"`
	// Bus is the bus it is attached to; default i2c-1 for I²C drivers. Sensors
	// of one bus are read one after the other.
	Bus string `yaml:"bus"`
	// Address is its I²C address; default the driver's usual one.
	Address uint16 `yaml:"address"`
	// ID is its 1-Wire id; default the only device there.
	ID string `yaml:"id"`
	// Interval is the time between two readings; default 10s, or what the
	// driver needs at least.
	Interval time.Duration `yaml:"interval"`
	// StaleAfter is the age at which its last reading is no longer current;
	// default three intervals.
	StaleAfter time.Duration `yaml:"stale_after"`
	// Values publishes each value as a plain number too, on
	// site/room/sensor/<quantity>.
	Values bool `yaml:"values"`
	// Options are settings of the driver, see gateway drivers NAME.
	Options map[string]string `yaml:"options"`
}

// What is used where the configuration is silent.
const (
	DefaultInterval = 10 * time.Second
	defaultI2C      = "i2c-1"
	defaultOneWire  = "w1"
	fallbackSite    = "gateway" // for a host without a usable name
	staleIntervals  = 3
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

func (s SensorConfig) withDefaults() SensorConfig {
	d, known := driver.Lookup(s.Driver)
	if s.Name == "" {
		s.Name = s.Driver
	}
	switch {
	case !known:
	case d.Bus == bus.I2C:
		s.Bus = i2cName(s.Bus)
		if s.Address == 0 && len(d.Addrs) > 0 {
			s.Address = d.Addrs[0]
		}
	case d.Bus == bus.OneWire && s.Bus == "":
		s.Bus = defaultOneWire
	}
	if s.Interval == 0 {
		s.Interval = max(DefaultInterval, d.MinPeriod)
	}
	if s.StaleAfter == 0 {
		s.StaleAfter = staleIntervals * s.Interval
	}
	return s
}

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

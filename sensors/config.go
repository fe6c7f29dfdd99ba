package sensors

import (
	"time"
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
	// Interval is the time between two readings, s; default 10s, or what the
	// driver needs at least.
	Interval time.Duration `yaml:"interval"`
	// StaleAfter is the age at which its last reading is no longer current, s;
	// default three intervals.
	StaleAfter time.Duration `yaml:"stale_after"`
	// Values publishes each value as a plain number too, on
	// site/room/sensor/<quantity>.
	Values bool `yaml:"values"`
	// Options are settings of the driver, see gateway drivers NAME.
	Options map[string]string `yaml:"options"`
}

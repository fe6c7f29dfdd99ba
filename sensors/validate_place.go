package sensors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway/sensors/bus"
	"gateway/sensors/bus/modbus"
	"gateway/sensors/driver"
)

// validatePlace checks where the sensor is attached: that nothing is missing
// that its driver needs, and nothing is said that means nothing to it.
func (s SensorConfig) validatePlace(key string, d driver.Driver) error {
	errs := s.superfluous(key, d)
	switch d.Bus {
	case bus.I2C:
		if !isI2CName(i2cName(s.Bus)) {
			errs = append(errs, fmt.Errorf("%s.bus: %q is not an I²C bus; write i2c-1 for /dev/i2c-1", key, s.Bus))
		}
		if s.Address != 0 && !slices.Contains(d.Addrs, s.Address) {
			errs = append(errs, fmt.Errorf("%s.address: %#02x is not an address of %s (%s)%s", key, s.Address, d.Name, orList(hexAll(d.Addrs)), meantHex(s.Address, d.Addrs)))
		}
	case bus.SPI:
		if full := s.withDriver(d).Bus; !isSPIName(full) {
			errs = append(errs, fmt.Errorf("%s.bus: %q is not a chip select of SPI; write spi0.0 for /dev/spidev0.0", key, s.Bus))
		}
	case bus.GPIO:
		errs = append(errs, s.validatePins(key, d)...)
	case bus.Serial:
		errs = append(errs, s.validatePort(key, d)...)
	case bus.Modbus:
		errs = append(errs, s.validatePort(key, d)...)
		if _, err := modbus.New(s.Port, modbus.Options{}); err != nil && s.Port != "" {
			errs = append(errs, fmt.Errorf("%s.port: %w", key, err))
		}
		tcp := strings.HasPrefix(s.Port, "tcp://")
		if s.UnitID > 247 && !(tcp && s.UnitID == 255) || s.UnitID == 0 && !tcp {
			errs = append(errs, fmt.Errorf("%s.unit_id: %d is not the address of a slave, 1 to 247", key, s.UnitID))
		}
	}
	return errors.Join(errs...)
}

// superfluous finds keys that mean nothing to a driver.
func (s SensorConfig) superfluous(key string, d driver.Driver) []error {
	serial := d.Bus == bus.Serial || d.Bus == bus.Modbus
	var errs []error
	for _, k := range []struct {
		name       string
		said, fits bool
		why        string
	}{
		{"bus", s.Bus != "", d.Bus == bus.I2C || d.Bus == bus.SPI || d.Bus == bus.OneWire, "is not attached to a bus"},
		{"address", s.Address != 0, d.Bus == bus.I2C, "has no I²C address"},
		{"id", s.ID != "", d.Bus == bus.OneWire || d.Bus == bus.Sysfs, "has no id"},
		{"pin", s.Pin != "", d.Bus == bus.GPIO, "has no GPIO line"},
		{"pins", len(s.Pins) > 0, d.Bus == bus.GPIO, "has no GPIO lines"},
		{"port", s.Port != "", serial, "has no serial port"},
		{"serial", s.Serial != SerialConfig{}, serial, "has no serial port"},
		{"unit_id", s.UnitID != 0, d.Bus == bus.Modbus, "is no Modbus slave"},
	} {
		if k.said && !k.fits {
			errs = append(errs, fmt.Errorf("%s.%s: %s %s; leave it out", key, k.name, d.Name, k.why))
		}
	}
	return errs
}

func isSPIName(s string) bool {
	number, sel, ok := strings.Cut(strings.TrimPrefix(s, "spi"), ".")
	return ok && number != "" && sel != "" && strings.Trim(number+sel, "0123456789") == ""
}

func (s SensorConfig) validatePins(key string, d driver.Driver) []error {
	var names []string
	for _, p := range d.Pins {
		names = append(names, p.Name)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Pins)) {
		if !slices.Contains(names, name) {
			errs = append(errs, &UnknownError{Key: key + ".pins." + name, What: "pin", Word: name, Allowed: names})
		}
	}
	if s.Pin != "" && len(d.Pins) > 1 {
		errs = append(errs, fmt.Errorf("%s.pin: %s has several: write pins: {%s: …}", key, d.Name, strings.Join(names, ": …, ")))
	}
	if s.Pin != "" && len(s.Pins) > 0 {
		errs = append(errs, fmt.Errorf("%s.pin: is beside pins; use one of them", key))
	}
	lines := s.lines(d)
	for _, p := range d.Pins {
		if lines[p.Name] != "" || p.Optional {
			continue
		}
		where := "pins." + p.Name
		if len(d.Pins) == 1 {
			where = "pin"
		}
		errs = append(errs, fmt.Errorf("%s.%s: is missing, such as GPIO17: %s", key, where, p.Doc))
	}
	return errs
}

func (s SensorConfig) validatePort(key string, d driver.Driver) []error {
	var errs []error
	if s.Port == "" {
		errs = append(errs, fmt.Errorf("%s.port: is missing: the serial port of %s, such as /dev/ttyUSB0, or tcp://host:port", key, d.Name))
	}
	c := s.Serial
	if c.Baud < 0 || c.Baud > 4_000_000 {
		errs = append(errs, fmt.Errorf("%s.serial.baud: %d is out of range", key, c.Baud))
	}
	if c.DataBits != 0 && (c.DataBits < 5 || c.DataBits > 8) {
		errs = append(errs, fmt.Errorf("%s.serial.data_bits: %d is not 5 to 8", key, c.DataBits))
	}
	if c.StopBits != 0 && c.StopBits != 1 && c.StopBits != 2 {
		errs = append(errs, fmt.Errorf("%s.serial.stop_bits: %d is neither 1 nor 2", key, c.StopBits))
	}
	if parities := []string{"none", "even", "odd"}; c.Parity != "" && !slices.Contains(parities, c.Parity) {
		errs = append(errs, &UnknownError{Key: key + ".serial.parity", What: "parity", Word: c.Parity, Allowed: parities})
	}
	return errs
}

// validateTogether finds sensors that are in each other's way.
func (c Config) validateTogether() []error {
	var errs []error
	taken := make(map[string]int) // what a sensor has for itself: topic, address, pin, port
	claim := func(i int, key, what, format string) {
		if first, ok := taken[what]; ok {
			errs = append(errs, fmt.Errorf("sensors[%d].%s: "+format, i, key, first, what))
			return
		}
		taken[what] = i
	}
	const has = "sensors[%d] has %s already"
	ports := make(map[string]int) // of Modbus
	full := c.WithDefaults("").Sensors
	for i, s := range full {
		d, known := driver.Lookup(s.Driver)
		if !known {
			continue
		}
		if s.Room != "" {
			claim(i, "name", "<site>/"+s.Room+"/"+s.Name, "sensors[%d] publishes to %s already; give one of them another name")
		}
		switch d.Bus {
		case bus.I2C:
			claim(i, "address", fmt.Sprintf("address %#02x of %s", s.Address, s.Bus), has)
		case bus.SPI:
			claim(i, "bus", s.Bus, has)
		case bus.OneWire:
			if s.ID != "" {
				claim(i, "id", "1-Wire id "+s.ID, has)
			}
		case bus.GPIO:
			for _, name := range slices.Sorted(maps.Keys(s.Pins)) {
				key := "pins." + name
				if s.Pin != "" {
					key = "pin"
				}
				claim(i, key, s.Pins[name], has)
			}
		case bus.Serial:
			if s.Port != "" {
				claim(i, "port", s.Port, has)
			}
		case bus.Modbus:
			first, shared := ports[s.Port]
			switch {
			case !shared:
				ports[s.Port] = i
				if s.Port != "" {
					claim(i, "port", s.Port, has)
				}
			case full[first].Serial != s.Serial:
				errs = append(errs, fmt.Errorf("sensors[%d].serial: %s is set up in another way by sensors[%d]; slaves of one port share it", i, s.Port, first))
			}
		}
	}
	named := make(map[string]int)
	for i, b := range c.Buses {
		if first, ok := named[i2cName(b.Name)]; ok {
			errs = append(errs, fmt.Errorf("buses[%d].name: buses[%d] is %s already", i, first, i2cName(b.Name)))
		} else {
			named[i2cName(b.Name)] = i
		}
		if b.PowerPin == "" {
			continue
		}
		if first, ok := taken[bus.LineName(b.PowerPin)]; ok {
			errs = append(errs, fmt.Errorf("buses[%d].power_pin: sensors[%d] has %s already", i, first, bus.LineName(b.PowerPin)))
		}
	}
	return append(errs, c.validateCompensation(full)...)
}

// validateCompensation looks for the sensors that others are compensated by.
func (c Config) validateCompensation(full []SensorConfig) []error {
	var errs []error
	for i, s := range full {
		if s.CompensateFrom == "" {
			continue
		}
		var names []string
		found := false
		for j, other := range full {
			name := other.Room + "/" + other.Name
			if j != i {
				names = append(names, name)
			}
			found = found || j != i && (name == s.CompensateFrom || c.Site != "" && c.Site+"/"+name == s.CompensateFrom)
		}
		if !found {
			errs = append(errs, &UnknownError{Key: fmt.Sprintf("sensors[%d].compensate_from", i), What: "sensor", Word: s.CompensateFrom, Allowed: names})
		}
	}
	return errs
}

// meantHex says what was meant by an address whose decimal digits are those of one
// in hexadecimal: 76 for 0x76.
func meantHex(address uint16, of []uint16) string {
	for _, a := range of {
		if fmt.Sprintf("%x", a) == fmt.Sprint(address) {
			return fmt.Sprintf("; %d is decimal, did you mean %#x?", address, a)
		}
	}
	return ""
}

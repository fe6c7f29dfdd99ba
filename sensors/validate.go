package sensors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/reading"
)

// minInterval keeps a slip of the pen (10ms for 10m) from flooding an SD card.
const minInterval = 100 * time.Millisecond

// UnknownError is the error about a word that is none of those allowed.
type UnknownError struct {
	Key     string   // where it stands in the configuration: "sensors[0].driver"
	What    string   // what it should have been: "driver"
	Word    string   // as written
	Allowed []string // what it may be
}

// Error begins with the key.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: unknown %s %q (%s)", e.Key, e.What, e.Word, orList(e.Allowed))
}

// Choices returns the word and what it might have been, for who can tell
// which of them was meant.
func (e *UnknownError) Choices() (word string, allowed []string) { return e.Word, e.Allowed }

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	var errs []error
	if c.Site != "" {
		errs = append(errs, checkLevel("site", c.Site))
		if strings.HasPrefix(c.Site, "$") {
			errs = append(errs, fmt.Errorf("site: %q begins with '$', which MQTT keeps for the broker", c.Site))
		}
	}
	for i, s := range c.Sensors {
		errs = append(errs, s.validate(fmt.Sprintf("sensors[%d]", i)))
	}
	return errors.Join(append(errs, c.validateTogether())...)
}

// validateTogether finds sensors that are in each other's way.
func (c Config) validateTogether() error {
	var errs []error
	topics := make(map[string]int)
	places := make(map[string]int)
	for i, s := range c.WithDefaults("").Sensors {
		d, known := driver.Lookup(s.Driver)
		if !known || s.Room == "" {
			continue
		}
		topic := s.Room + "/" + s.Name
		if first, taken := topics[topic]; taken {
			errs = append(errs, fmt.Errorf("sensors[%d].name: sensors[%d] publishes to %s/%s already; give one of them another name", i, first, "<site>", topic))
		} else {
			topics[topic] = i
		}
		var place string
		switch {
		case d.Bus == bus.I2C:
			place = fmt.Sprintf("address %#02x of %s", s.Address, s.Bus)
		case d.Bus == bus.OneWire && s.ID != "":
			place = "1-Wire id " + s.ID
		default:
			continue
		}
		if first, taken := places[place]; taken {
			key := "address"
			if d.Bus == bus.OneWire {
				key = "id"
			}
			errs = append(errs, fmt.Errorf("sensors[%d].%s: sensors[%d] has %s already", i, key, first, place))
		} else {
			places[place] = i
		}
	}
	return errors.Join(errs...)
}

func (s SensorConfig) validate(key string) error {
	errs := []error{s.validateTopic(key)}
	d, known := driver.Lookup(s.Driver)
	switch {
	case known:
		errs = append(errs, s.validatePlace(key, d), s.validateTimes(key, d), s.validateOptions(key, d))
	case s.Driver == "":
		errs = append(errs, fmt.Errorf("%s.driver: is missing (%s)", key, orList(driverNames())))
	default:
		errs = append(errs, &UnknownError{key + ".driver", "driver", s.Driver, driverNames()})
	}
	return errors.Join(errs...)
}

func (s SensorConfig) validateTopic(key string) error {
	var errs []error
	if s.Room == "" {
		errs = append(errs, fmt.Errorf("%s.room: is missing; the room is the second level of the topic site/room/sensor", key))
	} else {
		errs = append(errs, checkLevel(key+".room", s.Room))
	}
	if s.Name != "" {
		errs = append(errs, checkLevel(key+".name", s.Name))
	}
	return errors.Join(errs...)
}

func checkLevel(key, level string) error {
	if err := reading.CheckLevel(level); err != nil {
		return fmt.Errorf("%s: %q %w", key, level, err)
	}
	return nil
}

// validatePlace checks where the sensor is attached.
func (s SensorConfig) validatePlace(key string, d driver.Driver) error {
	var errs []error
	if s.Bus != "" && d.Bus != bus.I2C && d.Bus != bus.OneWire {
		errs = append(errs, fmt.Errorf("%s.bus: %s is not attached to a bus; leave it out", key, d.Name))
	}
	if name := i2cName(s.Bus); d.Bus == bus.I2C && !isI2CName(name) {
		errs = append(errs, fmt.Errorf("%s.bus: %q is not an I²C bus; write i2c-1 for /dev/i2c-1", key, s.Bus))
	}
	switch {
	case s.Address == 0:
	case d.Bus != bus.I2C:
		errs = append(errs, fmt.Errorf("%s.address: %s has no I²C address; leave it out", key, d.Name))
	case !slices.Contains(d.Addrs, s.Address):
		errs = append(errs, fmt.Errorf("%s.address: %#02x is not an address of %s (%s)", key, s.Address, d.Name, orList(hexAll(d.Addrs))))
	}
	if s.ID != "" && d.Bus != bus.OneWire {
		errs = append(errs, fmt.Errorf("%s.id: %s has no 1-Wire id; leave it out", key, d.Name))
	}
	return errors.Join(errs...)
}

func isI2CName(s string) bool {
	number, ok := strings.CutPrefix(s, "i2c-")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

func (s SensorConfig) validateTimes(key string, d driver.Driver) error {
	var errs []error
	least := max(minInterval, d.MinPeriod)
	if s.Interval != 0 && s.Interval < least {
		errs = append(errs, fmt.Errorf("%s.interval: %v is too short; %s can be read every %v at most", key, s.Interval, d.Name, least))
	}
	if interval := s.withDefaults().Interval; s.StaleAfter != 0 && s.StaleAfter < interval {
		errs = append(errs, fmt.Errorf("%s.stale_after: %v is shorter than the interval %v, so the sensor would be stale between two readings", key, s.StaleAfter, interval))
	}
	return errors.Join(errs...)
}

func (s SensorConfig) validateOptions(key string, d driver.Driver) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		i := slices.IndexFunc(d.Options, func(o driver.Option) bool { return o.Name == name })
		switch {
		case i < 0 && len(d.Options) == 0:
			errs = append(errs, fmt.Errorf("%s.options.%s: %s has no options", key, name, d.Name))
		case i < 0:
			errs = append(errs, &UnknownError{key + ".options." + name, "option", name, optionNames(d)})
		case d.Options[i].Allowed != nil && !slices.Contains(d.Options[i].Allowed, s.Options[name]):
			errs = append(errs, &UnknownError{key + ".options." + name, name, s.Options[name], d.Options[i].Allowed})
		}
	}
	return errors.Join(errs...)
}

func driverNames() []string {
	var names []string
	for _, d := range driver.All() {
		names = append(names, d.Name)
	}
	return names
}

func optionNames(d driver.Driver) []string {
	var names []string
	for _, o := range d.Options {
		names = append(names, o.Name)
	}
	return names
}

func hexAll(addresses []uint16) []string {
	var all []string
	for _, a := range addresses {
		all = append(all, fmt.Sprintf("%#02x", a))
	}
	return all
}

// orList writes "a, b or c".
func orList(words []string) string {
	switch n := len(words); n {
	case 0:
		return "there are none"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}

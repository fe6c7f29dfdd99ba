package sensors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	List    string   // what lists them if they are many: "gateway drivers"; "" if nothing does
}

// Error begins with the key.
func (e *UnknownError) Error() string {
	if len(e.Allowed) > listed && e.List != "" {
		return fmt.Sprintf("%s: unknown %s %q; %s lists what there is", e.Key, e.What, e.Word, e.List)
	}
	return fmt.Sprintf("%s: unknown %s %q (%s)", e.Key, e.What, e.Word, orList(e.Allowed))
}

// listed is how many choices an error lists; more nobody reads.
const listed = 12

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
	for i, b := range c.Buses {
		errs = append(errs, b.validate(fmt.Sprintf("buses[%d]", i)))
	}
	errs = append(errs, c.validateTogether()...)
	return errors.Join(append(errs, c.validateLoops()...)...)
}

func (b BusConfig) validate(key string) error {
	var errs []error
	if name := i2cName(b.Name); b.Name == "" || !isI2CName(name) {
		errs = append(errs, fmt.Errorf("%s.name: %q is not an I²C bus; write i2c-1 for /dev/i2c-1", key, b.Name))
	}
	if b.PowerPin == "" {
		errs = append(errs, fmt.Errorf("%s.power_pin: is missing; without it there is nothing to say about the bus", key))
	}
	return errors.Join(errs...)
}

func (s SensorConfig) validate(key string) error {
	errs := []error{s.validateTopic(key)}
	d, known := driver.Lookup(s.Driver)
	switch {
	case known:
		errs = append(errs, s.validatePlace(key, d), s.validateTimes(key, d), s.validateOptions(key, d), s.validateFilters(key, d))
	case s.Driver == "":
		errs = append(errs, fmt.Errorf("%s.driver: is missing; gateway drivers lists what there is", key))
	default:
		errs = append(errs, &UnknownError{Key: key + ".driver", What: "driver", Word: s.Driver, Allowed: driverNames(), List: "gateway drivers"})
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
	full := s.withDefaults()
	switch {
	case s.Sample == 0:
	case s.Sample < least:
		errs = append(errs, fmt.Errorf("%s.sample: %v is too short; %s can be read every %v at most", key, s.Sample, d.Name, least))
	case s.Sample > full.Interval:
		errs = append(errs, fmt.Errorf("%s.sample: %v is longer than the interval %v", key, s.Sample, full.Interval))
	}
	if s.StaleAfter != 0 && s.StaleAfter < full.Interval {
		errs = append(errs, fmt.Errorf("%s.stale_after: %v is shorter than the interval %v, so the sensor would be stale between two readings", key, s.StaleAfter, full.Interval))
	}
	if s.Publish != "" && s.Publish != PublishEvery && s.Publish != PublishOnChange {
		errs = append(errs, &UnknownError{Key: key + ".publish", What: "policy", Word: s.Publish, Allowed: []string{PublishEvery, PublishOnChange}})
	}
	switch {
	case s.Heartbeat < 0:
		errs = append(errs, fmt.Errorf("%s.heartbeat: %v is no time", key, s.Heartbeat))
	case s.Heartbeat > 0 && full.Publish != PublishOnChange:
		errs = append(errs, fmt.Errorf("%s.heartbeat: belongs to publish: on_change", key))
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
			errs = append(errs, &UnknownError{Key: key + ".options." + name, What: "option", Word: name, Allowed: optionNames(d)})
		case d.Options[i].Allowed != nil && !slices.Contains(d.Options[i].Allowed, s.Options[name]):
			errs = append(errs, &UnknownError{Key: key + ".options." + name, What: name, Word: s.Options[name], Allowed: d.Options[i].Allowed, List: "gateway drivers " + d.Name})
		default:
			if err := d.Options[i].Check(s.Options[name]); err != nil {
				errs = append(errs, fmt.Errorf("%s.options.%s: %w", key, name, err))
			}
		}
	}
	for _, o := range d.Options {
		if o.Required && s.Options[o.Name] == "" {
			errs = append(errs, fmt.Errorf("%s.options.%s: is missing: %s", key, o.Name, o.Doc))
		}
	}
	if len(errs) == 0 && d.Check != nil {
		if err := d.Check(d.WithDefaults(s.Options)); err != nil {
			errs = append(errs, fmt.Errorf("%s.options: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// validateFilters checks what happens to each quantity. What a dynamic driver
// measures is known when it is open; until then every name will do.
func (s SensorConfig) validateFilters(key string, d driver.Driver) error {
	channels := slices.Clone(d.Channels)
	if d.Dynamic {
		channels = nil
		for _, name := range slices.Sorted(maps.Keys(s.Filters)) {
			if !slices.Contains(s.Derive, name) {
				channels = append(channels, driver.Channel{Quantity: reading.Quantity(name)})
			}
		}
		if s.CompensateFrom == "" {
			s.CompensateFrom = "whatever it measures"
		}
	}
	var errs []error
	p, err := newPipeline(s, channels, nil)
	if err != nil {
		for _, e := range flatten(err) {
			errs = append(errs, fmt.Errorf("%s.%w", key, e))
		}
	}
	for _, name := range p.unmeasured(s.Filters) {
		errs = append(errs, &UnknownError{Key: key + ".filters." + name, What: "quantity", Word: name, Allowed: p.measured(), List: "gateway drivers " + d.Name})
	}
	if s.Altitude != 0 && !slices.Contains(s.Derive, string(reading.SeaLevelPressure)) {
		errs = append(errs, fmt.Errorf("%s.altitude: is for sea_level_pressure; add derive: [sea_level_pressure]", key))
	}
	if s.Altitude < -500 || s.Altitude > 9000 {
		errs = append(errs, fmt.Errorf("%s.altitude: %v m is not on this earth", key, s.Altitude))
	}
	return errors.Join(errs...)
}

// flatten returns the errors that err joins.
func flatten(err error) []error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// driverNames are all names of drivers, aliases among them.
func driverNames() []string {
	var names []string
	for _, d := range driver.All() {
		names = append(append(names, d.Name), d.Aliases...)
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

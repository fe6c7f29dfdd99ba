package setup

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// Form is a sensor as the page asks for it; what is left out has its default.
type Form struct {
	Driver   string            `json:"driver"`
	Room     string            `json:"room,omitempty"`
	Name     string            `json:"name,omitempty"`
	Bus      string            `json:"bus,omitempty"`
	Address  uint16            `json:"address,omitempty"`
	ID       string            `json:"id,omitempty"`
	Pin      string            `json:"pin,omitempty"`
	Pins     map[string]string `json:"pins,omitempty"`
	Port     string            `json:"port,omitempty"`
	UnitID   uint8             `json:"unit_id,omitempty"`
	Interval string            `json:"interval,omitempty"` // "10s"
	Options  map[string]string `json:"options,omitempty"`
}

// config is the form as the configuration has it.
func (f Form) config() (sensors.SensorConfig, error) {
	c := sensors.SensorConfig{
		Driver: f.Driver, Room: f.Room, Name: f.Name, Bus: f.Bus, Address: f.Address, ID: f.ID,
		Pin: f.Pin, Pins: f.Pins, Port: f.Port, UnitID: f.UnitID, Options: f.Options,
	}
	if f.Interval != "" {
		d, err := time.ParseDuration(f.Interval)
		if err != nil {
			return c, fmt.Errorf("interval: %w", answer.Say("form.interval", "want a time such as 10s, 5m or 1h, got {text}", strconv.Quote(f.Interval)))
		}
		c.Interval = d
	}
	return c, nil
}

// settings are the keys of the form that say something, each with its value as
// [config.SetSensor] takes it, in the order in which people write them.
func (f Form) settings() (all [][2]string) {
	add := func(key, value string) {
		if value != "" {
			all = append(all, [2]string{key, value})
		}
	}
	add("driver", f.Driver)
	add("room", f.Room)
	add("name", f.Name)
	add("bus", f.Bus)
	if f.Address != 0 {
		add("address", fmt.Sprintf("%#02x", f.Address))
	}
	add("id", f.ID)
	add("port", f.Port)
	if f.UnitID != 0 {
		add("unit_id", fmt.Sprint(f.UnitID))
	}
	add("pin", f.Pin)
	for _, name := range slices.Sorted(maps.Keys(f.Pins)) {
		add("pins."+name, f.Pins[name])
	}
	add("interval", f.Interval)
	for _, name := range slices.Sorted(maps.Keys(f.Options)) {
		all = append(all, [2]string{"options." + name, f.Options[name]}) // one that is empty says something, too
	}
	return all
}

// block is the form as an item of the list sensors.
func (f Form) block() string {
	var b strings.Builder
	within, mark := "", "- "
	for _, s := range f.settings() {
		key, value := s[0], config.Scalar(s[1])
		if group, inner, ok := strings.Cut(key, "."); ok {
			if group != within {
				fmt.Fprintf(&b, "%s%s:\n", mark, group)
				within, mark = group, "  "
			}
			fmt.Fprintf(&b, "    %s: %s\n", inner, value)
			continue
		}
		fmt.Fprintf(&b, "%s%s: %s\n", mark, key, value)
		mark = "  "
	}
	return b.String()
}

// mayBeAdded tells why a driver is none for the page.
func mayBeAdded(name string) error {
	if name == "" {
		return fmt.Errorf("driver: %w", answer.Say("form.missing", "is missing"))
	}
	if d, ok := driver.Lookup(name); ok && d.Name == "exec" {
		return fmt.Errorf("driver: %w", answer.Say("form.exec", "exec runs a program, which only the configuration file may say; add it there"))
	}
	return nil
}

// check tells what is wrong with a sensor beside the others. Its errors begin
// with a key of the sensor.
func check(cfg sensors.Config, c sensors.SensorConfig) error {
	cfg.Sensors = append(slices.Clone(cfg.Sensors), c)
	err := cfg.Validate()
	if err == nil {
		return nil
	}
	prefix := fmt.Sprintf("sensors[%d].", len(cfg.Sensors)-1)
	var texts []string
	for line := range strings.Lines(err.Error()) {
		texts = append(texts, strings.TrimPrefix(strings.TrimSpace(line), prefix))
	}
	return errors.New(inWords(cfg, strings.Join(texts, "; ")))
}

// inWords replaces sensors[3] by the name that people know it by.
func inWords(cfg sensors.Config, text string) string {
	for i, c := range cfg.Sensors {
		text = strings.ReplaceAll(text, fmt.Sprintf("sensors[%d]", i), c.Room+"/"+cmp.Or(c.Name, c.Driver))
	}
	return text
}

// where says where a sensor is attached, in a word or two: "i2c-1 0x76".
func where(d driver.Driver, c sensors.SensorConfig) string {
	switch d.Bus {
	case bus.I2C:
		return fmt.Sprintf("%s %#02x", c.Bus, c.Address)
	case bus.SPI:
		return c.Bus
	case bus.Serial:
		return c.Port
	case bus.Modbus:
		return fmt.Sprintf("%s %d", c.Port, c.UnitID)
	case bus.GPIO:
		return strings.Join(slices.Sorted(maps.Values(c.Pins)), " ")
	}
	return c.ID
}

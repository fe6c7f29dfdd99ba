package mqttio

import (
	"fmt"
	"path"
	"strings"

	"gateway/sensors"
)

// inputs makes a sensor of each digital input of the computer itself.
func (c *conversion) inputs(root table) {
	payloads := false
	for _, e := range c.entries(root, "digital_inputs") {
		name := e.required("name")
		pin := e.required("pin")
		m, ok := c.module(e, c.gpio, "gpio_modules")
		if !ok {
			continue
		}
		s := sensors.SensorConfig{Driver: "digital", Room: c.room, Options: map[string]string{}}
		switch kind := m.text("module"); kind {
		case "raspberrypi", "gpiozero":
			s.Pin = gpioLine(pin)
		case "gpiod":
			s.Pin = path.Base(or(m.text("chip"), "/dev/gpiochip0")) + ":" + pin
		default:
			c.lose(e.line, "digital_inputs "+name, fmt.Sprintf("inputs of %s are not read, only GPIO lines of the computer", kind))
			continue
		}
		s.Name = c.free(name)
		switch up, down := e.truth("pullup", false), e.truth("pulldown", false); {
		case up && down:
			e.wrong("pulldown", "a line is pulled up or down, and pullup stands beside it")
		case up:
			s.Options["pull"] = "up"
		case down:
			s.Options["pull"] = "down"
		}
		if e.truth("inverted", false) {
			s.Options["invert"] = "true"
		}
		if e.has("bouncetime") {
			s.Options["debounce"] = fmt.Sprintf("%dms", e.whole("bouncetime", 100, 1, 60_000))
		}
		if kind, ok := kinds[e.within("ha_discovery").text("device_class")]; ok {
			s.Options["kind"] = kind
		}
		c.add(e, s, fmt.Sprintf("Line %d, was %s.", e.line, c.under("input/"+name)))
		payloads = true
	}
	if payloads {
		c.remark("Digital inputs are 1 and 0, and not ON and OFF or what on_payload and off_payload said; changes are published at once, retained.")
	}
}

// kinds are device classes of Home Assistant, as the driver digital calls them.
var kinds = map[string]string{
	"motion": "motion", "occupancy": "motion", "presence": "motion", "door": "door", "garage_door": "door", "opening": "door", "window": "window",
	"moisture": "leak", "smoke": "smoke", "vibration": "vibration", "problem": "problem",
}

// gpioLine writes a pin of the computer, which MQTT IO has by its GPIO number.
func gpioLine(pin string) string {
	if strings.Trim(pin, "0123456789") == "" {
		return "GPIO" + pin
	}
	return pin
}

// add adds a sensor that comes of an entry, with lines above it.
func (c *conversion) add(from table, s sensors.SensorConfig, lines ...string) {
	if len(s.Options) == 0 {
		s.Options = nil
	}
	key := fmt.Sprintf("sensors[%d]", len(c.out.Sensors.Sensors))
	c.above[key], c.origins[key] = lines, from
	c.out.Sensors.Sensors = append(c.out.Sensors.Sensors, s)
}

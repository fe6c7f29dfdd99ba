package sensors

import (
	"fmt"
	"slices"
	"strings"

	"gateway/sensors/bus"
	"gateway/sensors/driver"
)

// validateLoops finds sensors that would answer each other for ever: what one
// takes in from the topic tree it publishes, which another takes in, and what
// that publishes the first takes in. What a sensor publishes itself it passes
// over.
func (c Config) validateLoops() []error {
	full := c.WithDefaults("").Sensors
	var fed []int // sensors that take messages in
	for i, s := range full {
		if d, known := driver.Lookup(s.Driver); known && d.Bus == bus.Topic && s.Options["topic"] != "" {
			fed = append(fed, i)
		}
	}
	// feeds tells whether sensor to takes in what sensor from publishes.
	feeds := func(from, to int) bool {
		f := full[from]
		return from != to && takesIn(full[to].Options["topic"], []string{c.Site, f.Room, f.Name})
	}
	var errs []error
	for n, i := range fed {
		for _, j := range fed[n+1:] {
			if feeds(j, i) && leads(fed, feeds, i, j) || feeds(i, j) && leads(fed, feeds, j, i) {
				errs = append(errs, fmt.Errorf("sensors[%d].options.topic: %q takes in what sensors[%d] publishes of what this one does, round and round; "+
					"write the topic of the device alone", i, full[i].Options["topic"], j))
			}
		}
	}
	return errs
}

// leads tells whether what sensor from publishes comes to sensor to, over
// others perhaps.
func leads(fed []int, feeds func(from, to int) bool, from, to int) bool {
	seen := []int{from}
	for k := 0; k < len(seen); k++ {
		for _, next := range fed {
			if !slices.Contains(seen, next) && feeds(seen[k], next) {
				seen = append(seen, next)
			}
		}
	}
	return slices.Contains(seen[1:], to)
}

// takesIn tells whether a topic filter matches the topic of these levels, or
// one a level below it, where single values are published. A level that is not
// known, "", is matched by wildcards only. [MQTT-4.7.1-2], [MQTT-4.7.1-3]
func takesIn(filter string, levels []string) bool {
	parts := strings.Split(filter, "/")
	for i, level := range levels {
		switch {
		case i == len(parts):
			return false
		case parts[i] == "#":
			return true
		case parts[i] != "+" && (level == "" || parts[i] != level):
			return false
		}
	}
	return len(parts) <= len(levels)+1
}

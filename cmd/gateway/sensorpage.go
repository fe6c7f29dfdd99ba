package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/sensors"
	"gateway/sensors/reading"
)

// buildSensorPage tells the page what reads the sensors.
func (g *gateway) buildSensorPage() {
	g.dashboard.SetReaders(func(path reading.Path) dashboard.Reader {
		for _, s := range g.sensors {
			for _, c := range s.Configured() {
				if c.Path == path {
					return dashboard.Reader{Driver: c.Driver.Name, Title: c.Driver.Title, Where: attachedTo(c.Config)}
				}
			}
		}
		return dashboard.Reader{}
	})
}

// attachedTo writes where a sensor is: its bus or port, and which one it is
// there. It is "" for what is attached to nothing.
func attachedTo(c sensors.SensorConfig) string {
	var at []string
	add := func(text string) {
		if text != "" {
			at = append(at, text)
		}
	}
	add(c.Bus)
	add(c.Port)
	if c.Address != 0 {
		add(fmt.Sprintf("0x%02x", c.Address))
	}
	add(c.ID)
	if c.UnitID != 0 {
		add(fmt.Sprintf("unit %d", c.UnitID))
	}
	add(c.Pin)
	for _, name := range slices.Sorted(maps.Keys(c.Pins)) {
		add(name + " " + c.Pins[name])
	}
	return strings.Join(at, " ")
}

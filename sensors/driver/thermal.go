// The thermal zones of this machine: what the kernel throttles by.
//
//	chip       none
//	bus        /sys/class/thermal/thermal_zone*
//	reference  Linux: Documentation/driver-api/thermal/sysfs-api.rst

package driver

import (
	"context"
	"io/fs"
	"slices"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

var thermalChannel = Channel{Quantity: reading.Temperature, Min: -55, Max: 200, Decimals: 1}

var _ = register(Driver{
	Name:      "thermal",
	Title:     "A thermal zone of this machine",
	Datasheet: "Linux Documentation/driver-api/thermal/sysfs-api.rst",
	Bus:       bus.Sysfs,
	Channels:  []Channel{thermalChannel},
	Notes: "The key id is the zone's type (cpu-thermal, x86_pkg_temp), type@thermal_zone1 where several have the same, or its folder. " +
		"The driver host has the processor's.",
	Open: openThermal,
	Find: findThermal,
})

func openThermal(_ context.Context, slot *bus.Slot) (Sensor, error) {
	zone, err := chooseChip(thermalZones(slot.Root), slot.ID, "thermal zone", "this machine, a virtual one perhaps, has none in /sys/class/thermal")
	if err != nil {
		return nil, err
	}
	s := new(kernelSensor)
	s.add(thermalChannel, thermalRead(slot.Root, zone), 1)
	return s, nil
}

func thermalZones(root fs.FS) []kernelChip {
	return kernelChips(root, "sys/class/thermal/thermal_zone*", "type", nil)
}

// thermalRead reads the file temp, m°C.
func thermalRead(root fs.FS, zone kernelChip) func() (float64, error) {
	return func() (float64, error) {
		n, err := integer(root, zone.dir+"/temp")
		return float64(n) / 1000, err
	}
}

func findThermal(root fs.FS) []Found {
	var all []Found
	for _, zone := range thermalZones(root) {
		f := Found{Model: zone.name, ID: zone.id, Certain: true}
		if slices.Contains(thermalNames, zone.name) {
			f.Certain, f.Note = false, hostHasIt
		}
		if _, err := thermalRead(root, zone)(); err != nil {
			f.Certain, f.Note = false, "it cannot be read now"
		}
		all = append(all, f)
	}
	return all
}

package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// This machine, by what the kernel tells of it.
//
//	chip       none
//	bus        /sys and /proc
//	reference  Linux: Documentation/filesystems/proc.rst, admin-guide/iostats,
//	           driver-api/thermal/sysfs-api.rst, hwmon/sysfs-interface.rst
//
// What the machine does not have is no channel: most boards have one thermal
// zone, a virtual machine has none.

// hostMeter is one source of values. Its files are named in its errors.
type hostMeter struct {
	channels []Channel
	// measure writes out[i] for channels[i].
	measure func(out []float64) error
}

// hostProbes find the meters, in the order of the channels.
var hostProbes = []func(root fs.FS) (hostMeter, error){
	hostTemperature,
	hostCPU,
	hostLoad,
	hostMemory,
	hostDisk,
	hostNetwork,
	hostUptime,
	hostUnderVoltage,
	hostThrottled,
}

var hostChannels = []Channel{
	{Quantity: reading.Temperature, Min: -40, Max: 150, Decimals: 1},
	{Quantity: reading.CPUUsage, Min: 0, Max: 100, Decimals: 1},
	{Quantity: reading.Load, Min: 0, Max: 100_000, Decimals: 2},
	{Quantity: reading.MemoryUsed, Min: 0, Max: 100, Decimals: 1},
	{Quantity: reading.MemoryAvailable, Min: 0, Max: 1e9, Decimals: 0},
	{Quantity: reading.DiskUsed, Min: 0, Max: 100, Decimals: 1},
	{Quantity: reading.DiskFree, Min: 0, Max: 1e9, Decimals: 2},
	{Quantity: reading.Received, Min: 0, Max: 1e13, Decimals: 1},
	{Quantity: reading.Sent, Min: 0, Max: 1e13, Decimals: 1},
	{Quantity: reading.Uptime, Min: 0, Max: 1e10, Decimals: 0},
	{Quantity: reading.UnderVoltage, Min: 0, Max: 1},
	{Quantity: reading.Throttled, Min: 0, Max: 1},
}

// channelsOf returns the channels of these quantities.
func hostChannelsOf(quantities ...reading.Quantity) []Channel {
	var all []Channel
	for _, c := range hostChannels {
		if slices.Contains(quantities, c.Quantity) {
			all = append(all, c)
		}
	}
	return all
}

var _ = register(Driver{
	Name:      "host",
	Title:     "This machine: temperature, CPU, memory, disk and network",
	Datasheet: "Linux kernel, Documentation/filesystems/proc.rst and ABI/testing/sysfs-class-thermal",
	Bus:       bus.Sysfs,
	Channels:  hostChannels,
	Notes: "under_voltage is there on a Raspberry Pi: 1 if its supply was below 4.63 V in the last 2 s; use a better supply and a shorter cable. " +
		"throttled is there where the kernel slows the processor because of its heat; the firmware of a Raspberry Pi does so by itself, from 80 °C on, and does not tell the kernel.",
	Open: openHost,
})

// host is this machine.
type host struct {
	meters   []hostMeter
	channels []Channel
	values   []float64 // taken before out is written
}

func openHost(_ context.Context, slot *bus.Slot) (Sensor, error) {
	h := new(host)
	var missing []error
	for _, probe := range hostProbes {
		m, err := probe(slot.Root)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		h.meters = append(h.meters, m)
		h.channels = append(h.channels, m.channels...)
	}
	if len(h.meters) == 0 {
		return nil, fmt.Errorf("this machine tells nothing about itself; is it Linux? %w", errors.Join(missing...))
	}
	h.values = make([]float64, len(h.channels))
	return h, nil
}

// Channels implements [Channeler].
func (h *host) Channels() []Channel { return h.channels }

// Measure implements [Sensor].
func (h *host) Measure(_ context.Context, out []float64) error {
	at := 0
	for _, m := range h.meters {
		n := len(m.channels)
		if err := m.measure(h.values[at : at+n]); err != nil {
			return err
		}
		at += n
	}
	copy(out, h.values)
	return nil
}

// share returns a/b in %, 0 if b is 0.
func share(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return math.Max(0, math.Min(100, 100*a/b))
}

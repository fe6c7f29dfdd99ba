//go:build linux

package emulated_test

import (
	"testing"

	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/deploy/raspberrypi/emulated/chips"
	"gateway/sensors/bus/bustest"
)

const open = `site: board
broker:
  listeners:
    - protocol: tcp
      address: ":1883"
      allow_anonymous: true
dashboard:
  address: ":8080"
  allow_anonymous: true
`

// TestReading changes a temperature from outside, and waits for it at an MQTT
// client on this machine.
func TestReading(t *testing.T) {
	chip := chips.NewBME280()
	bus := bustest.New(map[uint16]bustest.Chip{0x76: chip})
	b := boot(t, board.Options{Arch: board.ARM64, Bus: bus, Config: open + `
sensors:
  - {driver: bme280, room: kitchen, name: climate, bus: i2c-0, address: 0x76, interval: 1s}
`})
	s := subscribe(t, b.MQTT)
	s.value("kitchen/climate", "temperature", 20, 0.02)
	s.status("kitchen/climate", "online")
	bus.Between(func() { chip.Set(-7.25, 81, 987.6) })
	s.value("kitchen/climate", "temperature", -7.25, 0.02)
	if err := b.PowerOff(t.Context()); err != nil {
		t.Error(err)
	}
}

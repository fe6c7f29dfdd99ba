//go:build linux

package emulated_test

import (
	"testing"

	"gateway/deploy/raspberrypi/emulated/agent"
	"gateway/deploy/raspberrypi/emulated/board"
	"gateway/deploy/raspberrypi/emulated/chips"
	"gateway/deploy/raspberrypi/emulated/nbd"
	"gateway/sensors/bus/bustest"
)

// house is a board with every chip there is, and what is configured of them.
type house struct {
	*board.Board
	*subscriber
	arch    board.Arch
	card    *card
	options board.Options
	bus     *bustest.Bus
	climate *chips.BME280     // kitchen/climate, 0x76
	air     *chips.SHT4x      // office/air, 0x44
	adc     *bustest.ADS1115  // garden/soil, 0x48
	probes  [2]*chips.DS18B20 // cellar/fridge and cellar/freezer, behind 0x18
}

// open lets everybody in: the board's network is this test.
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

const houseConfig = open + `
sensors:
  - {driver: bme280, room: kitchen, name: climate, bus: i2c-0, address: 0x76, interval: 1s, stale_after: 1500ms}
  - {driver: sht4x, room: office, name: air, bus: i2c-0, address: 0x44, interval: 1s, stale_after: 3s}
  - {driver: ads1115, room: garden, name: soil, bus: i2c-0, address: 0x48, interval: 1s, stale_after: 3s}
  - {driver: w1, room: cellar, name: fridge, id: 28-000000000001, interval: 2s, stale_after: 30s}
  - {driver: w1, room: cellar, name: freezer, id: 28-000000000002, interval: 2s, stale_after: 30s}
  - {driver: digital, room: hall, name: door, pin: GPIO17, options: {kind: door}}
  - {driver: host, room: gateway, name: host}
history:
  batch: 1s
`

// bootHouse boots it.
func bootHouse(t *testing.T, a board.Arch) *house {
	t.Helper()
	need(t, a)
	h := &house{
		arch: a, card: newCard(t), climate: chips.NewBME280(), air: chips.NewSHT4x(), adc: bustest.NewADS1115(),
		probes: [2]*chips.DS18B20{chips.NewDS18B20([6]byte{1}), chips.NewDS18B20([6]byte{2})},
	}
	h.bus = bustest.New(map[uint16]bustest.Chip{0x76: h.climate, 0x44: h.air, 0x48: h.adc, 0x18: chips.NewDS2482(h.probes[:]...)})
	h.options = board.Options{
		Arch: a, Bus: h.bus, Config: houseConfig, Disk: h.card.name(),
		I2C:   []agent.Device{{Bus: "i2c-0", Driver: "ds2482", Addr: 0x18}},
		Await: []string{"/sys/bus/w1/devices/28-000000000001/w1_slave", "/sys/bus/w1/devices/28-000000000002/w1_slave"},
		// The kernel looks every 10 s what is on the line, which takes 4 s of the whole
		// bus where each message is a transfer on an emulated USB.
		Write: []agent.Write{{File: "/sys/bus/w1/devices/w1_bus_master1/w1_master_search", Text: "0"}},
	}
	h.Board = boot(t, h.options)
	h.subscriber = subscribe(t, h.MQTT)
	return h
}

// cut cuts the power while clients publish, boots the board again from its card,
// and stops it in order.
func (h *house) cut(t *testing.T) {
	h.in(t)
	s := newCuts(t, h.card, "kitchen/climate", h.options)
	s.begin(t, h.Board)
	s.cut(t, h.Board, nbd.LoseSome)
	h.Board = s.boot(t)
	s.check(t, h.Board, true)
	h.off(t)
	h.card.check(t)
}

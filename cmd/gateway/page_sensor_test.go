package main

import "testing"

// TestPageSensor: the page of a sensor that is read here, and of one that cannot
// be read.
func TestPageSensor(t *testing.T) {
	g := startGateway(t, `
site: home
sensors:
  - {driver: sim, room: office, name: climate, interval: 1h, options: {profile: climate, seed: 7}}
  - {driver: bme280, room: attic, name: air, bus: i2c-77, address: 0x77}
`)
	browse(t, "sensor", g.page, nil)
}

package main

import (
	"testing"

	"gateway/sensors"
)

func TestAttachedTo(t *testing.T) {
	for want, c := range map[string]sensors.SensorConfig{
		"i2c-1 0x76":                 {Bus: "i2c-1", Address: 0x76},
		"w1 28-0316a2795cff":         {Bus: "w1", ID: "28-0316a2795cff"},
		"GPIO17":                     {Pin: "GPIO17"},
		"echo GPIO24 trigger GPIO23": {Pins: map[string]string{"trigger": "GPIO23", "echo": "GPIO24"}},
		"tcp://192.0.2.1:502 unit 3": {Port: "tcp://192.0.2.1:502", UnitID: 3},
		"":                           {Driver: "host"},
	} {
		if got := attachedTo(c); got != want {
			t.Errorf("%+v is attached to %q, want %q", c, got, want)
		}
	}
}

package setup

import (
	"testing"

	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/scan"
)

// A port that a Modbus slave is on is in use, and so is a bus that is called in
// another way.
func TestScanKnowsWhatIsConfigured(t *testing.T) {
	known := Configured(sensors.Config{Sensors: []sensors.SensorConfig{
		{Driver: "modbus", Port: "/dev/ttyUSB0", UnitID: 1},
		{Driver: "sht40", Bus: "1"},
	}}.WithDefaults("home"))
	for _, tt := range []struct {
		p    scan.Place
		want bool
	}{
		{scan.Place{Kind: bus.Serial, Name: "/dev/ttyUSB0"}, true},
		{scan.Place{Kind: bus.Serial, Name: "/dev/ttyUSB1"}, false},
		{scan.Place{Kind: bus.I2C, Name: "i2c-1", Addr: 0x44}, true},
		{scan.Place{Kind: bus.I2C, Name: "i2c-1", Addr: 0x45}, false},
	} {
		if got := InUse(known, tt.p) >= 0; got != tt.want {
			t.Errorf("%+v is configured: %v", tt.p, got)
		}
	}
}

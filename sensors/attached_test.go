package sensors

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/bus/bustest"
)

// Drivers of GPIO lines and serial ports as the gateway runs them: edges are
// published when they happen, pulses counted all the time, and a total kept.
func TestAttachedSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines, port := bustest.NewLines(), bustest.NewSerial()
		lines.SetLevel("GPIO17", false, time.Time{})
		meter := bustest.NewP1(port, time.Second, "1-0:1.8.1(1.5*kWh)", "1-0:1.7.0(0.25*kW)")
		defer meter.Stop()
		time.Sleep(300 * time.Millisecond) // the meter's seconds are not ours
		deps := Deps{
			Lines:       lines,
			StateFolder: t.TempDir(),
			OpenSerial:  func(_ string, m bus.SerialMode) (bus.SerialPort, error) { return port.Open(m) },
		}
		cfg := []SensorConfig{
			{Name: "pir", Driver: "digital", Pins: map[string]string{"pin": "GPIO17"}, Options: map[string]string{"kind": "motion"}, Interval: time.Minute, StaleAfter: time.Hour},
			{Name: "gas", Driver: "counter", Pins: map[string]string{"pin": "GPIO27"}, Options: map[string]string{"kind": "gas", "pulses_per_unit": "100"}, Interval: time.Minute, StaleAfter: time.Hour},
			{Name: "p1", Driver: "dsmr", Port: "/dev/ttyUSB0", Interval: time.Second, StaleAfter: time.Minute},
		}
		h := buildWith(t, deps, nil, cfg...).run()
		for i := range 300 { // faster than anybody measures, and more than the kernel keeps
			at := h.start.Add(time.Duration(i+1) * 500 * time.Millisecond)
			lines.SetLevel("GPIO27", false, at)
			lines.SetLevel("GPIO27", true, at.Add(100*time.Millisecond))
		}
		lines.Buffer(100)
		moved := h.start.Add(95 * time.Second)
		lines.SetLevel("GPIO17", true, moved)
		lines.SetLevel("GPIO17", false, moved.Add(3*time.Second))
		time.Sleep(5 * time.Minute)
		h.stop()

		edges := 0
		for _, e := range h.readings("pir") {
			if r := e.report.Reading; e.at%time.Minute > 30*time.Second && e.at > 90*time.Second && e.at < 100*time.Second {
				edges++
				if want := moved.Add(50 * time.Millisecond).Add(time.Duration(edges-1) * 3 * time.Second); !r.Time.Equal(want) || r.Values[0].Number != float64(2-edges) {
					t.Errorf("edge %d: %v at %v, want %v", edges, r.Values, r.Time, want)
				}
			}
		}
		if edges != 2 {
			t.Errorf("%d edges were published: %v", edges, h.readings("pir"))
		}
		gas := h.readings("gas")
		if r := gas[len(gas)-1].report.Reading; r.Values[0].Number != 3 || r.Values[2].Number != 0 {
			t.Errorf("300 pulses are %v", r.Values)
		}
		if n := len(h.readings("p1")); n < 298 || n > 300 {
			t.Errorf("%d telegrams in 5 min, one a second", n)
		}
		for _, name := range []string{"pir", "gas", "p1"} {
			if got := fmt.Sprint(h.sensors.Stats()); h.statuses(name) == "" {
				t.Errorf("%s: %s", name, got)
			}
		}
		if open := lines.Open(); len(open) > 0 {
			t.Errorf("%v stay open", open)
		}

		h = buildWith(t, deps, nil, cfg[1]).run()
		time.Sleep(time.Second)
		h.stop()
		if r := h.readings("gas")[0].report.Reading; r.Values[0].Number != 3 {
			t.Errorf("after a restart %v", r.Values)
		}
	})
}

package health

import (
	"maps"
	"slices"
	"time"

	"gateway/sensors"
)

// maxValues is how many values of sensors there are in a page of metrics. Any client
// of the broker may make up sensors, and Prometheus keeps each series for weeks.
const maxValues = 10_000

// Sensor is one site/room/sensor of the topic tree, whoever publishes it.
type Sensor struct {
	Site, Room, Sensor string
	State              string    // as the page has it: live, late, unknown, stale, fault or offline
	Current            bool      // State lets Values be believed
	Measured           time.Time // zero if nobody knows
	Values             []Value
}

// Value is what a sensor says of one quantity.
type Value struct {
	Quantity, Unit string // Unit is "" of a plain number
	Number         float64
}

// Sensors gives the figures of all sensors. all is called with each request.
func Sensors(all func() []Sensor) Source {
	return func() []Figure { return sensorFigures(all(), maxValues) }
}

func sensorFigures(all []Sensor, most int) (figures []Figure) {
	states := make(map[string]int)
	leftOut := 0
	for _, s := range all {
		labels := []string{"site", s.Site, "room", s.Room, "sensor", s.Sensor}
		states[s.State]++
		figures = append(figures,
			gauge("gateway_sensor_up", "1 if the sensor says something that is current.", number(s.Current), labels...),
			gauge("gateway_sensor_state", "1 for the state that the sensor is in.", 1, append(labels, "state", s.State)...))
		if !s.Measured.IsZero() {
			figures = append(figures, gauge("gateway_sensor_last_reading_timestamp_seconds", "When the sensor last measured.", seconds(s.Measured), labels...))
		}
		if !s.Current {
			continue
		}
		for _, v := range s.Values {
			if most--; most < 0 {
				leftOut++
				continue
			}
			figures = append(figures, gauge("gateway_sensor_value", "What the sensor says, in the unit of the label; gone while it is not current.", v.Number, append(labels, "quantity", v.Quantity, "unit", v.Unit)...))
		}
	}
	for _, s := range []string{"live", "late", "unknown", "stale", "fault", "offline"} {
		figures = append(figures, gauge("gateway_sensors", "Sensors in the topic tree, by state.", float64(states[s]), "state", s))
	}
	return append(figures, gauge("gateway_sensor_values_left_out", "Values that there is no room for in this page.", float64(leftOut)))
}

// Readers gives the figures of the sensors that the gateway reads itself. stats is
// called with each request.
func Readers(stats func() []sensors.SensorStats) Source {
	return func() (figures []Figure) {
		for _, s := range stats() {
			labels := []string{"site", s.Path.Site(), "room", s.Path.Room(), "sensor", s.Path.Sensor()}
			figures = append(figures, counter("gateway_sensor_reads_total", "Good readings of a sensor that the gateway reads itself.", float64(s.Reads), append(labels, "driver", s.Driver)...))
			if s.Reads > 0 {
				figures = append(figures, gauge("gateway_sensor_read_duration_seconds", "How long the last good reading took.", s.Latency.Seconds(), labels...))
			}
			for _, class := range slices.Sorted(maps.Keys(s.Errors)) {
				figures = append(figures, counter("gateway_sensor_read_errors_total", "Failed attempts to read a sensor, by kind.", float64(s.Errors[class]), append(labels, "error", class)...))
			}
		}
		return figures
	}
}

// seconds returns t as Unix time.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

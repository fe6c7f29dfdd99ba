package health

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func page(sources ...Source) string {
	w := httptest.NewRecorder()
	Metrics(sources...).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func just(all ...Figure) Source { return func() []Figure { return all } }

// What is of one name stands together, whoever gives it, and labels are escaped as
// Prometheus wants it, which is not as Go does.
func TestExposition(t *testing.T) {
	got := page(
		just(gauge("a", "Back\\slash\nand line.", 1, "l", "\"q\" \\ \n°C\u00a0\x01")),
		just(counter("b_total", "B.", 2, "empty", "", "l", "x")),
		just(gauge("a", "Back\\slash\nand line.", 0.5, "l", "broken \xff")),
		just())
	want := "# HELP a Back\\\\slash\\nand line.\n# TYPE a gauge\n" +
		"a{l=\"\\\"q\\\" \\\\ \\n°C\u00a0\x01\"} 1\n" +
		"a{l=\"broken \uFFFD\"} 0.5\n" +
		"# HELP b_total B.\n# TYPE b_total counter\nb_total{l=\"x\"} 2\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A value that is not current is not there, its sensor is; and there are only so many.
func TestSensors(t *testing.T) {
	at := time.Unix(1_790_000_000, 0)
	got := page(just(sensorFigures([]Sensor{
		{"home", "kitchen", "climate", "live", true, at, []Value{{"temperature", "°C", 21.5}, {"humidity", "%", 40}}},
		{"home", "cellar", "climate", "stale", false, at, []Value{{"temperature", "°C", 11}}},
		{"home", "attic", "switch", "unknown", false, time.Time{}, nil},
	}, 1)...))
	want := `# HELP gateway_sensor_up 1 if the sensor says something that is current.
# TYPE gateway_sensor_up gauge
gateway_sensor_up{site="home",room="kitchen",sensor="climate"} 1
gateway_sensor_up{site="home",room="cellar",sensor="climate"} 0
gateway_sensor_up{site="home",room="attic",sensor="switch"} 0
# HELP gateway_sensor_state 1 for the state that the sensor is in.
# TYPE gateway_sensor_state gauge
gateway_sensor_state{site="home",room="kitchen",sensor="climate",state="live"} 1
gateway_sensor_state{site="home",room="cellar",sensor="climate",state="stale"} 1
gateway_sensor_state{site="home",room="attic",sensor="switch",state="unknown"} 1
# HELP gateway_sensor_last_reading_timestamp_seconds When the sensor last measured.
# TYPE gateway_sensor_last_reading_timestamp_seconds gauge
gateway_sensor_last_reading_timestamp_seconds{site="home",room="kitchen",sensor="climate"} 1.79e+09
gateway_sensor_last_reading_timestamp_seconds{site="home",room="cellar",sensor="climate"} 1.79e+09
# HELP gateway_sensor_value What the sensor says, in the unit of the label; gone while it is not current.
# TYPE gateway_sensor_value gauge
gateway_sensor_value{site="home",room="kitchen",sensor="climate",quantity="temperature",unit="°C"} 21.5
# HELP gateway_sensors Sensors in the topic tree, by state.
# TYPE gateway_sensors gauge
gateway_sensors{state="live"} 1
gateway_sensors{state="late"} 0
gateway_sensors{state="unknown"} 1
gateway_sensors{state="stale"} 1
gateway_sensors{state="fault"} 0
gateway_sensors{state="offline"} 0
# HELP gateway_sensor_values_left_out Values that there is no room for in this page.
# TYPE gateway_sensor_values_left_out gauge
gateway_sensor_values_left_out 1
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A program may be called almost anything, and a limit may be none.
func TestLinuxFigures(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"stat":   "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 1000 4096000 3 18446744073709551615 0",
		"limits": "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n",
	} {
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{"process_cpu_seconds_total": 2, "process_virtual_memory_bytes": 4096000, "process_resident_memory_bytes": 3 * float64(os.Getpagesize()), "process_max_fds": 1024}
	all := linuxFigures(proc)
	for _, f := range all {
		if f.Value != want[f.Name] {
			t.Errorf("%s %v, want %v", f.Name, f.Value, want[f.Name])
		}
	}
	if len(all) != len(want) {
		t.Errorf("%+v", all)
	}
	if got := linuxFigures(filepath.Join(proc, "none")); got != nil {
		t.Errorf("%+v", got)
	}
}

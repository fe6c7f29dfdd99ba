package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// metrics returns what Prometheus gets.
func (g *gatewayProcess) metrics() string {
	g.t.Helper()
	resp, err := http.Get(g.page + "/metrics")
	if err != nil {
		g.t.Fatal(err)
	}
	return string(bodyOf(g.t.(*testing.T), resp))
}

// awaitMetric waits for a line.
func (g *gatewayProcess) awaitMetric(line string) string {
	g.t.Helper()
	re := regexp.MustCompile("(?m)^" + line + "$")
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		text := g.metrics()
		if re.MatchString(text) {
			return text
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("/metrics has no %s:\n%s", line, text)
		}
	}
}

// TestMetricsByPromtool has Prometheus' own checker read the metrics of a real
// gateway: sensors of its own, of a client with an odd name, a bridge without an
// upstream, an alert that fires.
func TestMetricsByPromtool(t *testing.T) {
	promtool, pub := need(t, "promtool", "prometheus"), need(t, "mosquitto_pub", "mosquitto-clients")
	g := startGateway(t, `
sensors:
  - {driver: host, room: board, name: host, interval: 1s}
  - {driver: bme280, room: attic, name: gone, bus: i2c-99, interval: 1s}
bridges:
  - {name: cloud, address: "mqtt://127.0.0.1:1", topics: [{filter: "home/#"}]}
alerts:
  - {name: hot, value: "+/+/+#temperature", above: 30}
`, "--demo")
	command(t, pub, append(hostPort(t, g.mqtt), "-t", `my "home"\n/küche/ofen`, "-m", `{"temperature": 61.5, "odd \"key\"": 7}`)...)
	g.awaitMetric(`gateway_sensor_value\{site="my \\"home\\"\\\\n",room="küche",sensor="ofen",quantity="temperature",unit="°C"} 61\.5`)
	// Alerts may not have been listening yet: the listener opens before they begin.
	awaitThat(t, "the alert", func() bool {
		command(t, pub, append(hostPort(t, g.mqtt), "-t", `my "home"\n/küche/ofen`, "-m", `{"temperature": 61.5, "odd \"key\"": 7}`)...)
		return strings.Contains(g.metrics(), `gateway_alert_firing{rule="hot",topic="my`)
	})
	g.awaitMetric(`gateway_alert_firing\{rule="hot",topic="my \\"home\\"\\\\n/küche/ofen",key="temperature",severity="warning"} 1`)
	g.awaitMetric(`gateway_sensor_read_errors_total\{site="[^"]+",room="attic",sensor="gone",error="absent"} \d+`)
	g.awaitMetric(`gateway_sensor_state\{site="[^"]+",room="attic",sensor="gone",state="fault"} 1`)
	for _, line := range []string{
		`gateway_sensor_value\{site="demo",room="kitchen",sensor="climate",quantity="temperature",unit="°C"} [0-9.]+`,
		`gateway_sensor_up\{site="[^"]+",room="board",sensor="host"} 1`,
		`gateway_bridge_connected\{bridge="cloud"} 0`, `gateway_mqtt_clients \d+`, `gateway_store_failing 0`, `gateway_history_failing 0`,
		`process_resident_memory_bytes [0-9.e+]+`, `process_cpu_seconds_total [0-9.]+`, `gateway_build_info\{version=.*} 1`,
	} {
		g.awaitMetric(line)
	}
	text := g.metrics()
	file := filepath.Join(t.TempDir(), "metrics")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := command(t, "/bin/sh", "-c", `exec "$0" check metrics <"$1"`, promtool, file); said != "" {
		t.Errorf("promtool: %s", said)
	}
	for l := range strings.Lines(text) {
		if strings.Contains(l, `sensor="gone",quantity=`) {
			t.Errorf("a sensor that never measured has a value: %s", l)
		}
	}
}

// TestMetricsDropWhatIsStale: what a device said is gone when it said it does not
// hold any more, and its state stays.
func TestMetricsDropWhatIsStale(t *testing.T) {
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	g := startGateway(t, "sensors: []\n")
	say := func(topic, payload string) {
		command(t, pub, append(hostPort(t, g.mqtt), "-r", "-t", topic, "-m", payload)...)
	}
	say("home/shed/climate", `{"temperature": 3.5}`)
	g.awaitMetric(`gateway_sensor_value\{site="home",room="shed",sensor="climate",quantity="temperature",unit="°C"} 3\.5`)
	for _, status := range []string{"stale", "fault", "offline"} {
		say("home/shed/climate/status", status)
		text := g.awaitMetric(`gateway_sensor_state\{site="home",room="shed",sensor="climate",state="` + status + `"} 1`)
		if strings.Contains(text, "gateway_sensor_value{") || !strings.Contains(text, `gateway_sensor_up{site="home",room="shed",sensor="climate"} 0`) {
			t.Errorf("%s:\n%s", status, text)
		}
	}
	say("home/shed/climate/status", "online")
	g.awaitMetric(`gateway_sensor_value\{site="home",room="shed",sensor="climate",quantity="temperature",unit="°C"} 3\.5`)
}

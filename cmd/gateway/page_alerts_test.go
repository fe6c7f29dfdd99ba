package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

// TestPageAlerts: check 17 of the dashboard's document. A limit is passed, the
// alert shows on every page and on MQTT, a value near the limit does not make it
// flap, and what a person has acknowledged stays so when the page is loaded again
// and when the gateway was killed.
func TestPageAlerts(t *testing.T) {
	mqtt, page := freePort(t), freePort(t)
	config := writeConfig(t, fmt.Sprintf(`
site: home
sensors: []
persistence: {path: %q, interval: 0s}
alerts:
  - {name: any freezer, value: "home/+/freezer#temperature", above: -15, hysteresis: 2, severity: critical, message: "{sensor} in the {room}: {value} {unit}"}
broker:
  listeners: [{protocol: tcp, address: "127.0.0.1:%s"}, {protocol: ws, address: "127.0.0.1:0"}]
dashboard: {address: "127.0.0.1:%s"}
`, t.TempDir(), mqtt, page))
	start := func() *gatewayProcess { return awaitGateway(spawn(t, needBinary(t), "run", "-c", config)) }
	g := start()
	browse(t, "alerts", g.page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		switch name {
		case "publish": // TOPIC PAYLOAD
			topic, payload, _ := strings.Cut(rest, " ")
			command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-r", "-q", "1", "-t", topic, "-m", payload)...)
		case "day": // TOPIC: what it did in the last day, in the afternoon too warm
			publishDay(t, g, rest)
		case "retained": // TOPIC
			out := command(t, need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-q", "1", "-C", "1", "-W", "20", "-t", rest)...)
			return strings.TrimSpace(out)
		case "acknowledge": // TOPIC
			command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-q", "1", "-t", rest, "-m", "on")...)
		case "kill":
			g.kill()
		case "start":
			g = start()
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}

// publishDay publishes a temperature of every quarter of an hour of the last day,
// which for two hours was 32 °C, in one go.
func publishDay(t *testing.T, g *gatewayProcess, topic string) {
	t.Helper()
	var lines strings.Builder
	for i := range 95 {
		x := 20 + 3*math.Sin(float64(i)/10)
		if i >= 48 && i < 56 {
			x = 32
		}
		at := time.Now().Add(time.Duration(i-96) * 15 * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&lines, `{"time":%q,"temperature":%.1f,"humidity":44}`+"\n", at, x)
	}
	cmd := exec.CommandContext(t.Context(), need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-q", "1", "-l", "-t", topic)...)
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAlertsAPI: the binary answers as openapi/alerts.json describes.
func TestAlertsAPI(t *testing.T) {
	g := startGateway(t, "site: home\nsensors: []\n")
	api := openapitest.LoadFrom(t, g.page)
	admin := g.admin(t)
	resp, err := admin.Post(g.page+"/api/v1/alerts/rules", "application/json", strings.NewReader(`{"name":"hot","value":"x","above":30}`))
	if err != nil {
		t.Fatal(err)
	}
	api.Check(t, "POST", "/api/v1/alerts/rules", resp.StatusCode, bodyOf(t, resp))
	command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-q", "1", "-t", "x", "-m", "31")...)
	state := command(t, need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-C", "2", "-W", "20", "-v", "-t", "home/alerts/#")...)
	if !strings.Contains(state, "home/alerts/hot/state") {
		t.Errorf("on MQTT: %s", state)
	}
	resp, err = admin.Get(g.page + "/api/v1/alerts")
	if err != nil {
		t.Fatal(err)
	}
	api.Check(t, "GET", "/api/v1/alerts", resp.StatusCode, bodyOf(t, resp))
	resp, err = admin.Get(g.page + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics := string(bodyOf(t, resp))
	for _, line := range []string{`gateway_alert_firing{rule="hot",topic="x",severity="warning"} 1`, `gateway_alerts_fired_total{severity="warning"} 1`, "gateway_alert_rules 1"} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("/metrics has no %s:\n%s", line, metrics)
		}
	}
}

func bodyOf(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

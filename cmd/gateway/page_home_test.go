package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPageHome: the page of a gateway that goes away, comes back, and has
// sensors that stop. Checks 1, 3, 6, 8, 9, 10 and 25 of the dashboard's document.
func TestPageHome(t *testing.T) {
	mqtt, page := freePort(t), freePort(t)
	config := writeConfig(t, fmt.Sprintf(`
sensors: []
persistence: {path: %q, interval: 0s}
broker:
  listeners: [{protocol: tcp, address: "127.0.0.1:%s"}, {protocol: ws, address: "127.0.0.1:0"}]
dashboard: {address: "127.0.0.1:%s"}
`, t.TempDir(), mqtt, page))
	start := func() *gatewayProcess { return awaitGateway(spawn(t, needBinary(t), "run", "-c", config)) }
	g := start()
	stamp := func(ago time.Duration) string {
		return time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	browse(t, "home", g.page, func(what string) string {
		name, rest, _ := strings.Cut(what, " ")
		switch name {
		case "publish": // TOPIC PAYLOAD, with $NOW, and $OLD for two hours ago
			topic, payload, _ := strings.Cut(rest, " ")
			payload = strings.NewReplacer("$NOW", stamp(0), "$OLD", stamp(2*time.Hour)).Replace(payload)
			command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-r", "-q", "1", "-t", topic, "-m", payload)...)
		case "expiring": // SECONDS TOPIC PAYLOAD
			seconds, rest, _ := strings.Cut(rest, " ")
			topic, payload, _ := strings.Cut(rest, " ")
			payload = strings.ReplaceAll(payload, "$NOW", stamp(0))
			command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-V", "5", "-r", "-q", "1",
				"-D", "publish", "message-expiry-interval", seconds, "-t", topic, "-m", payload)...)
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

// TestPageWithoutConfiguration: what is there when nobody has configured anything,
// in an empty folder.
func TestPageWithoutConfiguration(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser")
	}
	// The ports of the tutorial are somebody else's perhaps: here only the file is
	// left out, and the ports are others.
	g := startGateway(t, "")
	if _, err := os.Stat(filepath.Join(g.cmd.Dir, "gateway.yaml")); err == nil {
		t.Error("a configuration was made")
	}
	browse(t, "first", g.page, nil)
}

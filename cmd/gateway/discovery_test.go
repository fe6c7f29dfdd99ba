package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// described is what Home Assistant is told of a device.
type described struct {
	Device     struct{ Identifiers []string }
	Components map[string]struct {
		StateTopic string `json:"state_topic"`
	}
}

// awaitRetained waits until a topic of a broker has a retained message, or none, and
// returns it.
func awaitRetained(t *testing.T, address, topic string, wanted bool) string {
	t.Helper()
	sub, wait := need(t, "mosquitto_sub", "mosquitto-clients"), "1"
	if wanted {
		wait = "5" // it comes sooner, unless the machine is very busy
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, _ := exec.Command(sub, append(hostPort(t, address), "-t", topic, "-C", "1", "-W", wait, "--retained-only")...).Output()
		if got := strings.TrimSpace(string(out)); (got != "") == wanted && !strings.Contains(got, "Timed out") {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: a retained message is there: %v", topic, !wanted)
		}
	}
}

// TestHomeAssistantAtTheUpstream has a gateway describe its sensors to a Home
// Assistant that is connected to another broker, as the guide says: what it is told
// names topics that are there, and its birth comes back.
func TestHomeAssistantAtTheUpstream(t *testing.T) {
	t.Parallel() // it waits more than it works
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	up := startGateway(t, "site: elsewhere\nhome_assistant: {discovery: \"off\"}\n")
	down := startGateway(t, `
site: home
sensors:
  - {driver: sim, room: kitchen, name: climate, interval: 1s}
bridges:
  - name: ha
    address: mqtt://`+up.mqtt+`
    topics:
      - {filter: home/#, qos: 1}
      - {filter: homeassistant/#, qos: 1}
      - {filter: home/+/+/set/+, direction: in}
      - {filter: homeassistant/status, direction: in}
`)
	const topic = "homeassistant/device/gateway_home-kitchen-climate/config"
	var d described
	if err := json.Unmarshal([]byte(awaitRetained(t, up.mqtt, topic, true)), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Device.Identifiers) != 1 || d.Device.Identifiers[0] != "gateway_home-kitchen-climate" || len(d.Components) < 3 {
		t.Errorf("told %+v", d)
	}
	for key, c := range d.Components {
		if c.StateTopic != "" && key != "status" {
			awaitRetained(t, up.mqtt, c.StateTopic, true)
		}
	}
	watcher := spawn(t, need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, up.mqtt), "-t", topic, "-t", "ready", "-R", "-F", "%t")...)
	awaitThat(t, "the subscription", func() bool {
		command(t, pub, append(hostPort(t, up.mqtt), "-t", "ready", "-m", "1")...)
		return strings.Contains(watcher.text(), "ready")
	})
	command(t, pub, append(hostPort(t, up.mqtt), "-t", "homeassistant/status", "-m", "online")...)
	watcher.await(topic)
	if err := down.stop(); err != nil {
		t.Error(err)
	}
}

// TestDiscoveryIsReloaded has the form changed and discovery switched off by SIGHUP,
// and while the gateway is off first a sensor removed, and then the site renamed and
// the prefix changed.
func TestDiscoveryIsReloaded(t *testing.T) {
	t.Parallel() // it waits more than it works
	const (
		climate = "homeassistant/device/gateway_home-kitchen-climate/config"
		lamp    = "homeassistant/device/gateway_home-kitchen-light/config"
	)
	config := "site: home\nsensors:\n  - {driver: sim, room: kitchen, name: climate, interval: 1s}\n"
	more := "  - {driver: sim, room: kitchen, name: light, interval: 1s}\n"
	folder, file := t.TempDir(), writeConfig(t, config+more+freePorts)
	start := func() *gatewayProcess {
		return awaitGateway(spawnIn(t, folder, needBinary(t), "run", "-c", file, "--demo"))
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text+freePorts), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := start()
	awaitRetained(t, g.mqtt, climate, true)
	awaitRetained(t, g.mqtt, lamp, true)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	write(config)
	g = start()
	awaitRetained(t, g.mqtt, lamp, false)
	awaitRetained(t, g.mqtt, climate, true)
	awaitThat(t, "both that are announced", func() bool {
		all, err := exec.Command(need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-t", "homeassistant/#", "--retained-only", "-C", "2", "-W", "5", "-F", "%t")...).Output()
		if strings.Contains(string(all), "demo") {
			t.Errorf("announced %s", all)
		}
		return err == nil
	})
	write(config + "home_assistant: {discovery: component}\n")
	g.cmd.Process.Signal(syscall.SIGHUP)
	awaitRetained(t, g.mqtt, climate, false)
	awaitRetained(t, g.mqtt, "homeassistant/sensor/gateway_home-kitchen-climate/status/config", true)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	config = strings.Replace(config, "site: home", "site: cabin", 1)
	write(config + "home_assistant: {prefix: ha}\n")
	g = start()
	awaitRetained(t, g.mqtt, "ha/device/gateway_cabin-kitchen-climate/config", true)
	awaitRetained(t, g.mqtt, "homeassistant/#", false)
	write(config + "home_assistant: {prefix: ha, discovery: \"off\"}\n")
	g.cmd.Process.Signal(syscall.SIGHUP)
	awaitRetained(t, g.mqtt, "ha/#", false)
}

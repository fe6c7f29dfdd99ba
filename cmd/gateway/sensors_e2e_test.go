package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gateway/sensors/bus/bustest"
)

// TestSensorsOfManyKinds runs the real gateway with sensors that need no
// hardware: a program, a file, a page, another device's topic, a Modbus slave
// over TCP. Each is read, fails when its source is taken away, says so, and comes
// back.
func TestSensorsOfManyKinds(t *testing.T) {
	slave := &bustest.ModbusSlave{Input: map[uint16]uint16{1: 215, 2: 440}}
	line := bustest.NewModbus(map[byte]*bustest.ModbusSlave{1: slave})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = line.ServeListener(ln, line.ServeTCP) // ends when ln is closed
	}()
	t.Cleanup(func() { ln.Close(); line.Hangup(); <-served })
	file := filepath.Join(t.TempDir(), "power")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1234.5\n")
	g := startGateway(t, fmt.Sprintf(`
site: home
sensors:
  - driver: exec
    room: a
    name: program
    interval: 200ms
    stale_after: 1s
    options: {command: 'echo "{\"temperature\": 21.54, \"humidity\": 44}"', values: "temperature, humidity"}
    filters:
      temperature: {offset: -0.5, round: 1}
    derive: [dew_point]
  - driver: file
    room: a
    name: power
    interval: 200ms
    stale_after: 1s
    options: {path: %q, values: "power"}
  - driver: mqtt
    room: a
    name: office
    interval: 1s
    options: {topic: zigbee2mqtt/office, values: "temperature, battery"}
  - driver: modbus
    room: a
    name: shed
    interval: 200ms
    stale_after: 1s
    port: tcp://%s
    unit_id: 1
    options: {template: sht20, timeout: 200ms}
`, file, ln.Addr()))
	sub := spawn(t, needBinary(t), append([]string{"sub", "-v", "-t", "home/#"}, hostPort(t, g.mqtt)...)...)
	reading := func(topic, rest string) string { return `(?m)^home/a/` + topic + ` \{"time":"[^"]+Z",` + rest + `\}$` }

	sub.await(reading("program", `"temperature":21,"humidity":44,"dew_point":8.3`))
	sub.await(reading("power", `"power":1234.5`))
	sub.await(reading("shed", `"temperature":21.5,"humidity":44`))
	if strings.Contains(sub.text(), "home/a/office {") {
		t.Error("a reading of a device that has said nothing")
	}
	pub := append([]string{"pub", "-t", "zigbee2mqtt/office", "-m", `{"temperature":19.5,"battery":88,"linkquality":7}`}, hostPort(t, g.mqtt)...)
	command(t, needBinary(t), pub...)
	sub.await(reading("office", `"temperature":19.5,"battery":88`))

	// The sources are taken away, and come back.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	line.Inject(bustest.ModbusSilence(nil))
	for _, sensor := range []string{"power", "shed"} {
		sub.await(`(?m)^home/a/` + sensor + `/status stale$`)
		sub.await(`(?m)^home/a/` + sensor + `/status fault$`)
	}
	g.await(`sensor cannot be read.*home/a/power.*no such file`)
	write("99\n")
	line.Heal()
	slave2 := map[uint16]uint16{1: 0xFFFF, 2: 500}
	line.Change(func(s map[byte]*bustest.ModbusSlave) { s[1].Input = slave2 })
	sub.await(reading("power", `"power":99`))
	sub.await(reading("shed", `"temperature":-0.1,"humidity":50`))
	g.await(`sensor is read again.*home/a/power`)
	g.await(`sensor is read again.*home/a/shed`)

	// Read at once, by topic.
	before := len(regexp.MustCompile(`home/a/program \{`).FindAllString(sub.text(), -1))
	command(t, needBinary(t), append([]string{"pub", "-t", "home/a/program/set/read", "-n"}, hostPort(t, g.mqtt)...)...)
	sub.await(fmt.Sprintf(`(?s)(home/a/program \{.*){%d}`, before+1))
	if err := g.stop(); err != nil {
		t.Errorf("it did not stop well: %v", err)
	}
	sub.await(`(?m)^home/a/program/status offline$`)
}

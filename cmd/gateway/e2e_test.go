package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTutorial is what a newcomer does: start the gateway without anything,
// run the well-known script unchanged, publish a message.
func TestTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the standard ports, which race may have: make test runs both at a time")
	}
	python := "/usr/bin/python3" // Debian's, which has Debian's paho
	if exec.Command(python, "-c", "import paho.mqtt.client").Run() != nil {
		skipOrFail(t, "Python's paho is not installed: apt-get install python3-paho-mqtt, or run make test")
	}
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	for _, address := range []string{"127.0.0.1:1883", "127.0.0.1:9001", "127.0.0.1:8080"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			skipOrFail(t, "the tutorial needs the standard ports, and %s is in use", address)
		}
		ln.Close()
	}
	g := awaitGateway(spawn(t, needBinary(t)))
	if g.mqtt != "127.0.0.1:1883" || g.ws != "ws://127.0.0.1:9001" || g.page != "http://127.0.0.1:8080" {
		t.Errorf("it listens on %s, %s and %s", g.mqtt, g.ws, g.page)
	}
	script, err := filepath.Abs("testdata/tutorial.py")
	if err != nil {
		t.Fatal(err)
	}
	py := spawn(t, python, "-u", script)
	py.await(`Connected with result code 0`)
	// The script subscribes after that line; what is retained reaches it anyway.
	command(t, pub, "-h", "127.0.0.1", "-t", "/test/1", "-r", "-m", "hello")
	py.await(`/test/1 b'hello'`)
	if err := g.stop(); err != nil {
		t.Errorf("on SIGTERM: %v", err)
	}
}

// TestInterrupt wants Ctrl-C to be quiet: the gateway stops, with status 0,
// and has nothing more to say.
func TestInterrupt(t *testing.T) {
	g := startGateway(t, "")
	g.await(`(?m)^readings .*$`)
	before := g.text()
	if err := g.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-g.done
	if g.err != nil {
		t.Errorf("on Ctrl-C: %v", g.err)
	}
	if more := strings.TrimPrefix(g.text(), before); strings.Contains(more, "WARN") || strings.Contains(more, "ERROR") || strings.Contains(more, "gateway:") {
		t.Errorf("on Ctrl-C it says %q", more)
	}
}

// TestOwnReadings shows that the machine's own readings are in the tree, by the
// command that the gateway prints.
func TestOwnReadings(t *testing.T) {
	need(t, "mosquitto_sub", "mosquitto-clients")
	g := startGateway(t, "site: here\n")
	p := spawn(t, "sh", "-c", "exec "+g.await(`(?m)^readings  (mosquitto_sub .* -t 'here/#')$`)[1])
	m := p.await(`(?m)^here/gateway/host (\{.*\})$`)
	var payload struct {
		Time time.Time
		Load *float64
	}
	if err := json.Unmarshal([]byte(m[1]), &payload); err != nil || payload.Load == nil || time.Since(payload.Time) > time.Hour {
		t.Errorf("payload %s: %v", m[1], err)
	}
	p.await(`(?m)^here/gateway/host/status online$`)
}

// TestMosquittoClients talks all three versions with Debian's clients.
func TestMosquittoClients(t *testing.T) {
	sub, pub := need(t, "mosquitto_sub", "mosquitto-clients"), need(t, "mosquitto_pub", "mosquitto-clients")
	g := startGateway(t, "")
	for _, version := range []string{"31", "311", "5"} {
		for _, qos := range []string{"0", "1", "2"} {
			topic := "e2e/" + version + "/" + qos
			at := append(hostPort(t, g.mqtt), "-V", version, "-q", qos, "-t", topic)
			command(t, pub, append(at, "-r", "-m", "kept")...)
			got := command(t, sub, append(at, "-C", "1", "-W", "20", "-F", "%t %q %r %p")...)
			if want := topic + " " + qos + " 1 kept\n"; got != want {
				t.Errorf("version %s QoS %s: got %q, want %q", version, qos, got, want)
			}
		}
	}
	t.Run("will", func(t *testing.T) {
		p := spawn(t, sub, append(hostPort(t, g.mqtt), "-t", "e2e/will", "-t", "e2e/ready", "-v")...)
		command(t, pub, append(hostPort(t, g.mqtt), "-r", "-t", "e2e/hello", "-m", "1")...)
		dying := spawn(t, sub, append(hostPort(t, g.mqtt), "-t", "e2e/hello", "-v", "--will-topic", "e2e/will", "--will-payload", "gone")...)
		dying.await(`e2e/hello 1`)
		command(t, pub, append(hostPort(t, g.mqtt), "-r", "-t", "e2e/ready", "-m", "1")...)
		p.await(`e2e/ready 1`)
		dying.kill()
		p.await(`e2e/will gone`)
	})
	t.Run("persistent session", func(t *testing.T) {
		at := append(hostPort(t, g.mqtt), "-q", "1", "-c", "-i", "keeper", "-t", "e2e/session")
		command(t, sub, append(at, "-E")...)
		for _, m := range []string{"1", "2", "3"} {
			command(t, pub, append(hostPort(t, g.mqtt), "-q", "1", "-t", "e2e/session", "-m", m)...)
		}
		if got := command(t, sub, append(at, "-C", "3", "-W", "20")...); got != "1\n2\n3\n" {
			t.Errorf("queued messages: %q", got)
		}
	})
}

// TestWebSocket talks to the WebSocket listener with mqtt.js.
func TestWebSocket(t *testing.T) {
	node := needNode(t, "mqtt")
	g := startGateway(t, "")
	if out := command(t, node, "testdata/mqttjs.mjs", g.ws); !strings.Contains(out, "ok") {
		t.Errorf("mqtt.js says %q", out)
	}
}

// TestPage opens the page of a gateway nobody has configured in Chromium: it
// shows this machine's own readings, and the simulated house as such.
func TestPage(t *testing.T) {
	node := needNode(t, "playwright-core")
	t.Setenv("CHROMIUM", need(t, "chromium", "chromium"))
	g := startGateway(t, "site: here\n", "-demo")
	// There is something to show once the first readings are in the tree.
	command(t, needBinary(t), append(append([]string{"sub"}, hostPort(t, g.mqtt)...), "-t", "here/gateway/host", "-C", "1")...)
	out := command(t, node, "testdata/page.mjs", g.page, "here", "gateway", "Load average", "demo", "simulated")
	if !strings.Contains(out, "ok") {
		t.Errorf("the browser says %q", out)
	}
	t.Log(out)
}

// TestDemo wants the simulated house in the tree, marked as such, beside the
// machine's own readings.
func TestDemo(t *testing.T) {
	sub := need(t, "mosquitto_sub", "mosquitto-clients")
	g := startGateway(t, "site: here\n", "-demo")
	out := command(t, sub, append(hostPort(t, g.mqtt), "-t", "demo/+/+", "-C", "15", "-v")...)
	rooms := map[string]bool{}
	for line := range strings.Lines(out) {
		topic, payload, _ := strings.Cut(line, " ")
		rooms[strings.Split(topic, "/")[1]] = true
		if !strings.Contains(payload, `"simulated":true`) {
			t.Errorf("%s is not marked as simulated: %s", topic, payload)
		}
	}
	if len(rooms) < 5 {
		t.Errorf("rooms %v, want six, one of whose sensors may be failing", rooms)
	}
	command(t, sub, append(hostPort(t, g.mqtt), "-t", "here/gateway/host", "-C", "1")...)
}

// TestBridgeToMosquitto forwards to a real Mosquitto, also what was published
// while that was down.
func TestBridgeToMosquitto(t *testing.T) {
	mosquitto := need(t, "mosquitto", "mosquitto")
	sub, pub := need(t, "mosquitto_sub", "mosquitto-clients"), need(t, "mosquitto_pub", "mosquitto-clients")
	port := freePort(t)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\nuser root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	startUpstream := func() *process {
		p := spawn(t, mosquitto, "-c", conf, "-v")
		p.await(`mosquitto version \S+ running`)
		return p
	}
	upstream := startUpstream()
	g := startGateway(t, `site: here
bridges:
  - name: cloud
    address: mqtt://127.0.0.1:`+port+`
    reconnect_min: 100ms
    reconnect_max: 500ms
    topics:
      - {filter: "here/#", qos: 1, remote_prefix: "pi1/"}
      - {filter: "e2e/#", qos: 1, remote_prefix: "pi1/"}
`)
	far := []string{"-h", "127.0.0.1", "-p", port}
	p := spawn(t, sub, append(far, "-t", "#", "-v")...)
	p.await(`(?m)^pi1/here/gateway/host \{`)
	state := spawn(t, sub, append(hostPort(t, g.mqtt), "-t", "$SYS/broker/connection/cloud/state", "-v")...)
	state.await(`state 1`)

	p.kill()
	upstream.kill()
	state.await(`state 0`)
	for _, m := range []string{"1", "2", "3"} {
		// Retained, so that a subscriber of the upstream sees them however late
		// it comes.
		command(t, pub, append(hostPort(t, g.mqtt), "-q", "1", "-r", "-t", "e2e/outage/"+m, "-m", "m"+m)...)
	}
	startUpstream()
	p = spawn(t, sub, append(far, "-q", "1", "-t", "pi1/e2e/#", "-v")...)
	for _, m := range []string{"1", "2", "3"} {
		p.await(`(?m)^pi1/e2e/outage/` + m + ` m` + m + `$`)
	}
	state.await(`(?s)state 1.*state 0.*state 1`)
}

// TestARM runs the binary for the first Raspberry Pi and the Zero on an
// emulated ARM1176 and lets it serve a client.
func TestARM(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for ARM; not in short mode")
	}
	qemu := need(t, "qemu-arm-static", "qemu-user-static")
	bin, err := buildBinary(filepath.Join(t.TempDir(), "gateway-armv6"), "GOOS=linux", "GOARCH=arm", "GOARM=6")
	if err != nil {
		t.Fatal(err)
	}
	g := awaitGateway(spawn(t, qemu, "-cpu", "arm1176", bin, "run", "-c", writeConfig(t, "site: pi\n"+freePorts)))
	out := command(t, needBinary(t), append(append([]string{"sub"}, hostPort(t, g.mqtt)...), "-t", "pi/#", "-C", "1", "-v")...)
	if !strings.HasPrefix(out, "pi/gateway/host") {
		t.Errorf("the ARM gateway sent %q", out)
	}
	if err := g.stop(); err != nil {
		t.Errorf("on SIGTERM: %v", err)
	}
}

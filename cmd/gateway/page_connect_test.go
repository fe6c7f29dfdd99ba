package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gateway/broker/auth"
)

// TestPageConnect: what Connect shows is what works. The lines for mosquitto and
// the scripts for Python are run as they stand there.
func TestPageConnect(t *testing.T) {
	hash := auth.HashPassword([]byte("secret"))
	for _, tt := range []struct{ name, auth string }{
		{"open", ""},
		{"locked", fmt.Sprintf("  auth: {users: [{name: ann, password: %q}]}\n", hash)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := writeConfig(t, "site: home\nsensors: []\n"+strings.Replace(freePorts, "broker:\n", "broker:\n"+tt.auth, 1))
			g := awaitGateway(spawn(t, needBinary(t), "run", "-c", file))
			if tt.auth != "" {
				t.Setenv("LOCKED", "1")
			}
			c := &copied{t: t, g: g}
			browse(t, "connect", g.page, c.do)
		})
	}
}

// copied runs what somebody has copied from the page.
type copied struct {
	t *testing.T
	g *gatewayProcess
}

const said = `home/kitchen/climate \{.temperature.: 21\.5\}`

// do runs a snippet: "run <its name> <its text in base64>".
func (c *copied) do(what string) string {
	fields := strings.Fields(what)
	switch {
	case len(fields) == 1 && fields[0] == "port":
		return hostPort(c.t, c.g.mqtt)[3]
	case len(fields) == 3 && fields[0] == "open":
		c.open(unwrap(c.t, fields[1]), unwrap(c.t, fields[2]))
		return ""
	case len(fields) != 3 || fields[0] != "run":
		c.t.Errorf("the script asks for %q", what)
		return ""
	}
	text := strings.NewReplacer("USER", "ann", "PASSWORD", "secret").Replace(unwrap(c.t, fields[2]))
	switch fields[1] {
	case "mosquitto_pub":
		need(c.t, "mosquitto_pub", "mosquitto-clients")
		command(c.t, "/bin/sh", "-c", text)
	case "mosquitto_sub":
		p := spawn(c.t, "/bin/sh", "-c", "exec "+text)
		p.await(said)
		p.kill()
	case "publish.py", "subscribe.py":
		c.python(fields[1], text)
	default:
		c.t.Errorf("nobody knows how to run %s", fields[1])
	}
	return ""
}

func unwrap(t *testing.T, text string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// open does what the page says for devices of the network to be let in.
func (c *copied) open(line, yaml string) {
	words := strings.Fields(strings.Replace(line, "USER", "ann", 1))
	add := exec.Command(needBinary(c.t), words[1:]...)
	add.Stdin = strings.NewReader("secret\n")
	if out, err := add.CombinedOutput(); err != nil {
		c.t.Errorf("%s: %v\n%s", line, err, out)
	}
	if out := command(c.t, needBinary(c.t), "check", writeConfig(c.t, yaml)); !strings.Contains(out, "2 listeners") {
		c.t.Errorf("%s\nis %s", yaml, out)
	}
}

// python runs a script with paho-mqtt 1, and with 2 or what stands in for it.
func (c *copied) python(name, text string) {
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import paho.mqtt.client").Run() != nil {
		skipOrFail(c.t, "Python's paho is not installed: apt-get install python3-paho-mqtt, or run make test")
	}
	file := filepath.Join(c.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	two := os.Getenv("GATEWAY_PAHO2") // a folder that has paho-mqtt 2
	if two == "" {
		var err error
		if two, err = filepath.Abs("testdata/page/paho2"); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, path := range []string{"", two} {
		run := []string{"/usr/bin/env", "PYTHONPATH=" + path, python, file}
		if name == "publish.py" {
			command(c.t, run[0], run[1:]...)
			continue
		}
		p := spawn(c.t, run[0], run[1:]...)
		p.await(said)
		p.kill()
	}
}

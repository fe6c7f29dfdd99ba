//go:build linux

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gateway measures ours on m. It has its defaults, but for one listener without
// passwords and no page: the store is on, as people have it.
func (b *bench) gateway(ctx context.Context, m machine) (figures, error) {
	dir, address, err := b.place()
	if err != nil {
		return figures{}, err
	}
	conf := filepath.Join(dir, "gateway.yaml")
	if err := os.WriteFile(conf, []byte(gatewayConfig(b.sensors, address, dir)), 0o600); err != nil {
		return figures{}, err
	}
	count := filepath.Join(dir, "instructions")
	p, err := start(ctx, m.command(b.plugin, count, b.binary(m), "run", "-c", conf), nil)
	if err != nil {
		return figures{}, err
	}
	defer p.stop()
	return b.measure(ctx, m, p, nil, address, count)
}

func gatewayConfig(sensors int, address, dir string) string {
	var c strings.Builder
	fmt.Fprintf(&c, "site: bench\nlog: {level: warn}\ndashboard: {address: \"\"}\n")
	fmt.Fprintf(&c, "persistence: {path: %q}\n", filepath.Join(dir, "store"))
	fmt.Fprintf(&c, "broker:\n  listeners:\n    - {protocol: tcp, address: %q}\n", address)
	fmt.Fprintf(&c, "sensors:\n")
	for i := range sensors {
		fmt.Fprintf(&c, "  - {driver: sim, room: room_%d, name: climate_%d, interval: 1s, options: {profile: climate, seed: \"%d\"}}\n", i/8, i, i)
	}
	return c.String()
}

//go:embed mqttio.py
var mqttioScript []byte

// mqttIO measures mqtt-io on m, with Mosquitto on this machine. It logs
// warnings only, where its default is a line for each reading.
func (b *bench) mqttIO(ctx context.Context, m machine) (figures, error) {
	dir, address, err := b.place()
	if err != nil {
		return figures{}, err
	}
	_, port, _ := strings.Cut(address, ":")
	conf, script, brokerConf := filepath.Join(dir, "mqttio.yml"), filepath.Join(dir, "mqttio.py"), filepath.Join(dir, "mosquitto.conf")
	for name, content := range map[string]string{
		conf: mqttioConfig(b.sensors, port), script: string(mqttioScript),
		brokerConf: "listener " + port + " 127.0.0.1\nallow_anonymous true\nlog_dest none\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return figures{}, err
		}
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	broker, err := start(ctx, []string{program, "-c", brokerConf}, nil)
	if err != nil {
		return figures{}, fmt.Errorf("%w (Debian's package mosquitto)", err)
	}
	defer broker.stop()
	if err := awaitListener(ctx, address); err != nil {
		return figures{}, fmt.Errorf("mosquitto: %w", err)
	}
	python := "/usr/bin/python3"
	if m.arm {
		python = filepath.Join(b.armroot, "usr/bin/python3")
		m.qemu = []string{m.qemu[0], "-L", b.armroot} // Debian's armhf is ARMv7
	}
	count := filepath.Join(dir, "instructions")
	env := []string{"PYTHONPATH=" + b.mqttio, "PYTHONDONTWRITEBYTECODE=1"}
	if m.arm {
		env[0] += ":" + filepath.Join(b.armroot, "usr/lib/python3/dist-packages")
		env = append(env, "PYTHONHOME="+filepath.Join(b.armroot, "usr"))
	}
	p, err := start(ctx, m.command(b.plugin, count, python, script, conf), env)
	if err != nil {
		return figures{}, err
	}
	defer p.stop()
	return b.measure(ctx, m, p, broker, address, count)
}

func mqttioConfig(sensors int, port string) string {
	var c strings.Builder
	fmt.Fprintf(&c, "mqtt: {host: 127.0.0.1, port: %s, topic_prefix: bench, protocol: 3.1.1}\n", port)
	fmt.Fprintf(&c, "logging: {version: 1, disable_existing_loggers: false}\n")
	fmt.Fprintf(&c, "sensor_modules:\n  - {name: bench, module: bench}\nsensor_inputs:\n")
	for i := range sensors {
		fmt.Fprintf(&c, "  - {name: climate_%d, module: bench, interval: 1, retain: yes}\n", i)
	}
	return c.String()
}

// place makes a folder and finds a free port for a program.
func (b *bench) place() (dir, address string, err error) {
	if dir, err = os.MkdirTemp(b.dir, ""); err != nil {
		return "", "", err
	}
	address, err = freeAddress()
	return dir, address, err
}

// command is how the machine runs a program, and where it counts.
func (m machine) command(plugin, count string, program ...string) []string {
	if m.qemu == nil {
		return program
	}
	emulator := append(m.qemu[:len(m.qemu):len(m.qemu)], "-plugin", plugin+",out="+count)
	return append(emulator, program...)
}

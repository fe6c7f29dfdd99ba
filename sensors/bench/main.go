//go:build linux

// Command bench measures what reading sensors costs the gateway: 200 simulated
// sensors at 1 Hz through scheduler, pipeline and broker to one subscriber, in
// the real program. It writes a table.
//
//	go run ./sensors/bench [-seconds 60] [-mqttio DIR [-armroot DIR]] [-out sensors/BENCH.md]
//
// The figures are CPU time of the process, from /proc/PID/stat, on this machine;
// and instructions executed, of amd64 and of ARMv6, under QEMU with a plugin
// that counts them. Instructions do not depend on what else the machine does.
// What a reading allocates is from the benchmark in cmd/gateway.
//
// Beside it runs, if it is given, mqtt-io, a program in Python for the same
// purpose, with 200 sensors of one value each that cost nothing to read, and
// Debian's Mosquitto. DIR is a folder for PYTHONPATH with the packages mqtt_io,
// aiomqtt, paho and confp; what else it needs are Debian's packages. -armroot is
// a root file system with python3 and those packages for armhf. Without -mqttio
// that table of the file stays as it is.
//
// It knows the programs from outside only and imports nothing of ours.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	sensors int
	seconds float64 // of measuring, for each program
	warmup  float64 // before that
	mqttio  string  // "" for no mqtt-io
	armroot string  // "" for no mqtt-io on ARM
	out     string  // file for the table, "" for standard output only
}

func main() {
	var o options
	flag.IntVar(&o.sensors, "sensors", 200, "number of sensors, which are read once a second")
	flag.Float64Var(&o.seconds, "seconds", 60, "time to measure, s, for each program")
	flag.Float64Var(&o.warmup, "warmup", 10, "time before that, s")
	flag.StringVar(&o.mqttio, "mqttio", "", "folder with mqtt-io and the packages it needs")
	flag.StringVar(&o.armroot, "armroot", "", "root file system with python3 for armhf")
	flag.StringVar(&o.out, "out", "", "file to write the table to, Markdown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "gateway-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r := results{options: o}
	if r.allocations, err = allocations(ctx); err != nil {
		return err
	}
	for _, m := range machines {
		f, err := b.gateway(ctx, m)
		if err != nil {
			return fmt.Errorf("gateway, %s: %w", m.name, err)
		}
		r.gateway = append(r.gateway, f)
		fmt.Println("gateway", f)
		if o.mqttio == "" || m.arm && o.armroot == "" {
			continue
		}
		if f, err = b.mqttIO(ctx, m); err != nil {
			return fmt.Errorf("mqtt-io, %s: %w", m.name, err)
		}
		r.mqttio = append(r.mqttio, f)
		fmt.Println("mqtt-io", f)
	}
	if o.out == "" {
		fmt.Print(r.text(""))
		return nil
	}
	old, err := os.ReadFile(o.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(o.out, []byte(r.text(string(old))), 0o644)
}

// machine is what a program runs on.
type machine struct {
	name   string
	env    []string // for go build
	qemu   []string // the emulator; nil for this machine
	arm    bool
	counts bool // instructions, not time
}

// machines are what is measured on. The program for ARMv6 runs on every
// Raspberry Pi; the first one has an ARM1176.
var machines = []machine{
	{name: "amd64", env: []string{"GOARCH=amd64"}},
	{name: "amd64 counted", env: []string{"GOARCH=amd64"}, qemu: []string{"qemu-x86_64", "-cpu", "max"}, counts: true},
	{name: "ARMv6 counted", env: []string{"GOARCH=arm", "GOARM=6"}, qemu: []string{"qemu-arm", "-cpu", "arm1176"}, arm: true, counts: true},
}

func (m machine) processor() string {
	if m.arm {
		return "ARM"
	}
	return "amd64"
}

// bench is a run of the benchmark.
type bench struct {
	options
	dir    string
	plugin string // the shared library of plugin/insn.c
}

// prepare builds what is to run.
func (b *bench) prepare(ctx context.Context) error {
	for _, m := range machines {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary(m), "./cmd/gateway")
		build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), m.env...)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the gateway: %w\n%s", err, out)
		}
	}
	var err error
	b.plugin, err = buildPlugin(ctx, b.dir)
	return err
}

func (b *bench) binary(m machine) string {
	if m.arm {
		return filepath.Join(b.dir, "gateway-armv6")
	}
	return filepath.Join(b.dir, "gateway")
}

// figures are what one program used while it made so many readings.
type figures struct {
	machine      machine
	readings     uint64
	time         time.Duration
	cpu          time.Duration
	instructions uint64  // if the machine counts
	broker       uint64  // of Mosquitto beside it, ns of CPU; 0 if there is none
	resident     float64 // MiB
}

func (f figures) share() float64 { return 100 * f.cpu.Seconds() / f.time.Seconds() }

func (f figures) per(x float64) float64 { return x / float64(f.readings) }

func (f figures) String() string {
	return fmt.Sprintf("on %s: %d readings in %.1f s, CPU %.2f %%, %.1f µs each; %.0f instructions each; %.1f MiB",
		f.machine.name, f.readings, f.time.Seconds(), f.share(), f.per(float64(f.cpu.Microseconds())), f.per(float64(f.instructions)), f.resident)
}

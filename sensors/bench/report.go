//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// results are what was measured: of the gateway on each machine, of mqtt-io on
// some or none.
type results struct {
	options
	allocations allocated
	gateway     []figures
	mqttio      []figures
}

// The marks around the table that stays as it was if mqtt-io was not measured.
const beginBeside, endBeside = "<!-- mqtt-io -->\n", "<!-- /mqtt-io -->\n"

// text is the file, of which old is the content until now.
func (r results) text(old string) string {
	var t strings.Builder
	fmt.Fprintf(&t, `# What reading sensors costs

Written by %[1]smake bench-sensors%[1]s on %[2]s. %[3]s.
%[4]d simulated sensors, a climate of two values each, read once a second and
published as JSON, retained, at QoS 1; one subscriber; the store on, and
everything else as it is by default. The program is the one that people
install, with its broker in it. [How it is measured](bench/main.go).

`, "`", time.Now().UTC().Format(time.DateOnly), thisMachine(), r.sensors)
	fmt.Fprintf(&t, "| | amd64 | ARMv6 (qemu-arm, ARM1176) |\n|---|---:|---:|\n")
	native, amd64, arm := r.gateway[0], r.gateway[1], r.gateway[2]
	row := func(what, a, b string) { fmt.Fprintf(&t, "| %s | %s | %s |\n", what, a, b) }
	row("readings measured", fmt.Sprint(native.readings), fmt.Sprint(arm.readings))
	row("share of one core, %", number(native.share()), "")
	row("CPU time for a reading, µs", number(native.per(float64(native.cpu)/1000)), "")
	row("instructions for a reading", thousands(amd64), thousands(arm))
	row("instructions in a second, million", millions(amd64), millions(arm))
	row("resident memory, MiB", number(native.resident), "")
	fmt.Fprintf(&t, `
Instructions are the program's own, counted by a plugin of QEMU, whatever else
the machine does. Most of the CPU time is the kernel's, which wakes the program
up for ticks: it is in the time and not in the instructions. Time under an
emulator says nothing and is left out.

From a fake chip on I²C to a subscriber in the process, 200 sensors of four
kinds on 25 buses with filters (%[1]sgo test ./cmd/gateway -run '^$' -bench Reading%[1]s),
a reading allocates %[2]s times, %[3]s B. Three of them are what it consists of:
its values, its payload and its message.

`, "`", fmt.Sprintf("%.0f", r.allocations.times), fmt.Sprintf("%.0f", r.allocations.bytes))
	return t.String() + r.beside(old)
}

// beside is the part about mqtt-io.
func (r results) beside(old string) string {
	if len(r.mqttio) == 0 {
		_, rest, _ := strings.Cut(old, beginBeside)
		if section, _, ok := strings.Cut(rest, endBeside); ok {
			return beginBeside + section + endBeside
		}
		return ""
	}
	var t strings.Builder
	t.WriteString(beginBeside)
	fmt.Fprintf(&t, `## Beside mqtt-io

Both in the same run on %[1]s, ours as above. mqtt-io 2.6.0, with Python 3.11 and
paho-mqtt 2.1, has %[2]d sensors of one value, a random number, which costs it less
than a chip would; it logs warnings only. Its broker is Mosquitto, which is
only in the row that says so, where ours is part of the program. On ARM its
Python is Debian's, of ARMv7, and ours is of ARMv6.

| | mqtt-io | gateway | ratio |
|---|---:|---:|---:|
`, time.Now().UTC().Format(time.DateOnly), r.sensors)
	row := func(what string, theirs, ours float64) {
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", what, number(theirs), number(ours), number(ours/theirs))
	}
	for i, theirs := range r.mqttio {
		ours := r.gateway[i]
		if theirs.machine.counts {
			row("instructions for a reading, "+ours.machine.processor()+", thousand",
				theirs.per(float64(theirs.instructions))/1000, ours.per(float64(ours.instructions))/1000)
			continue
		}
		row("share of one core, amd64, %", theirs.share(), ours.share())
		row("CPU time for a reading, amd64, µs", theirs.per(float64(theirs.cpu)/1000), ours.per(float64(ours.cpu)/1000))
		row("the same with the broker, µs", theirs.per((float64(theirs.cpu)+float64(theirs.broker))/1000), ours.per(float64(ours.cpu)/1000))
		row("readings in a second", float64(theirs.readings)/theirs.time.Seconds(), float64(ours.readings)/ours.time.Seconds())
		row("resident memory, amd64, MiB", theirs.resident, ours.resident)
	}
	t.WriteString(endBeside)
	return t.String()
}

func thousands(f figures) string {
	return fmt.Sprintf("%.0f,000", f.per(float64(f.instructions))/1000)
}

func millions(f figures) string { return number(float64(f.instructions) / f.time.Seconds() / 1e6) }

// number writes x with three digits.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// thisMachine says what it was measured on.
func thisMachine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := exec.Command("uname", "-r").Output()
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())
}

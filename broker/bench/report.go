//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// result is what the rounds of a scenario gave.
type result struct {
	scenario
	values map[string][]float64 // by broker, one for each round
	lost   map[string]int64
}

func (r result) value(broker string) (float64, bool) {
	v := r.values[broker]
	return median(v), len(v) > 0
}

// ratioOf returns the gateway's figure over Mosquitto's.
func (r result) ratioOf() (float64, bool) {
	g, ok1 := r.value("gateway")
	m, ok2 := r.value("mosquitto")
	return g / m, ok1 && ok2 && m != 0
}

// missed tells whether the target is missed, as far as that was measured.
func (r result) missed() bool {
	figure, ok := r.value("gateway")
	if r.ratio {
		figure, ok = r.ratioOf()
	}
	if r.target == 0 || !ok {
		return false
	}
	if r.more {
		return figure < r.target
	}
	return figure > r.target
}

// cells are the row of the table: figures, ratio, target.
func (r result) cells() []string {
	cell := func(broker string) string {
		v, ok := r.value(broker)
		if !ok {
			return ""
		}
		text := number(v)
		if n := r.lost[broker]; n > 0 {
			text += fmt.Sprintf(" (%d lost)", n)
		}
		return text
	}
	ratio, target := "", ""
	if v, ok := r.ratioOf(); ok {
		ratio = number(v)
	}
	if r.target != 0 {
		sign := "≤"
		if r.more {
			sign = "≥"
		}
		of := "gateway"
		if r.ratio {
			of = "ratio"
		}
		target = fmt.Sprintf("%s %s %s", of, sign, number(r.target))
		if r.missed() {
			target += " **missed**"
		}
	}
	return []string{r.what, r.unit, cell("mosquitto"), cell("gateway"), ratio, target}
}

// number writes three significant digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func (r result) line() string {
	c := r.cells()
	return fmt.Sprintf("%-16s mosquitto %12s  gateway %12s %-3s  ratio %6s  %s", r.name, c[2], c[3], c[1], c[4], c[5])
}

// report is the table, as Markdown.
func report(o options, results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The broker beside Mosquitto

Written by `+"`make bench`"+` on %s. %s.
%s and the gateway of this commit, in the same run, one after the other in each
of %d rounds, each on one core with the load on another; medians. What counts
are ratios: the figures depend on the machine and on what else it does, both
brokers' alike. [How it is measured](bench/main.go).

Both have their defaults, but for up to 500 messages in flight to a client,
which is the gateway's default, where Mosquitto has 20; no limits to the number
of connections and filters; and no bound for Mosquitto's queues, which drops
messages here with its own of 1,000.
`, time.Now().UTC().Format("2006-01-02"), machine(), mosquittoVersion(), o.rounds)
	group := ""
	for _, r := range results {
		if r.group != group {
			group = r.group
			fmt.Fprintf(&b, "\n## %s\n\n| what | unit | Mosquitto | gateway | ratio | target |\n|---|---|---:|---:|---:|---|\n", group)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	return b.String()
}

// machine describes the processor and the system.
func machine() string {
	cpu, cores := "unknown processor", 0
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch strings.TrimSpace(name) {
		case "model name":
			cpu = strings.TrimSpace(value)
		case "processor":
			cores++
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, Linux %s", cpu, cores, strings.TrimSpace(string(kernel)))
}

// mosquittoVersion is what Mosquitto calls itself.
func mosquittoVersion() string {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	out, _ := exec.Command(program, "-h").Output() // whose exit status is 3
	first, _, _ := strings.Cut(string(out), "\n")
	if first == "" {
		return "Mosquitto"
	}
	return strings.TrimSpace(strings.Replace(first, "mosquitto version", "Mosquitto", 1))
}

//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/broker/bench/machine"
)

// row is what the rounds gave for a figure.
type row struct {
	figure
	values map[string][]float64 // by broker, one for each round
}

func (r row) value(broker string) (float64, bool) {
	v := slices.Sorted(slices.Values(r.values[broker]))
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)/2], true
}

func (r row) cells() []string {
	cell := func(broker string) string {
		if v, ok := r.value(broker); ok {
			return machine.Number(v)
		}
		return ""
	}
	ratio, target := "", ""
	g, ok1 := r.value("gateway")
	m, ok2 := r.value("mosquitto")
	if ok1 && ok2 && m != 0 {
		ratio = machine.Number(g / m)
	}
	if r.target != 0 && ok1 {
		target = "≥ " + machine.Number(r.target)
		if g < r.target {
			target += " **missed**"
		}
	}
	return []string{r.what, r.unit, cell("mosquitto"), cell("gateway"), ratio, target}
}

func (r row) line() string {
	c := r.cells()
	return fmt.Sprintf("%-72s mosquitto %9s  gateway %9s %-14s ratio %6s  %s", c[0], c[2], c[3], c[1], c[4], c[5])
}

// report is the table, as Markdown.
func report(o options, rows []row) string {
	var b strings.Builder
	note := ""
	if o.note != "" {
		note = "\n" + o.note + "\n"
	}
	fmt.Fprintf(&b, `# The bridge beside Mosquitto's

Written by `+"`make bench-bridge`"+` on %s. %s.
%s and the gateway of this commit, in the same run, one after the other in each
of %d rounds, each on one core with the load and the upstream on another; medians,
of memory one measurement. What counts are ratios: the figures depend on the machine
and on what else it does, both bridges' alike. [How it is measured](bench/main.go).
%s
Messages of QoS 1, 100 bytes, MQTT 3.1.1. The gateway has them on disk before it
acknowledges them to their publisher; Mosquitto keeps them in memory and writes
them every half an hour. CPU time and memory are of the whole process.

Mosquitto's bridge does not keep to max_inflight_messages when it comes back: all
that waits is on its way at once, which no round trip slows down, and which is sent
again if the line breaks once more. Ours keeps its window; its targets are 5,000
messages/s on loopback, and 95 %% of window/round trip.

| what | unit | Mosquitto | gateway | ratio | target |
|---|---|---:|---:|---:|---|
`, time.Now().UTC().Format("2006-01-02"), machine.Describe(), machine.MosquittoVersion(), o.rounds, note)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	return b.String()
}

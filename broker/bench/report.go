//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"gateway/broker/bench/machine"
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
		text := machine.Number(v)
		if n := r.lost[broker]; n > 0 {
			text += fmt.Sprintf(" (%d lost)", n)
		}
		return text
	}
	ratio, target := "", ""
	if v, ok := r.ratioOf(); ok {
		ratio = machine.Number(v)
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
		target = fmt.Sprintf("%s %s %s", of, sign, machine.Number(r.target))
		if r.missed() {
			target += " **missed**"
		}
	}
	return []string{r.what, r.unit, cell("mosquitto"), cell("gateway"), ratio, target}
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
`, time.Now().UTC().Format("2006-01-02"), machine.Describe(), machine.MosquittoVersion(), o.rounds)
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

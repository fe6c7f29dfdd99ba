//go:build linux

// Command bench measures the gateway's broker and Debian's Mosquitto side by
// side, in the same run, and writes a table of both with their ratio: on a
// shared machine only ratios are stable.
//
//	go run ./broker/bench [-only fan-in,idle] [-rounds 3] [-seconds 2] [-out broker/BENCH.md]
//
// Each broker runs on one core, and the load on another. A round measures one
// broker and then the other; the figures are medians over the rounds. The main
// figure is CPU time of the broker's process for each message it delivered,
// from /proc/PID/task/*/schedstat, ns.
//
// The load is as cheap as it can be made: bytes prepared before, frames counted
// and not decoded, acknowledgements joined. Publishers wait for the
// subscribers, so that both brokers are busy all the time and neither drops:
// what was not delivered is reported.
//
// It speaks MQTT itself and imports nothing of ours: a load that shared code
// with one of the brokers would favour it.
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
	"runtime"
	"strings"
	"syscall"
	"time"

	"gateway/broker/bench/machine"
)

// options are the flags.
type options struct {
	only    []string // beginnings of scenarios' names; none: all
	rounds  int
	seconds float64 // of measuring, for each broker, scenario and round
	brokers []string
	gateway string // the binary
	out     string // file for the table, "" for standard output only
	check   bool
}

func main() {
	var o options
	only := flag.String("only", "", "scenarios to run, comma separated; the beginning of a name is enough")
	brokers := flag.String("brokers", "mosquitto,gateway", "brokers to run")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the figures are medians")
	flag.Float64Var(&o.seconds, "seconds", 2, "time to measure, s, for each broker in each round of a scenario")
	flag.StringVar(&o.gateway, "gateway", "", "the gateway's binary; default: build it")
	flag.StringVar(&o.out, "out", "", "file to write the table to, Markdown")
	flag.BoolVar(&o.check, "check", false, "exit with 1 if a target is missed")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	o.brokers = strings.Split(*brokers, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if o.check && missed > 0 {
		os.Exit(1)
	}
}

// run runs the scenarios and returns how many targets were missed.
func run(ctx context.Context, o options) (missed int, err error) {
	if runtime.NumCPU() < 2 {
		return 0, errors.New("needs two cores, one for the broker and one for the load")
	}
	dir, err := os.MkdirTemp("", "gateway-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if o.gateway == "" {
		o.gateway = filepath.Join(dir, "gateway")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.gateway, "./cmd/gateway")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("building the gateway: %w\n%s", err, out)
		}
	}
	if err := machine.PinSelf(); err != nil {
		return 0, err
	}
	raiseFiles()
	var results []result
	for _, s := range scenarios() {
		if !wanted(s.name, o.only) {
			continue
		}
		r, err := measure(ctx, o, dir, s)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Println(r.line())
		results = append(results, r)
		if r.missed() {
			missed++
		}
	}
	if o.out != "" {
		text := report(o, results) + soakSection(o.out)
		if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
			return missed, err
		}
	}
	return missed, nil
}

// soakSection returns what broker/soak has written to the file.
func soakSection(name string) string {
	const begin, end = "<!-- soak -->", "<!-- /soak -->"
	old, _ := os.ReadFile(name)
	_, rest, ok := strings.Cut(string(old), begin)
	section, _, whole := strings.Cut(rest, end)
	if !ok || !whole {
		return ""
	}
	return "\n" + begin + section + end + "\n"
}

func wanted(name string, only []string) bool {
	if len(only) == 0 {
		return true
	}
	for _, prefix := range only {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// measure runs one scenario with each broker in turn, round by round.
func measure(ctx context.Context, o options, dir string, s scenario) (result, error) {
	r := result{scenario: s, values: make(map[string][]float64), lost: make(map[string]int64)}
	rounds := o.rounds
	if s.once {
		rounds = 1
	}
	for range rounds {
		for _, name := range o.brokers {
			if s.gatewayOnly && name != "gateway" {
				continue
			}
			value, lost, err := measureOne(ctx, o, dir, name, s)
			if err != nil {
				return r, fmt.Errorf("%s: %w", name, err)
			}
			r.values[name] = append(r.values[name], value)
			r.lost[name] += lost
		}
	}
	return r, nil
}

func measureOne(ctx context.Context, o options, dir, name string, s scenario) (value float64, lost int64, err error) {
	b, err := startBroker(ctx, name, o.gateway, dir, s.durable)
	if err != nil {
		return 0, 0, err
	}
	defer b.stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	l := &load{ctx: ctx, broker: b, seconds: o.seconds}
	defer l.close()
	value, err = s.run(l)
	return value, l.lost, errors.Join(err, l.failure())
}

//go:build linux

// Command bench measures the gateway's bridge and the one of Debian's Mosquitto
// side by side, in the same run and into the same upstream, and writes a table
// of both with their ratio: on a shared machine only ratios are stable.
//
//	go run ./bridge/bench [-only drain,memory] [-rounds 3] [-scale 1] [-out bridge/BENCH.md]
//
//	load ─▶ broker with bridge ─▶ badline ─▶ upstream in this process
//
// The process with the bridge runs on one core, and all else on another. The
// upstream is as cheap as it can be made: it counts messages and acknowledges them,
// all that came at once in one write. Messages are of QoS 1, 100 bytes, MQTT 3.1.1.
// A backlog is published while nothing listens on the line, and counted from its
// first message upstream to its last. CPU time is that of the whole process,
// from /proc/PID/task/*/schedstat, in that time; memory is VmRSS.
//
// Both keep their sessions. The gateway has each message on disk before it
// acknowledges it to the load; Mosquitto, with persistence and its default of
// autosave_interval, keeps all in memory and writes it every half an hour.
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

	"gateway/broker/bench/machine"
)

// options are the flags.
type options struct {
	only    []string // beginnings of scenarios' names; none: all
	rounds  int
	scale   float64 // of the numbers of messages
	gateway string  // the binary
	out     string  // file for the table, "" for standard output only
	note    string  // about the machine, for the table
}

func main() {
	var o options
	only := flag.String("only", "", "scenarios to run, comma separated; the beginning of a name is enough")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the figures are medians")
	flag.Float64Var(&o.scale, "scale", 1, "multiplies the numbers of messages")
	flag.StringVar(&o.gateway, "gateway", "", "the gateway's binary; default: build it")
	flag.StringVar(&o.out, "out", "", "file to write the table to, Markdown")
	flag.StringVar(&o.note, "note", "", "a sentence about the machine, for the table")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// brokers are those that are measured, ours last.
var brokers = []string{"mosquitto", "gateway"}

func bench(ctx context.Context, o options) error {
	if runtime.NumCPU() < 2 {
		return errors.New("needs two cores, one for the bridge and one for all else")
	}
	dir, err := os.MkdirTemp("", "gateway-bridge-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.gateway == "" {
		o.gateway = filepath.Join(dir, "gateway")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.gateway, "gateway/cmd/gateway")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the gateway: %w\n%s", err, out)
		}
	}
	if err := machine.PinSelf(); err != nil {
		return err
	}
	var rows []row
	for _, s := range scenarios() {
		if !wanted(s.name, o.only) {
			continue
		}
		found, err := measure(ctx, o, dir, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range found {
			fmt.Println(r.line())
		}
		rows = append(rows, found...)
	}
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(report(o, rows)), 0o644)
}

func wanted(name string, only []string) bool {
	for _, prefix := range only {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return len(only) == 0
}

// measure runs one scenario with each broker in turn, round by round.
func measure(ctx context.Context, o options, dir string, s scenario) ([]row, error) {
	rows := make([]row, len(s.figures))
	for i, f := range s.figures {
		rows[i] = row{figure: f, values: make(map[string][]float64)}
	}
	rounds := o.rounds
	if s.once {
		rounds = 1
	}
	for range rounds {
		for _, name := range brokers {
			values, err := s.one(ctx, o, name, dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			for i, v := range values {
				rows[i].values[name] = append(rows[i].values[name], v)
			}
		}
	}
	return rows, nil
}

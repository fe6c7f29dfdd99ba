//go:build linux

// Command soak kills brokers under load, again and again, and counts what they
// forget.
//
//	go run ./broker/soak [-rounds N] [-broker gateway|mosquitto|both] [-tear]
//	    [-gateway PATH] [-out FILE] [-seed S] [-keep]
//
// A run starts the real process on a port of this machine with a folder of its
// own. In each round publishers of QoS 1 and 2 load it, MQTT 3.1.1 and 5.0; it
// is killed with SIGKILL at a random moment, and started again on the same
// folder, sometimes after it was killed once more while it started. Rounds take
// turns: a subscriber that is away all the time; two that come and go; a shared subscription whose members come and go; wills, with and
// without delay; retained messages that are set, replaced and cleared; and a
// bridge whose upstream is down most of the time. All sessions and queues stay:
// what one round has left has to survive all the later ones. Then everything
// drains and is judged.
//
// With -tear there is a second run in which, after each kill, the end of the
// newest file of the store is torn, as a power cut does, see tear.go.
//
// The verdict is exact: each message says in its payload who published it, where,
// with which number and QoS. Lost is what was acknowledged to its publisher,
// with PUBACK or PUBREC, and never reached a subscriber that was subscribed all
// the time. Clients keep their half of a session as the specification has it,
// and send again what was not acknowledged.
//
// The exit status is 1 if the gateway has forgotten anything; its folder is kept
// then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds  int
	broker  string
	gateway string // binary, "": built
	out     string
	seed    uint64
	tear    bool
	keep    bool
	upgrade bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 50, "times that each broker is killed")
	flag.StringVar(&o.broker, "broker", "gateway", "gateway, mosquitto or both")
	flag.StringVar(&o.gateway, "gateway", "", "the gateway's binary; default: build it")
	flag.StringVar(&o.out, "out", "", "Markdown file to write the table to, between its marks")
	flag.Uint64Var(&o.seed, "seed", 0, "of what is random; 0: another one each time")
	flag.BoolVar(&o.tear, "tear", false, "also tear the store")
	flag.BoolVar(&o.upgrade, "upgrade", false, "stop it with SIGTERM and replace its binary, in place of killing it")
	flag.BoolVar(&o.keep, "keep", false, "keep the folders, whatever comes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := soak(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// soak runs everything that o asks for, and tells whether the gateway failed.
func soak(ctx context.Context, o options, w io.Writer) (failed bool, err error) {
	if o.rounds < 1 {
		return false, errors.New("-rounds: at least 1")
	}
	all, err := variants(o.broker)
	if err != nil {
		return false, err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Fprintf(w, "seed %d\n", o.seed)
	dir, err := os.MkdirTemp("", "gateway-soak-")
	if err != nil {
		return false, err
	}
	defer func() {
		if !failed && err == nil && !o.keep {
			os.RemoveAll(dir)
		}
	}()
	if o.gateway == "" {
		o.gateway = filepath.Join(dir, "gateway.bin")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.gateway, "gateway/cmd/gateway")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return false, fmt.Errorf("building the gateway: %w\n%s", err, out)
		}
	}
	var columns []column
	for _, v := range all {
		for _, tear := range []bool{false, true} {
			if tear && (!o.tear || v.tear == nil) {
				continue
			}
			c, err := one(ctx, o, v, tear, dir, w)
			if err != nil {
				return failed, fmt.Errorf("%s: %w; kept: %s", c.title(), err, dir)
			}
			columns = append(columns, c)
			failed = failed || v.gateway && c.verdict.failed()
		}
	}
	text := table(columns)
	fmt.Fprint(w, text)
	if failed || o.keep {
		fmt.Fprintf(w, "kept: %s\n", dir)
	}
	if o.out != "" {
		return failed, writeSection(o.out, text)
	}
	return failed, nil
}

// one runs one broker, and prints what it has done wrong.
func one(ctx context.Context, o options, v variant, tear bool, dir string, w io.Writer) (column, error) {
	c := column{variant: v, tear: tear}
	program := o.gateway
	if !v.gateway {
		var err error
		if program, err = mosquitto(); err != nil {
			return c, err
		}
	}
	random := rand.New(rand.NewPCG(o.seed, 1))
	up, err := freeAddress(random)
	if err != nil {
		return c, err
	}
	folder := filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "").Replace(c.title()))
	b, err := newBroker(v, program, folder, up, random)
	if err != nil {
		return c, err
	}
	b.upgrades = o.upgrade
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(o.rounds)*5*time.Second+5*time.Minute, errors.New("it took too long"))
	defer cancel()
	began := time.Now()
	c.verdict, err = newRun(b, random).crash(ctx, o.rounds, tear)
	if err != nil {
		return c, fmt.Errorf("%w; %s", err, b.lastWords())
	}
	fmt.Fprintf(w, "%s: %d rounds in %.0f s, %d acknowledged, %s\n", c.title(), c.verdict.rounds, time.Since(began).Seconds(), c.verdict.acked, c.verdict.summary())
	evidence := c.verdict.evidence()
	if v.gateway {
		fmt.Fprint(w, evidence)
	}
	return c, os.WriteFile(filepath.Join(folder, "evidence"), []byte(evidence+c.verdict.history), 0o600)
}

//go:build linux

// Command chaos breaks the line between a gateway and its upstream in every way
// there is, kills both ends of it, and counts what the bridge has lost, doubled
// or put out of order.
//
//	go run ./bridge/chaos [-rounds N] [-upstream mosquitto|gateway|all]
//	    [-protocol 3.1.1|5|all] [-seed S] [-gateway PATH] [-only FAULTS] [-tls] [-keep]
//
//	publishers ─▶ gateway ─ bridge ─▶ badline ─▶ upstream ─▶ subscribers
//	subscribers ◀─ gateway ◀─ bridge ─ badline ◀─ upstream ◀─ publishers
//
// A run starts the real gateway and a real upstream on loopback, with a
// [gateway/bridge/badline.Line] between them. Publishers publish numbered messages
// of QoS 1 and 2 on several topics into either, one on its way for each topic, and
// wait for PUBACK or PUBCOMP. In each round there is one fault, see faults.go, and
// in one of three the gateway is killed with SIGKILL meanwhile and started again on
// its store. The order of the faults follows from the seed; what is on its way when
// they strike does not.
//
// In the end the line is good and everything arrives; then the gateway is killed
// once more, and nothing may come again that came exactly once. The verdict is
// exact:
//
//   - what was acknowledged to its publisher has reached the subscriber on the far
//     side, which has a session that lasts;
//   - the first arrivals of each topic are in the order of publishing;
//   - what was published with QoS 2 came once;
//   - on the topics that are retained, what is retained upstream is the last.
//
// A publisher never sends again what was not acknowledged when a broker was
// killed; that may arrive or not, and no more than once at QoS 2.
//
// # Certificates
//
// With -tls the line is one of TLS, on which either end wants a certificate of the
// other, and there are the faults of rotate.go besides: certificates are replaced
// while the gateway runs, or are wrong for a while. Then the log of the bridge has to
// say what is wrong with them.
//
// # What an upstream may be held to
//
// Another gateway keeps all it has acknowledged, and is killed at any moment.
// Mosquitto does not, see [gateway/bridge/upstreams]: it is stopped with SIGTERM,
// which makes it write its file, at any moment, and never killed. Nor is it held to
// the order of what it sends to the bridge: 2.0.11 now and then puts a new message
// before those that wait for a session that was taken up again, once in a hundred
// faults or so, where a gateway as the upstream never did.
//
// It has max_inflight_messages above whatever is on its way. With 20, the default,
// it publishes QoS 2 messages again that it has sent PUBREL for: once a session is
// taken up again it has more on its way than that (each PUBCOMP lets up to 20 of the
// queue follow), and when it is started again it puts those beyond the 20th back
// into the queue, and forgets how far they were. See [gateway/bridge], and
// upstream_test.go, which shows it without a bridge.
//
// # Clocks
//
// The clock of a process cannot be set for itself: a Go program asks the kernel
// without a library in between that could be replaced, and the kernel's time
// namespaces have no wall clock. Nor can it be in a synctest bubble. What a jump comes
// to is held by tests that put what it leaves behind in place of it: messages in the
// store that show times a year before or after (clock_test.go of package bridge),
// steps of the clock that a queue has seen (subscription_clock_test.go of package
// broker), and times handed in (packages bridge/budget and bridge/timetable).
//
// The exit status is 1 if a promise was broken; the folder is kept then.
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
)

// options are the flags.
type options struct {
	rounds    int
	upstreams []string
	protocols []string
	seed      uint64
	gateway   string   // binary, "": built
	only      []string // names of faults; none: all
	tls       bool
	keep      bool
}

func main() {
	o := options{}
	flag.IntVar(&o.rounds, "rounds", 50, "faults for each upstream and protocol")
	upstream := flag.String("upstream", "all", "mosquitto, gateway or all")
	protocol := flag.String("protocol", "all", "3.1.1, 5 or all")
	flag.Uint64Var(&o.seed, "seed", 0, "of what is random; 0: another one each time")
	flag.StringVar(&o.gateway, "gateway", "", "the gateway's binary; default: build it")
	only := flag.String("only", "", "faults, comma separated; the beginning of a name is enough")
	flag.BoolVar(&o.tls, "tls", false, "the line is of TLS, and certificates are faults too")
	flag.BoolVar(&o.keep, "keep", false, "keep the folders, whatever comes")
	flag.Parse()
	o.upstreams = choose(*upstream, "mosquitto", "gateway")
	o.protocols = choose(*protocol, protocols...)
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := chaos(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// protocols are what the bridge speaks.
var protocols = []string{"3.1.1", "5"}

func choose(one string, all ...string) []string {
	if one == "all" {
		return all
	}
	return []string{one}
}

// chaos does all the runs that o asks for, and tells whether a promise was
// broken.
func chaos(ctx context.Context, o options, w io.Writer) (failed bool, err error) {
	if o.rounds < 1 {
		return false, errors.New("-rounds: at least 1")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Fprintf(w, "seed %d\n", o.seed)
	dir, err := os.MkdirTemp("", "gateway-chaos-")
	if err != nil {
		return false, err
	}
	defer func() {
		if failed || err != nil || o.keep {
			fmt.Fprintf(w, "kept: %s\n", dir)
			return
		}
		os.RemoveAll(dir)
	}()
	if o.gateway == "" {
		if o.gateway, err = build(ctx, dir); err != nil {
			return false, err
		}
	}
	for _, upstream := range o.upstreams {
		for _, protocol := range o.protocols {
			name := upstream + ", MQTT " + protocol
			v, err := one(ctx, o, upstream, protocol, filepath.Join(dir, upstream+"-"+protocol))
			if err != nil {
				return failed, fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(w, "%s: %s", name, v)
			failed = failed || v.failed()
		}
	}
	return failed, nil
}

// build builds the gateway's binary.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "gateway.bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "gateway/cmd/gateway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return binary, nil
}

// Command gateway reads sensors, serves them over MQTT and in the browser,
// and forwards them to a broker upstream.
//
//	gateway [run] [-c FILE] [--demo]   run the gateway
//	gateway run --mosquitto-conf FILE  run a configuration of Mosquitto
//	gateway check [FILE]               say what is wrong with a configuration
//	gateway drivers [NAME]             list the drivers, or describe one
//	gateway read [NAME…] [--raw]       read configured sensors once
//	gateway scan [--write]             look what sensors there are
//	gateway doctor                     what keeps sensors from being read
//	gateway import FILE [-o FILE]      make a configuration of Mosquitto's or MQTT IO's ours
//	gateway health                     whether the gateway that runs here works
//	gateway schema                     the configuration's JSON Schema
//	gateway pub, gateway sub           a small MQTT client
//	gateway passwd FILE USER           set a user's password
//	gateway store COMMAND              inspect, verify, compact, back up the store
//	gateway backup, gateway restore    everything in one file, and back
//	gateway upgrade [--check] RELEASE  replace this binary by a signed one
//	gateway completion SHELL           what makes a shell complete all this
//	gateway man [--section 5]          manual pages, for packages
//	gateway version                    what this binary is
//
// # Exit status
//
//	0  success
//	1  failure while running; gateway check: the configuration is wrong;
//	   gateway store verify: the store is damaged
//	2  wrong usage of the command line
//	3  the configuration is wrong
//	4  gateway upgrade: the release is not newer than what is installed
//
// # What is in this folder
//
// cli.go has the tree of the commands, and each command has a file. run.go builds the
// parts, wire.go joins those that do not know each other, parts.go starts and stops
// them. What the page shows has a file for each part that makes it: history.go,
// explorer.go, system.go and so on. Packages that only this command needs are in
// internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	code := execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are what a command reads and prints.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// The exit statuses, documented above.
const (
	exitFailure = 1
	exitUsage   = 2
	exitConfig  = 3
	exitCurrent = 4
)

// statusError is an error with an exit status of its own. Quiet ones have
// been explained on the screen already.
type statusError struct {
	err    error
	status int
	quiet  bool
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, s streams) int {
	err := runCommandLine(ctx, args, s)
	if err == nil {
		return 0
	}
	var status *statusError
	if !errors.As(err, &status) {
		status = &statusError{err: err, status: exitFailure}
	}
	if !status.quiet {
		fmt.Fprintf(s.err, "gateway: %v\n", err)
	}
	return status.status
}

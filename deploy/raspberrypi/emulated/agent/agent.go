// Package agent is how a test talks to the board's first process: over TCP, one
// request and one answer in JSON on each connection. It is the wire only; what a
// request does is the guest's.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// Port is where the board listens.
const Port = 7070

// Plan is what the board does when it starts, as JSON in the file PlanFile of
// its first file system.
type Plan struct {
	Disk    string   // device with an ext4 to mount at State, /dev/vda; "" for none
	State   string   // folder of what the gateway keeps
	I2C     []Device // chips of the kernel's drivers
	Await   []string // files that have to be there before the gateway is started
	Write   []Write  // and what is written then
	Gateway []string // the program and its arguments
	Env     []string // besides PATH
}

// PlanFile is where the plan is.
const PlanFile = "etc/plan.json"

// Device is a chip that a driver of the kernel is given.
type Device struct {
	Bus    string // i2c-0
	Driver string // ds2482
	Addr   uint8
}

// Write is text for a file of the kernel's.
type Write struct{ File, Text string }

// Request is one of: a program to run, a signal for the gateway, or the end.
type Request struct {
	Run      []string // program and arguments; the answer has what it printed
	Signal   string   // TERM, HUP or KILL for the gateway; TERM and KILL are answered when it has ended
	Start    bool     // start the gateway again
	Memory   bool     // what the gateway takes
	PowerOff bool     // stop the gateway by TERM, unmount, turn off
}

// Answer is what became of a request.
type Answer struct {
	Output string // both streams
	Status int    // exit status of what ran
	Memory Memory
	Error  string // what could not be done
}

// Memory is what the gateway takes, bytes, of /proc/PID/status, and how old it is.
type Memory struct {
	Resident, Peak int64 // VmRSS, VmHWM
	// What of Resident is its own, RssAnon, and what is its program's, RssFile and
	// RssShmem, which the kernel of a board with a disk can drop and read again.
	Anonymous, File int64
	Age             time.Duration // how long it has been running, in steps of 10 ms
	Threads         int64
}

// Ask sends a request over conn and waits for the answer, or the end of ctx. It
// closes conn.
func Ask(ctx context.Context, conn net.Conn, r Request) (Answer, error) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return Answer{}, fmt.Errorf("asking the board: %w", errors.Join(err, ctx.Err()))
	}
	var a Answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("answer of the board: %w", errors.Join(err, ctx.Err()))
	}
	if a.Error != "" {
		return a, fmt.Errorf("the board: %s", a.Error)
	}
	return a, nil
}

// Handle reads a request of conn, has do answer it, and closes conn.
func Handle(conn net.Conn, do func(Request) Answer) error {
	defer conn.Close()
	var r Request
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return err
	}
	return json.NewEncoder(conn).Encode(do(r))
}

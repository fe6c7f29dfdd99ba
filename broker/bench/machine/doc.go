//go:build linux

// Package machine is what the programs that measure know of the machine they run
// on: what it is, Mosquitto on it, its cores, and what a process takes. The
// benchmarks of the broker and of the bridge use it, tests for ports, and nothing that
// is shipped.
package machine

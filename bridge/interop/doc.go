// Package interop shows what a bridge does with each upstream: its test starts
// the real brokers, sends real messages both ways and over outages, and holds
// that bridge/INTEROP.md says what came of it. go test -update writes the file.
package interop

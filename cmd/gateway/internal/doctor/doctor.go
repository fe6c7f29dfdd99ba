// Package doctor looks for what keeps sensors from being read on this machine,
// and says which command mends it. It changes nothing.
package doctor

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strings"

	"gateway/sensors/bus"
)

// Verdict is how bad a finding is.
type Verdict string

// How bad something is.
const (
	Good Verdict = "ok"
	Note Verdict = "note" // nothing that the configuration needs
	Bad  Verdict = "BAD"
)

// Finding is what was found.
type Finding struct {
	Verdict Verdict
	About   string // "I²C"
	What    string
	Fix     string // a command, or what to do; "" if nothing
}

// Print prints what was found, and tells whether something is bad.
func Print(out io.Writer, all []Finding) (sick bool) {
	for _, f := range all {
		fmt.Fprintf(out, "%-5s %-14s %s\n", f.Verdict, f.About, strings.ReplaceAll(f.What, "\n", "\n                     "))
		if f.Fix != "" {
			fmt.Fprintf(out, "%20s → %s\n", "", f.Fix)
		}
		sick = sick || f.Verdict == Bad
	}
	return sick
}

// Machine is what the doctor looks at.
type Machine struct {
	Root     fs.FS                   // the file system from /
	User     string                  // in whose name the gateway runs
	Hostname string                  // "" if there is none
	Access   func(file string) error // whether this user may read and write it
	Group    func(file string) string
	// Store is the folder of the store if that is the service's, and this user is
	// not. "": where the configuration of this user has it.
	Store string
}

// ThisMachine is the one that the gateway runs on.
func ThisMachine() Machine {
	name := "$USER"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return Machine{Root: bus.Root(), User: name, Hostname: host, Access: accessible, Group: groupOf}
}

func (m Machine) text(name string) string {
	b, err := fs.ReadFile(m.Root, name)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n ")
}

// IsPi tells whether raspi-config is how things are switched on here.
func (m Machine) IsPi() bool {
	return strings.Contains(m.Model(), "Raspberry Pi")
}

// Model is what the board says it is, "" if it says nothing.
func (m Machine) Model() string { return m.text("proc/device-tree/model") }

// Board says what this machine is.
func (m Machine) Board() Finding {
	if model := m.Model(); model != "" {
		return Finding{Good, "board", model, ""}
	}
	return Finding{Good, "board", "no board that is known; a PC, perhaps", ""}
}

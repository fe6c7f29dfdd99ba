package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"strings"

	"gateway/cmd/gateway/internal/config"
	"gateway/sensors/bus"
)

type doctorCommand struct{ configFlag }

// Run looks for what keeps sensors from being read, and says which command
// mends it.
func (c *doctorCommand) Run(s streams) error {
	m := thisMachine()
	findings := []finding{m.board()}
	cfg, from, err := c.load()
	switch {
	case err != nil:
		findings = append(findings, finding{bad, "configuration", err.Error(), "correct it; gateway check " + from + " looks again"})
		cfg = config.Default()
	default:
		findings = append(findings, finding{good, "configuration", from, ""})
	}
	findings = append(findings, m.examine(cfg)...)
	if printFindings(s.out, findings) {
		return &statusError{err: errors.New("something keeps the gateway from working"), status: exitFailure, quiet: true}
	}
	return nil
}

// verdict is how bad a finding is.
type verdict string

const (
	good verdict = "ok"
	note verdict = "note" // nothing that the configuration needs
	bad  verdict = "BAD"
)

// finding is what the doctor has found.
type finding struct {
	verdict verdict
	about   string // "I²C"
	what    string
	fix     string // a command, or what to do; "" if nothing
}

func printFindings(out io.Writer, all []finding) (sick bool) {
	for _, f := range all {
		fmt.Fprintf(out, "%-5s %-14s %s\n", f.verdict, f.about, strings.ReplaceAll(f.what, "\n", "\n                     "))
		if f.fix != "" {
			fmt.Fprintf(out, "%20s → %s\n", "", f.fix)
		}
		sick = sick || f.verdict == bad
	}
	return sick
}

// machine is what the doctor looks at.
type machine struct {
	root   fs.FS
	user   string
	access func(file string) error // whether this user may read and write it
	group  func(file string) string
}

func thisMachine() machine {
	name := "$USER"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return machine{bus.Root(), name, accessible, groupOf}
}

func (m machine) text(name string) string {
	b, err := fs.ReadFile(m.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n ")
}

// isPi tells whether raspi-config is how things are switched on here.
func (m machine) isPi() bool {
	return strings.Contains(m.text("proc/device-tree/model"), "Raspberry Pi")
}

func (m machine) board() finding {
	if model := m.text("proc/device-tree/model"); model != "" {
		return finding{good, "board", model, ""}
	}
	return finding{good, "board", "no board that is known; a PC, perhaps", ""}
}

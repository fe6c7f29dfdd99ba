package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/doctor"
)

type doctorCommand struct{ configFlag }

// Run looks for what keeps sensors from being read, and says which command
// mends it.
func (c *doctorCommand) Run(_ context.Context, s streams) error {
	m := doctor.ThisMachine()
	findings := []doctor.Finding{m.Board()}
	cfg, from, err := c.load()
	switch {
	case errors.Is(err, fs.ErrPermission):
		findings = append(findings, doctor.Finding{Verdict: doctor.Bad, About: "configuration", What: from + " may not be read by you", Fix: "sudo -u gateway gateway doctor   looks as the service does"})
		cfg = config.Default()
	case err != nil:
		findings = append(findings, doctor.Finding{Verdict: doctor.Bad, About: "configuration", What: err.Error(), Fix: "correct it; gateway check " + from + " looks again"})
		cfg = config.Default()
	default:
		findings = append(findings, doctor.Finding{Verdict: doctor.Good, About: "configuration", What: c.about(from)})
	}
	if dir, ofService, err := storeOf(cfg, from); err == nil && ofService {
		m.Store = dir
	}
	findings = append(findings, m.Examine(cfg)...)
	if doctor.Print(s.out, findings) {
		return &statusError{err: errors.New("something keeps the gateway from working"), status: exitFailure, quiet: true}
	}
	return nil
}

// about says which configuration was looked at, and whether it is that of the service.
func (c *doctorCommand) about(from string) string {
	abs, err := filepath.Abs(from)
	if _, there := os.Stat(serviceConfig); c.Config == "" && err == nil && abs != serviceConfig && there == nil {
		return from + ", which is in this folder; that of the service is " + serviceConfig + ": gateway doctor -c " + serviceConfig
	}
	return from
}

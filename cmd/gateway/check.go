package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"gateway/cmd/gateway/internal/config"
)

// configPaths are where a configuration is looked for when none is named.
var configPaths = []string{"gateway.yaml", serviceConfig}

// builtIn is where a configuration comes from if there is no file.
const builtIn = "built in"

// configFlag is the flag of every command that needs a configuration.
type configFlag struct {
	Config string
}

func (c *configFlag) flags(f *flagSet) {
	f.StringVarP(&c.Config, "config", "c", "", "Configuration `FILE`. Default: gateway.yaml here, then /etc/gateway/gateway.yaml, then what is built in.")
}

// load reads the configuration and tells where it came from.
func (f configFlag) load() (cfg *config.Config, from string, err error) {
	from = f.Config
	if from == "" {
		from = findConfig()
	}
	if from == "" {
		return config.Default(), builtIn, nil
	}
	cfg, err = config.Load(from)
	var wrong *config.Error
	switch {
	case errors.As(err, &wrong):
		err = fmt.Errorf("the configuration is wrong:\n%w", err)
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("the configuration cannot be read: %w; put sudo in front, or let the gateway's user read it (sudo chgrp gateway %s && sudo chmod 640 %[2]s)", err, from)
	case err != nil:
		err = fmt.Errorf("the configuration cannot be read: %w", err)
	default:
		return cfg, from, nil
	}
	return nil, from, &statusError{err: err, status: exitConfig}
}

// findConfig returns the first of configPaths that is there. One that cannot
// be looked at counts: to pass over it would hide that.
func findConfig() string {
	for _, p := range configPaths {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return p
		}
	}
	return ""
}

type checkCommand struct {
	File          string
	MosquittoConf bool
}

func (c *checkCommand) flags(f *flagSet) {
	f.args.StringVar(&c.File, "FILE", "", "The configuration; default what gateway run would take.")
	f.BoolVar(&c.MosquittoConf, "mosquitto-conf", false, "FILE is a configuration of Mosquitto: say too what is not carried over.")
}

// Run loads the configuration as run would, and says what is in it.
func (c *checkCommand) Run(_ context.Context, s streams) error {
	cfg, from, err := c.load(s.out)
	if err != nil {
		var status *statusError
		if errors.As(err, &status) {
			err = status.err
		}
		fmt.Fprintln(s.err, strings.TrimPrefix(err.Error(), "the configuration is wrong:\n"))
		return &statusError{err: err, status: exitFailure, quiet: true}
	}
	for i, b := range cfg.Bridges {
		if b.PasswordFile == "" {
			continue
		}
		if _, err := os.ReadFile(b.PasswordFile); err != nil { // the gateway starts all the same, and tries again
			fmt.Fprintf(s.err, "warning: bridges[%d].password_file: %v; without it bridge %s cannot log in\n", i, err, b.Name)
		}
	}
	if len(cfg.Broker.Listeners) == 0 && c.MosquittoConf {
		fmt.Fprintf(s.out, "%s: ok, but no listener is opened; the warnings say why\n", from)
		return nil
	}
	fmt.Fprintf(s.out, "%s: ok (%s, %s, %s)\n", from,
		count(len(cfg.Sensors.Sensors), "sensor"), count(len(cfg.Broker.Listeners), "listener"), count(len(cfg.Bridges), "bridge"))
	return nil
}

// load reads the configuration, and prints what Mosquitto's has and ours has
// not.
func (c *checkCommand) load(out io.Writer) (*config.Config, string, error) {
	if !c.MosquittoConf {
		return configFlag{c.File}.load()
	}
	if c.File == "" {
		return nil, "", wrongUsage("--mosquitto-conf needs the name of the file")
	}
	r, err := loadMosquitto(c.File)
	if err != nil {
		return nil, "", err
	}
	for _, n := range r.Notes {
		kind := "note"
		if n.Warning {
			kind = "warning"
		}
		fmt.Fprintf(out, "%v: %s: %s: %s\n", n.Place, kind, n.Directive, n.Text)
	}
	return r.Config, c.File, nil
}

// count writes "1 sensor", "2 sensors".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

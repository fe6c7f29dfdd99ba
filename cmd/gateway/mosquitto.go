package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/mosquittoconf"
)

// chosen is the configuration that the command line asks for.
type chosen struct {
	*config.Config
	from    string
	notes   []mosquittoconf.Note // what Mosquitto's has and ours has not
	pidFile string               // where to write the number of the process, or ""
}

// choose reads the configuration that the flags ask for: ours, or one of
// Mosquitto.
func (c *runCommand) choose() (*chosen, error) {
	if c.MosquittoConf == "" && len(c.Port) == 0 {
		cfg, from, err := c.load()
		return &chosen{Config: cfg, from: from}, err
	}
	if c.Config != "" {
		return nil, wrongUsage("-c names a configuration of the gateway; --mosquitto-conf and -p go without it")
	}
	for _, p := range c.Port {
		if p < 1 || p > 65535 {
			return nil, wrongUsage("-p %d is not a port, 1 to 65535", p)
		}
	}
	r, err := loadMosquitto(c.MosquittoConf, c.Port...)
	if err != nil {
		return nil, err
	}
	from := c.MosquittoConf
	if from == "" {
		from = "the command line"
	}
	return &chosen{r.Config, from, r.Notes, r.PIDFile}, nil
}

// wrongUsage is an error about the flags of gateway run.
func wrongUsage(format string, args ...any) error {
	return &statusError{err: fmt.Errorf(format+"; see gateway run --help", args...), status: exitUsage}
}

// loadMosquitto reads a configuration of Mosquitto.
func loadMosquitto(file string, ports ...int) (*mosquittoconf.Result, error) {
	r, err := mosquittoconf.Load(file, ports...)
	var wrong *mosquittoconf.Error
	switch {
	case errors.As(err, &wrong):
		err = fmt.Errorf("the configuration is wrong:\n%w", err)
	case err != nil:
		err = fmt.Errorf("the configuration cannot be read: %w", err)
	default:
		return r, nil
	}
	return nil, &statusError{err: err, status: exitConfig}
}

// say logs what was not carried over from a configuration of Mosquitto.
func say(log *slog.Logger, notes []mosquittoconf.Note) {
	for _, n := range notes {
		level, what := slog.LevelInfo, "no need to carry over: "
		if n.Warning {
			level, what = slog.LevelWarn, "not carried over: "
		}
		log.Log(context.Background(), level, what+n.Text, "directive", n.Directive, "at", n.Place.String())
	}
}

// writePID writes the number of this process to a file, and returns what
// removes it.
func writePID(name string) (remove func(), err error) {
	if err := os.WriteFile(name, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
		return nil, fmt.Errorf("pid_file: %w", err)
	}
	return func() { _ = os.Remove(name) }, nil
}

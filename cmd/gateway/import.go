package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gateway/cmd/gateway/internal/config"
)

// importCommand makes a configuration of ours of another program's.
type importCommand struct {
	File   string `arg:"" help:"The configuration: mosquitto.conf."`
	Output string `short:"o" placeholder:"FILE" help:"Write the configuration to a file, and do not print it."`
	Force  bool   `help:"Replace the file if it is there; what it was is kept with .old behind its name."`
}

// Run reads the file, and writes or prints what it has become.
func (c *importCommand) Run(s streams) error {
	data, what, err := c.convert()
	if err != nil {
		return err
	}
	if c.Output == "" {
		_, err := s.out.Write(data)
		return err
	}
	if _, err := os.Lstat(c.Output); !c.Force && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("import: %s is there already; --force replaces it, and keeps what it was as %s.old", c.Output, c.Output)
	}
	file, err := config.Write(c.Output, data)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s\ngateway check %s says what is wrong with it on the machine where it is to run.\n", file, what, file)
	return nil
}

// convert returns the configuration, and says in a few words what is in it.
func (c *importCommand) convert() (data []byte, what string, err error) {
	r, err := loadMosquitto(c.File)
	if err != nil {
		return nil, "", err
	}
	lost := 0
	for _, n := range r.Notes {
		if n.Warning {
			lost++
		}
	}
	if data, err = r.YAML(c.File); err != nil {
		return nil, "", fmt.Errorf("import %s: %w", c.File, err)
	}
	return data, summary(r.Config, lost), nil
}

func summary(cfg *config.Config, lost int) string {
	text := fmt.Sprintf("%s, %s, %s", count(len(cfg.Broker.Listeners), "listener"), count(len(cfg.Bridges), "bridge"), count(len(cfg.Sensors.Sensors), "sensor"))
	switch lost {
	case 0:
		return text + "; all was carried over"
	case 1:
		return text + "; 1 thing was not carried over, which a comment in it says"
	}
	return fmt.Sprintf("%s; %d things were not carried over, which comments in it say", text, lost)
}

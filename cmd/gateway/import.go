package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/mqttio"
)

// importCommand makes a configuration of ours of another program's.
type importCommand struct {
	File   string
	From   string
	Output string
	Force  bool
}

func (c *importCommand) flags(f *flagSet) {
	f.args.StringVar(&c.File, "FILE", "", "The configuration: mosquitto.conf, or that of MQTT IO (pi-mqtt-gpio).")
	f.least = 1
	f.Var(oneOf(&c.From, "mosquitto", "mqtt-io"), "from", "`PROGRAM` that it is of: mosquitto or mqtt-io. Default: as its content tells.")
	f.StringVarP(&c.Output, "output", "o", "", "Write the configuration to `FILE`, and do not print it.")
	f.BoolVar(&c.Force, "force", false, "Replace the file if it is there; what it was is kept with .old behind its name.")
}

// Run reads the file, and writes or prints what it has become.
func (c *importCommand) Run(_ context.Context, s streams) error {
	data, what, err := c.convert()
	if err != nil {
		return err
	}
	if c.Output == "" {
		_, err := s.out.Write(data)
		return err
	}
	file, err := c.write(data)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s\ngateway check %s says what is wrong with it on the machine where it is to run.\n", file, what, file)
	return nil
}

// write writes a new file, which only its owner may read, since there may be
// passwords in it; or replaces one that keeps its owner and permissions.
func (c *importCommand) write(data []byte) (file string, err error) {
	f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.Write(data)
		return c.Output, errors.Join(err, f.Sync(), f.Close())
	case !errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("import: %w", err)
	case !c.Force:
		return "", fmt.Errorf("import: %s is there already; --force replaces it, and keeps what it was as %s.old", c.Output, c.Output)
	}
	return config.Write(c.Output, data)
}

// convert returns the configuration, and says in a few words what is in it.
func (c *importCommand) convert() (data []byte, what string, err error) {
	from := c.From
	if from == "" {
		if from, err = programOf(c.File); err != nil {
			return nil, "", err
		}
	}
	if from == "mosquitto" {
		return c.fromMosquitto()
	}
	r, err := mqttio.Load(c.File)
	if err != nil {
		return nil, "", wrongConfiguration(err)
	}
	if data, err = r.YAML(); err != nil {
		return nil, "", fmt.Errorf("import %s: %w", c.File, err)
	}
	return data, summary(r.Config, r.Lost), nil
}

func (c *importCommand) fromMosquitto() (data []byte, what string, err error) {
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

// wrongConfiguration is an error of a file that is imported, with the exit status
// of a wrong configuration.
func wrongConfiguration(err error) error {
	var wrong *config.Error
	if errors.As(err, &wrong) {
		err = fmt.Errorf("the configuration is wrong:\n%w", err)
	} else {
		err = fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return &statusError{err: err, status: exitConfig}
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

// yamlKey is how a file of MQTT IO begins, and one of Mosquitto never does.
var yamlKey = regexp.MustCompile(`^[A-Za-z_]+:(\s|$)`)

// programOf tells by its content whose a configuration is: MQTT IO's is YAML.
func programOf(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", &statusError{err: fmt.Errorf("the configuration cannot be read: %w", err), status: exitConfig}
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		switch {
		case len(line) == 0, line[0] == '#', bytes.Equal(line, []byte("---")):
			continue
		case yamlKey.Match(line):
			return "mqtt-io", nil
		}
		return "mosquitto", nil
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("import %s: this is no configuration: %w", file, err)
	}
	return "mosquitto", nil // one without any line is right, and has a meaning
}

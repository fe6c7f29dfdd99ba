package config

import (
	"fmt"
	"io"
	"os"

	"gateway/bridge"
	"gateway/broker"
	"gateway/broker/store"
	"gateway/cmd/gateway/internal/alerts"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/discovery"
	"gateway/cmd/gateway/internal/history"
	"gateway/cmd/gateway/internal/mdns"
	"gateway/sensors"
)

// Config is the whole configuration, gateway.yaml.
type Config struct {
	Sensors       sensors.Config   `yaml:",inline"`
	Broker        broker.Config    `yaml:"broker"`
	Persistence   store.Config     `yaml:"persistence"`
	Bridges       []bridge.Config  `yaml:"bridges"`
	History       history.Config   `yaml:"history"`
	Alerts        []alerts.Rule    `yaml:"alerts"`
	Dashboard     dashboard.Config `yaml:"dashboard"`
	MDNS          mdns.Config      `yaml:"mdns"`
	HomeAssistant discovery.Config `yaml:"home_assistant"`
	Log           Log              `yaml:"log"`
}

// Default returns the configuration of a gateway nobody has configured: it
// reads the machine it runs on and listens on that machine only.
func Default() *Config {
	b := broker.Default()
	b.Listeners = []broker.Listener{
		{Protocol: "tcp", Address: "127.0.0.1:1883"},
		{Protocol: "ws", Address: "127.0.0.1:9001"},
	}
	return &Config{
		Sensors:       sensors.Default(),
		Broker:        b,
		Persistence:   store.Default(),
		History:       history.Default(),
		Dashboard:     dashboard.Default(),
		MDNS:          mdns.Default(),
		HomeAssistant: discovery.Default(),
		Log:           Log{Level: "info", Format: "text"},
	}
}

// maxSize is the size of the largest file that is read, bytes.
const maxSize = 1 << 20

// Load reads a configuration from a file, and looks at the files that it
// names: passwords, rules, certificates. Their relative names begin in the file's
// folder, and are absolute in what it returns. What is wrong in it or in them is an
// [*Error].
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	folder, err := folderOf(path)
	if err != nil {
		return nil, err
	}
	return read(path, data, folder, true)
}

// ParseAs reads what is to be in a file as Load will, without a look at the files
// that it names.
func ParseAs(path string, data []byte) (*Config, error) {
	folder, err := folderOf(path)
	if err != nil {
		return nil, err
	}
	return read(path, data, folder, false)
}

// readFile reads a file, but for a byte more than maxSize at most: who parses it
// refuses that.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// Parse reads a configuration; name stands for the file in errors. The names of files
// in it stay as they are. What is wrong is an [*Error]. No data is too odd for it.
func Parse(name string, data []byte) (*Config, error) { return read(name, data, "", false) }

func read(name string, data []byte, folder string, files bool) (*Config, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: has more than %d bytes, which is no configuration", name, maxSize)
	}
	f := newFile(name, data)
	cfg := Default()
	if root := f.parse(data); root != nil {
		f.decode(root, cfg)
	}
	cfg.Within(folder)
	if !f.broken {
		f.validate(cfg)
	}
	if files && len(f.problems) == 0 {
		f.report("broker.", cfg.Broker.CheckFiles())
		f.report("dashboard.", cfg.Dashboard.CheckFiles())
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// validate asks every part about its configuration.
func (f *file) validate(cfg *Config) {
	f.report("", cfg.Sensors.Validate())
	f.report("broker.", cfg.Broker.Validate())
	f.report("persistence.", cfg.Persistence.Validate())
	names := make(map[string]int)
	for i, b := range cfg.Bridges {
		prefix := fmt.Sprintf("bridges[%d].", i)
		f.report(prefix, b.Validate())
		if first, taken := names[b.Name]; taken && b.Name != "" {
			f.report(prefix, fmt.Errorf("name: bridges[%d] is called %s already", first, b.Name))
		} else {
			names[b.Name] = i
		}
	}
	f.report("", bridge.Conflicts(cfg.Bridges))
	f.report("history.", cfg.History.Validate())
	f.report("alerts", alerts.Validate(cfg.Alerts))
	f.report("dashboard.", cfg.Dashboard.Validate())
	f.report("mdns.", cfg.MDNS.Validate())
	f.report("home_assistant.", cfg.HomeAssistant.Validate())
	f.report("log.", cfg.Log.Validate())
}

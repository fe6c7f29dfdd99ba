package mdns

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Config is the section mdns of the configuration.
type Config struct {
	Enabled    bool     `yaml:"enabled"`
	Name       string   `yaml:"name"`       // of the instances; "" is "gateway on" and the name of the machine
	Interfaces []string `yaml:"interfaces"` // none: all that can multicast
}

// Default announces on every interface.
func Default() Config { return Config{Enabled: true} }

// maxName leaves room, in the 63 bytes of a label, for the number that tells two
// gateways apart.
const maxName = 56

// Validate names every key that is wrong.
func (c Config) Validate() error {
	var all []error
	switch {
	case len(c.Name) > maxName:
		all = append(all, fmt.Errorf("name: has %d bytes; at most %d fit", len(c.Name), maxName))
	case !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unicode.IsControl):
		all = append(all, errors.New("name: is to be plain text, as a list of devices shows it"))
	}
	for i, name := range c.Interfaces {
		if name == "" || strings.ContainsAny(name, "/ \t\n") {
			all = append(all, fmt.Errorf("interfaces[%d]: %q is no interface; ip link lists them, such as eth0", i, name))
		}
	}
	return errors.Join(all...)
}

// Service is something that others can reach.
type Service struct {
	Type    string   // "_mqtt._tcp"
	Port    int      // 1 … 65535
	Address string   // the only address that it listens on; "" for all
	Text    []string // "key=value", at most 255 bytes each
}

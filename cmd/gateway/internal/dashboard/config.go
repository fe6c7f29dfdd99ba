package dashboard

import (
	"fmt"
	"net"
	"strconv"
)

// Config is the dashboard part of the configuration.
type Config struct {
	// Address is host:port of the page; an empty host means all addresses.
	// Empty means no page.
	Address string `yaml:"address"`
	// AllowAnonymous lets anybody look at the page who reaches the address, without
	// the password. Nobody changes anything without it.
	AllowAnonymous bool `yaml:"allow_anonymous"`
}

// Default returns the page on this machine only.
func Default() Config {
	return Config{Address: "127.0.0.1:8080"}
}

// Validate tells what is wrong with c. Each message begins with the key.
func (c Config) Validate() error {
	if c.Address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("address: %q is not host:port, such as 127.0.0.1:8080 or :8080", c.Address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("address: %q is not a port; 1 to 65535, or 0 for any that is free", port)
	}
	if strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("address: port %q: write %d", port, n)
	}
	return nil
}

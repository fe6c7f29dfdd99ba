package dashboard

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Config is the dashboard part of the configuration.
type Config struct {
	// Address is host:port of the page; an empty host means all addresses.
	// Empty means no page.
	Address string `yaml:"address"`
	// AllowAnonymous lets anybody see the page who reaches the address. Without
	// it any other address than loopback is refused.
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
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("address: %q is not host:port, such as 127.0.0.1:8080 or :8080", c.Address)
	}
	var errs []error
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("address: %q is not a port; 1 to 65535, or 0 for any that is free", port))
	} else if strconv.FormatUint(n, 10) != port {
		errs = append(errs, fmt.Errorf("address: port %q: write %d", port, n))
	}
	if !c.AllowAnonymous && !loopback(host) {
		errs = append(errs, fmt.Errorf("address: %s can be reached from the network and the page asks for no password; "+
			"listen on 127.0.0.1, or write allow_anonymous: true if everybody there may see it", c.Address))
	}
	return errors.Join(errs...)
}

// loopback tells whether only this machine reaches host. A name other than
// localhost may mean any address, so it is not.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

package dashboard

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"gateway/broker/door"
)

// Config is the dashboard part of the configuration.
type Config struct {
	// Address is host:port of the page; an empty host means all addresses.
	// Empty means no page.
	Address string `yaml:"address"`
	// AllowAnonymous lets anybody look at the page who reaches the address, without
	// the password. Nobody changes anything without it.
	AllowAnonymous bool `yaml:"allow_anonymous"`
	// TLS encrypts the page; nil does not.
	TLS *TLS `yaml:"tls"`
}

// TLS names the files that encrypt the page, PEM. They are read again by
// [Dashboard.Reload].
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	MinVersion  string `yaml:"min_version"` // 1.2 or 1.3; empty is 1.2
}

// door is what the door of the page is asked for.
func (t TLS) door() door.TLS {
	return door.TLS{Certificate: t.Certificate, Key: t.Key, MinVersion: t.MinVersion}
}

// CheckFiles tells what is wrong with the files that c names. Each message begins
// with the key. Validate has found nothing.
func (c Config) CheckFiles() error {
	if c.TLS == nil || c.Address == "" {
		return nil
	}
	return underTLS(c.TLS.door().Check())
}

// underTLS puts the key before each of the errors joined in err.
func underTLS(err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, e := range all {
		all[i] = fmt.Errorf("tls.%w", e)
	}
	return errors.Join(all...)
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
	if c.TLS != nil {
		return underTLS(c.TLS.door().Validate())
	}
	return nil
}

package dial

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Config is how an upstream is reached. The zero value reaches it directly, and
// believes the authorities that this system believes.
type Config struct {
	TLS TLS `yaml:"tls"`
	// Proxy is what the connection goes through: socks5://host:1080 or
	// http://host:3128, either with user:password@ before the host; "environment"
	// for what HTTPS_PROXY, ALL_PROXY and NO_PROXY say; "" for none. The proxy
	// resolves the upstream's name.
	Proxy string `yaml:"proxy"`
	// ProxyPasswordFile names a file that holds the password of the user in Proxy.
	ProxyPasswordFile string `yaml:"proxy_password_file"`
}

// TLS is for addresses mqtts and wss. The files are read again for each
// connection.
type TLS struct {
	// CA is a PEM file of the authorities that may have signed the upstream's
	// certificate; "" for those of the system.
	CA string `yaml:"ca"`
	// Certificate and Key are PEM files by which the upstream knows us (mutual
	// TLS). Below the certificate stand those of the authorities between.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// ServerName is the name that has to stand in the upstream's certificate, and
	// that is sent to it (SNI); "" for the host of the address.
	ServerName string `yaml:"server_name"`
	// ALPN are the protocols to ask for, the best first. AWS IoT Core on port 443
	// wants x-amzn-mqtt-ca with a certificate, and mqtt with a custom authoriser.
	ALPN []string `yaml:"alpn"`
	// MinVersion is the lowest version of TLS, 1.2 or 1.3; "" is 1.2.
	MinVersion string `yaml:"min_version"`
	// Insecure accepts any certificate: whoever is in between can read and change
	// everything. For tests.
	Insecure bool `yaml:"insecure"`
}

// environment is the Proxy that asks the environment.
const environment = "environment"

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space; none repeats a password. It
// does not look at the files: [Config.Check] does.
func (c Config) Validate() error {
	return errors.Join(c.TLS.validate(), c.validateProxy())
}

// Check reads the files as [Dialer.Dial] would, and tells everything that is
// wrong with them, each error beginning with the key.
func (c Config) Check() error {
	if err := c.Validate(); err != nil {
		return err
	}
	_, tlsErr := c.TLS.load("")
	_, proxyErr := c.proxyPassword()
	return errors.Join(tlsErr, proxyErr)
}

func (t TLS) validate() error {
	var errs []error
	if t.Certificate != "" && t.Key == "" {
		errs = append(errs, errors.New("tls.key: is missing; the PEM file with the private key of tls.certificate"))
	}
	if t.Key != "" && t.Certificate == "" {
		errs = append(errs, errors.New("tls.certificate: is missing; the PEM file with the certificate of tls.key"))
	}
	if t.CA != "" && t.Insecure {
		errs = append(errs, errors.New("tls.insecure: accepts any certificate, so that tls.ca means nothing; keep one of them"))
	}
	if strings.ContainsAny(t.ServerName, ":/ ") {
		errs = append(errs, fmt.Errorf("tls.server_name: %q is not the name of a host; without scheme and port", t.ServerName))
	}
	for i, p := range t.ALPN {
		if p == "" || len(p) > 255 { // RFC 7301, section 3.1
			errs = append(errs, fmt.Errorf("tls.alpn[%d]: has %d bytes; 1 to 255", i, len(p)))
		}
	}
	if _, err := t.minVersion(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t TLS) minVersion() (uint16, error) {
	switch t.MinVersion {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("tls.min_version: %q is unknown; 1.2 or 1.3", t.MinVersion)
}

func (c Config) validateProxy() error {
	if c.Proxy == "" || c.Proxy == environment {
		if c.ProxyPasswordFile != "" {
			return errors.New("proxy_password_file: there is no user that it belongs to; write proxy: http://user@host:3128")
		}
		return nil
	}
	u, err := parseProxy(c.Proxy)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if c.ProxyPasswordFile == "" {
		return nil
	}
	if u.User == nil || u.User.Username() == "" {
		return errors.New("proxy_password_file: proxy names no user that it belongs to; write user@ before the host")
	}
	if _, twice := u.User.Password(); twice {
		return errors.New("proxy_password_file: proxy has a password too; keep one of them")
	}
	return nil
}

// proxyPorts are those of the schemes that a proxy may have, where it names none.
var proxyPorts = map[string]string{"socks5": "1080", "socks5h": "1080", "http": "3128"}

// parseProxy reads the address of a proxy. Its errors never repeat it: it may
// hold a password.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "":
		return nil, errors.New("is not an address; write socks5://host:1080, http://host:3128 or environment")
	case proxyPorts[u.Scheme] == "":
		return nil, fmt.Errorf("%s is not a way through a proxy; socks5 or http", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("names no host; write %s://host:%s", u.Scheme, proxyPorts[u.Scheme])
	case u.Port() != "" && !isPort(u.Port()):
		return nil, fmt.Errorf("%q is not a port; 1 to 65535", u.Port())
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("ends with the port")
	}
	if name := u.User.Username(); len(name) > 255 { // RFC 1929
		return nil, errors.New("has a user name of more than 255 bytes")
	}
	return u, nil
}

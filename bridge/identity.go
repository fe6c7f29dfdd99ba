package bridge

import (
	"fmt"
	"os"
	"strings"

	"gateway/bridge/link"
)

// hello is what each connection of the bridge begins with, its test's too: who we
// are, and how MQTT is spoken.
func (c Config) hello() (link.Hello, error) {
	password, err := c.password()
	return link.Hello{
		ClientID: c.clientID(), Username: c.Username, Password: password,
		KeepAlive: c.KeepAlive, V31: c.profile().Protocol == "3.1",
	}, err
}

// clientID returns what is configured, or a name that differs between
// gateways: two clients of one id would throw each other out for ever.
func (c Config) clientID() string {
	if c.ClientID != "" {
		return c.ClientID
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	id := "gateway-" + host + "-" + c.Name
	if c.profile().Protocol == "3.1" && len(id) > maxClientID31 {
		id = id[len(id)-maxClientID31:] // what differs stands at the end
	}
	return id
}

// maxClientID31 is how long a client id may be in MQTT 3.1.
const maxClientID31 = 23

func (c Config) password() (string, error) {
	switch {
	case c.PasswordEnv != "":
		p, ok := os.LookupEnv(c.PasswordEnv)
		if !ok {
			return "", fmt.Errorf("password_env: there is no environment variable %s", c.PasswordEnv)
		}
		return p, nil
	case c.PasswordFile != "":
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("password_file: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return c.Password, nil
}

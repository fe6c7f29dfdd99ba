package bridge

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
)

// Default returns the configuration of a bridge without an upstream. Its
// queue holds 17 minutes at 100 messages a second, or a day at one, and still
// fits a board with 512 MB.
func Default() Config {
	return Config{
		KeepAlive:    60 * time.Second,
		ReconnectMin: time.Second,
		ReconnectMax: 2 * time.Minute,
		MaxInflight:  20,
		Queue:        Queue{MaxMessages: 100_000, MaxBytes: 64 << 20, WhenFull: "drop_oldest"},
	}
}

// DefaultRoute returns a route without a filter. Its QoS is 1, since with
// QoS 0 a line that breaks loses what is on its way.
func DefaultRoute() Route { return Route{QoS: 1} }

// Bounds of the protocol: the keep-alive in seconds and packet identifiers
// have 16 bits.
const (
	maxKeepAlive = 65_535 * time.Second
	maxInflight  = 65_535
)

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space. No error repeats a password.
func (c Config) Validate() error {
	errs := []error{checkBridgeName(c.Name), checkAddress(c.Address), c.validateLogin()}
	if len(c.Topics) == 0 {
		errs = append(errs, errors.New(`topics: are missing; write - filter: "#" to forward everything`))
	}
	for i, r := range c.Topics {
		errs = append(errs, r.validate(fmt.Sprintf("topics[%d]", i)))
	}
	return errors.Join(append(errs, c.validateLimits())...)
}

// checkBridgeName keeps the name to what can stand in a topic, a metric and
// the name of a session.
func checkBridgeName(name string) error {
	if name == "" {
		return errors.New("name: is missing; it names the bridge in topics, metrics and logs")
	}
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			return fmt.Errorf("name: %q has %q in it; letters a-z, digits, - and _ are allowed", name, r)
		}
	}
	return nil
}

// checkAddress never repeats an address that might hold a password.
func checkAddress(address string) error {
	if address == "" {
		return errors.New("address: is missing; write mqtt://host:1883, or mqtts://host:8883 for TLS")
	}
	if strings.Contains(address, "@") {
		return errors.New("address: has a user name in it; write username and password (or password_file) beside it")
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "":
		return fmt.Errorf("address: %q is not an address; write mqtt://host:1883", address)
	case u.Scheme != "mqtt" && u.Scheme != "mqtts" && u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("address: %s is not a way to an MQTT broker; mqtt, mqtts, ws or wss", u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("address: %q names no host; write %s://host", address, u.Scheme)
	case u.Port() != "" && !isPort(u.Port()):
		return fmt.Errorf("address: %q is not a port; 1 to 65535", u.Port())
	case strings.HasPrefix(u.Scheme, "mqtt") && (u.Path != "" || u.RawQuery != "" || u.Fragment != ""):
		return fmt.Errorf("address: %s ends with the port; a path is for ws and wss", u.Scheme)
	}
	return nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// validateLogin holds MQTT 3.1.1 to its word: without a user name there is no
// password either [MQTT-3.1.2-22].
func (c Config) validateLogin() error {
	key := "password"
	switch {
	case c.Password != "" && c.PasswordFile != "":
		return errors.New("password_file: password is written too; keep one of them")
	case c.Username != "":
		return nil
	case c.PasswordFile != "":
		key = "password_file"
	case c.Password == "":
		return nil
	}
	return fmt.Errorf("%s: there is no username; MQTT sends a password only with one", key)
}

func (r Route) validate(key string) error {
	var errs []error
	switch {
	case r.Filter == "":
		errs = append(errs, fmt.Errorf(`%s.filter: is missing; "#" is everything, home/+/outdoor one sensor in every room`, key))
	case strings.HasPrefix(r.Filter, topic.SharePrefix):
		errs = append(errs, fmt.Errorf("%s.filter: %q is a shared subscription, which would split the messages; write what follows its group", key, r.Filter))
	default:
		if err := topic.CheckFilter(r.Filter); err != nil {
			errs = append(errs, fmt.Errorf("%s.filter: %w", key, err))
		}
	}
	if r.QoS != 0 && r.QoS != 1 {
		errs = append(errs, fmt.Errorf("%s.qos: %d is not possible; 1, or 0 for messages that may get lost", key, r.QoS))
	}
	if r.RemotePrefix != "" {
		// A prefix is a topic as soon as something follows it.
		if err := topic.CheckName(r.RemotePrefix + "x"); err != nil {
			errs = append(errs, fmt.Errorf("%s.remote_prefix: %q cannot begin a topic: %w", key, r.RemotePrefix, err))
		}
	}
	return errors.Join(errs...)
}

func (c Config) validateLimits() error {
	var errs []error
	if c.KeepAlive < time.Second || c.KeepAlive > maxKeepAlive {
		errs = append(errs, fmt.Errorf("keep_alive: %v is out of range, 1s to %v", c.KeepAlive, maxKeepAlive))
	}
	switch {
	case c.ReconnectMin <= 0:
		errs = append(errs, fmt.Errorf("reconnect_min: %v is too short; more than 0s", c.ReconnectMin))
	case c.ReconnectMax < c.ReconnectMin:
		errs = append(errs, fmt.Errorf("reconnect_max: %v is shorter than reconnect_min, %v", c.ReconnectMax, c.ReconnectMin))
	}
	if c.MaxInflight < 1 || c.MaxInflight > maxInflight {
		errs = append(errs, fmt.Errorf("max_inflight: %d is out of range, 1 to %d messages", c.MaxInflight, maxInflight))
	}
	if c.Queue.MaxMessages < 1 {
		errs = append(errs, fmt.Errorf("queue.max_messages: %d is too few; at least 1 message", c.Queue.MaxMessages))
	}
	if c.Queue.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("queue.max_bytes: %d is too few; at least 1 byte", c.Queue.MaxBytes))
	}
	if w := c.Queue.WhenFull; w != "" {
		errs = append(errs, broker.CheckQueueFull("queue.when_full", w))
	}
	return errors.Join(errs...)
}

package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/broker/auth"
	"gateway/broker/topic"
)

// Default returns the configuration of a broker without listeners. Its sizes
// suit a board with 512 MB.
func Default() Config {
	return Config{
		Auth:              auth.Config{MaxFailedLogins: 30},
		MaxPacketSize:     2_000_000,
		MaxConnections:    1000,
		MaxInflight:       500,
		ReceiveMaximum:    20,
		MaxQueuedMessages: 100_000,
		MaxQueuedBytes:    64 << 20,
		QueueFull:         dropNewest,
		MaxQueueMemory:    32 << 20,
		MaxQoS:            2,
		RetainAvailable:   true,
		MaxRetained:       100_000,
		MaxRetainedBytes:  64 << 20,
		MaxSubscriptions:  10_000,
		MaxTopicLevels:    200,
		MaxTopicAlias:     10,
		SessionExpiry:     30 * 24 * time.Hour,
		ConnectTimeout:    10 * time.Second,
		WriteTimeout:      30 * time.Second,
		SysInterval:       10 * time.Second,
		SubscribeRefusal:  "not_authorized",
		AssignClientIDs:   true,
		ClientIDPrefix:    "auto-",
	}
}

// Bounds of the protocol.
const (
	maxPacketSize = 268_435_455 // what the remaining length of a fixed header can say
	maxInflight   = 65_535      // packet identifiers and Receive Maximum have 16 bits
	maxKeepAlive  = 65_535 * time.Second
	minPacketSize = 20 // as Mosquitto has it: a CONNECT fits, hardly
)

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	var errs []error
	for i, l := range c.Listeners {
		errs = append(errs, l.validate(fmt.Sprintf("listeners[%d]", i), c.Auth))
		for j, other := range c.Listeners[:i] {
			if l.Address == other.Address && !anyPort(l.Address) {
				errs = append(errs, fmt.Errorf("listeners[%d].address: %s is the address of listeners[%d] already", i, l.Address, j))
			}
		}
	}
	for i, q := range c.Queues {
		errs = append(errs, q.validate(fmt.Sprintf("queues[%d]", i))...)
	}
	errs = append(errs,
		between("max_packet_size", c.MaxPacketSize, minPacketSize, maxPacketSize, "bytes"),
		between("max_message_size", c.MaxMessageSize, 0, maxPacketSize, "bytes, 0 for any number"),
		under("auth.", c.Auth.Validate()),
		between("max_connections", c.MaxConnections, 0, 1_000_000, "clients, 0 for any number"),
		between("max_connections_per_address", c.MaxConnectionsPerAddress, 0, 1_000_000, "clients, 0 for any number"),
		between("max_inflight", c.MaxInflight, 1, maxInflight, "messages"),
		between("max_inflight_bytes", c.MaxInflightBytes, 0, 1<<40, "bytes, 0 for any number"),
		between("receive_maximum", c.ReceiveMaximum, 1, maxInflight, "messages"),
		between("max_queued_messages", c.MaxQueuedMessages, 0, 100_000_000, "messages, 0 for any number"),
		between("max_queued_bytes", c.MaxQueuedBytes, 0, 1<<40, "bytes, 0 for any number"),
		between("max_queue_memory", c.MaxQueueMemory, 0, 1<<40, "bytes, 0 for any number"),
		between("max_qos", c.MaxQoS, 0, 2, ""),
		between("max_retained", c.MaxRetained, 0, 100_000_000, "messages, 0 for any number"),
		between("max_retained_bytes", c.MaxRetainedBytes, 0, 1<<40, "bytes, 0 for any number"),
		between("max_subscriptions", c.MaxSubscriptions, 0, 100_000_000, "subscriptions of one client, 0 for any number"),
		between("max_topic_levels", c.MaxTopicLevels, 1, topic.MaxLevels, "levels"),
		between("max_topic_alias", c.MaxTopicAlias, 0, math.MaxUint16, "aliases, 0 for none"),
		between("max_publish_rate", c.MaxPublishRate, 0, 100_000_000, "messages a second, 0 for any number"),
		between("max_keep_alive", c.MaxKeepAlive, 0, maxKeepAlive, "0s for as long as a client likes"),
		between("session_expiry", c.SessionExpiry, 0, 100*365*24*time.Hour, "0s for no limit"),
		between("connect_timeout", c.ConnectTimeout, time.Second, time.Hour, ""),
		between("write_timeout", c.WriteTimeout, time.Second, time.Hour, ""),
		between("sys_interval", c.SysInterval, 0, 24*time.Hour, "0s for never"),
		CheckQueueFull("queue_full", c.QueueFull),
		oneOf("subscribe_refusal", c.SubscribeRefusal, "not_authorized", "unspecified"),
		prefix("client_id_prefix", c.ClientIDPrefix),
	)
	return errors.Join(errs...)
}

// between returns an error about key unless low ≤ x ≤ high; about says what
// x counts.
func between[T int | int64 | time.Duration](key string, x, low, high T, about string) error {
	if low <= x && x <= high {
		return nil
	}
	if about != "" {
		about = " " + about
	}
	return fmt.Errorf("%s: %v is out of range, %v to %v%s", key, x, low, high, about)
}

// oneOf returns an error about key unless word is one of those allowed.
func oneOf(key, word string, allowed ...string) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	return &choiceError{key, word, allowed}
}

// choiceError is a word that is none of those allowed.
type choiceError struct {
	key, word string
	allowed   []string
}

func (e *choiceError) Error() string {
	return fmt.Sprintf("%s: %q is unknown; %s", e.key, e.word, strings.Join(e.allowed, " or "))
}

// Choices returns the word and what it could have been.
func (e *choiceError) Choices() (word string, allowed []string) { return e.word, e.allowed }

// prefix returns an error about key if no client id can begin with s.
func prefix(key, s string) error {
	if len(s) > 64 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s: %q cannot begin a client id; at most 64 bytes of text", key, s)
	}
	return nil
}

// under puts where before every error of a part's Validate.
func under(where string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return &underError{where, err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, under(where, e))
	}
	return errors.Join(errs...)
}

type underError struct {
	where string
	err   error
}

func (e *underError) Error() string { return e.where + e.err.Error() }
func (e *underError) Unwrap() error { return e.err }

func (l Listener) validate(key string, shared auth.Config) error {
	errs := []error{
		l.validateProtocol(key),
		l.validateAddress(key+".address", shared),
		l.validateTLS(key),
		l.validateMode(key + ".socket_mode"),
		between(key+".max_connections", l.MaxConnections, 0, 1_000_000, "clients, 0 for any number"),
		between(key+".max_connections_per_address", l.MaxConnectionsPerAddress, 0, 1_000_000, "clients, 0 for as the broker has it"),
		between(key+".max_keep_alive", l.MaxKeepAlive, 0, maxKeepAlive, "0s for as the broker has it"),
		l.validateMountPoint(key + ".mount_point"),
	}
	for i, v := range l.Versions {
		errs = append(errs, oneOf(fmt.Sprintf("%s.versions[%d]", key, i), v, versionNames...))
	}
	if l.Auth != nil {
		errs = append(errs, under(key+".auth.", l.Auth.Validate()))
	}
	if l.MaxPacketSize != 0 {
		errs = append(errs, between(key+".max_packet_size", l.MaxPacketSize, minPacketSize, maxPacketSize, "bytes"))
	}
	if l.MaxQoS != nil {
		errs = append(errs, between(key+".max_qos", *l.MaxQoS, 0, 2, ""))
	}
	if l.MaxTopicAlias != nil {
		errs = append(errs, between(key+".max_topic_alias", *l.MaxTopicAlias, 0, math.MaxUint16, "aliases, 0 for none"))
	}
	for i, o := range l.Origins {
		if o != "*" && (o == "" || o != strings.ToLower(o) || strings.ContainsAny(o, "/: ")) && net.ParseIP(o) == nil {
			errs = append(errs, fmt.Errorf("%s.origins[%d]: %q is no host; write it without scheme and port, in small letters, such as dashboard.example.org", key, i, o))
		}
	}
	if len(l.Origins) > 0 && !l.webSocket() {
		errs = append(errs, fmt.Errorf("%s.origins: is only for a listener whose protocol is ws or wss", key))
	}
	return errors.Join(errs...)
}

// versionNames are the versions of MQTT.
var versionNames = []string{"3.1", "3.1.1", "5.0"}

// protocols are the kinds of listeners.
var protocols = []string{"tcp", "tls", "ws", "wss", "unix"}

func (l Listener) validateProtocol(key string) error {
	switch {
	case l.Protocol == "":
		return fmt.Errorf("%s.protocol: is missing; tcp, tls, unix, or ws and wss for MQTT over WebSocket", key)
	case !slices.Contains(protocols, l.Protocol):
		return &choiceError{key + ".protocol", l.Protocol, protocols}
	}
	return nil
}

func (l Listener) webSocket() bool { return l.Protocol == "ws" || l.Protocol == "wss" }
func (l Listener) encrypted() bool { return l.Protocol == "tls" || l.Protocol == "wss" }

func (l Listener) validateTLS(key string) error {
	switch {
	case l.encrypted() && l.TLS == nil:
		return fmt.Errorf("%s.tls: is missing; %s needs at least tls.certificate and tls.key", key, l.Protocol)
	case l.TLS != nil && !l.encrypted():
		return fmt.Errorf("%s.tls: is for a listener whose protocol is tls or wss, and this one's is %s", key, l.Protocol)
	case l.TLS != nil:
		return under(key+".tls.", l.TLS.Validate())
	}
	return nil
}

func (l Listener) validateMode(key string) error {
	switch _, err := l.mode(); {
	case l.SocketMode == "":
		return nil
	case l.Protocol != "unix":
		return fmt.Errorf("%s: is for a listener whose protocol is unix", key)
	case err != nil:
		return fmt.Errorf("%s: %q is no mode of a file; write it as chmod takes it, \"0660\"", key, l.SocketMode)
	}
	return nil
}

// mode returns who may connect to a socket file, 0 for the usual.
func (l Listener) mode() (fs.FileMode, error) {
	if l.SocketMode == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(l.SocketMode, 8, 9)
	return fs.FileMode(n), err
}

func (l Listener) validateAddress(key string, shared auth.Config) error {
	if l.Address == "" {
		want := "host:port such as 127.0.0.1:1883"
		if l.Protocol == "unix" {
			want = "the path of a file such as /run/gateway/mqtt.sock"
		}
		return fmt.Errorf("%s: is missing; %s", key, want)
	}
	if l.Protocol == "unix" {
		return nil
	}
	_, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port; write for example 127.0.0.1:1883, or :1883 for all addresses", key, l.Address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s: %q is not a port; 1 to 65535, or 0 for any that is free", key, port)
	}
	if !l.AllowAnonymous && l.ProxyProtocol && !l.asks(shared) {
		return fmt.Errorf("%s: who comes by the proxy is asked for no password; "+
			"set auth.password_file or auth.users, or write allow_anonymous: true if everybody there may come in", key)
	}
	if !l.AllowAnonymous && !l.local() && !l.asks(shared) {
		return fmt.Errorf("%s: %s can be reached from the network and nobody is asked for a password; "+
			"set auth.password_file or auth.users, listen on 127.0.0.1, or write allow_anonymous: true if everybody there may come in", key, l.Address)
	}
	return nil
}

// local tells whether only this machine reaches the listener. Who listens for a
// proxy serves whom the proxy lets in.
func (l Listener) local() bool {
	if l.ProxyProtocol {
		return false
	}
	if l.Protocol == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(l.Address)
	return err == nil && loopback(host)
}

// asks tells whether clients of the listener have to prove who they are.
func (l Listener) asks(shared auth.Config) bool {
	if l.Auth != nil {
		shared = *l.Auth
	}
	return shared.HasPasswords() || l.TLS != nil && l.TLS.RequireCertificate
}

func (l Listener) validateMountPoint(key string) error {
	switch {
	case l.MountPoint == "":
		return nil
	case topic.CheckName(l.MountPoint) != nil:
		return fmt.Errorf("%s: %w", key, topic.CheckName(l.MountPoint))
	case l.MountPoint[0] == '$':
		return fmt.Errorf("%s: %q begins with '$', which belongs to the broker", key, l.MountPoint)
	}
	return nil
}

// anyPort tells whether the system chooses the port of an address.
func anyPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port == "0"
}

// loopback tells whether only this machine reaches host. A name other than
// localhost may stand for any address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

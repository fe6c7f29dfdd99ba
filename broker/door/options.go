package door

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"
)

// Options say what a door is like. Network and Address have to be given, the
// zero value of everything else is a setting.
type Options struct {
	// Network is tcp or unix.
	Network string
	// Address is host:port for tcp; an empty host means all addresses of this
	// machine, port 0 one that is free. For unix it is the path of the socket
	// file, or on Linux @ and a name that needs no file.
	Address string
	// TLS encrypts; nil does not.
	TLS *TLS
	// NextProtos are the protocols to choose from with a client that names
	// some (ALPN), the preferred one first; nil is mqtt. A client that names
	// none, or only others, is served all the same.
	NextProtos []string
	// ProxyProtocol expects every connection to begin with a PROXY header,
	// version 1 or 2, which says who the client is. Whoever connects is
	// believed, so only the proxy may be able to reach the address: listen on
	// loopback or a Unix socket, or have a firewall see to it.
	ProxyProtocol bool
	// MaxConnections is the number of connections open at once, 0 for any
	// number.
	MaxConnections int
	// MaxConnectionsPerAddress is the number of connections of one client
	// address open at once, 0 for any number. An address of IPv6 counts by its
	// first 64 bits, of which a household has as many addresses as it likes.
	// With ProxyProtocol the address is the one in the header.
	MaxConnectionsPerAddress int
	// UnixMode is who may connect to a socket file: whoever may write to it. 0
	// is 0660, the user and the group of this program.
	UnixMode fs.FileMode
	// HandshakeTimeout is the time a peer has for PROXY header and TLS
	// handshake together; 0 is 10 s.
	HandshakeTimeout time.Duration
	// Refused, if not nil, is told of every connection that came to nothing, and
	// why; errors.Is(why, ErrFull) if it was over a limit. It is called by several
	// goroutines.
	Refused func(remote net.Addr, why error)
}

// ErrFull is that as many connections are open as may be.
var ErrFull = errors.New("as many connections are open as may be")

// Values for what Options leave out.
const (
	defaultUnixMode         = 0o660
	defaultHandshakeTimeout = 10 * time.Second
)

func (o Options) withDefaults() Options {
	if o.UnixMode == 0 {
		o.UnixMode = defaultUnixMode
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.NextProtos == nil {
		o.NextProtos = []string{"mqtt"}
	}
	return o
}

// Validate tells everything that is wrong with o, joined by errors.Join. Each
// error begins with the key in the configuration, a colon and a space. It
// looks at no file and no network: [Open] does.
func (o Options) Validate() error {
	errs := []error{
		o.validateAddress(),
		atLeastZero("max_connections", o.MaxConnections),
		atLeastZero("max_connections_per_address", o.MaxConnectionsPerAddress),
	}
	if o.HandshakeTimeout < 0 || o.HandshakeTimeout > time.Hour {
		errs = append(errs, fmt.Errorf("handshake_timeout: %v is out of range, more than 0s to 1h", o.HandshakeTimeout))
	}
	switch {
	case o.UnixMode&^fs.ModePerm != 0:
		errs = append(errs, fmt.Errorf("unix_mode: %#o is not a mode of a file; write for example 0660", uint32(o.UnixMode)))
	case o.UnixMode != 0 && o.Network == "tcp":
		errs = append(errs, errors.New("unix_mode: is only for a Unix socket"))
	}
	for _, p := range o.NextProtos {
		if p == "" || len(p) > 255 {
			errs = append(errs, fmt.Errorf("next_protos: %q is not a name of a protocol; 1 to 255 bytes", p))
		}
	}
	if o.TLS != nil {
		errs = append(errs, below("tls", o.TLS.Validate()))
	}
	return errors.Join(errs...)
}

func (o Options) validateAddress() error {
	switch o.Network {
	case "tcp":
		return validateTCP(o.Address)
	case "unix":
		return validateUnix(o.Address)
	}
	return fmt.Errorf("network: %q is unknown; tcp or unix", o.Network)
}

func validateTCP(address string) error {
	if address == "" {
		return errors.New("address: is missing; host:port such as 127.0.0.1:1883")
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address: %q is not host:port; write for example 127.0.0.1:1883, or :1883 for all addresses", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("address: %q is not a port; 1 to 65535, or 0 for any that is free", port)
	}
	return nil
}

func validateUnix(path string) error {
	switch {
	case path == "":
		return errors.New("address: is missing; the path of the socket file such as /run/gateway/mqtt.sock")
	case strings.ContainsRune(path, 0):
		return fmt.Errorf("address: %q has a zero byte in it", path)
	case len(path) > longestUnixPath:
		return fmt.Errorf("address: %q has %d bytes; the path of a Unix socket has at most %d", path, len(path), longestUnixPath)
	}
	return nil
}

func atLeastZero(key string, n int) error {
	if n < 0 {
		return fmt.Errorf("%s: %d is out of range, 0 for any number", key, n)
	}
	return nil
}

// below puts a key before each of the errors joined in err.
func below(key string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s.%w", key, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, below(key, e))
	}
	return errors.Join(errs...)
}

package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// probes find a peer that went away without a word, within two minutes, while
// the connection is idle. MQTT has keep-alives of its own, but a client may
// do without, and a WebSocket or a handshake may come to rest as well.
var probes = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

// Open opens a door. Its errors say what to do. Close it.
func Open(o Options, log *slog.Logger) (*Door, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", o.Address, err)
	}
	o = o.withDefaults()
	d := &Door{
		options:   o,
		log:       log.With("address", o.Address),
		closed:    make(chan struct{}),
		addresses: make(map[netip.Prefix]int),
	}
	if o.TLS != nil {
		keys, err := newKeyring(*o.TLS, o.NextProtos, d.log)
		if err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", o.Address, below("tls", err))
		}
		d.keys, d.tls = keys, keys.server()
	}
	var err error
	if o.Network == "unix" {
		d.listener, d.file, err = listenUnix(o.Address, o.UnixMode)
	} else {
		d.listener, err = listenTCP(o.Address)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func listenTCP(address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: probes}
	ln, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, ExplainTCP(address, err, "; is another MQTT broker running?")
	}
	return ln, nil
}

// ExplainTCP says what to do about the common failures to listen on an address. guess,
// which begins with "; " or is "", is what may have the port already.
func ExplainTCP(address string, err error, guess string) error {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: another program has this port already%s (sudo ss -ltnp shows which)", address, guess)
	case errors.Is(err, syscall.EACCES) && n < 1024:
		return fmt.Errorf("cannot listen on %s: ports below 1024 need more rights; choose another port, or give the service the capability CAP_NET_BIND_SERVICE", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("cannot listen on %s: %s is not an address of this machine, or not yet (ip addr shows those it has); write :%s for all of them", address, host, port)
	case errors.As(err, &dns):
		return fmt.Errorf("cannot listen on %s: the name %s has no address; write the address itself, or :%s for all of this machine", address, host, port)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, err)
}

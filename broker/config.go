package broker

import "time"

// Config is the broker part of the configuration.
type Config struct {
	// Listeners are the doors. None at all means the in-process API only.
	Listeners []Listener `yaml:"listeners"`
	// MaxPacketSize is the largest packet a client may send, bytes.
	MaxPacketSize int `yaml:"max_packet_size"`
	// MaxConnections is the number of clients connected at once.
	MaxConnections int `yaml:"max_connections"`
	// MaxInflight is the number of QoS 1 and 2 messages on their way to or
	// from one client at once, the Receive Maximum of MQTT 5.
	MaxInflight int `yaml:"max_inflight"`
	// MaxQueuedMessages and MaxQueuedBytes bound what waits for one client,
	// connected or not; when full the newest is dropped.
	MaxQueuedMessages int   `yaml:"max_queued_messages"`
	MaxQueuedBytes    int64 `yaml:"max_queued_bytes"`
	// MaxRetained is the number of retained messages kept.
	MaxRetained int `yaml:"max_retained"`
	// MaxSubscriptions is the number of subscriptions of one client.
	MaxSubscriptions int `yaml:"max_subscriptions"`
	// MaxKeepAlive is the longest keep-alive a client may ask for.
	MaxKeepAlive time.Duration `yaml:"max_keep_alive"`
	// SessionExpiry is how long the session of a client that is gone is kept
	// at most.
	SessionExpiry time.Duration `yaml:"session_expiry"`
	// ConnectTimeout is the time a connection has for its CONNECT.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// WriteTimeout is the time one write to a client may take.
	WriteTimeout time.Duration `yaml:"write_timeout"`
}

// Listener is one door.
type Listener struct {
	// Protocol is tcp, or ws for MQTT over WebSocket.
	Protocol string `yaml:"protocol"`
	// Address is host:port to listen on; an empty host means all addresses.
	Address string `yaml:"address"`
	// AllowAnonymous lets anybody in who reaches the address. Without it a
	// listener on any other address than loopback refuses to start.
	AllowAnonymous bool `yaml:"allow_anonymous"`
}

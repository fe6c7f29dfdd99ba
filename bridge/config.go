package bridge

import "time"

// Config is one upstream broker and what is forwarded to it.
type Config struct {
	// Name is the bridge's name in topics, metrics and logs.
	Name string `yaml:"name"`
	// Address is the upstream broker: mqtt://host:1883, mqtts://host:8883,
	// ws://host/path or wss://host/path.
	Address string `yaml:"address"`
	// ClientID is the client id upstream; default "gateway-<host name>-<name>".
	ClientID string `yaml:"client_id"`
	// Username and Password log in upstream; PasswordFile names a file that
	// holds the password instead.
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	// KeepAlive is the longest silence on the connection, s.
	KeepAlive time.Duration `yaml:"keep_alive"`
	// Topics are the filters to forward.
	Topics []Route `yaml:"topics"`
	// Queue bounds what waits while the line is down.
	Queue Queue `yaml:"queue"`
	// ReconnectMin and ReconnectMax bound the wait between two attempts to
	// connect; in between it grows at random.
	ReconnectMin time.Duration `yaml:"reconnect_min"`
	ReconnectMax time.Duration `yaml:"reconnect_max"`
	// MaxInflight is the number of messages that may wait for the upstream's
	// acknowledgement at once.
	MaxInflight int `yaml:"max_inflight"`
}

// Route is one direction of one filter.
type Route struct {
	// Filter chooses local topics, wildcards allowed.
	Filter string `yaml:"filter"`
	// QoS is the QoS it is forwarded with, 0 or 1.
	QoS int `yaml:"qos"`
	// RemotePrefix is put before the topic upstream.
	RemotePrefix string `yaml:"remote_prefix"`
}

// Queue bounds the messages that wait for the upstream.
type Queue struct {
	MaxMessages int   `yaml:"max_messages"`
	MaxBytes    int64 `yaml:"max_bytes"`
	// WhenFull says what happens then: drop_oldest, drop_newest, or refuse, which
	// tells the publisher, as [broker.Config].QueueFull does.
	WhenFull string `yaml:"when_full"`
}

package broker

import "time"

// Default returns the configuration of a broker without listeners.
func Default() Config {
	return Config{
		MaxPacketSize:     2_000_000,
		MaxConnections:    1000,
		MaxInflight:       20,
		MaxQueuedMessages: 1000,
		MaxQueuedBytes:    8 << 20,
		MaxRetained:       100_000,
		MaxSubscriptions:  1000,
		SessionExpiry:     30 * 24 * time.Hour,
		ConnectTimeout:    10 * time.Second,
		WriteTimeout:      30 * time.Second,
	}
}

package batch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gateway/broker/topic"
)

// Values of Config.Compression.
const (
	None = "none"
	Gzip = "gzip"
)

// Config says how batches are made. With an empty Topic there are none.
type Config struct {
	// Topic is where batches are published upstream.
	Topic string `yaml:"topic"`
	// MaxMessages and MaxBytes bound a batch; the bytes are those of its payload
	// before compression.
	MaxMessages int `yaml:"max_messages"`
	MaxBytes    int `yaml:"max_bytes"`
	// MaxDelay is how long a message may wait for others.
	MaxDelay time.Duration `yaml:"max_delay"`
	// Compression is none or gzip.
	Compression string `yaml:"compression"`
}

// Default returns a configuration without a topic. Its batches fit every
// upstream that is known; AWS takes 128 KiB.
func Default() Config {
	return Config{MaxMessages: 100, MaxBytes: 64 << 10, MaxDelay: 10 * time.Second, Compression: None}
}

// What no batch has more of, whoever makes it.
const (
	mostMessages = 10_000
	mostBytes    = 16 << 20
)

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	if c.Topic == "" {
		if c != Default() && c != (Config{}) {
			return errors.New("topic: is missing; it is where batches are published upstream")
		}
		return nil
	}
	var errs []error
	if err := topic.CheckName(c.Topic); err != nil {
		errs = append(errs, fmt.Errorf("topic: %w", err))
	} else if strings.HasPrefix(c.Topic, "$") {
		errs = append(errs, fmt.Errorf("topic: %q is the upstream's own; some drop the connection for it", c.Topic))
	}
	if c.MaxMessages < 1 || c.MaxMessages > mostMessages {
		errs = append(errs, fmt.Errorf("max_messages: %d is out of range, 1 to %d messages", c.MaxMessages, mostMessages))
	}
	if c.MaxBytes < 1 || c.MaxBytes > mostBytes {
		errs = append(errs, fmt.Errorf("max_bytes: %d is out of range, 1 to %d bytes", c.MaxBytes, mostBytes))
	}
	if c.MaxDelay <= 0 {
		errs = append(errs, fmt.Errorf("max_delay: %v is too short; more than 0s, for there to be something to batch", c.MaxDelay))
	}
	if c.Compression != None && c.Compression != Gzip {
		errs = append(errs, fmt.Errorf("compression: %q is not known; none or gzip", c.Compression))
	}
	return errors.Join(errs...)
}

package store

import (
	"errors"
	"fmt"
	"time"
)

// Config is the persistence part of the configuration. Begin with [Default].
type Config struct {
	// Enabled keeps sessions, their messages and what is retained on disk.
	Enabled bool `yaml:"enabled"`
	// Path is the folder. "" is $STATE_DIRECTORY/store, as systemd sets it, and
	// otherwise gateway/store in the user's folder for state.
	Path string `yaml:"path"`
	// Interval is how long what nobody waits for may stay in memory: messages
	// of this process, and what clients have acknowledged. 0 is not at all.
	Interval time.Duration `yaml:"interval"`
	// CommitDelay is how long an acknowledgement waits for others to share its
	// write to the disk.
	CommitDelay time.Duration `yaml:"commit_delay"`
	// MaxBytes is how much the store may take on disk.
	MaxBytes int64 `yaml:"max_bytes"`
	// MinFree is how much of the file system it leaves free, bytes.
	MinFree int64 `yaml:"min_free"`
}

// Default returns the configuration of a store that is used.
func Default() Config {
	return Config{
		Enabled:  true,
		Interval: 5 * time.Second,
		MaxBytes: 1 << 30,
		MinFree:  64 << 20,
	}
}

// The smallest store: a few segments are always needed.
const minBytes = 32 << 20

// The least that is left free: where nothing is, what clients have received could
// not be noted, and no room would ever come of it.
const minFree = 16 << 20

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	var errs []error
	between := func(key string, x, low, high time.Duration, about string) {
		if x < low || x > high {
			errs = append(errs, fmt.Errorf("%s: %v is out of range, %v to %v%s", key, x, low, high, about))
		}
	}
	between("interval", c.Interval, 0, time.Hour, ", 0s for not at all")
	between("commit_delay", c.CommitDelay, 0, 10*time.Second, "")
	if c.MaxBytes < minBytes || c.MaxBytes > 1<<44 {
		errs = append(errs, fmt.Errorf("max_bytes: %d is out of range, %d to %d bytes", c.MaxBytes, minBytes, int64(1)<<44))
	}
	if c.MinFree < minFree || c.MinFree > 1<<44 {
		errs = append(errs, fmt.Errorf("min_free: %d is out of range, %d to %d bytes", c.MinFree, minFree, int64(1)<<44))
	}
	return errors.Join(errs...)
}

package budget

import (
	"errors"
	"fmt"
	"math"
)

// Config is what a line may carry. The zero value is any amount.
type Config struct {
	// MaxRate is how many messages may go out a second; 0 for any number.
	MaxRate float64 `yaml:"max_rate"`
	// DailyBytes is how many bytes may go over the line a day, in both directions,
	// everything of MQTT and TLS included and TCP and IP not; 0 for any number.
	DailyBytes int64 `yaml:"daily_bytes"`
}

// Bounds of Config: what is less is a mistake, since nothing would go.
const (
	minRate  = 1.0 / 3600
	minBytes = 10_000 // a connection with TLS takes about half of it
)

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	var errs []error
	if r := c.MaxRate; r != 0 && !(r >= minRate) || math.IsInf(r, 1) {
		errs = append(errs, fmt.Errorf("max_rate: %v is not possible; messages a second, at least one an hour, or 0 for any number", r))
	}
	if n := c.DailyBytes; n != 0 && n < minBytes {
		errs = append(errs, fmt.Errorf("daily_bytes: %d is too few; at least %d, since a connection with TLS takes half of that, or 0 for any number", n, minBytes))
	}
	return errors.Join(errs...)
}

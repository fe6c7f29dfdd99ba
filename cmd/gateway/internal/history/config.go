package history

import (
	"errors"
	"fmt"
	"time"

	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/history/tsdb"
)

// Config is the history part of the configuration. Begin with [Default].
type Config struct {
	// Enabled records the numbers of the tree.
	Enabled bool `yaml:"enabled"`
	// Include are filters of topics to record; "#" has none that begins with '$'.
	Include []string `yaml:"include"`
	// Exclude are filters of topics that are not recorded although they match
	// Include.
	Exclude []string `yaml:"exclude"`
	// MaxSeries bounds the number of series.
	MaxSeries int `yaml:"max_series"`
	// Batch is how often what was recorded is written.
	Batch time.Duration `yaml:"batch"`
	// How long samples are kept as they are, and how long what sums them up.
	Raw      Retention `yaml:"raw"`
	Minute   Retention `yaml:"minute"`
	Quarter  Retention `yaml:"quarter"`
	SixHours Retention `yaml:"six_hours"`
}

// Retention is how long a tier is kept. 0 sets no bound.
type Retention struct {
	Age   time.Duration `yaml:"age"`
	Bytes int64         `yaml:"bytes"`
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// Default returns the configuration of a history that suits an SD card of 8 GB.
func Default() Config {
	return Config{
		Enabled: true,
		Include: []string{"#"},
		Exclude: []string{
			"homeassistant/#", "zigbee2mqtt/bridge/#", "cmnd/#", "+/rpc", // descriptions and commands
			"+/+/set/#", "+/+/get/#", "+/+/+/set/#",
			"+/alerts/#", // which say of values what values say
		},
		MaxSeries: 2000,
		Batch:     time.Minute,
		Raw:       Retention{30 * day, 512 << 20},
		Minute:    Retention{2 * year, 512 << 20},
		Quarter:   Retention{10 * year, 256 << 20},
		SixHours:  Retention{0, 64 << 20},
	}
}

// Validate tells everything that is wrong with c, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (c Config) Validate() error {
	var errs []error
	for _, list := range []struct {
		key     string
		filters []string
	}{{"include", c.Include}, {"exclude", c.Exclude}} {
		for i, f := range list.filters {
			errs = append(errs, checkFilter(fmt.Sprintf("%s[%d]", list.key, i), f))
		}
	}
	if c.Enabled && len(c.Include) == 0 {
		errs = append(errs, errors.New(`include: nothing would be recorded; write ["#"] for everything, or enabled: false`))
	}
	if c.MaxSeries < 1 || c.MaxSeries > 100_000 {
		errs = append(errs, fmt.Errorf("max_series: %d is out of range, 1 to 100000", c.MaxSeries))
	}
	if c.Batch < time.Second || c.Batch > time.Hour {
		errs = append(errs, fmt.Errorf("batch: %v is out of range, 1s to 1h", c.Batch))
	}
	for _, tier := range []struct {
		key string
		r   Retention
	}{{"raw", c.Raw}, {"minute", c.Minute}, {"quarter", c.Quarter}, {"six_hours", c.SixHours}} {
		errs = append(errs, tier.r.validate(tier.key))
	}
	return errors.Join(errs...)
}

// The least that a tier is kept: a day has a file of its own.
const (
	minAge   = day
	minBytes = 1 << 20
)

func (r Retention) validate(key string) error {
	var errs []error
	if r.Age != 0 && r.Age < minAge {
		errs = append(errs, fmt.Errorf("%s.age: %v is less than a day, 24h; 0s keeps it for ever", key, r.Age))
	}
	if r.Bytes != 0 && r.Bytes < minBytes {
		errs = append(errs, fmt.Errorf("%s.bytes: %d is less than %d; 0 sets no bound", key, r.Bytes, minBytes))
	}
	return errors.Join(errs...)
}

func checkFilter(key, filter string) error {
	if err := topic.CheckFilter(filter); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if group, _ := topic.SplitShare(filter); group != "" {
		return fmt.Errorf("%s: %q is shared; write the filter that follows $share/%s/", key, filter, group)
	}
	return nil
}

func (r Retention) tsdb() tsdb.Retention { return tsdb.Retention{Age: r.Age, Bytes: r.Bytes} }

// longest is the age beyond which nothing is kept, 0 if there is none.
func (c Config) longest() (d time.Duration) {
	for _, r := range []Retention{c.Raw, c.Minute, c.Quarter, c.SixHours} {
		if r.Age == 0 {
			return 0
		}
		d = max(d, r.Age)
	}
	return d
}

package tsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
	"unicode/utf8"
)

// Sample is a value and when it was measured.
type Sample struct {
	Time  int64   // ms since 1970 UTC
	Value float64 // finite
}

// Bucket sums up the samples of a stretch of time. Count is at least 1.
type Bucket struct {
	Start                      int64 // ms since 1970 UTC, where the stretch begins
	Count                      uint64
	Min, Max, Sum, First, Last float64
	FirstTime, LastTime        int64 // ms since 1970 UTC, when First and Last were measured
}

// Mean is the mean of the samples, each with the same weight.
func (b *Bucket) Mean() float64 { return b.Sum / float64(b.Count) }

// Tier is how finely a stretch of time is kept.
type Tier int

const (
	Raw      Tier = iota // every sample
	Minute               // a Bucket for each minute
	Quarter              // a Bucket for each 15 minutes
	SixHours             // a Bucket for each 6 hours
	tiers
)

func (t Tier) String() string {
	if t < Raw || t >= tiers {
		return fmt.Sprintf("tier %d", int(t))
	}
	return [...]string{"raw", "1m", "15m", "6h"}[t]
}

// Period is the width of a tier's buckets, 0 for Raw.
func (t Tier) Period() time.Duration {
	return [...]time.Duration{0, time.Minute, 15 * time.Minute, 6 * time.Hour}[t]
}

// Retention says how long a tier is kept: until it is older than Age, and until
// the files of the tier have more than Bytes. 0 sets no bound.
type Retention struct {
	Age   time.Duration
	Bytes int64
}

// Options say where and how history is kept. The zero value keeps it in memory.
type Options struct {
	// Folder is where the files are; it is made if it is not there. Empty keeps
	// everything in memory, in Memory bytes.
	Folder string
	// Memory bounds the history of a database without a folder, default 8 MiB.
	Memory int64

	// Raw, Minute, Quarter and SixHours say how long each tier is kept. The zero
	// value of each sets no bound: the caller chooses.
	Raw, Minute, Quarter, SixHours Retention

	// Batch is how often Run writes what was appended; so much may be lost when
	// the power goes. Default 1 minute.
	Batch time.Duration
	// Backlog bounds the compressed bytes that wait for a disk that is full or
	// broken, default 4 MiB, which is about 2 million samples. Beyond that the
	// oldest are dropped and counted.
	Backlog int
	// MaxSeries bounds the number of series, default 2,000.
	MaxSeries int

	// Now is the clock, default time.Now: it says which days are over and what has
	// grown too old.
	Now func() time.Time
	// Log gets what was repaired, set aside or could not be written. Default: none.
	Log *slog.Logger

	folder folder // tests have one that fails
}

// Errors that a caller may want to tell apart.
var (
	ErrTooMany  = errors.New("history has as many series as it may have; delete some, or leave topics out with history.exclude")
	ErrName     = errors.New("not a name for a series")
	ErrNoSeries = errors.New("no such series")
	ErrSample   = errors.New("not a sample")
	ErrClosed   = errors.New("the history is closed")
	ErrBehind   = errors.New("history gets more than it can write")
)

const (
	maxName   = 1024
	maxSeries = 2000

	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour

	// minTime and maxTime are the years 1 and 9999, what RFC 3339 can say.
	minTime = int64(-62135596800000)
	maxTime = int64(253402300799999)
)

func (o Options) withDefaults() Options {
	if o.Memory <= 0 {
		o.Memory = 8 << 20
	}
	if o.Batch <= 0 {
		o.Batch = time.Minute
	}
	if o.Backlog <= 0 {
		o.Backlog = 4 << 20
	}
	if o.MaxSeries <= 0 {
		o.MaxSeries = maxSeries
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return fmt.Errorf("series %.80q: %w: it has 1 to %d bytes of UTF-8", name, ErrName, maxName)
	}
	return nil
}

func (s Sample) check() error {
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return fmt.Errorf("%w: the value is %v, which is no number", ErrSample, s.Value)
	}
	if s.Time < minTime || s.Time > maxTime {
		return fmt.Errorf("%w: its time, %d ms, is not within the years 1 to 9999", ErrSample, s.Time)
	}
	return nil
}

// floorDiv is the quotient of a and b, b > 0, rounded down also below 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

package sensors

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"syscall"
	"time"

	"gateway/sensors/bus"
	"gateway/sensors/reading"
)

// SensorStats are the figures of one sensor since the start.
type SensorStats struct {
	Path      reading.Path
	Driver    string
	Status    reading.Status    // "" before the first reading or failure
	Reads     uint64            // good readings
	Errors    map[string]uint64 // failed attempts by class, see errorClass
	LastGood  time.Time         // zero if there was none
	LastError string            // "" if there was none
	ErrorTime time.Time         // of LastError
	Latency   time.Duration     // of the last good reading
}

// Stats returns the figures of every sensor, in the order of the
// configuration.
func (s *Sensors) Stats() []SensorStats {
	devices := s.all()
	all := make([]SensorStats, len(devices))
	for i, d := range devices {
		d.mu.Lock()
		all[i] = d.stats
		all[i].Errors = maps.Clone(d.stats.Errors)
		d.mu.Unlock()
	}
	return all
}

// ErrorClass is the kind of an error of a sensor, a word: nack, timeout, busy,
// permission, absent, implausible, panic or other.
func ErrorClass(err error) string { return errorClass(err) }

// errorClass sorts errors into a handful of kinds, by what a person would do
// about them.
func errorClass(err error) string {
	var implausible *ImplausibleError
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return "panic"
	case errors.As(err, &implausible), errors.Is(err, errNothingLeft):
		return "implausible"
	case errors.Is(err, syscall.EBUSY):
		return "busy"
	case bus.NoAnswer(err):
		return "nack"
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	}
	return "other"
}

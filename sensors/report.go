package sensors

import (
	"time"

	"gateway/sensors/reading"
)

// Report is a reading on its way out, with what its sensor's configuration
// says about publishing it.
type Report struct {
	Reading    reading.Reading // not to be written to
	StaleAfter time.Duration   // age at which it is no longer current; 0 for never
	Values     bool            // publish each value as a plain number too
}

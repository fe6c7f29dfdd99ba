package history

import (
	"math"
	"testing"

	"gateway/cmd/gateway/internal/history/tsdb"
)

// TestMeanOfHugeNumbers: a mean has JSON whatever was recorded, for one sample
// must not take the chart away.
func TestMeanOfHugeNumbers(t *testing.T) {
	const huge = 1.7e308
	for _, b := range []tsdb.Bucket{
		{Count: 2, Min: huge, Max: huge, Sum: math.Inf(1)},
		{Count: 2, Min: -huge, Max: -huge, Sum: math.Inf(-1)},
		{Count: 4, Min: -huge, Max: huge, Sum: math.NaN()}, // of both
	} {
		if x := mean(b); math.IsNaN(x) || x < b.Min || x > b.Max {
			t.Errorf("%+v: %v", b, x)
		}
	}
}

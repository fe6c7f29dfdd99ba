package history

import (
	"context"
	"errors"
	"iter"
	"time"

	"gateway/cmd/gateway/internal/history/tsdb"
	"gateway/sensors/reading"
)

// Remember records readings that nobody has published: of before there was a
// history. They are in any order.
func (h *History) Remember(readings iter.Seq[reading.Reading]) error {
	waiting := make(map[string][]tsdb.Sample)
	n := 0
	flush := func() error {
		for name, samples := range waiting {
			err := h.db.Append(name, samples...)
			if errors.Is(err, tsdb.ErrBehind) {
				if err = h.db.Flush(); err == nil {
					err = h.db.Append(name, samples...)
				}
			}
			if err != nil {
				return err
			}
			waiting[name] = samples[:0]
		}
		n = 0
		return nil
	}
	const most = 5000
	for r := range readings {
		for _, v := range r.Values {
			name := nameOf(r.Path.String(), string(v.Quantity))
			waiting[name] = append(waiting[name], tsdb.Sample{Time: r.Time.UnixMilli(), Value: v.Number})
		}
		if n++; n == most {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Flush writes what was recorded.
func (h *History) Flush() error { return h.db.Flush() }

// Settle waits until what was published before is recorded, or ctx ends.
func (h *History) Settle(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s := h.sub.Load().Stats()
		if s.Waiting == 0 && h.taken.Load() >= s.Complete {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

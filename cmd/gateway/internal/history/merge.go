package history

import (
	"iter"

	"gateway/cmd/gateway/internal/history/tsdb"
)

type seriesInfo = tsdb.Info

// timed is what one series has at a time.
type timed struct {
	t int64
	cell
}

// source returns what is to be written of a series, in order of time: its samples,
// or the points that a chart has.
func (h *History) source(e *export, name string) (iter.Seq2[timed, error], error) {
	if e.points == 0 {
		return func(yield func(timed, error) bool) {
			for s, err := range h.db.Samples(name, e.from, e.to) {
				if !yield(timed{s.Time, cell{there: true, val: s.Value, n: 1}}, err) || err != nil {
					return
				}
			}
		}, nil
	}
	c, err := h.chart([]string{name}, e.from, e.to, e.points)
	if err != nil {
		return nil, err
	}
	l := c.Series[0]
	return func(yield func(timed, error) bool) {
		for i, t := range l.T {
			if !yield(timed{t, cell{true, l.Min[i], l.Avg[i], l.Max[i], l.Last[i], l.N[i]}}, nil) {
				return
			}
		}
	}, nil
}

// row is what all series have at a time; cells are valid until the next row.
type row struct {
	t     int64
	cells []cell
}

// merge joins sources that go by time to rows that do.
func merge(sources []iter.Seq2[timed, error]) iter.Seq2[row, error] {
	if len(sources) == 1 {
		return single(sources[0])
	}
	return func(yield func(row, error) bool) {
		heads := make([]head, len(sources))
		for i, s := range sources {
			next, stop := iter.Pull2(s)
			defer stop()
			heads[i] = head{next: next}
			heads[i].step()
		}
		r := row{cells: make([]cell, len(sources))}
		for {
			first := -1
			for i := range heads {
				if err := heads[i].err; err != nil {
					yield(row{}, err)
					return
				}
				if heads[i].ok && (first < 0 || heads[i].at.t < heads[first].at.t) {
					first = i
				}
			}
			if first < 0 {
				return
			}
			r.t = heads[first].at.t
			for i := range heads {
				r.cells[i] = cell{}
				if heads[i].ok && heads[i].at.t == r.t {
					r.cells[i] = heads[i].at.cell
					heads[i].step()
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// single is merge of one source.
func single(source iter.Seq2[timed, error]) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		cells := make([]cell, 1)
		for at, err := range source {
			cells[0] = at.cell
			if !yield(row{at.t, cells}, err) {
				return
			}
		}
	}
}

// head is the next of a source.
type head struct {
	next func() (timed, error, bool)
	at   timed
	err  error
	ok   bool
}

func (h *head) step() { h.at, h.err, h.ok = h.next() }

package tsdb

import (
	"fmt"
	"slices"
)

// Buckets appends to dst one Bucket for each stretch [from+i*width,
// from+(i+1)*width) of [from, to) that has samples, in order: gaps are gaps. Every
// sample counts, so each extreme is kept. from, to and width are ms.
//
// It reads the coarsest tier that can answer, and finer ones at the ends and for
// days that are not rolled up yet, coarser ones where that tier is not kept any
// more. The Tier is the coarsest that was read. The answer is exact if that is
// Raw, or if from, to and width are multiples of its period; see Grid. Otherwise a
// roll-up counts where it begins, and is at most a quarter as wide as a bucket,
// unless nothing finer is left.
func (db *DB) Buckets(name string, from, to, width int64, dst []Bucket) ([]Bucket, Tier, error) {
	if width <= 0 || to < from {
		return dst, Raw, fmt.Errorf("series %s: no buckets of %d ms between %d and %d", name, width, from, to)
	}
	from, to = max(from, minTime), min(to, maxTime+1)
	v, err := db.look(name, from, to)
	if err != nil {
		return dst, Raw, err
	}
	defer v.close()
	dst = slices.Grow(dst, int(min((to-from)/width+1, 2048)))
	q := query{view: v, adder: adder{from: from, width: width, dst: dst}}
	if err := q.run(tierFor(from, width)); err != nil {
		return dst, Raw, fmt.Errorf("series %s: %w", name, err)
	}
	return q.done(), q.coarsest, nil
}

// tierFor returns the coarsest tier for buckets of a width.
func tierFor(from, width int64) Tier {
	for t := SixHours; t > Raw; t-- {
		p := t.period()
		if p <= width && width%p == 0 && from%p == 0 || p*4 <= width {
			return t
		}
	}
	return Raw
}

// query walks through a view and puts what it finds into buckets.
type query struct {
	*view
	adder
	days     map[int64]bool // whose roll-ups do not have everything
	coarsest Tier
}

func (q *query) run(t Tier) error {
	from, to := q.extent()
	q.days = q.openDays()
	for at := from; at < to; {
		d := floorDiv(at, day)
		if q.days[d] {
			end := min(to, (d+1)*day)
			if err := q.day(d, at, end); err != nil {
				return err
			}
			at = end
			continue
		}
		use := q.tierOn(t, d)
		for d++; d*day < to && !q.days[d] && q.tierOn(t, d) == use; d++ {
		}
		end := min(to, d*day)
		if err := q.stretch(use, at, end); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// extent returns the part of the range that may have something.
func (q *query) extent() (from, to int64) {
	from, to = maxTime, minTime
	grow := func(a, b int64) { from, to = min(from, a), max(to, b) }
	for t := range q.r.files {
		span := Tier(t).span()
		for _, f := range q.r.files[t] {
			grow(f.from*span, (f.to+1)*span)
		}
	}
	for h := range q.blocks {
		grow(h*hour, (h+1)*hour)
	}
	if n := len(q.pending); n > 0 {
		grow(q.pending[0].Time, q.pending[n-1].Time+1)
	}
	return max(from, q.view.from), min(to, q.view.to)
}

// openDays returns the days whose roll-ups do not have everything: some of it is in
// no page yet, or in one that they were not made of, or only a part of the day
// has its samples still.
func (q *query) openDays() map[int64]bool {
	days := map[int64]bool{}
	for h := range q.blocks {
		days[floorDiv(h, 24)] = true
	}
	for _, x := range q.pending {
		days[floorDiv(x.Time, day)] = true
	}
	for _, f := range q.r.files[Raw] {
		if !f.merged {
			days[f.partition()] = true
		}
	}
	if q.cuts[Raw]%day != 0 {
		days[floorDiv(q.cuts[Raw], day)] = true
	}
	for _, h := range q.holes {
		for d := floorDiv(h.from, day); h.tier == Raw && d*day < h.to; d++ {
			days[d] = true
		}
	}
	return days
}

// has tells that a tier has all that there is of a day that is not open.
func (q *query) has(t Tier, d int64) bool {
	return d*day >= q.cuts[t] && !slices.ContainsFunc(q.holes, func(h hole) bool {
		return h.tier == t && h.from < (d+1)*day && h.to > d*day
	})
}

// tierOn returns the tier to read for a day: t, or one that is finer, or one that
// is coarser.
func (q *query) tierOn(t Tier, d int64) Tier {
	for use := t; use >= Raw; use-- {
		if q.has(use, d) {
			return use
		}
	}
	for use := t + 1; use < tiers; use++ {
		if q.has(use, d) {
			return use
		}
	}
	return t
}

// stretch adds [from, to), of days that are not open, from a tier.
func (q *query) stretch(t Tier, from, to int64) error {
	if t == Raw {
		return q.raw(from, to)
	}
	p := t.period()
	first, last := -floorDiv(-from, p)*p, floorDiv(to, p)*p
	if first >= last {
		return q.edge(t, from, to)
	}
	if err := q.edge(t, from, first); err != nil {
		return err
	}
	if err := q.pages(t, first, last); err != nil {
		return err
	}
	return q.edge(t, last, to)
}

// edge adds a stretch in which no roll-up of the tier lies, from a finer one if
// there is one.
func (q *query) edge(t Tier, from, to int64) error {
	if from >= to {
		return nil
	}
	d := floorDiv(from, day)
	for finer := t - 1; finer >= Raw; finer-- {
		if q.has(finer, d) {
			return q.stretch(finer, from, to)
		}
	}
	return q.pages(t, from, to)
}

// pages adds the roll-ups of a tier that begin in [from, to).
func (q *query) pages(t Tier, from, to int64) error {
	refs, err := q.r.pages(t, q.id, floorDiv(from, t.span()), floorDiv(to-1, t.span()), q.r.refs[:0])
	q.r.refs = refs[:0]
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if q.r.rolls, err = q.r.buckets(q.r.rolls[:0], ref); err != nil {
			return err
		}
		for _, b := range within(q.r.rolls, from, to) {
			q.bucket(b)
			q.coarsest = max(q.coarsest, t)
		}
	}
	return nil
}

func (q *query) raw(from, to int64) error {
	hours, pages, err := q.hours(from, to)
	for _, h := range hours {
		var s []Sample
		if s, _, err = q.hour(h, pages); err != nil {
			return err
		}
		for _, x := range between(s, from, to) {
			q.sample(x)
		}
	}
	return err
}

func between(s []Sample, from, to int64) []Sample {
	i, _ := slices.BinarySearchFunc(s, Sample{Time: from}, byTime)
	j, _ := slices.BinarySearchFunc(s, Sample{Time: to}, byTime)
	return s[i:j]
}

// day adds [from, to) of an open day: hours that have pages from their samples,
// others from the finest roll-ups there are, and what is in no page yet.
func (q *query) day(d, from, to int64) error {
	rolls, t, err := q.finest(d)
	if err != nil {
		return err
	}
	hours, pages, err := q.hours(d*day, (d+1)*day)
	if err != nil {
		return err
	}
	var paged uint32 // hours that have their samples
	for h := range pages {
		paged |= 1 << uint(h-d*24)
	}
	for _, h := range hours {
		s, n, err := q.hour(h, pages)
		if err != nil {
			return err
		}
		if ref, ok := pages[h]; ok && ref.n > 0 && n == 0 {
			paged &^= 1 << uint(h-d*24) // the page is damaged
		}
		s = between(s, from, to)
		for len(rolls) > 0 && rolls[0].Start < (h+1)*hour {
			for len(s) > 0 && s[0].Time < rolls[0].Start {
				q.sample(s[0])
				s = s[1:]
			}
			q.roll(rolls[0], t, d, paged, from, to)
			rolls = rolls[1:]
		}
		for _, x := range s {
			q.sample(x)
		}
	}
	for _, b := range rolls {
		q.roll(b, t, d, paged, from, to)
	}
	return nil
}

// finest returns the finest roll-ups that there are of a day.
func (q *query) finest(d int64) ([]Bucket, Tier, error) {
	for t := Minute; t < tiers; t++ {
		b, there, err := q.r.bucketsOf(q.r.rolls[:0], t, q.id, d*day)
		if err != nil {
			return nil, t, err
		}
		q.r.rolls = b
		if b = within(b, d*day, (d+1)*day); len(b) > 0 || there && t == Minute {
			return b, t, nil
		}
	}
	return nil, Raw, nil
}

// roll adds a roll-up of an open day, unless its hours have their samples.
func (q *query) roll(b Bucket, t Tier, d int64, paged uint32, from, to int64) {
	mask := uint32(1)
	if t == SixHours {
		mask = 0x3F
	}
	if paged>>uint(floorDiv(b.Start-d*day, hour))&mask == 0 && b.Start >= from && b.Start < to {
		q.bucket(b)
		q.coarsest = max(q.coarsest, t)
	}
}

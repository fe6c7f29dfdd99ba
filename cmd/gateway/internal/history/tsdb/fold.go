package tsdb

import (
	"cmp"
	"slices"
)

// rolledDay says what roll-ups there are of a day of a series.
type rolledDay struct {
	tier  Tier   // the finest that has any, tiers if none has
	hours uint32 // that have some, bit 0 the first
}

func (d *rolledDay) has(h int64) bool {
	return d.hours>>uint(h-floorDiv(h, 24)*24)&1 != 0
}

func (db *DB) rolledDay(r *reader, s *series, d int64) (*rolledDay, error) {
	none := &rolledDay{tier: tiers}
	for t := Minute; t < tiers; t++ {
		if !r.reaches(t, s.id, d*day) {
			continue
		}
		b, there, err := r.bucketsOf(nil, t, s.id, d*day)
		if err != nil {
			return nil, err
		}
		b = within(b, d*day, (d+1)*day)
		if len(b) == 0 && !(there && t == Minute) {
			continue
		}
		found := &rolledDay{tier: t}
		for i := range b {
			first := floorDiv(b[i].Start-d*day, hour)
			for h := first; h <= first+(t.period()-1)/hour; h++ {
				found.hours |= 1 << uint(h)
			}
		}
		return found, nil
	}
	return none, nil
}

// reaches tells that a tier may have something of a series at a time or later.
func (r *reader) reaches(t Tier, id uint32, time int64) bool {
	for _, f := range r.files[t] {
		if p, ok := f.find(id); ok && p.last >= time {
			return true
		}
	}
	return false
}

// bucketsOf appends the roll-ups of the page that has a time, if it is there.
func (r *reader) bucketsOf(dst []Bucket, t Tier, id uint32, time int64) (b []Bucket, there bool, err error) {
	ref, there, err := r.newest(t, id, floorDiv(time, t.span()))
	if err != nil || !there {
		return dst, false, err
	}
	b, err = r.buckets(dst, ref)
	return b, ref.n == 0 || len(b) > len(dst), err // not if it is damaged
}

// within returns those that begin in [from, to).
func within(b []Bucket, from, to int64) []Bucket {
	start := func(b Bucket, t int64) int { return cmp.Compare(b.Start, t) }
	i, _ := slices.BinarySearchFunc(b, from, start)
	j, _ := slices.BinarySearchFunc(b, to, start)
	return b[i:j]
}

// addBuckets returns both, in order, those with the same start as one.
func addBuckets(a, b []Bucket) []Bucket {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Bucket) int { return cmp.Compare(a.Start, b.Start) })
	out := all[:0]
	for _, x := range all {
		if n := len(out); n > 0 && out[n-1].Start == x.Start {
			out[n-1].add(x)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// foldAll adds samples, of hours whose other samples are gone, to the roll-ups
// that there are of these.
func (db *DB) foldAll(files *files, parts []part) error {
	for t := Minute; t < tiers; t++ {
		these := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.finest > t })
		partition := func(p *part) int64 { return floorDiv(p.hour*hour, t.partition()) }
		slices.SortStableFunc(these, func(a, b part) int { return cmp.Compare(partition(&a), partition(&b)) })
		for len(these) > 0 {
			n := 1
			for n < len(these) && partition(&these[n]) == partition(&these[0]) {
				n++
			}
			if err := db.fold(files, t, these[:n]); err != nil {
				return err
			}
			these = these[n:]
		}
	}
	return nil
}

// fold adds samples to the roll-ups of a partition.
func (db *DB) fold(files *files, t Tier, parts []part) error {
	type key struct {
		s    *series
		page int64
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.s.name, b.s.name), cmp.Compare(a.hour, b.hour))
	})
	r := db.reader()
	defer r.close()
	w := files.writer(t)
	var s *series
	for len(parts) > 0 {
		k := key{parts[0].s, floorDiv(parts[0].hour*hour, t.span())}
		var late []Bucket
		for len(parts) > 0 && k == (key{parts[0].s, floorDiv(parts[0].hour*hour, t.span())}) {
			all, err := parts[0].samples(db.scratch[:0], &db.decoder)
			if err != nil {
				return err
			}
			db.scratch = all
			a := adder{width: t.period(), dst: late}
			for _, x := range all {
				a.sample(x)
			}
			late = a.done()
			parts = parts[1:]
		}
		old, _, err := r.bucketsOf(nil, t, k.s.id, k.page*t.span())
		if err != nil {
			return err
		}
		if k.s != s {
			s = k.s
			w.begin(s)
		}
		db.rollPage(w, k.page, addBuckets(old, addBuckets(late, nil)), old)
	}
	return files.end()
}

// rollPage writes a page of roll-ups in the place of the old one.
func (db *DB) rollPage(w *pageWriter, number int64, b, old []Bucket) {
	period := w.f.tier.period()
	db.page = db.encoder.buckets(db.page[:0], b, period)
	count := total(b) - total(old)
	if len(b) == 0 {
		w.page(number, 0, 0, 0, 0, count, db.page)
		return
	}
	last := b[len(b)-1]
	w.page(number, len(b), b[0].FirstTime, last.LastTime, last.Last, count, db.page)
}

func total(b []Bucket) int64 {
	n := int64(0)
	for i := range b {
		n += int64(b[i].Count)
	}
	return n
}

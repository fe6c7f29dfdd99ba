package tsdb

import (
	"slices"
	"strings"
)

// compactDay makes one file of those of a day, and its roll-ups. The caller
// holds disk.
func (db *DB) compactDay(d int64) error {
	sources := db.filesOf(Raw, d)
	if len(sources) == 0 {
		return nil
	}
	r := db.reader()
	defer r.close()
	files := db.newFiles()
	raw := files.writer(Raw)
	raw.f.merged, raw.f.rank = true, sources[len(sources)-1].rank
	rolls := rollWriters{files: files}
	for _, s := range db.seriesIn(sources) {
		refs, err := r.pages(Raw, s.id, d*24, d*24+23, nil)
		if err == nil {
			err = db.compactSeries(r, raw, &rolls, s, d, refs)
		}
		if err != nil {
			files.abort()
			return err
		}
	}
	return db.finishCompaction(files, sources, r.lost)
}

// finishCompaction commits files in the place of others, of which pages were lost.
func (db *DB) finishCompaction(files *files, sources []*pageFile, lost []int64) error {
	add, err := files.finish()
	if err != nil {
		return err
	}
	db.mu.Lock()
	db.stats.Compactions++
	db.mu.Unlock()
	return db.commit(change{add: add, remove: sources, holes: holesOf(sources, lost)})
}

// filesOf returns the files of a partition, by rank.
func (db *DB) filesOf(t Tier, partition int64) []*pageFile {
	var found []*pageFile
	for _, f := range db.files[t] {
		if f.partition() == partition {
			found = append(found, f)
		}
	}
	return found
}

// seriesIn returns the series that files have, by name.
func (db *DB) seriesIn(files []*pageFile) []*series {
	ids := map[uint32]bool{}
	for _, f := range files {
		for _, id := range f.ids {
			ids[id] = true
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	var found []*series
	for _, s := range db.series {
		if ids[s.id] {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *series) int { return strings.Compare(a.name, b.name) })
	return found
}

// compactSeries writes the pages of a series for a day, and its roll-ups if
// there are pages they were not made of.
func (db *DB) compactSeries(r *reader, raw *pageWriter, rolls *rollWriters, s *series, d int64, refs []pageRef) error {
	changed := slices.ContainsFunc(refs, func(p pageRef) bool { return !p.file.merged })
	minutes := adder{width: minute, dst: db.buckets[:0]}
	var hours uint32
	raw.begin(s)
	for _, ref := range refs {
		bit := uint32(1) << uint(ref.number-d*24)
		if ref.n == 0 {
			hours |= bit
			continue
		}
		all, err := r.samples(db.scratch[:0], ref)
		if err != nil {
			return err
		}
		db.scratch = all
		if len(all) == 0 {
			continue // it is damaged
		}
		hours |= bit
		last := all[len(all)-1]
		raw.page(ref.number, len(all), all[0].Time, last.Time, last.Value, int64(len(all)), r.body)
		if changed {
			for _, x := range all {
				minutes.sample(x)
			}
		}
	}
	raw.end()
	db.buckets = minutes.done()
	if !changed {
		return nil
	}
	return db.derive(r, rolls, s, d, hours, db.buckets)
}

// rollWriters are the files for roll-ups, made when there is something for them.
type rollWriters struct {
	files *files
	w     [tiers]*pageWriter
}

func (r *rollWriters) page(db *DB, s *series, t Tier, number int64, b, old []Bucket) {
	if len(b) == 0 && len(old) == 0 {
		return
	}
	if r.w[t] == nil {
		r.w[t] = r.files.writer(t)
	}
	r.w[t].begin(s)
	db.rollPage(r.w[t], number, b, old)
	r.w[t].end()
}

// derive makes the roll-ups of a day of a series again: those of the hours with
// a page from its samples, minutes; those of other hours stay as they are, since
// nothing finer is left of them. A tier is written only if it has all of the day.
func (db *DB) derive(r *reader, rolls *rollWriters, s *series, d int64, hours uint32, minutes []Bucket) error {
	var old [tiers][]Bucket
	var there [tiers]bool
	for t := Minute; t < tiers; t++ {
		var err error
		if old[t], there[t], err = r.bucketsOf(nil, t, s.id, d*day); err != nil {
			return err
		}
	}
	quarters, sixes := within(old[Quarter], d*day, (d+1)*day), within(old[SixHours], d*day, (d+1)*day)
	hasPage := func(b Bucket) bool { return hours>>uint(floorDiv(b.Start-d*day, hour))&1 != 0 }
	hasNone := func(b Bucket) bool { return !hasPage(b) }
	keep := func(b []Bucket, drop func(Bucket) bool) []Bucket { return slices.DeleteFunc(slices.Clone(b), drop) }

	allQuarters := there[Minute] || len(quarters) > 0 || len(sixes) == 0
	allMinutes := there[Minute] || allQuarters && !slices.ContainsFunc(quarters, hasNone)

	minutes = addBuckets(keep(old[Minute], hasPage), minutes)
	if allMinutes {
		rolls.page(db, s, Minute, d, minutes, old[Minute])
	}
	var newQuarters []Bucket
	if allMinutes {
		newQuarters = roll(nil, minutes, Quarter)
	} else {
		newQuarters = addBuckets(keep(quarters, hasPage), roll(nil, minutes, Quarter))
	}
	if allQuarters {
		rolls.page(db, s, Quarter, floorDiv(d, 8), splice(old[Quarter], newQuarters, d), old[Quarter])
	}
	newSixes := roll(nil, newQuarters, SixHours)
	if !allQuarters {
		newSixes = addBuckets(keep(sixes, func(b Bucket) bool { return touches(b, d, hours) }), newSixes)
	}
	rolls.page(db, s, SixHours, floorDiv(d, 64), splice(old[SixHours], newSixes, d), old[SixHours])
	return nil
}

// touches tells that a bucket of six hours has an hour with a page.
func touches(b Bucket, d int64, hours uint32) bool {
	return hours>>uint(floorDiv(b.Start-d*day, hour))&0x3F != 0
}

// splice returns page with those of a day replaced.
func splice(page, days []Bucket, d int64) []Bucket {
	before := within(page, -1<<62, d*day)
	after := within(page, (d+1)*day, 1<<62)
	return slices.Concat(before, days, after)
}

// compactRolls makes one file of those of a partition of roll-ups.
func (db *DB) compactRolls(t Tier, partition int64) error {
	sources := db.filesOf(t, partition)
	if len(sources) == 0 {
		return nil
	}
	r := db.reader()
	defer r.close()
	files := db.newFiles()
	w := files.writer(t)
	w.f.merged, w.f.rank = true, sources[len(sources)-1].rank
	pages := t.partition() / t.span()
	for _, s := range db.seriesIn(sources) {
		refs, err := r.pages(t, s.id, partition*pages, (partition+1)*pages-1, nil)
		if err != nil {
			files.abort()
			return err
		}
		w.begin(s)
		for _, ref := range refs {
			b, err := r.buckets(db.buckets[:0], ref)
			if err != nil {
				files.abort()
				return err
			}
			if db.buckets = b; len(b) > 0 {
				db.rollPage(w, ref.number, b, nil)
			}
		}
		w.end()
	}
	return db.finishCompaction(files, sources, r.lost)
}

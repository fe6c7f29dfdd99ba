package tsdb

import (
	"math"
	"slices"
)

// allPages stands for all pages of a file.
const allPages = math.MinInt64

// copyPages copies the pages that count, from one number to another, into one new
// file that stands for all sources, which the caller ends. It returns the numbers
// of the pages that were lost, as they are damaged; or allPages.
func (db *DB) copyPages(t Tier, sources []*pageFile, from, to int64) (*files, []int64, error) {
	r := db.reader()
	defer r.close()
	r.files = [tiers][]*pageFile{}
	r.files[t] = sources
	files := db.newFiles()
	w := files.writer(t)
	w.f.rank = sources[len(sources)-1].rank
	w.f.merged = !slices.ContainsFunc(sources, func(f *pageFile) bool { return !f.merged })
	for _, s := range db.seriesIn(sources) {
		refs, err := r.pages(t, s.id, from, to, nil)
		if err == nil {
			w.begin(s)
			err = db.copySeries(w, r, refs)
			w.end()
		}
		if err != nil {
			files.abort()
			return nil, nil, err
		}
	}
	return files, slices.Clone(r.lost), nil
}

// copySeries copies pages that are whole.
func (db *DB) copySeries(w *pageWriter, r *reader, refs []pageRef) error {
	for _, ref := range refs {
		if w.f.tier == Raw {
			all, err := r.samples(db.scratch[:0], ref)
			if err != nil {
				return err
			}
			if db.scratch = all; len(all) > 0 {
				last := all[len(all)-1]
				w.page(ref.number, len(all), all[0].Time, last.Time, last.Value, int64(len(all)), r.body)
			} else if ref.n == 0 {
				w.page(ref.number, 0, 0, 0, 0, 0, []byte{0, 0})
			}
			continue
		}
		b, err := r.buckets(db.buckets[:0], ref)
		if err != nil {
			return err
		}
		if db.buckets = b; len(b) > 0 || ref.n == 0 {
			db.rollPage(w, ref.number, b, nil)
		}
	}
	return nil
}

// mend writes what is whole in damaged files into new ones, and sets the damaged
// ones aside. What was lost becomes a hole, which other tiers fill.
func (db *DB) mend() error {
	for t := range db.files {
		for _, f := range db.files[t] {
			db.mu.Lock()
			spoilt := f.spoilt
			db.mu.Unlock()
			if !spoilt {
				continue
			}
			files, lost, err := db.copyPages(f.tier, []*pageFile{f}, math.MinInt64, math.MaxInt64)
			if err != nil {
				return err
			}
			add, err := files.finish()
			if err != nil {
				return err
			}
			if err := db.commit(change{add: add, remove: []*pageFile{f}, holes: holesOf([]*pageFile{f}, lost)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// holesOf returns where pages of files of a tier were lost.
func holesOf(files []*pageFile, lost []int64) (holes []hole) {
	t := files[0].tier
	span := t.span()
	lost = slices.Clone(lost)
	slices.Sort(lost)
	for _, n := range slices.Compact(lost) {
		if n == allPages {
			return []hole{partitionHole(t, files[0].partition())}
		}
		holes = append(holes, hole{t, n * span, (n + 1) * span})
	}
	return holes
}

// purgeBytes is how much is written again at a time because series were deleted.
const purgeBytes = 4 << 20

// purge writes files again that have series that were deleted.
func (db *DB) purge() error {
	left := int64(purgeBytes)
	for t := range db.files {
		for _, f := range db.files[t] {
			if !f.deletion || left < 0 {
				continue
			}
			left -= f.size
			files, _, err := db.copyPages(f.tier, []*pageFile{f}, math.MinInt64, math.MaxInt64)
			if err != nil {
				return err
			}
			add, err := files.finish()
			if err != nil {
				return err
			}
			if err := db.commit(change{add: add, remove: []*pageFile{f}}); err != nil {
				return err
			}
		}
	}
	old := func(d deletion) bool { return len(db.journals) > 0 && db.journals[0].number <= d.rank }
	if left == purgeBytes && len(db.deleted) > 0 && !slices.ContainsFunc(db.deleted, old) {
		return db.commit(change{undelete: true})
	}
	return nil
}

package tsdb

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// part is what is new of an hour of a series.
type part struct {
	s      *series
	hour   int64
	blocks []block // as they came
	whole  bool    // it is all there is, whatever was there before
	finest Tier    // that has roll-ups of the hour, if its samples are gone
	make   func(dst []Sample) ([]Sample, error)
}

// samples appends what is new, in order.
func (p *part) samples(dst []Sample, d *decoder) ([]Sample, error) {
	if p.make != nil {
		return p.make(dst)
	}
	start := len(dst)
	for _, b := range p.blocks {
		var err error
		if dst, err = d.all(dst, b.data); err != nil {
			return dst, err
		}
	}
	if s := dst[start:]; !rising(s) {
		dst = dst[:start+len(inOrder(s))]
	}
	return dst, nil
}

// seal writes what is in the journal into pages, and begins a new journal. The
// caller holds disk.
func (db *DB) seal() error {
	if err := db.flush(); err != nil {
		return err
	}
	parts, upTo := db.unsealed()
	if len(parts) == 0 && len(db.journals) == 0 {
		return nil
	}
	// Pages without a manifest count, so there is one before there are pages.
	if !db.listed {
		if err := db.writeManifest(db.manifestAfter(change{})); err != nil {
			return fmt.Errorf("writing the manifest of history: %w", err)
		}
	}
	db.since = 0
	return db.writeParts(parts, change{sealed: true, memory: func() { db.forgetBlocks(upTo) }})
}

// unsealed returns what is in the journal, up to a batch.
func (db *DB) unsealed() (parts []part, upTo uint64) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, s := range db.series {
		for h, blocks := range s.hours {
			n := len(blocks)
			for n > 0 && blocks[n-1].seq > db.flushed {
				n--
			}
			if n > 0 {
				parts = append(parts, part{s: s, hour: h, blocks: blocks[:n:n]})
			}
		}
	}
	return parts, db.flushed
}

// forgetBlocks forgets those that are in pages now. The caller holds mu.
func (db *DB) forgetBlocks(upTo uint64) {
	db.blockBytes = 0
	db.stats.Journal = 0
	db.stats.Seals++
	for _, s := range db.series {
		for h, blocks := range s.hours {
			rest := slices.Clone(slices.DeleteFunc(slices.Clone(blocks), func(b block) bool { return b.seq <= upTo }))
			if len(rest) == 0 {
				delete(s.hours, h)
			} else {
				s.hours[h] = rest
			}
			for _, b := range rest {
				db.blockBytes += len(b.data) + blockCost
			}
		}
		if len(s.hours) == 0 && len(s.pending) == 0 {
			s.some = false
		}
	}
}

// writeParts writes pages with parts in them, a file for each day, and commits
// them with c.
func (db *DB) writeParts(parts []part, c change) error {
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(floorDiv(a.hour, 24), floorDiv(b.hour, 24)), strings.Compare(a.s.name, b.s.name), cmp.Compare(a.hour, b.hour))
	})
	var fold []part
	files := db.newFiles()
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && floorDiv(parts[n].hour, 24) == floorDiv(parts[0].hour, 24) {
			n++
		}
		rest, err := db.writeDay(files, parts[:n])
		if err != nil {
			files.abort()
			return err
		}
		fold = append(fold, rest...)
		parts = parts[n:]
	}
	if err := db.foldAll(files, fold); err != nil {
		files.abort()
		return err
	}
	var err error
	if c.add, err = files.finish(); err != nil {
		return err
	}
	return db.commit(c)
}

// writeDay writes the pages of a day, and returns the parts that have to be
// added to roll-ups, because the samples that were there are not any more.
func (db *DB) writeDay(files *files, parts []part) (fold []part, err error) {
	r := db.reader()
	defer r.close()
	w := files.writer(Raw)
	var s *series
	var rolled *rolledDay
	for i := range parts {
		p := &parts[i]
		if p.s != s {
			s, rolled = p.s, nil
			w.begin(s)
		}
		old, before, known, err := db.oldHour(r, p)
		if err != nil {
			return nil, err
		}
		if !known {
			if rolled == nil {
				if rolled, err = db.rolledDay(r, s, floorDiv(p.hour, 24)); err != nil {
					return nil, err
				}
			}
			if rolled.has(p.hour) {
				p.finest = rolled.tier
				fold = append(fold, *p)
				continue
			}
		}
		if err := db.writeHour(w, p, old, before); err != nil {
			return nil, err
		}
	}
	return fold, files.end()
}

// oldHour returns the samples that a page has of the hour of a part, in
// db.scratch, and how many the page says it has. known tells that the samples of
// the hour are all here: they may be none, but then they are not gone.
func (db *DB) oldHour(r *reader, p *part) (old []Sample, n int, known bool, err error) {
	ref, there, err := r.newest(Raw, p.s.id, p.hour)
	if err != nil || !there {
		return nil, 0, p.whole, err
	}
	if p.whole {
		return nil, ref.n, true, nil
	}
	db.scratch, err = r.samples(db.scratch[:0], ref)
	return db.scratch, ref.n, ref.n == 0 || len(db.scratch) > 0, err
}

// writeHour writes the page of an hour: what was there, with what is new.
func (db *DB) writeHour(w *pageWriter, p *part, old []Sample, before int) error {
	all, err := p.samples(append(db.scratch[:0], old...), &db.decoder)
	if err != nil {
		return err
	}
	if !rising(all) {
		all = inOrder(all)
	}
	db.scratch = all
	if cap(db.scratch) > 1<<16 {
		db.scratch = nil
	}
	if len(all) == 0 {
		if before > 0 {
			w.page(p.hour, 0, 0, 0, 0, -int64(before), []byte{0, 0})
		}
		return nil
	}
	first, last := all[0], all[len(all)-1]
	db.page = db.encoder.samples(db.page[:0], all, true)
	w.page(p.hour, len(all), first.Time, last.Time, last.Value, int64(len(all)-before), db.page)
	return nil
}

// files are those being written for one commit.
type files struct {
	db   *DB
	open []*pageWriter
	done []*pageFile
	err  error
}

func (db *DB) newFiles() *files { return &files{db: db} }

// writer begins a file.
func (f *files) writer(t Tier) *pageWriter {
	w, err := f.db.newPageWriter(t)
	if err != nil {
		f.err = errors.Join(f.err, err)
		// What is written to it goes nowhere: finish says why.
		return &pageWriter{db: f.db, f: &pageFile{tier: t}, err: err}
	}
	f.open = append(f.open, w)
	return w
}

// end ends the files that are open.
func (f *files) end() error {
	for _, w := range f.open {
		if f.err != nil {
			w.abort()
			continue
		}
		file, err := w.finish()
		if file != nil {
			f.done = append(f.done, file)
		}
		f.err = err
	}
	f.open = f.open[:0]
	return f.err
}

// finish ends all, and returns them when they are stable.
func (f *files) finish() ([]*pageFile, error) {
	if f.end() == nil && len(f.done) > 0 {
		f.err = f.db.folder.sync()
	}
	if f.err != nil {
		f.abort()
		return nil, f.err
	}
	return f.done, nil
}

func (f *files) abort() {
	for _, w := range f.open {
		w.abort()
	}
	for _, file := range f.done {
		f.db.folder.remove(file.name)
	}
	f.open, f.done = nil, nil
}

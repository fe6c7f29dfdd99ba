package tsdb

import (
	"errors"
	"math"
	"slices"
	"time"
)

// When files are sealed and become one. What these say is written at most once
// more than needed in a day.
const (
	sealBytes  = 2 << 20          // of blocks in memory, at most
	sealDays   = 64               // with something that is not sealed, at most
	sealSoon   = 384 << 10        // of blocks: at the end of an hour
	sealAge    = 6 * hour         // of the oldest batch
	grace      = 5 * minute       // after an hour or a day in which samples of it still come
	openFiles  = 32               // of the day that is being written, at most
	lateFiles  = 8                // of another day or a partition of roll-ups
	lateAge    = hour             // after which late samples of another day are worth a new file
	settleTime = 10 * time.Minute // that the clock must go on evenly before anything is too old
)

// maintain is what Run does at every batch: it writes it, seals what is due,
// makes files one and roll-ups, drops what is too old, and mends what is damaged.
func (db *DB) maintain() error {
	db.disk.Lock()
	defer db.disk.Unlock()
	if err := db.flush(); err != nil {
		db.expire() // it may make room
		return err
	}
	if db.unwritten {
		if err := db.commit(change{}); err != nil {
			return err
		}
	}
	var err error
	if db.sealDue() {
		err = db.seal()
	}
	if err == nil {
		err = db.compact()
	}
	return errors.Join(err, db.expire(), db.salvage(), db.mend(), db.purge())
}

// sealDue tells that what is in the journal should be in pages.
func (db *DB) sealDue() bool {
	now := db.o.Now().UnixMilli()
	db.mu.Lock()
	defer db.mu.Unlock()
	bytes, days := db.blockBytes, map[int64]bool{}
	for _, s := range db.series {
		for h := range s.hours {
			days[floorDiv(h, 24)] = true
		}
	}
	if bytes == 0 {
		return false
	}
	if db.since == 0 || db.since > now {
		db.since = now
	}
	// All that is due at the end of an hour waits a little, for the samples that
	// come late.
	inHour := now - floorDiv(now, hour)*hour
	if len(days) > sealDays || bytes >= db.sealAt() || now-db.since >= sealAge+hour {
		return true
	}
	ended := inHour >= grace && db.since < now-inHour
	return ended && (bytes >= sealSoon || now-db.since >= sealAge || floorDiv(db.since, day) != floorDiv(now, day))
}

// sealAt is how many bytes of blocks are sealed at once.
func (db *DB) sealAt() int {
	if db.inMemory() {
		return int(db.o.Memory / 8)
	}
	return sealBytes
}

// compact makes files one where there are many, or where a day is over.
func (db *DB) compact() error {
	now := db.o.Now().UnixMilli()
	if err := db.compactMoved(); err != nil {
		return err
	}
	for _, d := range db.dueDays(now) {
		if err := db.compactDay(d); err != nil {
			return err
		}
	}
	for t := Minute; t < tiers; t++ {
		for _, p := range db.partitions(t) {
			files := db.filesOf(t, p)
			over := (p+1)*t.partition()+day < now
			if len(files) >= lateFiles || over && len(files) > 1 && settled(files, now) {
				if err := db.compactRolls(t, p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// compactMoved makes the roll-ups of days again in which Shift moved samples, so
// that nothing remembers the old times.
func (db *DB) compactMoved() error {
	for t := range tiers {
		seen := map[int64]bool{}
		for _, h := range db.moved {
			p := floorDiv(h*hour, t.partition())
			if seen[p] {
				continue
			}
			seen[p] = true
			var err error
			if t == Raw {
				err = db.rollUp(p)
			} else if len(db.filesOf(t, p)) > 1 {
				err = db.compactRolls(t, p)
			}
			if err != nil {
				return err
			}
		}
	}
	db.moved = nil
	return nil
}

// dueDays returns the days whose files should become one.
func (db *DB) dueDays(now int64) (due []int64) {
	for _, d := range db.partitions(Raw) {
		files := db.filesOf(Raw, d)
		late := 0
		for _, f := range files {
			if !f.merged {
				late++
			}
		}
		over := (d+1)*day+grace < now
		fresh := late == len(files) // there are no roll-ups of it yet
		if late >= openFiles || over && late >= lateFiles || over && late > 0 && (fresh || settled(files, now)) {
			due = append(due, d)
		}
	}
	return due
}

// settled tells that nothing was written for a while.
func settled(files []*pageFile, now int64) bool {
	for _, f := range files {
		if !f.merged && f.born <= now && f.born > now-lateAge {
			return false
		}
	}
	return true
}

// partitions returns those of a tier that have files, the oldest first.
func (db *DB) partitions(t Tier) []int64 {
	var all []int64
	seen := map[int64]bool{}
	for _, f := range db.files[t] {
		if p := f.partition(); !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// expire drops what is too old or too much, whole files at a time; the roll-ups
// of what is dropped stay.
func (db *DB) expire() error {
	defer db.forgetEmpty()
	now := db.o.Now()
	if db.clock.settled(now) {
		for t, keep := range db.retention() {
			if keep.Age <= 0 {
				continue
			}
			limit := now.Add(-keep.Age).UnixMilli()
			for _, p := range db.partitions(Tier(t)) {
				if end := (p + 1) * Tier(t).partition(); end <= limit {
					if err := db.dropPartition(Tier(t), p); err != nil {
						return err
					}
				}
			}
		}
	}
	for t, keep := range db.retention() {
		if keep.Bytes <= 0 {
			continue
		}
		if err := db.shrink(Tier(t), keep.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// forgetEmpty forgets series of which nothing is left.
func (db *DB) forgetEmpty() {
	left := map[uint32]bool{}
	for t := range db.files {
		for _, f := range db.files[t] {
			for _, id := range f.ids {
				left[id] = true
			}
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for name, s := range db.series {
		if len(s.hours) == 0 && len(s.pending) == 0 && !left[s.id] {
			delete(db.series, name)
		}
	}
}

// Change sets how long each tier is kept, and how many series there may be, from now
// on. What is too old by then goes with the next batch.
func (db *DB) Change(raw, minute, quarter, sixHours Retention, maxSeries int) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.o.Raw, db.o.Minute, db.o.Quarter, db.o.SixHours = raw, minute, quarter, sixHours
	db.o.MaxSeries = maxSeries
}

func (db *DB) retention() [tiers]Retention {
	db.mu.Lock()
	r := [tiers]Retention{db.o.Raw, db.o.Minute, db.o.Quarter, db.o.SixHours}
	db.mu.Unlock()
	if db.inMemory() {
		// Half for samples, and the rest so that each tier reaches far.
		for t, part := range [...]int64{2, 4, 8, 8} {
			if limit := db.o.Memory / part; r[t].Bytes <= 0 || r[t].Bytes > limit {
				r[t].Bytes = limit
			}
		}
		r[Raw].Bytes -= db.o.Memory / 8 // for what is not sealed
	}
	return r
}

// shrink drops the oldest of a tier until it has no more than so many bytes.
func (db *DB) shrink(t Tier, limit int64) error {
	for {
		total := int64(0)
		for _, f := range db.files[t] {
			total += f.size
		}
		all := db.partitions(t)
		switch {
		case total <= limit:
			return nil
		case len(all) > 1:
			if err := db.dropPartition(t, all[0]); err != nil {
				return err
			}
		default:
			return db.halve(t, all[0])
		}
	}
}

// dropPartition removes the files of a partition. Samples are rolled up before.
func (db *DB) dropPartition(t Tier, p int64) error {
	if t == Raw {
		if err := db.rollUp(p); err != nil {
			return err
		}
	}
	gone := db.filesOf(t, p)
	db.o.Log.Debug("history: dropped what is too old or too much", "tier", t.String(), "files", len(gone),
		"from", time.UnixMilli(p*t.partition()).UTC().Format(time.DateOnly))
	cut := (p + 1) * t.partition()
	// It is done even if the manifest cannot be written: a full disk would stay
	// full.
	return db.commit(change{remove: gone, cuts: map[Tier]int64{t: cut}, force: true})
}

// rollUp makes the roll-ups of a day, if there is something that has none. What
// is in no page yet becomes one first: it may replace samples of that day.
func (db *DB) rollUp(d int64) error {
	if db.inBlocks(d) {
		if err := db.seal(); err != nil {
			return err
		}
	}
	for _, f := range db.filesOf(Raw, d) {
		if !f.merged {
			return db.compactDay(d)
		}
	}
	return nil
}

// inBlocks tells that samples of a day are in no page yet.
func (db *DB) inBlocks(d int64) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pack()
	for _, s := range db.series {
		for h := d * 24; h < (d+1)*24; h++ {
			if len(s.hours[h]) > 0 {
				return true
			}
		}
	}
	return false
}

// halve drops the older half of the time in a partition, for a tier that has
// just this one and is still too large.
func (db *DB) halve(t Tier, p int64) error {
	if t == Raw {
		if err := db.rollUp(p); err != nil {
			return err
		}
	}
	sources := db.filesOf(t, p)
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, f := range sources {
		first, last = min(first, f.from), max(last, f.to)
	}
	if len(sources) == 0 {
		return nil
	}
	keep := first + (last-first)/2 + 1
	if keep > last {
		return db.dropPartition(t, p)
	}
	files, lost, err := db.copyPages(t, sources, keep, last)
	if err != nil {
		return err
	}
	add, err := files.finish()
	if err != nil {
		return err
	}
	return db.commit(change{add: add, remove: sources, holes: holesOf(sources, lost), cuts: map[Tier]int64{t: keep * t.span()}})
}

// clock watches whether time goes on as it should: a clock that was set says
// nothing about age for a while.
type clock struct {
	first, last time.Time // by Options.Now
	steady      time.Time // at last, by a clock that nobody sets
}

func (c *clock) settled(now time.Time) bool {
	steady := time.Now()
	wall := now.Sub(c.last)
	if ahead := wall - steady.Sub(c.steady); c.last.IsZero() || ahead > time.Minute || wall < 0 {
		c.first = now
	}
	c.last, c.steady = now.Round(0), steady
	return now.Sub(c.first) >= settleTime
}

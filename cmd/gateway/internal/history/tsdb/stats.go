package tsdb

// Stats is what a database holds, and what it did since it was opened.
type Stats struct {
	Series  int
	Tiers   [4]TierStats // Raw, Minute, Quarter, SixHours
	Journal int64        // bytes of journals
	Pending int          // samples that are not stable yet
	Unsaved int          // bytes that wait for the disk
	Memory  int          // bytes of what is in no page yet

	Written     int64 // bytes written to files
	Syncs       uint64
	Batches     uint64
	Seals       uint64
	Compactions uint64 // times that files became one

	Dropped  uint64 // samples that were forgotten because the disk failed for too long
	Refused  uint64 // samples and series that could not be recorded
	Torn     int64  // bytes cut off at the ends of journals
	Lost     int64  // bytes of journals that were damaged
	Damaged  int    // files set aside, also before
	Failures uint64 // times that writing failed
	Failing  string // why writing fails, empty if it does not
}

// TierStats is what a tier has in files.
type TierStats struct {
	Files int
	Bytes int64
	From  int64 // ms since 1970 UTC, where the oldest page begins, if there is one
}

// Stats returns figures.
func (db *DB) Stats() Stats {
	db.mu.Lock()
	defer db.mu.Unlock()
	s := db.stats
	s.Series, s.Pending, s.Unsaved, s.Memory = len(db.series), db.pending, db.queued, db.blockBytes+16*db.pending
	for _, b := range db.queue {
		s.Pending += b.samples
	}
	for t := range db.files {
		for i, f := range db.files[t] {
			if from := f.from * f.tier.span(); i == 0 || from < s.Tiers[t].From {
				s.Tiers[t].From = from
			}
			s.Tiers[t].Files++
			s.Tiers[t].Bytes += f.size
		}
	}
	return s
}

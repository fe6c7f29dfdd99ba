package tsdb

// Stats is what a database did since it was opened, and what it holds.
type Stats struct {
	Series   int
	Pending  int   // samples that are not in the journal yet
	Unsaved  int   // bytes that wait for the disk
	Written  int64 // bytes written to files
	Syncs    uint64
	Batches  uint64
	Dropped  uint64 // samples that were forgotten because the disk failed for too long
	Refused  uint64 // samples and series that could not be recorded
	Torn     int64  // bytes cut off at the ends of journals
	Lost     int64  // bytes that were damaged
	Damaged  int    // files set aside, also before
	Failures uint64 // times that writing failed
	Failing  string // why writing fails, empty if it does not
}

// Stats returns figures.
func (db *DB) Stats() Stats {
	db.mu.Lock()
	defer db.mu.Unlock()
	s := db.stats
	s.Series, s.Pending, s.Unsaved = len(db.series), db.pending, db.queued
	for _, b := range db.queue {
		s.Pending += b.samples
	}
	return s
}

package store

import "time"

// Stats are the figures of a store on disk.
type Stats struct {
	Bytes    int64     // that its files take
	Live     int64     // of messages in them that are needed
	Segments int       // files
	Pending  int64     // bytes not written yet
	Written  int64     // bytes, since the start
	Commits  int64     // writes, since the start
	Waiting  int       // deliveries that are not done
	Failure  error     // why nothing can be written, or no message any more; nil if all is well
	Since    time.Time // of Failure
	Damaged  int       // parts that could not be read at the start
}

// Stats returns the figures of this moment.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := Stats{
		Bytes: d.totalLocked(), Live: d.x.live, Segments: len(d.segments), Pending: d.pending,
		Written: d.written, Commits: d.commits,
		Failure: d.failure.err, Since: d.failure.since, Damaged: len(d.recovery.Damage),
	}
	if d.failure.err == nil {
		st.Failure, st.Since = d.low.err, d.low.since
	}
	for _, s := range d.x.sessions {
		st.Waiting += s.live
	}
	return st
}

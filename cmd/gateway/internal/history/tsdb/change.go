package tsdb

import "fmt"

// Delete forgets series; a name that is not there is no error.
func (db *DB) Delete(names ...string) error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return ErrClosed
	}
	db.pack()
	for _, name := range names {
		s := db.series[name]
		if s == nil {
			continue
		}
		s.forget()
		delete(db.series, name)
		db.seq++
		db.enqueue(batch{seq: db.seq, erase: name, bytes: 64 + len(name)})
	}
	db.mu.Unlock()
	return db.Flush()
}

// Shift moves the samples of a series in [from, to) by so many ms: they were
// measured while the clock was wrong.
func (db *DB) Shift(name string, from, to, by int64) error {
	var moved []Sample
	for s, err := range db.Samples(name, minTime, maxTime) {
		if err != nil {
			return fmt.Errorf("series %s: moving its samples: %w", name, err)
		}
		if s.Time >= from && s.Time < to {
			s.Time += by
		}
		moved = append(moved, s)
	}
	if err := db.Delete(name); err != nil {
		return err
	}
	return db.Append(name, moved...)
}

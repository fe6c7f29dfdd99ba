package tsdb

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// DB is history. Its methods may be called concurrently.
type DB struct {
	o      Options
	folder folder
	locked *os.File // holds the folder for this process

	// disk is held by whoever changes files, and taken before mu. It may be held
	// for as long as the disk takes; nobody who appends or reads waits for it.
	disk     sync.Mutex
	journal  *journal  // being written, nil if there is none yet
	journals []oldFile // those that are not sealed yet, with the one being written
	number   uint64    // of the file that was made last

	mu      sync.Mutex
	closed  bool
	series  map[string]*series
	byID    uint32 // the id that was given last
	pending int    // samples that are in no block yet
	packer  encoder
	seq     uint64  // of the batch that was made last
	queue   []batch // what is in no journal yet
	queued  int     // bytes in queue
	writing uint64  // batches up to this one are being written, and stay in queue
	stats   Stats

	decoders sync.Pool // *decoder
}

// oldFile is a file that is not being written any more.
type oldFile struct {
	name    string
	number  uint64
	damaged bool
}

// Open opens the history in a folder, or makes it. It cuts off what a power cut
// left half written and sets damaged files aside, and tells Options.Log; it
// fails if the folder cannot be read, is open already, or is of a newer version.
// A folder that cannot be written can be opened.
func Open(o Options) (*DB, error) {
	o = o.withDefaults()
	db := &DB{o: o, series: map[string]*series{}}
	db.decoders.New = func() any { return new(decoder) }
	switch {
	case o.folder != nil:
		db.folder = o.folder
	case o.Folder == "":
		db.folder = &memory{}
	default:
		db.folder = disk(o.Folder)
		if err := os.MkdirAll(o.Folder, 0o700); err != nil {
			if _, missing := os.Stat(o.Folder); missing != nil {
				return nil, err
			}
		}
		var err error
		if db.locked, err = lock(o.Folder); err != nil {
			return nil, err
		}
	}
	if err := db.recover(); err != nil {
		db.unlock()
		return nil, err
	}
	return db, nil
}

func (db *DB) unlock() {
	if db.locked != nil {
		db.locked.Close()
	}
}

// inMemory tells that files are no safer than memory, so that there is no
// journal.
func (db *DB) inMemory() bool {
	_, ok := db.folder.(*memory)
	return ok
}

// Run writes batches every Options.Batch, and does the work that goes with it,
// until the context ends; then it writes the last batch. What fails is logged,
// once until it works again, and tried again.
func (db *DB) Run(ctx context.Context) error {
	tick := time.NewTicker(db.o.Batch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return db.Flush()
		case <-tick.C:
			db.report(db.maintain())
		}
	}
}

// report logs that writing fails, or works again, when that changes.
func (db *DB) report(err error) {
	db.mu.Lock()
	before := db.stats.Failing
	if err != nil && !errors.Is(err, ErrClosed) {
		db.stats.Failing = err.Error()
		db.stats.Failures++
	} else {
		db.stats.Failing = ""
	}
	now := db.stats.Failing
	db.mu.Unlock()
	switch {
	case before == "" && now != "":
		db.o.Log.Warn("history cannot be written; it goes on in memory and tries again", "error", err)
	case before != "" && now == "":
		db.o.Log.Info("history is written again")
	}
}

// maintain is what Run does at every batch.
func (db *DB) maintain() error { return db.Flush() }

// Close writes the last batch and ends the use of the folder. Calls afterwards
// fail with ErrClosed.
func (db *DB) Close() error {
	err := db.Flush()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	db.disk.Lock()
	defer db.disk.Unlock()
	db.mu.Lock()
	db.closed = true
	db.mu.Unlock()
	err = errors.Join(err, db.closeJournal())
	db.unlock()
	return err
}

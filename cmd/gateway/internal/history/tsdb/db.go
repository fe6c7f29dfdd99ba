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
	disk      sync.Mutex
	journal   *journal  // being written, nil if there is none yet
	journals  []oldFile // those that are not sealed yet, with the one being written
	number    uint64    // of the file that was made last
	encoder   encoder   // of what is written with disk held
	decoder   decoder   // of what is read for that
	scratch   []Sample
	page      []byte
	buckets   []Bucket
	listed    bool        // there is a manifest
	unwritten bool        // the manifest does not say what is so
	unsure    []*pageFile // a manifest may name them that may be there
	clock     clock
	moved     []int64      // hours that Shift changed since roll-ups were made
	broken    []brokenFile // to be salvaged
	since     int64        // ms since 1970 UTC, of the oldest batch that is not sealed; 0: none

	// files, cuts, holes and deleted are changed with disk and mu held, and read
	// with either.
	files   [tiers][]*pageFile // by rank
	cuts    [tiers]int64       // before this time a tier does not have everything
	holes   []hole
	deleted []deletion

	mu         sync.Mutex
	closed     bool
	series     map[string]*series
	byID       uint32 // the id that was given last
	pending    int    // samples that are in no block yet
	packer     encoder
	seq        uint64          // of the batch that was made last
	queue      []batch         // what is in no journal yet
	queued     int             // bytes in queue
	writing    uint64          // batches up to this one are being written, and stay in queue
	flushed    uint64          // batches up to this one are in the journal
	generation uint64          // of files
	summaries  map[uint32]Info // what the files have of each series, nil if that is not known
	stats      Stats
	blockBytes int // of all blocks
	wake       chan struct{}

	readers sync.Pool // *reader
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
	db := &DB{o: o, series: map[string]*series{}, cuts: noCuts, wake: make(chan struct{}, 1)}
	db.readers.New = func() any { return &reader{d: new(decoder)} }
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
	db.disk.Lock()
	defer db.disk.Unlock()
	if err := db.salvage(); err != nil {
		o.Log.Warn("history: what is whole in damaged files cannot be written yet", "error", err)
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
		case <-db.wake:
		}
		db.report(db.maintain())
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

package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
)

// journal is the file that batches are appended to.
type journal struct {
	head      fileHead
	number    uint64
	out       outFile
	size      int64 // up to where it is stable
	allocated int64
	buf       []byte
}

const allocateStep = 256 << 10

// writeJournal appends batches and returns when they are stable. Nobody knows
// what a file has in which a write or a sync failed, so it is given up then, and
// the batches go into a new one the next time. The caller holds disk.
func (db *DB) writeJournal(batches []batch) error {
	if db.journal == nil {
		if err := db.newJournal(); err != nil {
			return err
		}
	}
	j := db.journal
	buf := j.buf[:0]
	if j.size == 0 {
		buf = j.head.append(buf)
	}
	var payload []byte
	for _, b := range batches {
		payload = b.append(payload[:0], j.number)
		buf = j.head.appendFrame(buf, frameBatch, payload)
	}
	j.buf = buf
	if cap(j.buf) > 1<<16 {
		j.buf = nil
	}
	err := j.write(buf)
	if err == nil {
		db.wrote(len(buf), 1)
		db.mu.Lock()
		db.stats.Journal += int64(len(buf))
		db.mu.Unlock()
		return nil
	}
	db.giveUpJournal()
	return err
}

func (j *journal) write(buf []byte) error {
	end := j.size + int64(len(buf))
	if end > j.allocated {
		to := (end + allocateStep - 1) / allocateStep * allocateStep
		// Where there is no room for it the write itself says so, if it matters.
		if j.out.allocate(to) == nil {
			j.allocated = to
		}
	}
	if _, err := j.out.WriteAt(buf, j.size); err != nil {
		return err
	}
	if err := j.out.Sync(); err != nil {
		return err
	}
	j.size = end
	return nil
}

// append appends the payload of a batch: the names that the journal called
// number does not have yet, and the blocks.
func (b batch) append(dst []byte, number uint64) []byte {
	var names []*series
	for _, bb := range b.blocks {
		if bb.s.known != number {
			bb.s.known = number
			names = append(names, bb.s)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, s := range names {
		dst = binary.AppendUvarint(dst, uint64(s.id))
		dst = appendText(dst, s.name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.blocks)))
	for _, bb := range b.blocks {
		dst = binary.AppendUvarint(dst, uint64(bb.s.id))
		dst = binary.AppendUvarint(dst, uint64(len(bb.data)))
		dst = append(dst, bb.data...)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func (db *DB) newJournal() error {
	n := db.nextNumber()
	name := journalName(n)
	out, err := db.folder.create(name)
	if err != nil {
		return err
	}
	if err := db.folder.sync(); err != nil {
		out.Close()
		return errors.Join(err, db.folder.remove(name))
	}
	db.journal = &journal{head: fileHead{kind: kindJournal, salt: rand.Uint32()}, number: n, out: out}
	db.journals = append(db.journals, oldFile{name: name, number: n})
	return nil
}

// giveUpJournal ends the use of a file that failed; what it has stays until it
// is sealed, and nothing stays of one that has nothing.
func (db *DB) giveUpJournal() {
	j := db.journal
	db.journal = nil
	j.out.Close()
	if j.size == 0 && db.folder.remove(journalName(j.number)) == nil {
		db.journals = db.journals[:len(db.journals)-1]
	}
}

func (db *DB) closeJournal() error {
	if db.journal == nil {
		return nil
	}
	j := db.journal
	db.journal = nil
	if err := j.out.Close(); err != nil {
		return err
	}
	return db.folder.cut(journalName(j.number), j.size)
}

func (db *DB) nextNumber() uint64 {
	db.number++
	return db.number
}

func journalName(n uint64) string { return fmt.Sprintf("journal-%08d", n) }

func (db *DB) wrote(bytes, syncs int) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.stats.Written += int64(bytes)
	db.stats.Syncs += uint64(syncs)
}

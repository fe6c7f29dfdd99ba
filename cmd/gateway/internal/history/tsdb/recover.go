package tsdb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// recover reads what there is in the folder.
func (db *DB) recover() error {
	names, err := db.folder.names()
	if err != nil {
		return fmt.Errorf("reading the folder of history: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, damagedSuffix) {
			db.stats.Damaged++
			continue
		}
		var n uint64
		if _, err := fmt.Sscanf(name, "journal-%d", &n); err != nil || journalName(n) != name {
			continue
		}
		db.number = max(db.number, n)
		if err := db.replay(name, n); err != nil {
			return err
		}
	}
	return nil
}

const damagedSuffix = ".damaged"

// replay reads a journal. Only what makes history unreadable as a whole is an
// error.
func (db *DB) replay(name string, number uint64) error {
	b, err := readFile(db.folder, name)
	if err != nil {
		return fmt.Errorf("reading history: %w", err)
	}
	old := oldFile{name: name, number: number}
	head, err := parseHead(b)
	switch {
	case errors.Is(err, errNewer):
		return fmt.Errorf("history in %s: %w; update this program, or move the folder away", name, err)
	case err != nil && allZero(b[:min(len(b), headSize)]):
		// The power went before its first batch was stable.
		db.o.Log.Info("history: an empty journal is removed", "file", name)
		return nil
	case err != nil || head.kind != kindJournal:
		db.setAside(name, errors.Join(err, errDamaged))
		return nil
	}
	r := &replayer{db: db, names: map[uint64]*series{}}
	end, lost := head.scan(b[headSize:], func(kind byte, payload []byte, _ int) {
		if !r.frame(kind, payload) {
			r.wrong++
		}
	})
	end += headSize
	if torn := b[end:]; len(torn) > 0 {
		if !allZero(torn) {
			db.stats.Torn += int64(len(torn))
			db.o.Log.Warn("history: the end of a journal was not whole and is cut off; the last batch is lost", "file", name, "bytes", len(torn))
		}
		if err := db.folder.cut(name, int64(end)); err != nil {
			db.o.Log.Warn("history: a journal cannot be cut", "file", name, "error", err)
		}
	}
	if lost > 0 || r.wrong > 0 {
		old.damaged = true
		db.stats.Lost += int64(lost)
		db.o.Log.Warn("history: a journal is damaged; what is whole is used", "file", name, "bytes lost", lost)
	}
	db.journals = append(db.journals, old)
	return nil
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// setAside renames a file that cannot be read, so that nothing stumbles over it
// again and somebody can look at it.
func (db *DB) setAside(name string, why error) {
	db.stats.Damaged++
	db.o.Log.Warn("history: a damaged file is set aside", "file", name, "as", name+damagedSuffix, "error", why)
	if err := db.folder.rename(name, name+damagedSuffix); err != nil {
		db.o.Log.Warn("history: a damaged file cannot be renamed", "file", name, "error", err)
	}
}

func readFile(f folder, name string) ([]byte, error) {
	in, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	size, err := in.Size()
	if err != nil {
		return nil, err
	}
	if size > maxFrame {
		return nil, fmt.Errorf("%s: %w: it has %d bytes", name, errDamaged, size)
	}
	b := make([]byte, size)
	if n, err := in.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// replayer does again what a journal says was done.
type replayer struct {
	db      *DB
	names   map[uint64]*series
	decoder decoder
	wrong   int
}

func (r *replayer) frame(kind byte, payload []byte) bool {
	switch kind {
	case frameBatch:
		return r.batch(payload)
	case frameErase:
		if s := r.db.series[string(payload)]; s != nil {
			s.forget()
		}
		return true
	}
	return false
}

func (s *series) forget() {
	s.pending, s.mixed, s.some = nil, false, false
	clear(s.hours)
}

func (r *replayer) batch(payload []byte) bool {
	payload = slices.Clone(payload) // without the rest of the file
	c := cursor{b: payload}
	r.db.seq++
	for range c.length(len(payload)) {
		id := c.unsigned()
		name := string(c.bytes(c.length(maxName)))
		if c.bad || checkName(name) != nil {
			return false
		}
		s := r.db.series[name]
		if s == nil {
			s = r.db.addSeries(name)
		}
		r.names[id] = s
	}
	for range c.length(len(payload)) {
		s := r.names[c.unsigned()]
		data := c.bytes(c.length(len(payload)))
		if c.bad {
			return false
		}
		if s == nil { // its name was in a batch that is damaged
			r.wrong++
			continue
		}
		if !r.block(s, data) {
			return false
		}
	}
	return !c.bad && len(c.b) == 0
}

func (r *replayer) block(s *series, data []byte) bool {
	n, err := r.decoder.reset(data)
	if err != nil || n == 0 {
		return false
	}
	b := block{data: data, n: n, seq: r.db.seq}
	var x Sample
	for y, ok := r.decoder.next(); ok; y, ok = r.decoder.next() {
		if x = y; r.decoder.read == 1 {
			b.first = x.Time
		}
	}
	b.last = x.Time
	h := floorDiv(b.first, hour)
	if r.decoder.err != nil || b.last >= (h+1)*hour {
		return false
	}
	s.hours[h] = append(s.hours[h], b)
	s.newest(x)
	return true
}

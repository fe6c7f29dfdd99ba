package tsdb

import (
	"cmp"
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
		}
	}
	m, err := db.readManifest(slices.Contains(names, manifestName))
	if err != nil {
		return err
	}
	if err := db.recoverPages(m, names); err != nil {
		return err
	}
	for _, name := range names {
		var n uint64
		if _, err := fmt.Sscanf(name, "journal-%d", &n); err != nil || journalName(n) != name {
			continue
		}
		db.number = max(db.number, n)
		if m != nil && n < m.journals {
			db.sweep(name)
		} else if err := db.replay(name, n); err != nil {
			return err
		}
	}
	db.flushed = db.seq
	return nil
}

// sweep removes a file that is not needed: the power went before that was done.
func (db *DB) sweep(name string) {
	if err := db.folder.remove(name); err != nil {
		db.o.Log.Warn("history: a file that is not needed cannot be removed", "file", name, "error", err)
	}
}

// readManifest returns nil if there is none that can be read: then all files
// count.
func (db *DB) readManifest(there bool) (*manifest, error) {
	if !there {
		return nil, nil
	}
	b, err := readFile(db.folder, manifestName)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	m, err := parseManifest(b)
	switch {
	case errors.Is(err, errNewer):
		return nil, fmt.Errorf("history in %s: %w; update this program, or move the folder away", manifestName, err)
	case err != nil:
		db.setAside(manifestName, err)
		return nil, nil
	}
	db.listed = true
	db.number, db.cuts, db.holes, db.deleted = m.number, m.cuts, m.holes, m.deleted
	return m, nil
}

// recoverPages reads the ends of the files of pages.
func (db *DB) recoverPages(m *manifest, names []string) error {
	listed := map[string]manifestFile{}
	if m != nil {
		for _, f := range m.files {
			listed[pageName(f.tier, f.number)] = f
		}
	}
	for _, name := range names {
		t, n, ok := parsePageName(name)
		if !ok {
			continue
		}
		db.number = max(db.number, n)
		l, ok := listed[name]
		if m != nil && !ok {
			db.sweep(name)
			continue
		}
		delete(listed, name)
		f, series, err := openPages(db.folder, name, n)
		if err == nil && f.tier != t {
			err = fmt.Errorf("%w: it has the name of another tier", errDamaged)
		}
		switch {
		case errors.Is(err, errNewer):
			return fmt.Errorf("history in %s: %w; update this program, or move the folder away", name, err)
		case err != nil && !isDamage(err):
			return fmt.Errorf("reading history: %w", err)
		case err != nil:
			db.setAside(name, err)
			db.broken = append(db.broken, brokenFile{name: name + damagedSuffix, number: n, tier: t, partition: l.partition, listed: ok})
			continue
		}
		db.register(f, series)
	}
	for name, f := range listed {
		db.o.Log.Warn("history: a file is missing", "file", name)
		db.holes = append(db.holes, partitionHole(f.tier, f.partition))
	}
	for t := range db.files {
		slices.SortFunc(db.files[t], func(a, b *pageFile) int { return cmp.Compare(a.rank, b.rank) })
	}
	return nil
}

func partitionHole(t Tier, p int64) hole {
	return hole{tier: t, from: p * t.partition(), to: (p + 1) * t.partition()}
}

func parsePageName(name string) (t Tier, n uint64, ok bool) {
	for t := range tiers {
		if _, err := fmt.Sscanf(name, t.String()+"-%d", &n); err == nil && pageName(t, n) == name {
			return t, n, true
		}
	}
	return 0, 0, false
}

// register makes a file part of history, without the series that were deleted.
func (db *DB) register(f *pageFile, series []summary) {
	var ids []uint32
	var kept []summary
	for _, s := range series {
		if db.isDeleted(s.name, f.rank) {
			f.deletion = true
			continue
		}
		known := db.series[s.name]
		if known == nil {
			known = db.addSeries(s.name)
		}
		ids = append(ids, known.id)
		kept = append(kept, s)
	}
	f.setIndex(ids, kept)
	db.files[f.tier] = append(db.files[f.tier], f)
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
		db.sweep(name)
		return nil
	case err != nil || head.kind != kindJournal:
		db.setAside(name, errors.Join(err, errDamaged))
		return nil
	}
	r := &replayer{db: db, number: number, names: map[uint64]*series{}}
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
	db.stats.Journal += int64(end)
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
	db.mu.Lock()
	db.stats.Damaged++
	db.mu.Unlock()
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
	number  uint64
	names   map[uint64]*series
	decoder decoder
	wrong   int
}

func (r *replayer) frame(kind byte, payload []byte) bool {
	return kind == frameBatch && r.batch(payload)
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
		r.names[id] = nil
		if r.db.isDeleted(name, r.number) {
			continue
		}
		s := r.db.series[name]
		if s == nil {
			s = r.db.addSeries(name)
		}
		r.names[id] = s
	}
	for range c.length(len(payload)) {
		s, named := r.names[c.unsigned()]
		data := c.bytes(c.length(len(payload)))
		if c.bad {
			return false
		}
		if !named { // its name was in a batch that is damaged
			r.wrong++
			continue
		}
		if s != nil && !r.block(s, data) {
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
	if r.decoder.err != nil || b.first < minTime || b.last > maxTime || b.last >= (h+1)*hour {
		return false
	}
	s.hours[h] = append(s.hours[h], b)
	r.db.blockBytes += len(data) + blockCost
	s.newest(x)
	return true
}

package tsdb

import "fmt"

// brokenFile is a file of pages whose end cannot be read, under the name it was
// given.
type brokenFile struct {
	name      string
	number    uint64
	tier      Tier
	partition int64
	listed    bool // partition is known
}

// salvage writes into new files what is whole in those that were set aside at
// the start. What may be lost becomes holes.
func (db *DB) salvage() error {
	for len(db.broken) > 0 {
		b := db.broken[0]
		var c change
		if b.listed {
			c.holes = append(c.holes, partitionHole(b.tier, b.partition))
		}
		f, err := db.salvageFile(b)
		if err != nil {
			db.o.Log.Warn("history: nothing can be read in a file that was set aside", "file", b.name, "error", err)
			if !isDamage(err) {
				return err
			}
		}
		if f != nil {
			c.add = append(c.add, f)
		}
		if err := db.commit(c); err != nil {
			return err
		}
		db.broken = db.broken[1:]
	}
	return nil
}

func (db *DB) salvageFile(b brokenFile) (*pageFile, error) {
	data, err := readFile(db.folder, b.name)
	if err != nil {
		return nil, err
	}
	head, err := parseHead(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if head.kind != kindPages || head.tier != b.tier {
		return nil, fmt.Errorf("%w: it is no file of that tier", errDamaged)
	}
	w, err := db.newPageWriter(b.tier)
	if err != nil {
		return nil, err
	}
	w.f.rank = b.number
	var s *series
	begun := map[string]bool{}
	lastPage := int64(0)
	head.scan(data[headSize:], func(kind byte, payload []byte, _ int) {
		c := cursor{b: payload}
		switch kind {
		case frameAbout:
			w.f.merged = c.byte() == 1
			w.f.rank = c.unsigned()
		case frameSeries:
			s = nil
			name := string(payload)
			if checkName(name) != nil || begun[name] || db.isDeleted(name, w.f.rank) {
				return
			}
			begun[name] = true
			if s = db.series[name]; s == nil {
				s = db.addSeries(name)
			}
			w.begin(s)
			lastPage = floorDiv(minTime, b.tier.span()) - 1
		case framePage:
			number := c.signed()
			if s == nil || c.bad || number <= lastPage || number > maxTime/b.tier.span() {
				return
			}
			lastPage = number
			db.salvagePage(w, number, c.b)
		}
	})
	return w.finish()
}

// isDeleted tells that a file of a rank, or a journal of a number, does not have
// a series any more.
func (db *DB) isDeleted(name string, rank uint64) bool {
	for _, d := range db.deleted {
		if d.name == name && rank <= d.rank {
			return true
		}
	}
	return false
}

func (db *DB) salvagePage(w *pageWriter, number int64, payload []byte) {
	if w.f.tier == Raw {
		all, err := db.decoder.all(db.scratch[:0], payload)
		db.scratch = all
		switch {
		case err != nil:
		case len(all) == 0:
			w.page(number, 0, 0, 0, 0, 0, payload)
		case floorDiv(all[0].Time, hour) == number && floorDiv(all[len(all)-1].Time, hour) == number:
			last := all[len(all)-1]
			w.page(number, len(all), all[0].Time, last.Time, last.Value, int64(len(all)), payload)
		}
		return
	}
	b, err := db.decoder.buckets(db.buckets[:0], payload, w.f.tier)
	if db.buckets = b; err == nil && (len(b) == 0 || floorDiv(b[0].Start, w.f.tier.span()) == number) {
		db.rollPage(w, number, b, nil)
	}
}

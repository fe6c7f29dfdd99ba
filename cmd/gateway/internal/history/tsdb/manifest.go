package tsdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	manifestName = "manifest"
	manifestNew  = "manifest.new"
)

func newSalt() uint32 { return rand.Uint32() }

// manifest says which files count. Whatever else there is was not finished, or
// is not needed any more.
type manifest struct {
	number   uint64 // no file has a higher one, when it was written
	journals uint64 // those from this number on are not sealed
	files    []manifestFile
	cuts     [tiers]int64 // before this time, ms, a tier does not have everything
	holes    []hole
	deleted  []deletion
}

type manifestFile struct {
	tier      Tier
	number    uint64
	partition int64
}

// hole is a stretch of time whose pages of a tier were damaged.
type hole struct {
	tier     Tier
	from, to int64 // ms
}

// deletion ends a series in the files up to a rank, and in the journals up to
// that number.
type deletion struct {
	name string
	rank uint64
}

func (m *manifest) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, m.number)
	dst = binary.AppendUvarint(dst, m.journals)
	dst = binary.AppendUvarint(dst, uint64(len(m.files)))
	for _, f := range m.files {
		dst = append(dst, byte(f.tier))
		dst = binary.AppendUvarint(dst, f.number)
		dst = appendSigned(dst, f.partition)
	}
	for _, c := range m.cuts {
		dst = appendSigned(dst, c)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.holes)))
	for _, h := range m.holes {
		dst = append(dst, byte(h.tier))
		dst = appendSigned(dst, h.from)
		dst = appendSigned(dst, h.to)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.deleted)))
	for _, d := range m.deleted {
		dst = appendText(dst, d.name)
		dst = binary.AppendUvarint(dst, d.rank)
	}
	return dst
}

func parseManifest(b []byte) (*manifest, error) {
	head, err := parseHead(b)
	if err != nil {
		return nil, err
	}
	kind, payload, size, err := head.frame(b[headSize:])
	if err != nil {
		return nil, err
	}
	c := cursor{b: payload}
	m := &manifest{number: c.unsigned(), journals: c.unsigned()}
	for range c.length(len(payload)) {
		m.files = append(m.files, manifestFile{tier: Tier(c.byte()), number: c.unsigned(), partition: c.signed()})
	}
	for i := range m.cuts {
		m.cuts[i] = c.signed()
	}
	for range c.length(len(payload)) {
		m.holes = append(m.holes, hole{tier: Tier(c.byte()), from: c.signed(), to: c.signed()})
	}
	for range c.length(len(payload)) {
		m.deleted = append(m.deleted, deletion{name: string(c.bytes(c.length(maxName))), rank: c.unsigned()})
	}
	far := func(ms int64) bool { return ms < 2*minTime || ms > 2*maxTime }
	if head.kind != kindManifest || kind != frameFiles || headSize+size != len(b) || c.bad || len(c.b) != 0 ||
		slices.ContainsFunc(m.files, func(f manifestFile) bool { return f.tier >= tiers || far(f.partition*day) || far(f.partition) }) ||
		slices.ContainsFunc(m.holes, func(h hole) bool { return h.tier >= tiers || far(h.from) || far(h.to) }) {
		return nil, fmt.Errorf("%w: it is no manifest", errDamaged)
	}
	return m, nil
}

// change is what commit does in one step: after a power cut all of it was done,
// or nothing.
type change struct {
	add, remove []*pageFile
	sealed      bool // the journals are in pages
	cuts        map[Tier]int64
	holes       []hole
	deleted     []deletion
	undelete    bool   // no file has deleted series any more
	memory      func() // with mu held
	force       bool   // it is done in memory and to the files even if the manifest cannot be written
}

var noCuts = [tiers]int64{math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt64}

// errUnsure is that a manifest is in its place, and that nobody knows whether it
// will be after a power cut.
var errUnsure = errors.New("it may be lost in a power cut")

// commit makes a change. If it fails, nothing has changed, and the files to be
// added are gone. The caller holds disk.
func (db *DB) commit(c change) error {
	m := db.manifestAfter(c)
	err := db.writeManifest(m)
	if errors.Is(err, errUnsure) && !c.force {
		// A program that starts now finds the new manifest or the old one, so what
		// either names stays, and what comes goes into a journal that both count.
		db.unsure = append(db.unsure, c.add...)
		db.unwritten = true
		return errors.Join(fmt.Errorf("writing the manifest of history: %w", err), db.closeJournal())
	}
	if err == nil {
		for _, f := range db.unsure { // the manifest that names them is gone
			db.removeFile(f)
		}
		db.unsure = nil
	}
	if err != nil && !c.force {
		for _, f := range c.add {
			db.folder.remove(f.name)
		}
		return fmt.Errorf("writing the manifest of history: %w", err)
	}
	db.unwritten = err != nil
	old := db.journals
	var gone []*pageFile
	db.mu.Lock()
	for t := range db.files {
		db.files[t] = slices.DeleteFunc(slices.Clone(db.files[t]), func(f *pageFile) bool { return slices.Contains(c.remove, f) })
	}
	for _, f := range c.add {
		db.files[f.tier] = append(db.files[f.tier], f)
	}
	for t := range db.files {
		slices.SortFunc(db.files[t], func(a, b *pageFile) int { return cmp.Compare(a.rank, b.rank) })
	}
	for _, f := range c.remove {
		f.gone = true
		if f.pins == 0 {
			gone = append(gone, f)
		}
	}
	db.cuts, db.holes, db.deleted = m.cuts, m.holes, m.deleted
	db.summaries = nil
	db.generation++
	if c.memory != nil {
		c.memory()
	}
	db.mu.Unlock()
	for _, f := range gone {
		db.removeFile(f)
	}
	if c.sealed && !db.inMemory() {
		db.removeJournals(old)
	}
	return err
}

func (db *DB) manifestAfter(c change) *manifest {
	m := &manifest{number: db.number, cuts: db.cuts, holes: slices.Concat(db.holes, c.holes), deleted: slices.Concat(db.deleted, c.deleted)}
	if c.undelete {
		m.deleted = nil
	}
	m.journals = m.number + 1
	if !c.sealed && len(db.journals) > 0 {
		m.journals = db.journals[0].number
	}
	for t := range db.files {
		for _, f := range db.files[t] {
			if !slices.Contains(c.remove, f) {
				m.files = append(m.files, manifestFile{tier: f.tier, number: f.number, partition: f.partition()})
			}
		}
	}
	for _, f := range c.add {
		m.files = append(m.files, manifestFile{tier: f.tier, number: f.number, partition: f.partition()})
	}
	for t, cut := range c.cuts {
		m.cuts[t] = max(m.cuts[t], cut)
	}
	m.holes = slices.DeleteFunc(m.holes, func(h hole) bool { return h.to <= m.cuts[h.tier] })
	return m
}

// writeManifest puts a manifest in the place of the one that is there.
func (db *DB) writeManifest(m *manifest) error {
	if db.inMemory() {
		return nil
	}
	head := fileHead{kind: kindManifest, salt: newSalt()}
	b := head.append(nil)
	b = head.appendFrame(b, frameFiles, m.append(nil))
	db.folder.remove(manifestNew)
	out, err := db.folder.create(manifestNew)
	if err != nil {
		return err
	}
	if _, err = out.WriteAt(b, 0); err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, db.folder.remove(manifestNew))
	}
	if err := db.folder.rename(manifestNew, manifestName); err != nil {
		return err
	}
	db.listed = true
	db.wrote(len(b), 2)
	if err := db.folder.sync(); err != nil {
		return fmt.Errorf("%w: %w", errUnsure, err)
	}
	return nil
}

// removeFile removes a file that nobody reads any more.
func (db *DB) removeFile(f *pageFile) {
	if f.spoilt {
		db.setAside(f.name, errDamaged)
		return
	}
	if err := db.folder.remove(f.name); err != nil {
		db.o.Log.Warn("history: a file that is not needed any more cannot be removed", "file", f.name, "error", err)
	}
}

// removeJournals removes those that are in pages.
func (db *DB) removeJournals(old []oldFile) {
	if db.journal != nil {
		db.journal.out.Close()
		db.journal = nil
	}
	db.journals = nil
	for _, j := range old {
		if j.damaged {
			db.setAside(j.name, errDamaged)
			continue
		}
		if err := db.folder.remove(j.name); err != nil {
			db.o.Log.Warn("history: a journal that is not needed any more cannot be removed", "file", j.name, "error", err)
		}
	}
}

// unpin ends the use of files by a view.
func (db *DB) unpin(files []*pageFile) {
	var gone []*pageFile
	db.mu.Lock()
	for _, f := range files {
		if f.pins--; f.pins == 0 && f.gone {
			gone = append(gone, f)
		}
	}
	db.mu.Unlock()
	for _, f := range gone {
		db.removeFile(f)
	}
}

package tsdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// pageFile is a file of pages that is not written any more. What is below the
// line may change while mu is held; the rest never does.
type pageFile struct {
	name     string
	number   uint64
	rank     uint64 // of two pages for the same time the one in the file with the higher rank counts
	merged   bool   // it has all that its partition had when it was made
	tier     Tier
	head     fileHead
	size     int64
	from, to int64 // numbers of the first page and of the last
	born     int64 // ms since 1970 UTC, when it was made; 0: before the program started

	// ---
	ids      []uint32 // of series, in order
	places   []place  // places[i] is that of ids[i]
	pins     int      // views that read it
	gone     bool     // it is to be removed when nobody reads it any more
	spoilt   bool     // a frame of it is damaged
	deletion bool     // it has series that were deleted
}

// place is where the index of a series is in a file, and the last of its times.
type place struct {
	offset, size uint32
	last         int64
}

func (f *pageFile) partition() int64 {
	return floorDiv(f.from*f.tier.span(), f.tier.partition())
}

func (f *pageFile) find(id uint32) (place, bool) {
	i, ok := slices.BinarySearch(f.ids, id)
	if !ok {
		return place{}, false
	}
	return f.places[i], true
}

// forget drops a series from what is known of the file.
func (f *pageFile) forget(id uint32) bool {
	i, ok := slices.BinarySearch(f.ids, id)
	if ok {
		f.ids = slices.Delete(slices.Clone(f.ids), i, i+1)
		f.places = slices.Delete(slices.Clone(f.places), i, i+1)
		f.deletion = true
	}
	return ok
}

// pageRef is where a page is.
type pageRef struct {
	file   *pageFile
	number int64 // its start, divided by the span of its tier
	offset uint32
	size   uint32 // of the frame
	n      int    // samples, or roll-ups
}

// summary is what the index of a file says of a series.
type summary struct {
	name        string
	place       place
	first, last int64
	value       float64 // the last
	count       int64   // samples in it, less those of pages it replaces
}

const (
	endSize  = 24
	maxFile  = math.MaxInt32 - maxFrame
	maxPages = 1 << 20 // of a series in a file
)

var endMagic = []byte("HISTEND\n")

func pageName(t Tier, n uint64) string { return fmt.Sprintf("%s-%08d", t, n) }

// pageWriter writes a file of pages: for each series its pages in order.
type pageWriter struct {
	db      *DB
	f       *pageFile
	out     outFile
	buf     []byte
	flushed int64
	series  []summary
	ids     []uint32
	current summary
	id      uint32
	pages   []pageRef
	scratch []byte
	err     error
}

const writeAt = 32 << 10

func (db *DB) newPageWriter(tier Tier) (*pageWriter, error) {
	n := db.nextNumber()
	f := &pageFile{name: pageName(tier, n), number: n, rank: n, tier: tier, head: fileHead{kind: kindPages, tier: tier, salt: newSalt()}}
	f.born = db.o.Now().UnixMilli()
	out, err := db.folder.create(f.name)
	if err != nil {
		return nil, err
	}
	w := &pageWriter{db: db, f: f, out: out}
	w.buf = f.head.append(w.buf)
	return w, nil
}

func (w *pageWriter) at() int64 { return w.flushed + int64(len(w.buf)) }

func (w *pageWriter) write(limit int) {
	if w.err != nil || len(w.buf) < limit {
		return
	}
	if w.at() > maxFile {
		w.err = fmt.Errorf("%s: it would be larger than 2 GB", w.f.name)
		return
	}
	_, w.err = w.out.WriteAt(w.buf, w.flushed)
	w.flushed += int64(len(w.buf))
	w.buf = w.buf[:0]
}

// begin begins a series; its pages follow.
func (w *pageWriter) begin(s *series) {
	w.end()
	w.current = summary{name: s.name, first: math.MaxInt64, last: math.MinInt64}
	w.id = s.id
}

// page appends a page. count is how many samples it has more than the one that
// it replaces.
func (w *pageWriter) page(number int64, n int, first, last int64, value float64, count int64, payload []byte) {
	w.about()
	w.scratch = appendSigned(w.scratch[:0], number)
	w.scratch = append(w.scratch, payload...)
	ref := pageRef{file: w.f, number: number, offset: uint32(w.at()), n: n}
	w.buf = w.f.head.appendFrame(w.buf, framePage, w.scratch)
	ref.size = uint32(w.at()) - ref.offset
	w.pages = append(w.pages, ref)
	w.current.count += count
	if n > 0 {
		w.current.first = min(w.current.first, first)
		if last >= w.current.last {
			w.current.last, w.current.value = last, value
		}
	}
	w.write(writeAt)
}

// about writes what is needed if the index is damaged: at the beginning the rank
// of the file, and in front of the first page of a series its name.
func (w *pageWriter) about() {
	if len(w.pages) > 0 {
		return
	}
	if len(w.series) == 0 {
		w.buf = w.f.head.appendFrame(w.buf, frameAbout, w.f.appendAbout(nil))
	}
	w.buf = w.f.head.appendFrame(w.buf, frameSeries, []byte(w.current.name))
}

func (f *pageFile) appendAbout(dst []byte) []byte {
	var merged byte
	if f.merged {
		merged = 1
	}
	return binary.AppendUvarint(append(dst, merged), f.rank)
}

// end ends a series: its index.
func (w *pageWriter) end() {
	if len(w.pages) == 0 {
		return
	}
	b := binary.AppendUvarint(w.scratch[:0], uint64(len(w.pages)))
	var before pageRef
	for _, p := range w.pages {
		b = appendSigned(b, p.number-before.number)
		b = binary.AppendUvarint(b, uint64(p.offset-before.offset))
		b = binary.AppendUvarint(b, uint64(p.size))
		b = binary.AppendUvarint(b, uint64(p.n))
		before = p
	}
	w.scratch = b
	if len(w.series) == 0 {
		w.f.from, w.f.to = w.pages[0].number, before.number
	}
	w.f.from, w.f.to = min(w.f.from, w.pages[0].number), max(w.f.to, before.number)
	at := w.at()
	w.buf = w.f.head.appendFrame(w.buf, frameIndex, b)
	w.current.place = place{offset: uint32(at), size: uint32(w.at() - at), last: w.current.last}
	w.series = append(w.series, w.current)
	w.ids = append(w.ids, w.id)
	w.pages = w.pages[:0]
	w.write(writeAt)
}

// finish ends the file and returns it when it is stable, or nil if it has no
// page; it is part of history only when it is committed.
func (w *pageWriter) finish() (*pageFile, error) {
	w.end()
	f := w.f
	if len(w.series) == 0 {
		w.abort()
		return nil, nil
	}
	b := f.appendAbout(w.scratch[:0])
	b = appendSigned(b, f.from)
	b = appendSigned(b, f.to)
	b = binary.AppendUvarint(b, uint64(len(w.series)))
	for _, s := range w.series {
		b = appendText(b, s.name)
		b = binary.AppendUvarint(b, uint64(s.place.offset))
		b = binary.AppendUvarint(b, uint64(s.place.size))
		b = appendSigned(b, s.first)
		b = appendSigned(b, s.last)
		b = appendFloat(b, s.value)
		b = appendSigned(b, s.count)
	}
	at := w.at()
	w.buf = f.head.appendFrame(w.buf, frameTop, b)
	end := binary.LittleEndian.AppendUint64(nil, uint64(at))
	end = binary.LittleEndian.AppendUint32(end, uint32(w.at()-at))
	end = binary.LittleEndian.AppendUint32(end, crc32.Checksum(end, castagnoli))
	w.buf = append(w.buf, append(end, endMagic...)...)
	w.write(0)
	if w.err == nil {
		w.err = w.out.Sync()
	}
	w.err = errors.Join(w.err, w.out.Close())
	if w.err != nil {
		w.db.folder.remove(f.name)
		return nil, w.err
	}
	f.size = w.flushed
	f.setIndex(w.ids, w.series)
	w.db.wrote(int(f.size), 1)
	return f, nil
}

func (w *pageWriter) abort() {
	w.out.Close()
	w.db.folder.remove(w.f.name)
}

// setIndex sets where each series is.
func (f *pageFile) setIndex(ids []uint32, series []summary) {
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	f.ids, f.places = make([]uint32, len(ids)), make([]place, len(ids))
	for i, o := range order {
		f.ids[i], f.places[i] = ids[o], series[o].place
	}
}

// openPages reads what a file of pages has in its end, and the series in it.
func openPages(fs folder, name string, number uint64) (*pageFile, []summary, error) {
	in, err := fs.open(name)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	size, err := in.Size()
	if err != nil {
		return nil, nil, err
	}
	if size < headSize+endSize || size > math.MaxInt32 {
		return nil, nil, fmt.Errorf("%w: it has %d bytes", errDamaged, size)
	}
	var b [headSize + endSize]byte
	if err := readAt(in, b[:headSize], 0); err != nil {
		return nil, nil, err
	}
	head, err := parseHead(b[:headSize])
	if err != nil {
		return nil, nil, err
	}
	f := &pageFile{name: name, number: number, tier: head.tier, head: head, size: size}
	end := b[headSize:]
	if err := readAt(in, end, size-endSize); err != nil {
		return nil, nil, err
	}
	if string(end[16:]) != string(endMagic) || crc32.Checksum(end[:12], castagnoli) != binary.LittleEndian.Uint32(end[12:]) || head.kind != kindPages {
		return f, nil, fmt.Errorf("%w: it has no end", errDamaged)
	}
	at := binary.LittleEndian.Uint64(end)
	top, err := f.frame(in, at, binary.LittleEndian.Uint32(end[8:]), frameTop, nil)
	if err != nil {
		return f, nil, err
	}
	series, err := f.parseTop(top)
	return f, series, err
}

func (f *pageFile) parseTop(b []byte) ([]summary, error) {
	c := cursor{b: b}
	f.merged = c.byte() == 1
	f.rank = c.unsigned()
	f.from, f.to = c.signed(), c.signed()
	n := c.length(len(b) / 13)
	series := make([]summary, 0, n)
	for range n {
		var s summary
		s.name = string(c.bytes(c.length(maxName)))
		s.place.offset = uint32(c.length(math.MaxInt32))
		s.place.size = uint32(c.length(maxFrame))
		s.first, s.last = c.signed(), c.signed()
		s.value, s.count = c.float(), c.signed()
		s.place.last = s.last
		if c.bad || checkName(s.name) != nil {
			break
		}
		series = append(series, s)
	}
	if c.bad || len(c.b) != 0 || len(series) != n || f.to < f.from || f.from < floorDiv(minTime, f.tier.span()) || f.to > maxTime/f.tier.span() {
		return nil, fmt.Errorf("%w: its list of series is wrong", errDamaged)
	}
	return series, nil
}

// frame reads a frame of a kind into buf, and returns its payload.
func (f *pageFile) frame(in inFile, offset uint64, size uint32, kind byte, buf []byte) ([]byte, error) {
	if size > maxFrame || offset+uint64(size) > uint64(f.size) {
		return nil, fmt.Errorf("%s: %w: a frame is said to be at %d", f.name, errDamaged, offset)
	}
	buf = slices.Grow(buf[:0], int(size))[:size]
	if err := readAt(in, buf, int64(offset)); err != nil {
		return nil, err
	}
	k, payload, n, err := f.head.frame(buf)
	if err == nil && (k != kind || n != int(size)) {
		err = fmt.Errorf("%w: it has another frame", errDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("%s at %d: %w", f.name, offset, err)
	}
	return payload, nil
}

func readAt(in inFile, b []byte, offset int64) error {
	if n, err := in.ReadAt(b, offset); n < len(b) {
		return err
	}
	return nil
}

// index appends the pages of a series to refs.
func (f *pageFile) index(in inFile, p place, refs []pageRef, buf []byte) ([]pageRef, error) {
	b, err := f.frame(in, uint64(p.offset), p.size, frameIndex, buf)
	if err != nil {
		return refs, err
	}
	c := cursor{b: b}
	n := c.length(min(len(b)/4, maxPages))
	before := pageRef{file: f}
	for i := range n {
		r := before
		r.number += c.signed()
		r.offset += uint32(c.length(math.MaxInt32))
		r.size = uint32(c.length(maxFrame))
		r.n = c.length(math.MaxInt32)
		if c.bad || i > 0 && r.number <= before.number || r.number < f.from || r.number > f.to {
			return refs, fmt.Errorf("%s at %d: %w: an index is wrong", f.name, p.offset, errDamaged)
		}
		refs = append(refs, r)
		before = r
	}
	return refs, nil
}

// page reads a page into buf, and returns what follows its number.
func (r pageRef) page(in inFile, buf []byte) ([]byte, error) {
	b, err := r.file.frame(in, uint64(r.offset), r.size, framePage, buf)
	if err != nil {
		return nil, err
	}
	c := cursor{b: b}
	if c.signed() != r.number || c.bad {
		return nil, fmt.Errorf("%s at %d: %w: it has another page", r.file.name, r.offset, errDamaged)
	}
	return c.b, nil
}

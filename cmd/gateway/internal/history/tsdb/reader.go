package tsdb

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// reader reads pages of files, which stay while it is used; it keeps one file
// open at a time. It belongs to one goroutine.
type reader struct {
	db      *DB
	files   [tiers][]*pageFile
	places  map[*pageFile]place // of the one series that is read, if files may change meanwhile
	pinned  []*pageFile
	open    *pageFile
	in      inFile
	buf     []byte
	body    []byte // of the page that was read last, in buf
	d       *decoder
	lost    []int64 // numbers of pages that were damaged
	refs    []pageRef
	scratch []Sample
	rolls   []Bucket
}

// reader returns one of all files. The caller holds disk, so that none is
// removed.
func (db *DB) reader() *reader {
	r := db.readers.Get().(*reader)
	r.db, r.files = db, db.files
	return r
}

func (r *reader) close() {
	if r.in != nil {
		r.in.Close()
	}
	if len(r.pinned) > 0 {
		r.db.unpin(r.pinned)
	}
	clear(r.pinned)
	r.places, r.lost = nil, r.lost[:0]
	clear(r.refs[:cap(r.refs)])
	r.files, r.pinned, r.open, r.in = [tiers][]*pageFile{}, r.pinned[:0], nil, nil
	if cap(r.buf) > 1<<18 {
		r.buf = nil
	}
	if cap(r.scratch) > 1<<14 {
		r.scratch = nil
	}
	r.db.readers.Put(r)
}

func (r *reader) find(f *pageFile, id uint32) (place, bool) {
	if r.places != nil {
		p, ok := r.places[f]
		return p, ok
	}
	return f.find(id)
}

func (r *reader) file(f *pageFile) (inFile, error) {
	if r.open == f {
		return r.in, nil
	}
	if r.in != nil {
		r.in.Close()
		r.open, r.in = nil, nil
	}
	in, err := r.db.folder.open(f.name)
	if err != nil {
		return nil, err
	}
	r.open, r.in = f, in
	return in, nil
}

// pages appends the pages of a series from number from to number to, in order,
// each the one that counts.
func (r *reader) pages(t Tier, id uint32, from, to int64, refs []pageRef) ([]pageRef, error) {
	start := len(refs)
	for _, f := range r.files[t] {
		if f.to < from || f.from > to {
			continue
		}
		p, ok := r.find(f, id)
		if !ok {
			continue
		}
		before := len(refs)
		in, err := r.file(f)
		if err == nil {
			r.buf = slices.Grow(r.buf[:0], int(p.size))
			refs, err = f.index(in, p, refs, r.buf)
		}
		if err != nil {
			if err := r.spoil(f, allPages, err); err != nil {
				return refs, err
			}
			refs = refs[:before]
		}
		kept := slices.DeleteFunc(refs[before:], func(x pageRef) bool { return x.number < from || x.number > to })
		refs = refs[:before+len(kept)]
	}
	found := refs[start:]
	slices.SortFunc(found, func(a, b pageRef) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(b.file.rank, a.file.rank))
	})
	found = slices.CompactFunc(found, func(a, b pageRef) bool { return a.number == b.number })
	return refs[:start+len(found)], nil
}

// newest returns the page that counts.
func (r *reader) newest(t Tier, id uint32, number int64) (pageRef, bool, error) {
	refs, err := r.pages(t, id, number, number, r.refs[:0])
	r.refs = refs[:0]
	if len(refs) == 0 {
		return pageRef{}, false, err
	}
	return refs[0], true, err
}

// payload returns what is in a page, valid until the next call.
func (r *reader) payload(ref pageRef) ([]byte, error) {
	in, err := r.file(ref.file)
	if err != nil {
		return nil, err
	}
	r.buf = slices.Grow(r.buf[:0], int(ref.size))
	r.body, err = ref.page(in, r.buf)
	return r.body, err
}

// samples appends those of a page of Raw, none if it is damaged.
func (r *reader) samples(dst []Sample, ref pageRef) ([]Sample, error) {
	before := len(dst)
	b, err := r.payload(ref)
	if err == nil {
		dst, err = r.d.all(dst, b)
	}
	if s := dst[before:]; err == nil && len(s) > 0 && (floorDiv(s[0].Time, hour) != ref.number || floorDiv(s[len(s)-1].Time, hour) != ref.number) {
		err = fmt.Errorf("%w: its samples are of another hour", errBlock)
	}
	if err != nil {
		return dst[:before], r.spoil(ref.file, ref.number, fmt.Errorf("a page at %d: %w", ref.offset, err))
	}
	return dst, nil
}

// buckets appends those of a page of another tier, none if it is damaged.
func (r *reader) buckets(dst []Bucket, ref pageRef) ([]Bucket, error) {
	t := ref.file.tier
	before := len(dst)
	b, err := r.payload(ref)
	if err == nil {
		dst, err = r.d.buckets(dst, b, t)
	}
	if got := dst[before:]; err == nil && len(got) > 0 && floorDiv(got[0].Start, t.span()) != ref.number {
		err = fmt.Errorf("%w: its roll-ups are of another page", errRollups)
	}
	if err != nil {
		return dst[:before], r.spoil(ref.file, ref.number, fmt.Errorf("a page at %d: %w", ref.offset, err))
	}
	return dst, nil
}

// spoil notes that a file is damaged, or is not there; Run sets it aside, and
// keeps what is whole. It returns err if that says nothing about the file.
func (r *reader) spoil(f *pageFile, page int64, err error) error {
	if !isDamage(err) {
		return err
	}
	r.lost = append(r.lost, page)
	r.db.mu.Lock()
	before := f.spoilt
	f.spoilt = true
	r.db.mu.Unlock()
	if !before {
		r.db.o.Log.Warn("history: a file is damaged; what is whole in it is used", "file", f.name, "error", err)
	}
	return nil
}

func isDamage(err error) bool {
	for _, e := range []error{errDamaged, errBlock, errRollups, fs.ErrNotExist, io.EOF, io.ErrUnexpectedEOF, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

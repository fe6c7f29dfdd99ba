package store

import (
	"fmt"
	"slices"
	"time"
)

// run writes what was appended, batch after batch, until the store is closed.
// It is the only one that writes.
func (d *Disk) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		d.checkSpace(false)
		b, wait := d.nextBatch()
		if b != nil {
			d.write(b)
			d.maintain()
			continue
		}
		if wait < 0 {
			break
		}
		timer.Reset(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		}
	}
	d.mu.Lock()
	d.closed = true
	if d.advanced != nil {
		close(d.advanced)
		d.advanced = nil
	}
	d.mu.Unlock()
	close(d.notify)
}

// nextBatch returns the batch to be written now, or how long it is until there
// is one; less than nothing is that there will be none.
func (d *Disk) nextBatch() (*batch, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if wait := d.failure.retry.Sub(now); d.failure.err != nil && wait > 0 && !d.closing {
		return nil, wait
	}
	if len(d.batches) == 0 {
		wait := d.waitLocked(now)
		if wait > 0 {
			if d.low.err != nil {
				wait = max(min(wait, d.low.next.Sub(now)), time.Millisecond)
			}
			return nil, wait
		}
		if d.cur.empty() {
			return nil, -1 // closing
		}
		d.fitPageLocked()
		d.sealLocked()
	}
	if d.closing && d.failure.err != nil && d.failure.closing {
		return nil, -1 // it was tried
	}
	return d.batches[0], 0
}

// pageSize is what the system writes at least.
const pageSize = 4 << 10

// fitPageLocked moves cur to the next page if it fits one and would lie in two,
// and nobody waits for it: what is written now and then costs one page then,
// not two.
func (d *Disk) fitPageLocked() {
	c := d.cur
	size := int64(len(c.buf))
	at := (c.at + pageSize - 1) &^ (pageSize - 1)
	if !d.urgent.IsZero() || size+frameHead > pageSize || c.at+size+frameHead <= at || at == c.at || at+size+frameHead > c.seg.size-segmentHead {
		return
	}
	from := *c
	c.at = at
	d.x.relocate(&from, c)
}

// waitLocked returns how long cur may still wait.
func (d *Disk) waitLocked(now time.Time) time.Duration {
	switch {
	case d.closing:
		return 0
	case d.cur.empty():
		return time.Hour
	case len(d.cur.buf) >= batchSize:
		return 0
	}
	wait := d.due.Sub(now)
	if !d.urgent.IsZero() {
		wait = min(wait, d.urgent.Add(d.o.CommitDelay).Sub(now))
	}
	return wait
}

// write writes the oldest batch.
func (d *Disk) write(b *batch) {
	now := time.Now()
	out := make([]byte, 0, align(int64(len(b.buf)))+frameHead)
	sealFrame(b.buf, b.mark, b.seg.salt, now)
	out = append(out, b.buf...)
	out = append(out, make([]byte, cap(out)-len(out))...) // zeros, to the end of the frame and behind it
	err := d.create(b.seg, now)
	made := b.seg.file != nil
	if err == nil {
		if _, err = b.seg.file.WriteAt(out, b.at); err == nil {
			err = b.seg.file.Sync()
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", segmentName(b.seg.id), err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failedLocked(err, now, made)
		return
	}
	d.batches = slices.Delete(d.batches, 0, 1)
	d.pending -= int64(len(b.buf) - frameHead)
	d.written += int64(len(out))
	d.commits++
	b.seg.last = b.mark
	d.stable.Store(uint64(b.mark))
	if d.advanced != nil {
		close(d.advanced)
		d.advanced = nil
	}
	if f := d.failure; f.err != nil {
		d.failure = failure{}
		d.log.Warn("the store can be written again", "after", now.Sub(f.since).Round(time.Second))
	}
	signal(d.notify)
}

// The time between two attempts to write.
const (
	retryMin = time.Second
	retryMax = 10 * time.Second
)

// failedLocked notes that the oldest batch could not be written. moved is that
// the file may have a part of it.
func (d *Disk) failedLocked(err error, now time.Time, moved bool) {
	f := &d.failure
	if f.err == nil {
		f.since = now
		d.log.Error("the store cannot be written; what is not stored is not acknowledged", "error", err)
	}
	f.err = err
	f.closing = d.closing
	f.wait = min(max(2*f.wait, retryMin), retryMax)
	f.retry = now.Add(f.wait)
	if moved {
		// What a file has after a failed sync nobody knows. It ends where it was
		// stable, and everything else goes into a new one.
		d.abandonLocked()
	}
}

// abandonLocked moves all that is not written into a new segment.
func (d *Disk) abandonLocked() {
	bad := d.batches[0].seg
	i := slices.Index(d.segments, bad)
	d.segments = d.segments[:i+1] // the later ones were never made
	bad.old = true
	if bad.last < bad.first { // nothing of it is stable
		d.segments = d.segments[:i]
		bad.file.Close()
		_ = d.fs.Remove(segmentName(bad.id))
	}
	pending := append(d.batches, d.cur)
	d.batches = nil
	urgent, due := d.urgent, d.due
	for i, b := range pending {
		d.cur = &batch{mark: b.mark, buf: make([]byte, frameHead, cap(b.buf))}
		if i == 0 {
			d.newSegmentLocked(max(d.o.SegmentSize, sizeFor(int64(len(b.buf)))))
		} else {
			prev := d.batches[i-1].seg
			d.cur.seg, d.cur.at = prev, prev.next
			if prev.next+int64(len(b.buf))+frameHead > prev.size-segmentHead {
				d.newSegmentLocked(max(d.o.SegmentSize, sizeFor(int64(len(b.buf)))))
			}
		}
		d.cur.buf = append(d.cur.buf, b.buf[frameHead:]...)
		d.x.relocate(b, d.cur)
		if i < len(pending)-1 {
			d.sealLocked()
		}
	}
	d.urgent, d.due = urgent, due
}

// relocate notes that the records of a batch have gone into another.
func (x *index) relocate(from, to *batch) {
	var rec message
	rest := from.buf[frameHead:]
	for len(rest) > 0 {
		at := len(from.buf) - len(rest)
		k, body, more, err := nextRecord(rest)
		if err != nil {
			panic(err) // we have made it
		}
		rest = more
		if k != kindPublish && k != kindMove {
			continue
		}
		if err := rec.decode(body, true); err != nil {
			panic(err)
		}
		old := place{segment: from.seg.id, offset: uint32(from.at) + uint32(at)}
		change := func(p *place) {
			if p.size == 0 || p.segment != old.segment || p.offset != old.offset {
				return
			}
			x.count(p, -1)
			p.segment, p.offset = to.seg.id, uint32(to.at)+uint32(at)
			x.count(p, 1)
		}
		for _, d := range rec.to {
			if s := x.sessions[d.Session]; s != nil {
				if p := s.at(d.Seq); p != nil {
					change(p)
				}
			}
		}
		if r, ok := x.retained[rec.m.Topic]; ok && rec.retained == r.number {
			change(&r.place)
			x.retained[rec.m.Topic] = r
		}
	}
}

// The file system has to keep what it has left. Then no message is taken any
// more, but what ends others still is, so that the store can become smaller.
type lowSpace struct {
	err   error // nil: there is enough
	free  int64 // bytes, when it was looked at
	since time.Time
	next  time.Time // when to look again
}

const (
	spaceInterval    = 10 * time.Second
	spaceIntervalLow = time.Second
)

// checkSpace looks at what is left on the file system, if it is time or now is
// set.
func (d *Disk) checkSpace(now bool) {
	if d.o.MinFree == 0 {
		return
	}
	d.mu.Lock()
	due := now || !time.Now().Before(d.low.next)
	d.mu.Unlock()
	if !due {
		return
	}
	free, err := d.fs.Free()
	d.mu.Lock()
	defer d.mu.Unlock()
	low := &d.low
	switch {
	case err != nil || free >= d.o.MinFree:
		if low.err != nil {
			d.log.Warn("the store takes messages again", "free", free)
		}
		*low = lowSpace{next: time.Now().Add(spaceInterval), free: free}
		return
	case low.err == nil:
		d.log.Error("too little space is left on the file system: messages that have to be stored are refused", "free", free, "min_free", d.o.MinFree)
		low.since = time.Now()
	}
	low.free = free
	low.err = fmt.Errorf("the file system has %d bytes left, and %d are to stay free (persistence.min_free)", free, d.o.MinFree)
	low.next = time.Now().Add(spaceIntervalLow)
}

// create makes the file of a segment, if there is none yet.
func (d *Disk) create(s *segment, now time.Time) error {
	if s.file != nil {
		return nil
	}
	d.mu.Lock()
	spare := ""
	if n := len(d.spares); n > 0 && s.size == d.o.SegmentSize {
		spare = d.spares[n-1]
		d.spares = d.spares[:n-1]
	}
	d.mu.Unlock()
	f, err := d.createFile(s, spare, now)
	if err != nil {
		return fmt.Errorf("make %s: %w", segmentName(s.id), err)
	}
	d.mu.Lock()
	s.file = f
	d.written += segmentHead + frameHead
	d.mu.Unlock()
	d.checkSpace(true)
	return nil
}

func (d *Disk) createFile(s *segment, spare string, now time.Time) (f File, err error) {
	name := segmentName(s.id)
	defer func() {
		if err != nil && f != nil {
			f.Close()
			_ = d.fs.Remove(name)
			if spare != "" {
				_ = d.fs.Remove(spare)
			}
		}
	}()
	if spare != "" {
		// Its old name must not come back with the new content.
		if err = d.fs.Sync(); err != nil {
			return nil, err
		}
		if f, err = d.fs.Open(spare, false); err != nil {
			return nil, err
		}
	} else {
		_ = d.fs.Remove(name) // left by an attempt that failed
		if f, err = d.fs.Open(name, true); err != nil {
			return nil, err
		}
		if err = f.Allocate(s.size); err != nil {
			return f, err
		}
	}
	head := s.head(now)
	if _, err = f.WriteAt(head, s.size-segmentHead); err != nil {
		return f, err
	}
	if _, err = f.WriteAt(append(head, make([]byte, frameHead)...), 0); err != nil {
		return f, err
	}
	if err = f.Sync(); err != nil {
		return f, err
	}
	if spare != "" {
		if err = d.fs.Rename(spare, name); err != nil {
			return f, err
		}
	}
	return f, d.fs.Sync()
}

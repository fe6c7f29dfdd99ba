package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Recovery is what was found at the start.
type Recovery struct {
	Segments int
	Bytes    int64 // in them
	Frames   int
	Took     time.Duration

	// The end of the log, if it was being written when the power went: nothing in
	// it was acknowledged.
	TornBytes    int64
	TornSegment  string
	TornSessions []string // names of sessions that were to get what can be read of it

	// Damage is what cannot be read though it could be once.
	Damage []Damage
}

// Damage is a part of a file that cannot be read.
type Damage struct {
	File   string `json:"file"`
	At     int64  `json:"at"`
	Bytes  int64  `json:"bytes"`
	Frames int    `json:"frames"` // writes that are lost with it, as far as that is known
	Reason string `json:"reason"`
}

// Recovered returns what was found at the start.
func (d *Disk) Recovered() Recovery { return d.recovery }

// foundFile is a segment of which the head was read.
type foundFile struct {
	name string
	seg  *segment
}

// recover reads the log and goes on with it.
func (d *Disk) recover() error {
	began := time.Now()
	r := &replay{d: d, rec: &d.recovery, holds: make(numbers)}
	mark, err := r.log()
	if err != nil {
		return err
	}
	d.stable.Store(uint64(mark))
	d.beginLocked(mark, r.fasten(mark))
	d.recovery.Took = time.Since(began)
	d.reportRecovery()
	return nil
}

// log replays all segments, and returns the mark of the last frame.
func (r *replay) log() (Mark, error) {
	d := r.d
	files, err := d.findFiles(r)
	if err != nil {
		return 0, err
	}
	var buf []byte
	mark := Mark(0)
	for i, f := range files {
		limit, follows := Mark(math.MaxUint64), false
		if i+1 < len(files) {
			next := files[i+1].seg
			limit, follows = next.first, next.id == f.seg.id+1
		}
		if i > 0 && f.seg.first != files[i-1].seg.last+1 {
			// Segments were between them: taken away, or set aside as damaged. A
			// round that spans them may have said there what is in it.
			r.gap = max(r.gap, f.seg.first-1)
		}
		if buf, err = r.segment(f, buf, limit, follows); err != nil {
			return 0, err
		}
		mark = max(mark, f.seg.last)
		d.segments = append(d.segments, f.seg)
		d.lastID = max(d.lastID, f.seg.id)
	}
	r.finish()
	return mark, nil
}

// fasten makes stable what was found. A process that was killed has left it in
// the cache of the system, perhaps after a sync that failed, so that another sync
// alone would tell nothing: the last frame is written again. The one before was
// stable before it was written.
func (r *replay) fasten(mark Mark) bool {
	err := r.d.fs.Sync()
	if s := r.tail.seg; err == nil && s != nil && s.last == mark {
		b := make([]byte, r.tail.size)
		if _, err = s.file.ReadAt(b, r.tail.at); err == nil {
			if _, err = s.file.WriteAt(b, r.tail.at); err == nil {
				err = s.file.Sync()
			}
		}
	}
	if err != nil {
		r.d.log.Warn("the end of the store cannot be written again to make sure of it", "error", err)
	}
	return err == nil
}

// beginLocked makes the batch that is filled next: behind the last frame, if it
// is sure that this is where the log ends.
func (d *Disk) beginLocked(mark Mark, sure bool) {
	d.cur = &batch{mark: mark + 1, buf: make([]byte, frameHead, 4<<10)}
	for _, s := range d.segments {
		s.old = true
	}
	if n := len(d.segments); n > 0 {
		if s := d.segments[n-1]; sure && !s.damaged && s.version == formatVersion && d.recovery.TornBytes == 0 && s.last == mark && s.next < s.size-segmentHead-frameHead {
			s.old = false
			d.cur.seg, d.cur.at = s, s.next
			return
		}
	}
	d.newSegmentLocked(d.o.SegmentSize)
}

// findFiles opens the segments and returns them in the order of their numbers.
// Spares are noted, and what never became a segment is one.
func (d *Disk) findFiles(r *replay) (files []foundFile, err error) {
	names, err := d.fs.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	opened, err := d.openFiles(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, sparePrefix) {
			d.addSpare(name)
		}
	}
	for _, o := range opened {
		d.lastID = max(d.lastID, o.id)
		if seg := d.take(o, r); seg != nil {
			files = append(files, foundFile{o.name, seg})
		}
	}
	slices.SortFunc(files, func(a, b foundFile) int { return cmp.Compare(a.seg.id, b.seg.id) })
	return files, nil
}

// openedFile is a segment's file, and what was read of its head.
type openedFile struct {
	name string
	id   uint32 // by its name
	file File
	size int64
	seg  *segment
	err  error // why there is no seg
}

// openFiles opens the segments' files. It fails, before anything is changed, if
// a later version has written any of them.
func (d *Disk) openFiles(names []string) (all []openedFile, err error) {
	defer func() {
		if err != nil {
			for _, o := range all {
				o.file.Close()
			}
		}
	}()
	for _, name := range names {
		id, ok := segmentID(name)
		if !ok {
			continue
		}
		f, err := d.fs.Open(name, false)
		if err != nil {
			return all, err
		}
		o := openedFile{name: name, id: id, file: f}
		o.seg, o.size, o.err = headOf(name, f)
		all = append(all, o)
		var newer *NewerError
		if errors.As(o.err, &newer) {
			return all, o.err
		}
	}
	return all, nil
}

// addSpare notes a file to be used again.
func (d *Disk) addSpare(name string) {
	if len(d.spares) < maxSpares {
		if f, err := d.fs.Open(name, false); err == nil {
			size, err := f.Size()
			f.Close()
			if err == nil && size == d.o.SegmentSize {
				d.spares = append(d.spares, name)
				return
			}
		}
	}
	_ = d.fs.Remove(name)
}

// take returns the segment of an opened file, nil if it is none.
func (d *Disk) take(o openedFile, r *replay) *segment {
	seg, err := o.seg, o.err
	switch {
	case err != nil && !errors.Is(err, errHead):
		// It may be read the next time: it stays where it is.
		o.file.Close()
		r.damage(Damage{File: o.name, Bytes: o.size, Reason: err.Error()})
		return nil
	case err == nil && seg.id == o.id && !((seg.damaged || seg.cut) && blank(o.file)):
		seg.file, seg.size = o.file, o.size
		return seg
	}
	if err == nil && seg.id != o.id {
		err = fmt.Errorf("it is segment %d by its head", seg.id)
	}
	begun := !blank(o.file)
	o.file.Close()
	if !begun {
		// A file that was to be used again, or a new one, whose segment was never
		// begun.
		r.blank = append(r.blank, o.id)
		_ = d.fs.Remove(o.name)
		return nil
	}
	r.damage(Damage{File: o.name, Bytes: o.size, Reason: err.Error()})
	if _, err := d.setAside(o.name); err != nil {
		d.log.Error("a damaged segment of the store cannot be set aside", "file", o.name, "error", err)
	}
	return nil
}

// headOf reads the head of a segment's file, or the copy of it.
func headOf(name string, f File) (seg *segment, size int64, err error) {
	if size, err = f.Size(); err != nil {
		return nil, 0, err
	}
	if size < segmentHead {
		return nil, size, errHead
	}
	b := make([]byte, segmentHead, 2*segmentHead)
	_, err = f.ReadAt(b, 0)
	if err == nil && size >= 2*segmentHead {
		b = b[:2*segmentHead]
		_, err = f.ReadAt(b[segmentHead:], size-segmentHead)
	}
	if err != nil {
		return nil, size, err
	}
	seg, err = readHead(name, b)
	return seg, size, err
}

// blank tells whether a file has nothing but zeros between its two heads, of
// which there may be parts: it was made, and the power went before it was begun.
func blank(f File) bool {
	b, err := readAll(f, nil)
	if err != nil {
		return false
	}
	if len(b) >= segmentHead {
		b = b[segmentHead:max(segmentHead, len(b)-segmentHead)]
	}
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

// setAside renames a damaged file, so that nothing of it is lost, and returns its
// new name.
func (d *Disk) setAside(name string) (aside string, err error) {
	aside = fmt.Sprintf("%s.%s%s", name, time.Now().UTC().Format("20060102T150405"), asideSuffix)
	return aside, d.fs.Rename(name, aside)
}

// replay makes the index of what is in the log.
type replay struct {
	d     *Disk
	rec   *Recovery
	msg   message
	begin Mark // of the round that has begun, 0 if none has
	gap   Mark // after which frames are missing
	tail  struct {
		seg      *segment // that has the last frame
		at, size int64
	}
	holds  numbers         // what the round has said of retained messages
	stated uint64          // of those with lower numbers
	blank  []uint32        // segments that have nothing
	lasts  map[uint32]Mark // of segments, as the last round knew them

	watch func(*segment, frame) // if not nil, is shown every frame
}

func (r *replay) damage(x Damage) { r.rec.Damage = append(r.rec.Damage, x) }

// segment replays a segment. buf is memory for it.
func (r *replay) segment(f foundFile, buf []byte, limit Mark, follows bool) ([]byte, error) {
	seg := f.seg
	if seg.damaged {
		r.damage(Damage{File: f.name, Bytes: segmentHead, Reason: "the head is damaged"})
	}
	if seg.cut {
		seg.damaged = true
		r.damage(Damage{File: f.name, At: max(0, seg.size-segmentHead), Bytes: min(segmentHead, seg.size), Reason: "its end is missing or damaged"})
	}
	b, err := readAll(seg.file, buf)
	if err != nil {
		// What was read counts; the rest is damage.
		r.damage(Damage{File: f.name, At: int64(len(b)), Bytes: seg.size - int64(len(b)), Reason: err.Error()})
		seg.damaged = true
	}
	whole := b
	if err == nil {
		b = frames(b)
	}
	want := seg.first
	found, err := scan(seg, b, limit, follows, func(fr frame) error {
		r.rec.Frames++
		if fr.mark != want {
			r.gap = fr.mark
		}
		want = fr.mark + 1
		r.tail.seg, r.tail.at, r.tail.size = seg, fr.at, frameHead+int64(len(fr.records))
		if r.watch != nil {
			r.watch(seg, fr)
		}
		if err := r.frame(seg, fr); err != nil {
			r.damage(Damage{File: f.name, At: fr.at, Bytes: int64(len(fr.records)), Frames: 1, Reason: err.Error()})
			seg.damaged = true
			r.gap = fr.mark
		}
		return nil
	})
	if err != nil {
		return whole, err
	}
	seg.last, seg.next = found.last, found.end
	r.rec.Segments++
	r.rec.Bytes += found.end
	for _, g := range found.gaps {
		seg.damaged = true
		seg.short = seg.short || g.at == found.end
		r.gap = max(r.gap, seg.last)
		r.damage(Damage{File: f.name, At: g.at, Bytes: g.bytes, Frames: g.lost, Reason: "the checksum is wrong"})
	}
	if found.torn > 0 {
		r.rec.TornBytes, r.rec.TornSegment = found.torn, f.name
		r.tornSessions(b[found.end:min(int64(len(b)), found.end+found.torn)])
	}
	return whole, nil
}

// tornSessions notes for whom messages in the torn end were, as far as they can
// be read.
func (r *replay) tornSessions(b []byte) {
	if len(b) < frameHead {
		return
	}
	for b = b[frameHead:]; len(b) > 0; {
		k, body, rest, err := nextRecord(b)
		if err != nil {
			return
		}
		b = rest
		if k != kindPublish && k != kindMove || r.msg.decode(body, true) != nil {
			continue
		}
		for _, to := range r.msg.to {
			if s := r.d.x.known(to.Session); s != nil && !slices.Contains(r.rec.TornSessions, s.name) {
				r.rec.TornSessions = append(r.rec.TornSessions, s.name)
			}
		}
	}
}

// frame replays the records of a frame.
func (r *replay) frame(seg *segment, f frame) error {
	r.d.x.now = f.mark
	for rest := f.records; len(rest) > 0; {
		at := f.at + frameHead + int64(len(f.records)-len(rest))
		k, body, more, err := nextRecord(rest)
		if err != nil {
			return err
		}
		size := len(rest) - len(more)
		rest = more
		if k, body, err = seg.record(k, body); err != nil {
			return err
		}
		if k == kindPublish || k == kindMove {
			if err := r.msg.decode(body, true); err != nil {
				return err
			}
			r.message(place{segment: seg.id, offset: uint32(at), size: uint32(size)})
			continue
		}
		if err := r.record(k, body, f.mark); err != nil {
			return fmt.Errorf("record %d: %w", k, err)
		}
	}
	return nil
}

func (r *replay) message(p place) {
	rec, x := &r.msg, r.d.x
	if rec.packetID != 0 {
		x.receive(rec.session, rec.packetID)
	}
	rec.to = slices.DeleteFunc(rec.to, func(to Delivery) bool {
		// A message that was moved is later in the log than its release.
		q := x.session(to.Session).at(to.Seq)
		return q != nil && q.bits&bitReleased != 0
	})
	x.keep(rec, p)
}

// record replays a record that is no message.
func (r *replay) record(k kind, body []byte, mark Mark) error {
	d, x := decoder{b: body}, r.d.x
	switch k {
	case kindPutSession:
		id, name, data := SessionID(d.number()), string(d.bytes()), slices.Clone(d.bytes())
		if d.err == nil {
			x.putSession(id, name, data, mark)
		}
	case kindEndSession:
		if id := SessionID(d.number()); d.err == nil {
			x.endSession(id)
		}
	case kindSubscribe:
		id, filter, options := SessionID(d.number()), string(d.bytes()), slices.Clone(d.bytes())
		if d.err == nil {
			x.subscribe(id, filter, options)
		}
	case kindUnsubscribe:
		id, filter := SessionID(d.number()), string(d.bytes())
		if d.err == nil {
			x.unsubscribe(id, filter)
		}
	case kindClearRetained:
		number, topic := d.number(), string(d.bytes())
		if d.err == nil {
			x.clear(topic, number)
		}
	case kindDone:
		id, seq := SessionID(d.number()), d.number()
		if d.err == nil {
			x.done(id, seq)
		}
	case kindRelease:
		id, seq, flags := SessionID(d.number()), d.number(), d.byte()
		if d.err == nil {
			x.released(id, seq, flags)
		}
	case kindForget:
		id, packetID := SessionID(d.number()), d.packetID()
		if d.err == nil {
			x.forget(id, packetID)
		}
	case kindSession:
		r.session(&d, mark)
	case kindRetainedSet:
		r.retainedSet(&d)
	case kindRoundBegin:
		next, number := SessionID(d.number()), d.number()
		lasts := make(map[uint32]Mark)
		for range d.count(2) {
			id, last := d.uint(), Mark(d.uint())
			lasts[uint32(id)] = last
		}
		if d.err == nil {
			r.lasts = lasts
			x.nextSession, x.retainedNext = max(x.nextSession, next), max(x.retainedNext, number)
			r.begin, r.holds, r.stated = mark, make(numbers), 0
		}
	case kindRoundEnd:
		if begin := Mark(d.uint()); d.err == nil {
			r.endRound(begin)
		}
	default:
		return errors.New("of an unknown kind")
	}
	return d.err
}

// session replays the state of a session: what is not in it is no more.
func (r *replay) session(d *decoder, mark Mark) {
	id := SessionID(d.number())
	name, data := string(d.bytes()), slices.Clone(d.bytes())
	next := d.number()
	subs := make(map[string][]byte)
	for range d.count(2) {
		filter := string(d.bytes())
		subs[filter] = slices.Clone(d.bytes())
	}
	received := make(map[uint16]struct{})
	for range d.count(1) {
		received[d.packetID()] = struct{}{}
	}
	runs := make([]run, d.count(2))
	last := uint64(0)
	for i := range runs {
		runs[i].from = last + d.number()
		runs[i].to = runs[i].from + d.number()
		last = runs[i].to
	}
	released := make([]releasedSeq, d.count(2))
	last = 0
	for i := range released {
		released[i] = releasedSeq{last + d.number(), d.byte()}
		if last = released[i].seq; last >= maxMark {
			d.fail(fmt.Errorf("the number %d", last))
		}
	}
	if d.err != nil {
		return
	}
	x := r.d.x
	x.putSession(id, name, data, mark)
	s := x.sessions[id]
	s.subs, s.received, s.next = subs, received, max(s.next, next)
	var gone []uint64
	at := 0
	s.each(0, func(seq uint64, _ *place) bool {
		for at < len(runs) && runs[at].to <= seq {
			at++
		}
		if at == len(runs) || seq < runs[at].from {
			gone = append(gone, seq)
		}
		return true
	})
	for _, seq := range gone {
		x.done(id, seq)
	}
	for _, p := range released {
		x.released(id, p.seq, p.flags)
	}
}

// retainedSet notes which retained messages of a range hold. The end of the
// round takes the others away, all at once: each set by itself would look at all
// topics again.
func (r *replay) retainedSet(d *decoder) {
	last, to := d.number(), d.number()
	for range d.count(1) {
		last += d.number()
		r.holds.add(last)
	}
	r.stated = max(r.stated, to)
}

// endRound replays the end of a round: sessions that it did not state have
// ended, and retained messages are no more. One of which frames are missing says
// nothing.
func (r *replay) endRound(begin Mark) {
	if begin != r.begin || begin == 0 || r.gap >= begin {
		return
	}
	for id, s := range r.d.x.sessions {
		if s.stated < begin {
			r.d.x.endSession(id)
		}
	}
	for topic, p := range r.d.x.retained {
		if p.number < r.stated && !r.holds.has(p.number) {
			r.d.x.clear(topic, p.number+1)
		}
	}
	rd := &r.d.round
	rd.previous, rd.last = rd.last, begin
	rd.logged = 0
}

// finish forgets sessions of which only messages were found.
func (r *replay) finish() {
	x := r.d.x
	for id, s := range x.sessions {
		if !s.known {
			x.endSession(id)
		}
	}
	for _, id := range r.blank {
		if r.lasts[id] > 0 || r.missed(id) {
			r.damage(Damage{File: segmentName(id), Reason: "it is empty, and had frames"})
		}
	}
	for _, s := range r.d.segments {
		if last := r.lasts[s.id]; last > s.last && !s.short {
			s.damaged = true
			r.damage(Damage{File: segmentName(s.id), At: s.next, Bytes: max(0, s.size-s.next), Frames: int(min(last-s.last, math.MaxInt32)), Reason: "its end cannot be read"})
		}
	}
	if len(r.rec.Damage) > 0 || slices.ContainsFunc(r.d.segments, func(s *segment) bool { return s.version != formatVersion }) {
		r.d.round.wanted = true
	}
}

// missed tells whether frames are missing where a segment was, between its
// neighbours.
func (r *replay) missed(id uint32) bool {
	all := r.d.segments
	i := slices.IndexFunc(all, func(s *segment) bool { return s.id == id+1 })
	return i > 0 && all[i-1].id == id-1 && all[i-1].last+1 < all[i].first
}

// reportRecovery logs what was not as it should be.
func (d *Disk) reportRecovery() {
	r := &d.recovery
	for _, x := range r.Damage {
		d.log.Error("a part of the store cannot be read; everything else was", "file", x.File, "at", x.At, "bytes", x.Bytes, "writes_lost", x.Frames, "reason", x.Reason)
	}
	if r.TornBytes > 0 {
		d.log.Warn("the end of the store was being written when it stopped; nothing in it was acknowledged",
			"file", r.TornSegment, "bytes", r.TornBytes, "sessions", r.TornSessions)
	}
}

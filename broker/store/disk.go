package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what [OpenFS] needs to know. Zero is what Default says, or what
// the comment says.
type Options struct {
	Interval    time.Duration // 0 is not at all
	CommitDelay time.Duration
	MaxBytes    int64 // 0 is no bound
	MinFree     int64
	SegmentSize int64        // 0 is 4 MiB
	Log         *slog.Logger // nil is none
	Unlock      io.Closer    // closed at the end
}

const (
	segmentSize = 4 << 20
	// maxFrame is how much one write to the disk takes, unless one change is
	// larger.
	maxFrame = 1 << 20
	// batchSize is how much waits at most for the interval to pass.
	batchSize = 64 << 10
	// What may wait to be written in memory, and while it cannot be written.
	maxPending       = 64 << 20
	maxPendingFailed = 1 << 20
)

// Disk is a Store in a folder. Make one with [Open].
type Disk struct {
	fs  FS
	o   Options
	log *slog.Logger

	stable atomic.Uint64

	mu       sync.Mutex
	x        *index
	segments []*segment // by number; the last is appended to
	lastID   uint32     // of a segment
	spares   []string   // files to be used again
	batches  []*batch   // to be written, the oldest first
	cur      *batch     // being filled
	pending  int64      // bytes in all of them
	urgent   time.Time  // since when somebody waits for cur; zero if nobody does
	due      time.Time  // when cur is to be written even so; zero if it is empty
	failure  failure
	low      lowSpace
	closing  bool
	closed   bool
	advanced chan struct{} // closed when stable rises; nil if nobody waits
	watch    func(Mark)
	round    round
	move     *mover
	recovery Recovery
	written  int64 // bytes, since the start
	commits  int64

	wake    chan struct{} // cap 1: there may be something to write
	notify  chan struct{} // cap 1: stable has risen
	stopped sync.WaitGroup
}

// failure is why nothing can be written.
type failure struct {
	err   error // nil: all is well
	since time.Time
	retry time.Time
	wait  time.Duration

	closing bool // the last attempt was while the store closed
}

// batch is a frame that is not written yet.
type batch struct {
	mark Mark
	seg  *segment
	at   int64
	buf  []byte // frameHead bytes of room, and the records
}

func (b *batch) empty() bool { return len(b.buf) == frameHead }

// Lock takes a folder for this process as an open store does, until the Closer is
// closed; it fails with an [InUseError] while another process has it. It is for
// who puts another store in its place.
func Lock(dir string) (io.Closer, error) {
	f, err := lock(dir)
	if err != nil {
		return nil, err // and no Closer, rather than a nil *os.File
	}
	return f, nil
}

// Open opens the store in the folder dir, and makes one if there is none. What
// it found is in [Disk.Recovered]. The store is this process's until Close.
//
// Damage does not keep it from opening, and a folder that cannot be written
// does not: see [Disk.Stats].
func Open(dir string, o Options) (*Disk, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	o.Unlock = unlock
	d, err := OpenFS(folder(dir), o)
	if err != nil {
		unlock.Close()
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	return d, nil
}

// OpenFS is Open in any folder, without a lock.
func OpenFS(fs FS, o Options) (*Disk, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = segmentSize
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Disk{
		fs: fs, o: o, log: o.Log,
		x:      newIndex(),
		wake:   make(chan struct{}, 1),
		notify: make(chan struct{}, 1),
	}
	if err := d.recover(); err != nil {
		return nil, err
	}
	d.stopped.Go(d.run)
	d.stopped.Go(d.tell)
	return d, nil
}

// Close writes what waits and gives the folder back. It fails if something
// could not be written.
func (d *Disk) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.closing = true
	d.mu.Unlock()
	signal(d.wake)
	d.stopped.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	if d.pending > 0 {
		errs = append(errs, fmt.Errorf("%d bytes were not written: %w", d.pending, d.failure.err))
	}
	for _, s := range d.segments {
		if s.file != nil {
			errs = append(errs, s.file.Close())
		}
	}
	if d.o.Unlock != nil {
		errs = append(errs, d.o.Unlock.Close())
	}
	return errors.Join(errs...)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stable implements [Store].
func (d *Disk) Stable() Mark { return Mark(d.stable.Load()) }

// NewSession implements [Store].
func (d *Disk) NewSession() SessionID {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := d.x.nextSession
	d.x.nextSession++
	return id
}

// Watch implements [Store].
func (d *Disk) Watch(advanced func(Mark)) {
	d.mu.Lock()
	d.watch = advanced
	d.mu.Unlock()
}

// tell calls who watches.
func (d *Disk) tell() {
	for range d.notify {
		d.mu.Lock()
		watch := d.watch
		d.mu.Unlock()
		if watch != nil {
			watch(d.Stable())
		}
	}
}

// Wait implements [Store].
func (d *Disk) Wait(ctx context.Context, m Mark) error {
	for {
		d.mu.Lock()
		switch {
		case d.Stable() >= m:
			d.mu.Unlock()
			return nil
		case d.closed:
			d.mu.Unlock()
			return ErrClosed
		}
		if d.advanced == nil {
			d.advanced = make(chan struct{})
		}
		advanced := d.advanced
		d.hurryLocked()
		d.mu.Unlock()
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hurryLocked has what waits written as soon as possible.
func (d *Disk) hurryLocked() {
	if d.urgent.IsZero() && !d.cur.empty() {
		d.urgent = time.Now()
	}
	signal(d.wake)
}

// Append implements [Store].
func (d *Disk) Append(u Urgency, changes ...Change) (Mark, error) {
	size := int64(0)
	for i := range changes {
		size += changes[i].bound()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing {
		return 0, ErrClosed
	}
	if d.addsLocked(changes) {
		if err := d.roomLocked(size); err != nil {
			return 0, err
		}
	}
	d.placeLocked(size)
	c := d.cur
	before := len(c.buf)
	d.x.now = c.mark
	for i := range changes {
		c.buf = d.x.append(c.buf, &changes[i], c.seg.id, c.at, c.mark)
	}
	if len(c.buf) == before {
		// What makes it change nothing may itself not be stable yet.
		if u == Now {
			d.hurryLocked()
		}
		if c.empty() {
			return c.mark - 1, nil
		}
		return c.mark, nil
	}
	d.appendedLocked(len(c.buf)-before, u)
	return c.mark, nil
}

// addsLocked tells whether changes need room. A session that is known takes the
// place of what it was: while it can be written, so can what is said of it.
func (d *Disk) addsLocked(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool {
		return c.Op == Publish || c.Op == PutSession && (d.failure.err != nil || d.pending > maxPending/2 || d.x.known(c.Session) == nil)
	})
}

// appendedLocked accounts for n bytes in cur, and sees to it that they are
// written.
func (d *Disk) appendedLocked(n int, u Urgency) {
	d.pending += int64(n)
	d.round.logged += int64(n)
	now := time.Now()
	if d.due.IsZero() {
		d.due = now.Add(d.o.Interval)
	}
	switch {
	case u == Now && d.urgent.IsZero():
		d.urgent = now
		signal(d.wake)
	case len(d.cur.buf) >= batchSize, len(d.cur.buf) == frameHead+n:
		signal(d.wake)
	}
}

// roomLocked tells whether another message of size bytes can be taken.
func (d *Disk) roomLocked(size int64) error {
	switch {
	case d.failure.err != nil && d.pending+size > maxPendingFailed:
		return fmt.Errorf("%w: they cannot be written: %w", ErrFull, d.failure.err)
	case d.low.err != nil:
		signal(d.wake) // to look again
		return fmt.Errorf("%w: %w", ErrFull, d.low.err)
	case d.low.free > 0 && d.pending+size > d.low.free:
		signal(d.wake)
		return fmt.Errorf("%w: the file system has %d bytes left", ErrFull, d.low.free)
	case d.pending+size > maxPending:
		return fmt.Errorf("%w: %d bytes wait to be written", ErrFull, d.pending)
	case d.o.MaxBytes > 0 && d.x.live+d.pending+size > d.liveLimit():
		return fmt.Errorf("%w: it has the %d bytes that it may have (persistence.max_bytes)", ErrFull, d.o.MaxBytes)
	}
	return nil
}

// liveLimit is how much of what is needed there may be, so that what is not
// needed any more has room, too, until it is cleared away.
func (d *Disk) liveLimit() int64 { return (d.o.MaxBytes - 3*d.o.SegmentSize) / 4 * 3 }

// placeLocked makes cur a batch that has room for n bytes more.
func (d *Disk) placeLocked(n int64) {
	c := d.cur
	fits := func() bool { return c.at+int64(len(c.buf))+n+frameHead <= c.seg.size-segmentHead }
	if !c.empty() && (int64(len(c.buf))+n > maxFrame || !fits()) {
		d.sealLocked()
		c = d.cur
	}
	if fits() {
		return
	}
	size := max(d.o.SegmentSize, sizeFor(frameHead+n))
	if c.at == segmentHead && c.seg.file == nil {
		c.seg.size = size // it is not made yet
		return
	}
	d.newSegmentLocked(size)
}

// sizeFor returns the size of a segment that has room for a frame of n bytes.
func sizeFor(n int64) int64 { return segmentHead + align(n) + frameHead + segmentHead }

// sealLocked closes cur: it is written as it is.
func (d *Disk) sealLocked() {
	c := d.cur
	c.seg.next = align(c.at + int64(len(c.buf)))
	d.batches = append(d.batches, c)
	d.cur = &batch{mark: c.mark + 1, seg: c.seg, at: c.seg.next, buf: make([]byte, frameHead, 4<<10)}
	d.urgent, d.due = time.Time{}, time.Time{}
}

// newSegmentLocked moves cur, which is empty, into a segment of its own.
func (d *Disk) newSegmentLocked(size int64) {
	d.lastID++
	s := &segment{id: d.lastID, version: formatVersion, first: d.cur.mark, last: d.cur.mark - 1, salt: newSalt(), size: size, next: segmentHead}
	if n := len(d.segments); n > 0 {
		d.segments[n-1].old = true
	}
	d.segments = append(d.segments, s)
	d.cur.seg, d.cur.at = s, segmentHead
}

// Read implements [Store].
func (d *Disk) Read(id SessionID, seq uint64) (*Message, []byte, error) {
	for tries := 0; ; tries++ {
		p, b, seg, err := d.find(id, seq)
		if err != nil {
			return nil, nil, err
		}
		m, extra, err := p.delivery(b, seg, id, seq)
		if err == nil {
			return m, extra, nil
		}
		err = fmt.Errorf("%s at %d: %w", segmentName(p.segment), p.offset, err)
		if again, _, _, e := d.find(id, seq); e != nil || again == p || tries > 10 {
			return nil, nil, err // and not because it was moved meanwhile
		}
	}
}

// find returns where a delivery's message is: its bytes, or the segment that has
// them.
func (d *Disk) find(id SessionID, seq uint64) (p place, b []byte, seg *segment, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.x.known(id)
	if s == nil {
		return p, nil, nil, ErrNoMessage
	}
	at := s.at(seq)
	if at == nil || at.size == 0 {
		return p, nil, nil, ErrNoMessage
	}
	b, seg, err = d.bytesLocked(*at)
	return *at, b, seg, err
}

// bytesLocked returns a copy of the record at p, or the segment that has it.
func (d *Disk) bytesLocked(p place) ([]byte, *segment, error) {
	for _, c := range append(d.batches, d.cur) {
		if c.seg.id == p.segment && int64(p.offset) >= c.at && int64(p.offset) < c.at+int64(len(c.buf)) {
			from := int64(p.offset) - c.at
			return slices.Clone(c.buf[from : from+int64(p.size)]), nil, nil
		}
	}
	for _, s := range d.segments {
		if s.id == p.segment {
			return nil, s, nil
		}
	}
	return nil, nil, fmt.Errorf("there is no %s", segmentName(p.segment))
}

// delivery reads the record at p, which has to be one for that delivery. It is b,
// or in seg.
func (p place) delivery(b []byte, seg *segment, id SessionID, seq uint64) (*Message, []byte, error) {
	x, err := p.message(b, seg)
	if err != nil {
		return nil, nil, err
	}
	for _, to := range x.to {
		if to.Session == id && to.Seq == seq {
			return x.m, to.Extra, nil
		}
	}
	return nil, nil, errors.New("the record is another message's")
}

// message reads the record at p, which is b, or in seg.
func (p place) message(b []byte, seg *segment) (x message, err error) {
	version := uint16(formatVersion)
	if seg != nil {
		version = seg.version
		b = make([]byte, p.size)
		if _, err := seg.file.ReadAt(b, int64(p.offset)); err != nil {
			return x, err
		}
	}
	k, body, _, err := nextRecord(b)
	if err != nil {
		return x, err
	}
	if _, body, err = upgraded(version, k, body); err != nil {
		return x, err
	}
	err = x.decode(body, false)
	return x, err
}

// Scan calls yield with each delivery of a session that is not done, from the
// number from on and by rising Seq, until it returns false. Nothing can be changed
// meanwhile: yield calls nothing of the store.
func (d *Disk) Scan(id SessionID, from uint64, yield func(Queued) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.x.known(id); s != nil {
		s.each(from, func(seq uint64, p *place) bool { return yield(p.queued(seq)) })
	}
}

// queued returns what Load and Scan say of a delivery.
func (p *place) queued(seq uint64) Queued {
	return Queued{Seq: seq, Size: int(p.size), Flags: p.flags, Extra: p.bits&bitExtra != 0, Released: p.bits&bitReleased != 0}
}

// Load implements [Store].
func (d *Disk) Load(session func(*Session), retained func(*Message)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, s := range d.x.sessions {
		if s.known {
			session(s.snapshot(id))
		}
	}
	var errs []error
	for topic, r := range d.x.retained {
		m, err := d.readRetainedLocked(r.place)
		if err != nil {
			errs = append(errs, fmt.Errorf("the retained message of %q: %w", topic, err))
			continue
		}
		retained(m)
	}
	return errors.Join(errs...)
}

func (d *Disk) readRetainedLocked(p place) (*Message, error) {
	b, seg, err := d.bytesLocked(p)
	if err != nil {
		return nil, err
	}
	x, err := p.message(b, seg)
	return x.m, err
}

// snapshot returns the session as Load gives it. The owner of the index has
// locked it.
func (s *sessionIndex) snapshot(id SessionID) *Session {
	out := &Session{
		ID: id, Name: s.name, Data: slices.Clone(s.data),
		Subscriptions: make(map[string][]byte, len(s.subs)),
		Next:          s.next, Waiting: s.live,
	}
	for filter, options := range s.subs {
		out.Subscriptions[filter] = slices.Clone(options)
	}
	for packetID := range s.received {
		out.Received = append(out.Received, packetID)
	}
	out.Queue = func(yield func(Queued) bool) {
		s.each(0, func(seq uint64, p *place) bool {
			return yield(p.queued(seq))
		})
	}
	return out
}

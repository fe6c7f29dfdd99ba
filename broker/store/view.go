package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// View is what a store had at one moment. It is read without the lock and
// without changing anything, so that a gateway may use the store meanwhile. Make
// one with [Look]; its methods are for one goroutine.
type View struct {
	dir   string
	fs    FS
	names []string // of the segments that were read
	sum   Summary
	d     *Disk
}

// Summary says in figures what a store has.
type Summary struct {
	Folder   string           `json:"folder"`
	Bytes    int64            `json:"bytes"`  // of all files but those set aside
	Needed   int64            `json:"needed"` // of messages in them
	Mark     Mark             `json:"mark"`   // of the last write
	Took     time.Duration    `json:"-"`      // to read all of it
	Segments []SegmentSummary `json:"segments"`
	Spares   int              `json:"spares"`
	Aside    []string         `json:"set_aside,omitempty"` // files that were damaged once
	Sessions []SessionSummary `json:"sessions"`            // by what waits, the most first
	Waiting  int              `json:"waiting"`             // messages, of all sessions
	Retained int              `json:"retained"`            // messages
	Records  map[string]int   `json:"records"`             // by kind

	// The end of the log that is not whole, and what cannot be read.
	TornBytes    int64    `json:"torn_bytes,omitempty"`
	TornSegment  string   `json:"torn_segment,omitempty"`
	TornSessions []string `json:"torn_sessions,omitempty"`
	Damage       []Damage `json:"damage,omitempty"`
}

// SegmentSummary is one file of the log.
type SegmentSummary struct {
	File   string    `json:"file"`
	Bytes  int64     `json:"bytes"`
	Used   int64     `json:"used"`   // of them, by frames
	Needed int64     `json:"needed"` // of them, by messages that are needed
	Frames int       `json:"frames"`
	First  Mark      `json:"first"`
	Last   Mark      `json:"last"`
	Since  time.Time `json:"since,omitzero"` // of the first frame
	Until  time.Time `json:"until,omitzero"` // of the last one
}

// SessionSummary is one session.
type SessionSummary struct {
	Client        string   `json:"client"`
	Session       uint64   `json:"session"`
	Waiting       int      `json:"waiting"`
	Bytes         int64    `json:"bytes"`    // of what waits
	Released      int      `json:"released"` // of QoS 2, recorded by the client
	Received      int      `json:"received"` // packet identifiers, of QoS 2
	Subscriptions []string `json:"subscriptions"`
}

// Look reads the store in dir. It fails with an error that wraps
// [fs.ErrNotExist] if there is none, and with [NewerError]; damage is in the
// summary.
func Look(dir string) (*View, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("there is no store: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file, and a store is a folder", dir)
	}
	return look(folder(dir), dir)
}

func look(f FS, dir string) (*View, error) {
	var v *View
	err := settled(f, func(names []string) error {
		if v != nil {
			v.Close()
		}
		v = &View{dir: dir, fs: f, names: names, d: &Disk{
			fs: readOnly{f, names}, o: Options{SegmentSize: segmentSize}, log: slog.New(slog.DiscardHandler), x: newIndex(),
		}}
		return v.read()
	})
	if err != nil {
		if v != nil {
			v.Close()
		}
		return nil, err
	}
	return v, nil
}

// maxLooks is how often a store is read again that changes meanwhile.
const maxLooks = 20

var errBusy = errors.New("the store is cleared away faster than it can be read: try again, or stop the gateway first")

// settled calls read with the names of the segments, until they are all still
// there afterwards.
//
// This is enough for what was read to be a state of the log, at the time the last
// of them was read: numbers of segments are never used again, the older ones
// do not change, a record that was moved is in the older one as long as that is
// there, and a file loses its name before it is used for another segment.
func settled(f FS, read func(names []string) error) error {
	for range maxLooks {
		names, err := segmentNames(f)
		if err != nil {
			return err
		}
		failed := read(names)
		there, err := allThere(f, names)
		if err != nil {
			return err
		}
		if there {
			return failed
		}
	}
	return errBusy
}

// allThere tells whether a folder still has segments of these names.
func allThere(f FS, names []string) (bool, error) {
	now, err := segmentNames(f)
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(now, name) }), err
}

// segmentNames returns the names of the segments, the oldest first.
func segmentNames(f FS) ([]string, error) {
	names, err := f.Names()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, ok := segmentID(name)
		return !ok
	})
	slices.SortFunc(names, func(a, b string) int {
		x, _ := segmentID(a)
		y, _ := segmentID(b)
		return cmp.Compare(x, y)
	})
	return names, nil
}

func (v *View) read() error {
	d := v.d
	all, err := v.fs.Names()
	if err != nil {
		return err
	}
	sum := &v.sum
	sum.Folder, sum.Records = v.dir, make(map[string]int)
	for _, name := range all {
		switch {
		case strings.HasSuffix(name, asideSuffix):
			sum.Aside = append(sum.Aside, name)
		case strings.HasPrefix(name, sparePrefix):
			sum.Spares++
		}
	}
	slices.Sort(sum.Aside)
	if len(v.names)+sum.Spares+len(sum.Aside) == 0 {
		return fmt.Errorf("there is no store in %s: %w", v.dir, fs.ErrNotExist)
	}
	segments := make(map[uint32]*SegmentSummary)
	r := &replay{d: d, rec: &d.recovery, holds: make(numbers), watch: func(s *segment, fr frame) {
		x := segments[s.id]
		if x == nil {
			x = &SegmentSummary{File: segmentName(s.id), Since: fr.written}
			segments[s.id] = x
		}
		x.Frames++
		x.Until = fr.written
		for rest := fr.records; len(rest) > 0; {
			k, _, more, err := nextRecord(rest)
			if err != nil {
				return // replay says it
			}
			rest = more
			sum.Records[k.String()]++
		}
	}}
	began := time.Now()
	if sum.Mark, err = r.log(); err != nil {
		return err
	}
	sum.Took = time.Since(began)
	d.stable.Store(uint64(sum.Mark))
	for _, s := range d.segments {
		x := segments[s.id]
		if x == nil {
			x = &SegmentSummary{File: segmentName(s.id)}
		}
		x.Bytes, x.Used, x.First, x.Last = s.size, s.next, s.first, s.last
		if u := d.x.usage[s.id]; u != nil {
			x.Needed = u.bytes
		}
		sum.Segments = append(sum.Segments, *x)
		sum.Bytes += s.size
	}
	sum.Bytes += int64(sum.Spares) * segmentSize
	sum.Needed, sum.Retained = d.x.live, len(d.x.retained)
	for id, s := range d.x.sessions {
		x := SessionSummary{Client: s.name, Session: uint64(id), Waiting: s.live, Received: len(s.received), Subscriptions: []string{}}
		for filter := range s.subs {
			x.Subscriptions = append(x.Subscriptions, filter)
		}
		slices.Sort(x.Subscriptions)
		s.each(0, func(_ uint64, p *place) bool {
			x.Bytes += int64(p.size)
			if p.bits&bitReleased != 0 {
				x.Released++
			}
			return true
		})
		sum.Waiting += s.live
		sum.Sessions = append(sum.Sessions, x)
	}
	slices.SortFunc(sum.Sessions, func(a, b SessionSummary) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Client, b.Client))
	})
	sum.TornBytes, sum.TornSegment, sum.TornSessions = d.recovery.TornBytes, d.recovery.TornSegment, d.recovery.TornSessions
	sum.Damage = d.recovery.Damage
	d.beginLocked(sum.Mark, false) // in memory: reading looks there, too
	return nil
}

// Summary returns the figures.
func (v *View) Summary() Summary { return v.sum }

// Verify reads every message that is needed, and returns what of the store
// cannot be read. The end of the log that was being written is no damage.
func (v *View) Verify() ([]Damage, error) {
	for range maxLooks {
		damage := slices.Clone(v.sum.Damage)
		for id, s := range v.d.x.sessions {
			s.each(0, func(seq uint64, p *place) bool {
				if p.size == 0 {
					return true
				}
				if _, _, err := v.d.Read(SessionID(id), seq); err != nil {
					damage = append(damage, Damage{File: segmentName(p.segment), At: int64(p.offset), Bytes: int64(p.size), Reason: fmt.Sprintf("a message for %q: %v", s.name, err)})
				}
				return true
			})
		}
		for topic, r := range v.d.x.retained {
			if _, err := v.d.readRetainedLocked(r.place); err != nil {
				damage = append(damage, Damage{File: segmentName(r.segment), At: int64(r.offset), Bytes: int64(r.size), Reason: fmt.Sprintf("the retained message of %q: %v", topic, err)})
			}
		}
		there, err := allThere(v.fs, v.names)
		if err != nil {
			return nil, err
		}
		if len(damage) == 0 || there {
			slices.SortFunc(damage, func(a, b Damage) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.At, b.At)) })
			return damage, nil
		}
		next, err := look(v.fs, v.dir)
		if err != nil {
			return nil, err
		}
		v.Close()
		*v = *next
	}
	return nil, errBusy
}

// Queue calls yield with what waits for a client, the oldest first, until it
// returns false. The message is nil if there is none any more, or it cannot be
// read. It fails with an error that wraps [ErrNoMessage] if the client has no
// session.
func (v *View) Queue(client string, yield func(Queued, *Message, error) bool) error {
	for id, s := range v.d.x.sessions {
		if s.name != client {
			continue
		}
		s.snapshot(id).Queue(func(q Queued) bool {
			if q.Released {
				return yield(q, nil, nil)
			}
			m, _, err := v.d.Read(id, q.Seq)
			return yield(q, m, err)
		})
		return nil
	}
	return fmt.Errorf("no client %q has a session in %s: %w", client, v.dir, ErrNoMessage)
}

// Close gives back what is open.
func (v *View) Close() {
	for _, s := range v.d.segments {
		if s.file != nil {
			s.file.Close()
		}
	}
	v.d.segments = nil
}

// readOnly is a folder of some files in which nothing is changed. Whoever tries is
// told that it was done.
type readOnly struct {
	FS
	names []string
}

func (f readOnly) Names() ([]string, error) { return slices.Clone(f.names), nil }

func (f readOnly) Open(name string, create bool) (File, error) {
	if create {
		return nil, fs.ErrPermission
	}
	if ro, ok := f.FS.(interface{ OpenRead(string) (File, error) }); ok {
		return ro.OpenRead(name)
	}
	return f.FS.Open(name, false)
}

func (readOnly) Rename(string, string) error { return nil }
func (readOnly) Remove(string) error         { return nil }
func (readOnly) Sync() error                 { return nil }

package explorer

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gateway/broker"
	"gateway/broker/topic"
)

const (
	// maxTopics is how many topics are held: some 16 MB with two short messages of
	// each, 0.8 kB a topic (measured), on boards of 512 MB.
	maxTopics = 20_000
	// maxHeld is how many bytes of payloads are held besides those that the broker
	// has anyway.
	maxHeld = 16 << 20
	// beginning is how much of a payload the list shows, bytes.
	beginning = 120
	// maxTombstones is how many topics that are gone are remembered for those who
	// have not heard of it yet.
	maxTombstones = 4096
	// maxHistory and maxHistoryBytes are how much is kept of a topic that somebody
	// has opened, historyTime how long after it was looked at last.
	maxHistory      = 100
	maxHistoryBytes = 1 << 20
	historyTime     = 10 * time.Minute
	// maxWatched is how many topics have a history at a time.
	maxWatched = 50
)

// entry is what is known of one topic. Guarded by tree.mu.
type entry struct {
	topic    string
	last     seen
	before   seen // the one before; zero if there was none
	count    uint64
	version  uint64
	history  []seen    // oldest first, with last; only of a topic that is watched
	watched  time.Time // when somebody looked at it last; zero if nobody did
	previous *entry    // in the order of version
	next     *entry
}

// seen is a message and when it came.
type seen struct {
	m      *broker.Message // nil: nothing
	at     time.Time
	length int  // of the payload
	held   int  // bytes of it that count
	cut    bool // m has only its beginning
	retain bool
}

// tree is what is held. All methods may be called concurrently.
type tree struct {
	mu       sync.Mutex
	entries  map[string]*entry
	oldest   *entry // by version
	newest   *entry
	version  uint64
	begun    bool   // all that was retained at first is there
	messages uint64 // since it began
	leftOut  uint64 // messages of topics beyond maxTopics
	held     int
	watched  int
	removed  []tombstone
	forgot   uint64                     // version of the newest tombstone that was dropped
	readers  map[chan struct{}]struct{} // told that something has changed
}

// tombstone is a topic that is gone.
type tombstone struct {
	topic   string
	version uint64
}

func newTree() *tree {
	return &tree{entries: make(map[string]*entry), readers: make(map[chan struct{}]struct{})}
}

// take notes a message that came at now.
func (t *tree) take(d broker.Delivery, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now
	if d.Replay {
		at = d.Came()
	}
	t.messages++
	e := t.entries[d.Topic]
	if len(d.Payload) == 0 && d.Retain {
		if e != nil {
			t.remove(e)
			t.tell()
		}
		return
	}
	if e == nil {
		if len(t.entries) >= maxTopics {
			t.leftOut++
			return
		}
		e = &entry{topic: strings.Clone(d.Topic)}
		t.entries[e.topic] = e
	}
	t.note(e, t.hold(d.Message, at))
	t.tell()
}

// begin notes that what was retained at first is there.
func (t *tree) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun {
		return
	}
	t.begun = true
	t.version++ // is news
	t.tell()
}

// hold makes a seen of a message: all of it if there is room.
func (t *tree) hold(m *broker.Message, at time.Time) seen {
	s := seen{m: m, at: at, length: len(m.Payload), retain: m.Retain, held: len(m.Payload)}
	if t.held+s.held > maxHeld && s.length > beginning {
		cut := *m
		cut.Payload = slices.Clone(m.Payload[:beginning])
		s.m, s.cut, s.held = &cut, true, beginning
	}
	t.held += s.held
	return s
}

// note makes s the newest message of e.
func (t *tree) note(e *entry, s seen) {
	e.count++
	if !e.watched.IsZero() && s.at.Sub(e.watched) > historyTime {
		t.unwatch(e)
	}
	inHistory := !e.watched.IsZero()
	if !inHistory {
		t.held -= e.before.held
	}
	e.before, e.last = e.last, s
	if inHistory {
		e.history = append(e.history, s)
		t.trim(e)
	}
	t.touch(e)
}

// trim keeps a history within its bounds. Its last two are those of the entry.
func (t *tree) trim(e *entry) {
	sum := 0
	for _, s := range e.history {
		sum += s.held
	}
	for len(e.history) > 2 && (len(e.history) > maxHistory || sum > maxHistoryBytes) {
		sum -= e.history[0].held
		t.held -= e.history[0].held
		e.history = slices.Delete(e.history, 0, 1)
	}
}

// watch begins a history of a topic, or lets it go on.
func (t *tree) watch(e *entry, now time.Time) {
	if e.watched.IsZero() {
		if t.watched >= maxWatched {
			t.unwatchOldest()
		}
		t.watched++
		if e.before.m != nil {
			e.history = append(e.history, e.before)
		}
		e.history = append(e.history, e.last)
	}
	e.watched = now
}

func (t *tree) unwatch(e *entry) {
	t.watched--
	e.watched = time.Time{}
	for _, s := range e.history[:max(0, len(e.history)-2)] { // the last two are still there
		t.held -= s.held
	}
	e.history = nil
}

func (t *tree) unwatchOldest() {
	var oldest *entry
	for _, e := range t.entries {
		if !e.watched.IsZero() && (oldest == nil || e.watched.Before(oldest.watched)) {
			oldest = e
		}
	}
	if oldest != nil {
		t.unwatch(oldest)
	}
}

// touch makes e the one that changed last.
func (t *tree) touch(e *entry) {
	t.unlink(e)
	t.version++
	e.version = t.version
	e.previous = t.newest
	if t.newest != nil {
		t.newest.next = e
	} else {
		t.oldest = e
	}
	t.newest = e
}

func (t *tree) unlink(e *entry) {
	if e.version == 0 {
		return // it is new
	}
	if e.previous != nil {
		e.previous.next = e.next
	} else {
		t.oldest = e.next
	}
	if e.next != nil {
		e.next.previous = e.previous
	} else {
		t.newest = e.previous
	}
	e.previous, e.next = nil, nil
}

// remove forgets a topic.
func (t *tree) remove(e *entry) {
	if !e.watched.IsZero() {
		t.unwatch(e)
	}
	t.held -= e.last.held + e.before.held
	t.unlink(e)
	delete(t.entries, e.topic)
	t.version++
	t.removed = append(t.removed, tombstone{e.topic, t.version})
	if len(t.removed) > maxTombstones {
		t.forgot = t.removed[0].version
		t.removed = slices.Delete(t.removed, 0, 1)
	}
}

// tell wakes readers that wait.
func (t *tree) tell() {
	for r := range t.readers {
		select {
		case r <- struct{}{}:
		default: // it knows
		}
	}
}

// line is a topic as the page gets it, see the package comment.
type line [7]any

func (e *entry) line() line {
	var text any
	if b, ok := shortened(e.last.m.Payload); ok {
		text = b
	}
	return line{e.topic, text, e.last.length, e.last.at.UnixMilli(), e.last.m.QoS, e.last.retain, e.count}
}

// shortened returns the beginning of a payload as text; ok is false if it is none.
func shortened(payload []byte) (text string, ok bool) {
	cut := payload[:min(len(payload), beginning)]
	for len(cut) < len(payload) && len(cut) > 0 && !utf8.Valid(cut) && beginning-len(cut) < utf8.UTFMax {
		cut = cut[:len(cut)-1] // in the middle of a character
	}
	return string(cut), utf8.Valid(cut) && !slices.Contains(cut, 0)
}

// update is one event.
type update struct {
	Now      int64    `json:"now"`   // ms, as the times of topics are
	Total    int      `json:"total"` // topics that are held
	Messages uint64   `json:"messages"`
	LeftOut  uint64   `json:"left_out"`
	More     bool     `json:"more"`  // there is more than that already, another event follows
	Reset    bool     `json:"reset"` // what the page had is to be forgotten
	Topics   []line   `json:"topics"`
	Removed  []string `json:"removed,omitempty"`
}

// told is what a reader knows.
type told struct {
	upTo  uint64 // all that has changed up to this version
	began uint64 // the version when it was told from the beginning: it knows nothing of what was gone by then
}

// since returns what has changed beyond what a reader was told in the topics that
// a filter matches, most topics of it, and what the reader is told with it.
func (t *tree) since(before told, filter string, most int, now time.Time) (u update, after told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u = update{Now: now.UnixMilli(), Total: len(t.entries), Messages: t.messages, LeftOut: t.leftOut, More: !t.begun, Topics: []line{}}
	version, began := before.upTo, before.began
	if version == 0 {
		began = t.version
	}
	if max(version, began) < t.forgot {
		version, began, u.Reset = 0, t.version, true
	}
	first := t.newest
	for n := 0; first != nil && first.previous != nil && first.previous.version > version; n++ {
		first = first.previous
	}
	upTo := t.version
	for e := first; e != nil && e.version > version; e = e.next {
		if len(u.Topics) == most {
			u.More, upTo = true, e.previous.version
			break
		}
		if filter == "" || topic.Match(filter, e.topic) {
			u.Topics = append(u.Topics, e.line())
		}
	}
	for _, gone := range t.removed {
		if gone.version > version && gone.version <= upTo && t.entries[gone.topic] == nil {
			u.Removed = append(u.Removed, gone.topic)
		}
	}
	return u, told{upTo, began}
}

package logs

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/cmd/gateway/internal/redact"
)

// What a Ring holds by default.
const (
	DefaultLines = 2000
	DefaultBytes = 512 << 10
)

const (
	// maxText is how much of one text of a line is kept, bytes: a stack has more
	// than most, and nothing has to have more.
	maxText = 4 << 10
	// overhead is about what an entry takes besides its texts, bytes.
	overhead = 120
	// maxAttrs is how many attributes of a line are kept.
	maxAttrs = 40
)

// Entry is one line of the log.
type Entry struct {
	ID      uint64 // 1 and upwards, one after the other
	Time    time.Time
	Level   slog.Level
	Part    string // of the gateway: "broker", "bridge"; "" for none
	Message string
	Attrs   []Attr
}

// Attr is one attribute, as text.
type Attr struct{ Key, Value string }

func (e *Entry) size() int {
	n := overhead + len(e.Part) + len(e.Message)
	for _, a := range e.Attrs {
		n += 32 + len(a.Key) + len(a.Value)
	}
	return n
}

// Text returns the entry as a line, without the line break.
func (e *Entry) Text() string {
	var b strings.Builder
	b.WriteString(e.Time.UTC().Format("2006-01-02T15:04:05.000Z "))
	level := e.Level.String()
	b.WriteString(level + strings.Repeat(" ", max(1, 6-len(level))))
	if e.Part != "" {
		b.WriteString(e.Part + ": ")
	}
	b.WriteString(e.Message)
	for _, a := range e.Attrs {
		b.WriteString(" " + a.Key + "=")
		if strings.ContainsAny(a.Value, " \t\n\"=") || a.Value == "" {
			b.WriteString(quote(a.Value))
		} else {
			b.WriteString(a.Value)
		}
	}
	return b.String()
}

// quote puts s in quotes, with its line breaks as \n.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// Ring is the newest lines of a log. Its methods may be called concurrently.
type Ring struct {
	secrets *redact.Redactor
	lines   int
	bytes   int

	mu      sync.Mutex
	entries []*Entry // the oldest first
	size    int      // of entries, bytes
	last    uint64   // ID of the newest
	tails   map[*Tail]struct{}
}

// New makes a Ring of at most so many lines and bytes; 0 is the default. secrets
// are taken out of all it holds.
func New(lines, bytes int, secrets *redact.Redactor) *Ring {
	if lines <= 0 {
		lines = DefaultLines
	}
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	return &Ring{secrets: secrets, lines: lines, bytes: bytes, tails: make(map[*Tail]struct{})}
}

// add takes an entry, and gives it its ID.
func (r *Ring) add(e *Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e.ID = r.last
	r.entries = append(r.entries, e)
	r.size += e.size()
	for len(r.entries) > r.lines || r.size > r.bytes && len(r.entries) > 1 {
		r.size -= r.entries[0].size()
		r.entries[0] = nil
		r.entries = r.entries[1:]
	}
	for t := range r.tails {
		select {
		case t.news <- struct{}{}:
		default: // it knows
		}
	}
}

// Query says which entries are wanted. The zero Query wants all.
type Query struct {
	Level  slog.Level // and above; the zero value is Info
	Text   string     // in the message, the part or an attribute, in any case; "" is any
	Before uint64     // ID; 0 is any
	After  uint64     // ID
}

// Everything is below any level that is used.
const Everything = slog.Level(-1000)

func (q *Query) wants(e *Entry) bool {
	if e.Level < q.Level || e.ID <= q.After || q.Before > 0 && e.ID >= q.Before {
		return false
	}
	if q.Text == "" {
		return true
	}
	want := strings.ToLower(q.Text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), want) }
	return has(e.Message) || has(e.Part) || slices.ContainsFunc(e.Attrs, func(a Attr) bool { return has(a.Key) || has(a.Value) })
}

// Entries returns the newest entries that are wanted, at most so many, the oldest
// of them first, and whether there are older ones. What it returns must not be
// changed.
func (r *Ring) Entries(q Query, most int) (all []*Entry, more bool) {
	r.mu.Lock()
	held := slices.Clone(r.entries)
	r.mu.Unlock()
	for _, e := range slices.Backward(held) {
		if !q.wants(e) {
			continue
		}
		if len(all) == most {
			more = true
			break
		}
		all = append(all, e)
	}
	slices.Reverse(all)
	return all, more
}

// Stats are figures of a Ring.
type Stats struct {
	Lines, Bytes int    // held now
	Total        uint64 // there were
}

// Stats returns the figures of now.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{len(r.entries), r.size, r.last}
}

// Tail follows a Ring.
type Tail struct {
	ring  *Ring
	query Query
	news  chan struct{}
	seen  uint64 // the last ID that was looked at
}

// Follow begins after the entries that there are, or after q.After if that is
// given. The Tail is to be closed.
func (r *Ring) Follow(q Query) *Tail {
	t := &Tail{ring: r, query: q, news: make(chan struct{}, 1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tails[t] = struct{}{}
	t.seen, t.query.After = r.last, 0
	if q.After > 0 && q.After < r.last { // more than r.last is of an earlier process
		t.seen = q.After
		t.news <- struct{}{}
	}
	return t
}

// News returns a channel from which can be received when there may be new
// entries.
func (t *Tail) News() <-chan struct{} { return t.news }

// Next returns the new entries that are wanted, at most so many: the newest, if
// there are more. missed is how many were not seen, wanted or not: forgotten
// before they were looked at, or too many at once. It does not block.
func (t *Tail) Next(most int) (all []*Entry, missed uint64) {
	select {
	case <-t.news:
	default:
	}
	r := t.ring
	r.mu.Lock()
	from := len(r.entries)
	for from > 0 && r.entries[from-1].ID > t.seen {
		from--
	}
	fresh := slices.Clone(r.entries[from:])
	missed = r.last - t.seen - uint64(len(fresh))
	t.seen = r.last
	r.mu.Unlock()
	for _, e := range fresh {
		if t.query.wants(e) {
			all = append(all, e)
		}
	}
	if over := len(all) - most; over > 0 {
		all, missed = all[over:], missed+uint64(over)
	}
	return all, missed
}

// Close ends following.
func (t *Tail) Close() {
	t.ring.mu.Lock()
	defer t.ring.mu.Unlock()
	delete(t.ring.tails, t)
}

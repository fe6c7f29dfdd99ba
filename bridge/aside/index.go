package aside

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits bound what is kept; the oldest go first.
type Limits struct {
	MaxMessages int   `yaml:"max_messages"`
	MaxBytes    int64 `yaml:"max_bytes"` // of lines in the file
}

// DefaultLimits returns what Open begins with: enough to see what happens, and
// little for any disk.
func DefaultLimits() Limits { return Limits{MaxMessages: 1000, MaxBytes: 16 << 20} }

// Validate tells everything that is wrong with l, joined by errors.Join. Each
// error begins with the key, a colon and a space.
func (l Limits) Validate() error {
	var errs []error
	if l.MaxMessages < 1 {
		errs = append(errs, fmt.Errorf("max_messages: %d is too few; at least 1 message", l.MaxMessages))
	}
	if l.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("max_bytes: %d is too few; at least 1 byte", l.MaxBytes))
	}
	return errors.Join(errs...)
}

// index is what is in the file, by what is read from its beginning.
type index struct {
	limits  Limits
	entries []entry // by id
	bytes   int64   // of entries
	last    uint64  // the highest id there was
	end     int64   // of the last whole line
	torn    int64   // bytes after it
	damaged int     // lines that cannot be read
}

// entry is a message that is kept.
type entry struct {
	id       uint64
	at, size int64  // of its line, with the newline
	line     []byte // if it is in memory only
}

// add takes a line at the end and returns how many messages had to go for it.
func (x *index) add(e entry) (dropped int) {
	e.at = x.end
	x.end += e.size
	x.last = max(x.last, e.id)
	x.entries = append(x.entries, e)
	x.bytes += e.size
	for len(x.entries) > 1 && (len(x.entries) > x.limits.MaxMessages || x.bytes > x.limits.MaxBytes) {
		x.bytes -= x.entries[0].size
		x.entries[0] = entry{}
		x.entries = x.entries[1:]
		dropped++
	}
	return dropped
}

func (x *index) clone() index {
	c := *x
	c.entries = slices.Clone(x.entries)
	return c
}

// remove takes messages away and returns how many there were.
func (x *index) remove(ids []uint64) int {
	before := len(x.entries)
	x.entries = slices.DeleteFunc(x.entries, func(e entry) bool {
		gone := slices.Contains(ids, e.id)
		if gone {
			x.bytes -= e.size
		}
		return gone
	})
	return before - len(x.entries)
}

// gone is how many bytes of the file are of no use.
func (x *index) gone() int64 { return x.end - x.bytes }

// maxID is the highest number that every reader of JSON takes as it is.
const maxID = 1 << 53

// head is what the index needs of a line.
type head struct {
	ID     uint64   `json:"id"`
	Forget []uint64 `json:"forget"`
}

// forgetLine takes messages away.
type forgetLine struct {
	Forget []uint64 `json:"forget"`
}

// scan makes an index of a file. It fails only if the file cannot be read.
func scan(r io.Reader, limits Limits) (index, error) {
	x := index{limits: limits}
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			x.torn = int64(len(line))
			return x, nil
		}
		if err != nil {
			return index{}, err
		}
		var h head
		switch err := json.Unmarshal(line, &h); {
		case err == nil && len(h.Forget) > 0:
			x.end += int64(len(line))
			x.remove(h.Forget)
		case err == nil && h.ID > x.last && h.ID <= maxID:
			x.add(entry{id: h.ID, size: int64(len(line))})
		default:
			x.end += int64(len(line))
			x.damaged++
		}
	}
}

// read returns the messages of x, of which r has the lines. One that cannot be
// read has its number, and says so as its reason.
func (x *index) read(r io.ReaderAt) []Message {
	all := make([]Message, 0, len(x.entries))
	for _, e := range x.entries {
		line, err := e.line, error(nil)
		if line == nil {
			line = make([]byte, e.size)
			_, err = r.ReadAt(line, e.at)
		}
		var m Message
		if err == nil {
			err = json.Unmarshal(line, &m)
		}
		if err != nil {
			m = Message{ID: e.id, Reason: fmt.Sprintf("cannot be read: %v", err)}
		}
		all = append(all, m)
	}
	return all
}

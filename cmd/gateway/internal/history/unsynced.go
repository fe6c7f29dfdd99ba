package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gateway/bridge/statefile"
	"gateway/cmd/gateway/internal/history/tsdb"
)

// Clock knows whether the time of day can be believed. A board without a battery
// clock goes on with the time at which it was stopped until a time server is
// heard; all times of that boot are off by the same.
type Clock interface {
	// Now names the boot and tells whether its clock is right.
	Now() (boot string, synced bool)
	// Shift is what has to be added to times of a boot, once it is known.
	Shift(boot string) (by time.Duration, known bool)
}

// right is the clock of a machine that needs none of that.
type right struct{}

func (right) Now() (string, bool)                { return "", true }
func (right) Shift(string) (time.Duration, bool) { return 0, false }

// Samples of before the clock was set cannot be where they say: others are there,
// of before the last stop. They cannot wait either, for a machine that never hears
// a time server would record nothing. What is known is that they are newer than
// all that was recorded before. So they are put behind that, by as much for all of
// a boot, noted here, and moved when the clock is set, in this run or another:
//
//	<folder>/unsynced.json  [{"boot":"1b9d6bcd","by":3600000,"from":…,"to":…,"series":["…"]}]

// wrongTime is what is known of the samples of a boot with a wrong clock.
type wrongTime struct {
	Boot   string   `json:"boot"`
	By     int64    `json:"by"`   // ms, what was added to their times
	From   int64    `json:"from"` // ms, of the first, with that
	To     int64    `json:"to"`   // ms, of the last
	Series []string `json:"series"`

	known map[string]bool // Series
	after time.Time       // before, it is not tried to move them: it failed
}

// moveAgain is how long it is waited after samples could not be moved.
const moveAgain = time.Minute

// maxWrongTimes is how many boots wait for their time.
const maxWrongTimes = 20

// provisional returns the time under which a sample is recorded whose time is of
// a boot with a wrong clock, and notes it. The caller holds mu.
func (h *History) provisional(boot string, t int64, series []string) int64 {
	w := h.wrongLocked(boot, t)
	t += w.By
	w.From, w.To = min(w.From, t), max(w.To, t)
	for _, name := range series {
		if !w.known[name] {
			w.known[name] = true
			w.Series = append(w.Series, name)
			h.wrongDirty = true
		}
	}
	return t
}

// wrongLocked returns the record of a boot, which begins at t if it is new.
func (h *History) wrongLocked(boot string, t int64) *wrongTime {
	for _, w := range h.wrong {
		if w.Boot == boot {
			return w
		}
	}
	w := &wrongTime{Boot: boot, known: make(map[string]bool)}
	if newest := h.newest(); newest >= t {
		w.By = newest - t + 1
	}
	w.From, w.To = t+w.By, t+w.By
	h.wrong = append(h.wrong, w)
	h.wrong = h.wrong[max(0, len(h.wrong)-maxWrongTimes):]
	h.wrongDirty = true
	return w
}

// newest is the time of the newest sample, the least there is if there is none.
func (h *History) newest() int64 {
	t := int64(-1 << 62)
	for _, s := range h.db.Series() {
		t = max(t, s.Last)
	}
	return t
}

// settle moves samples whose true time is known by now, and forgets those of
// which it will never be. It may take as long as the disk does.
func (h *History) settle() {
	h.mu.Lock()
	all := slices.Clone(h.wrong)
	h.mu.Unlock()
	boot, _ := h.clock.Now()
	for _, w := range all {
		h.mu.Lock() // what is being recorded has asked, or will ask after us
		by, known := h.clock.Shift(w.Boot)
		h.mu.Unlock()
		if !known && w.Boot == boot || time.Now().Before(w.after) {
			continue
		}
		if known {
			if !h.move(w, by.Milliseconds()-w.By) {
				w.after = time.Now().Add(moveAgain)
				continue
			}
		} else {
			h.log.Info("samples of an earlier start stay where they are: when its clock was wrong nobody can tell any more", "series", len(w.Series))
		}
		h.mu.Lock()
		h.wrong = slices.DeleteFunc(h.wrong, func(o *wrongTime) bool { return o == w })
		h.wrongDirty = true
		h.mu.Unlock()
	}
	h.keepWrong()
}

// move moves the samples of w, a series after the other; what was moved is noted
// now and then, so that a power cut does not move it twice. It returns false if
// what is left of w could not be moved now, because the disk is full, say.
func (h *History) move(w *wrongTime, by int64) bool {
	if by == 0 {
		return true
	}
	for len(w.Series) > 0 {
		h.mu.Lock()
		name := w.Series[len(w.Series)-1]
		w.Series = w.Series[:len(w.Series)-1]
		h.wrongDirty = true
		rest := len(w.Series)
		h.mu.Unlock()
		switch err := h.shift(name, w.From, w.To+1, by); {
		case err == nil:
		case errors.Is(err, tsdb.ErrNoSeries), errors.Is(err, tsdb.ErrSample): // it will never be otherwise
			h.log.Error("samples of before the clock was set keep a wrong time", "series", name, "error", err)
		default:
			h.mu.Lock()
			w.Series = append(w.Series, name)
			h.sayOnce("move", "samples of before the clock was set have a wrong time still; it is tried again", err)
			h.mu.Unlock()
			return false
		}
		if rest%50 == 0 {
			h.keepWrong()
		}
	}
	h.log.Info("samples of before the clock was set have their true time now", "moved_by", (time.Duration(by) * time.Millisecond).String())
	return true
}

func (h *History) wrongFile() string { return filepath.Join(h.folder, "unsynced.json") }

// keepWrong writes what has changed.
func (h *History) keepWrong() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.wrongDirty || h.folder == "" {
		return
	}
	if err := writeJSON(h.wrongFile(), h.wrong); err != nil {
		h.sayOnce("unsynced", "what was recorded before the clock was set cannot be noted", err)
		return
	}
	h.wrongDirty = false
}

// readWrong reads what an earlier run has noted. What it has recorded after that
// is as old as what is there by now.
func (h *History) readWrong() {
	if h.folder == "" {
		return
	}
	if err := readJSON(h.wrongFile(), &h.wrong); err != nil {
		h.log.Warn("what was recorded before the clock was set keeps its wrong time", "error", err)
		h.wrong = nil
	}
	h.wrong = slices.DeleteFunc(h.wrong, func(w *wrongTime) bool { return w == nil })
	for i, w := range h.wrong {
		w.known = make(map[string]bool)
		for _, name := range w.Series {
			w.known[name] = true
		}
		if i == len(h.wrong)-1 {
			w.To = max(w.To, h.newest())
		}
	}
}

// writeJSON puts v in the place of a file, durably, and makes its folder.
func writeJSON(file string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return statefile.Replace(file, append(data, '\n'))
}

// readJSON reads what writeJSON wrote; v stays as it is if there is no file.
func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

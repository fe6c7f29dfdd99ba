package budget

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gateway/bridge/statefile"
)

func file(folder, name string) string { return filepath.Join(folder, name+".budget.json") }

// load returns what was saved; false if there is nothing that can be read.
func (d *Day) load() (state, bool) {
	if d.file == "" {
		return state{}, false
	}
	b, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false
	}
	var s state
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		d.log.Warn("what was spent of the daily budget is not known; it begins anew", "file", d.file, "error", err)
		return state{}, false
	}
	return s, true
}

// check keeps a file that something else wrote from being believed.
func (s state) check() error {
	_, err := time.Parse(time.DateOnly, s.Day)
	switch {
	case err != nil:
		return fmt.Errorf("day: %w", err)
	case s.Spent < 0 || s.Age < 0 || s.Age > 1e9 || s.At.IsZero():
		return errors.New("not what a budget writes")
	}
	return nil
}

// save writes the file; that it cannot be written is said once.
func (d *Day) save() {
	err := d.write()
	if err != nil && !d.failing {
		d.log.Error("what is spent of the daily budget cannot be written; a restart would forget it", "error", err)
	}
	d.failing = err != nil
}

// write puts a new file in the place of the old one, durably.
func (d *Day) write() error {
	d.unsaved = 0
	d.state.At, d.state.Boot = d.last.Round(0).UTC(), d.boot
	b, err := json.Marshal(d.state)
	if err != nil {
		return err
	}
	return statefile.Replace(d.file, append(b, '\n'))
}

// bootID returns what tells this start of the machine from others, "" if nothing
// does.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

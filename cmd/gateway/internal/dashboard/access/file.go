package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gateway/bridge/statefile"
	"gateway/broker/auth"
)

const (
	passwordFile = "access.json"
	grantsFile   = "grants.json"
	// maxFile bounds what is read of either, bytes.
	maxFile = 1 << 20
	// lookInterval is how often it is asked whether access.json is another.
	lookInterval = time.Second
)

// kept is access.json.
type kept struct {
	Version  int    `json:"version"` // 1
	Password string `json:"password"`
}

// parseKept reads access.json.
func parseKept(b []byte) (*password, error) {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, err
	}
	if k.Version != 1 {
		return nil, fmt.Errorf("it is of version %d and this gateway knows version 1", k.Version)
	}
	return parsePassword(k.Password)
}

// writePassword replaces access.json.
func writePassword(folder, hash string) error {
	b, err := json.Marshal(kept{Version: 1, Password: hash})
	if err != nil {
		return err
	}
	return statefile.Replace(filepath.Join(folder, passwordFile), append(b, '\n'))
}

// SetPassword sets the password of a page whose state is in folder, whether its
// gateway runs, which notices, or not. What was logged in with another password is
// not any more; tokens stay. What it makes is given to whoever owned the file, or
// the folder that it is in, so that root may do this for the gateway.
func SetPassword(folder string, said string) error {
	if err := checkPassword(said); err != nil {
		return err
	}
	name := filepath.Join(folder, passwordFile)
	made := []string{name} // and the folders that there are not yet
	was, err := os.Stat(name)
	for at := folder; err != nil && filepath.Dir(at) != at; at = filepath.Dir(at) {
		if was, err = os.Stat(at); err != nil {
			made = append(made, at)
		}
	}
	if err := writePassword(folder, auth.HashPassword([]byte(said))); err != nil {
		return err
	}
	for _, one := range made {
		if err := give(one, was); err != nil {
			return fmt.Errorf("give %s to the gateway's user: %w", one, err)
		}
	}
	return nil
}

// read takes what access.json has, if it is another than the one that was read.
// The caller holds mu.
func (a *Access) read(now time.Time) {
	a.looked = now
	if a.folder == "" {
		return
	}
	name := filepath.Join(a.folder, passwordFile)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if a.password != nil || a.damaged != nil {
			a.log.Warn("the page has no password any more: its file is gone", "file", name)
			a.take(nil)
		}
		a.seen = nil
		return
	case err == nil && a.damaged == nil && same(info, a.seen):
		return
	}
	var p *password
	if err == nil {
		p, err = readPassword(name)
	}
	if err != nil {
		a.spoil(name, err)
		return
	}
	a.seen = info
	if a.damaged == nil && p.mark() == a.password.mark() {
		return
	}
	a.take(p)
}

// spoil notes that access.json cannot be read, once. The caller holds mu.
func (a *Access) spoil(name string, err error) {
	if a.damaged == nil || a.damaged.Error() != err.Error() {
		a.log.Error("the page's password cannot be read: nobody can log in until there is a new one, by gateway passwd --page", "file", name, "error", err)
	}
	a.damaged = err
}

// stamp notes access.json as what was read. The caller holds mu.
func (a *Access) stamp() {
	if a.folder == "" {
		return
	}
	a.seen, _ = os.Stat(filepath.Join(a.folder, passwordFile)) // if not it is read again
}

// look reads access.json again if it may be another and was not asked for a
// moment. The caller holds mu.
func (a *Access) look(now time.Time) {
	if passed := now.Sub(a.looked); passed < 0 || passed >= lookInterval {
		a.read(now)
	}
}

// same tells whether two descriptions are of a file that has not changed.
func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func readPassword(name string) (*password, error) {
	b, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	return parseKept(b)
}

// readBounded reads a file of at most maxFile bytes.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it is longer than %d bytes", maxFile)
	}
	return b, err
}

// readGrants reads grants.json. One that is damaged is set aside.
func (a *Access) readGrants() grants {
	fresh := newGrants()
	if a.folder == "" {
		return fresh
	}
	name := filepath.Join(a.folder, grantsFile)
	b, err := readBounded(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh
	}
	if err == nil {
		var g grants
		if g, err = parseGrants(b); err == nil {
			return g
		}
	}
	aside := name + ".damaged"
	a.log.Error("sessions and tokens of the page are lost: log in again, and make new tokens", "file", name, "error", err, "kept_as", aside)
	if err := os.Rename(name, aside); err != nil {
		a.log.Warn("a damaged file stays in its place", "file", name, "error", err)
	}
	return fresh
}

// keepGrants writes grants.json. A failure is logged: those who are logged in
// stay so until the gateway restarts.
func (a *Access) keepGrants() error {
	if a.folder == "" {
		return nil
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	b := a.grants.marshal(time.Now())
	a.mu.Unlock()
	name := filepath.Join(a.folder, grantsFile)
	if err := statefile.Replace(name, b); err != nil {
		a.log.Warn("what has changed of the page's sessions and tokens does not outlive a restart", "file", name, "error", err)
		return err
	}
	return nil
}

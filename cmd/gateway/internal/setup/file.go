package setup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gateway/cmd/gateway/internal/config"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// File is the configuration file of a gateway that runs. It may be used
// concurrently.
type File struct {
	path  string // "" if there is none that could be written, and why says why
	why   error
	mu    sync.Mutex
	known []byte // what it had in it when it was read or written last
}

// OpenFile takes up a file that the gateway was started with, or the one that it
// would have been started with if it had been there.
func OpenFile(path string) *File {
	f := &File{path: path}
	if abs, err := filepath.Abs(path); err == nil {
		f.path = abs
	}
	f.known, _ = os.ReadFile(path) // what cannot be read is found to have changed
	return f
}

// NoFile is in the place of a file where there is none, with the reason.
func NoFile(why error) *File { return &File{why: why} }

// ChangedError is why a file was not written: somebody else has changed it.
type ChangedError struct {
	Path string
	Line int      // the first that differs, from 1
	Was  []string // those that differ, as they were
	Is   []string // and as they are
}

func (e *ChangedError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the same with words for the page.
func (e *ChangedError) Unwrap() error {
	return answer.Say("file.changed", "{file} was changed by somebody else since the gateway read it, from line {line} on; it was not written. Read it again, or restart the gateway, and try again", e.Path, e.Line)
}

// ReadOnlyError is why a file was not written: it cannot be.
type ReadOnlyError struct {
	Path string // "" if there is no file
	Err  error
}

func (e *ReadOnlyError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Unwrap().Error()
}

// Unwrap returns the same with words for the page.
func (e *ReadOnlyError) Unwrap() error {
	if e.Path == "" {
		return e.Err
	}
	return answer.Say("file.readonly", "{file} cannot be written: {why}", e.Path, e.Err)
}

// Edit changes the file: change is given what it has in it, which is nothing if
// there is none, and its name for errors. What is to be written has been checked
// then. It returns what the file says now.
func (f *File) Edit(change func(name string, data []byte) ([]byte, error)) (*config.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return nil, &ReadOnlyError{Err: f.why}
	}
	now, err := readIfThere(f.path)
	if err != nil {
		return nil, &ReadOnlyError{f.path, err}
	}
	if !bytes.Equal(now, f.known) {
		return nil, changed(f.path, f.known, now)
	}
	after, err := change(filepath.Base(f.path), now)
	if err != nil {
		return nil, err
	}
	cfg, err := config.ParseAs(f.path, after)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(after, now) {
		return cfg, nil
	}
	if _, err := config.Write(f.path, after); err != nil {
		return nil, &ReadOnlyError{f.path, cause(err)}
	}
	f.known = after
	return cfg, nil
}

// cause is the innermost error, without the temporary file that it names.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Text returns the name of the file and what is in it now, which is nothing if it
// is not there yet.
func (f *File) Text() (name string, data []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return "", nil, &ReadOnlyError{Err: f.why}
	}
	data, err = readIfThere(f.path)
	return f.path, data, err
}

// Read reads the file again, as it is, and looks at the files that it names. One that
// was there and is not any more is an error: without any a gateway would lose its
// sensors and its passwords.
func (f *File) Read() (*config.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return nil, &ReadOnlyError{Err: f.why}
	}
	now, err := readIfThere(f.path)
	if err != nil {
		return nil, err
	}
	if now == nil && f.known != nil {
		return nil, answer.Say("file.gone", "{file} is not there any more, and nothing has changed. Put it back, or restart the gateway to have it run without one", f.path)
	}
	cfg := config.Default()
	if now != nil {
		if cfg, err = config.Load(f.path); err != nil {
			return nil, err
		}
	}
	f.known = now
	return cfg, nil
}

// State is what there is to say of a File.
type State struct {
	Path     string          `json:"path"`               // "" if there is none
	Exists   bool            `json:"exists"`             // or it is made by the first change
	Writable bool            `json:"writable"`           // as far as can be said without writing
	Why      string          `json:"why"`                // it is not
	WhySaid  *answer.Failure `json:"why_said,omitempty"` // the same, for a page in another language
	Changed  bool            `json:"changed"`            // by somebody else
}

// State looks at the file.
func (f *File) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		said := answer.FailureOf(f.why)
		return State{Why: said.Error, WhySaid: &said}
	}
	s := State{Path: f.path, Writable: true}
	now, err := readIfThere(f.path)
	s.Exists = now != nil
	s.Changed = !bytes.Equal(now, f.known)
	if err == nil {
		err = folderWritable(f.path)
	}
	if err != nil {
		s.Writable, s.Why = false, cause(err).Error()
	}
	return s
}

// folderWritable tells whether a file can be put in the place of this one.
func folderWritable(path string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	t, err := os.CreateTemp(filepath.Dir(path), ".gateway-*")
	if err != nil {
		return err
	}
	return errors.Join(t.Close(), os.Remove(t.Name()))
}

// readIfThere returns the content of a file, nil if there is none.
func readIfThere(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if b == nil && err == nil {
		b = []byte{}
	}
	return b, err
}

// changed says which lines differ: those between what both begin and end with.
func changed(path string, was, is []byte) *ChangedError {
	a, b := strings.Split(string(was), "\n"), strings.Split(string(is), "\n")
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	m := 0
	for m < min(len(a), len(b))-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return &ChangedError{path, n + 1, a[n : len(a)-m], b[n : len(b)-m]}
}

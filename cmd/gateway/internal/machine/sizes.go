package machine

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// sizesAge is how long what folders hold is believed: to count a folder of
// thousands of files again for every look would cost more than it says.
const sizesAge = 30 * time.Second

// maxFiles is how many files of a folder are counted.
const maxFiles = 100_000

// sizes remembers what folders hold.
type sizes struct {
	mu  sync.Mutex
	all map[string]size
}

type size struct {
	bytes int64
	at    time.Time
}

// FolderSize returns what the files in a folder take, bytes, without those of the
// folders within it that are named; 0 if there is none. It is up to half a minute
// old.
func (m *Machine) FolderSize(folder string, without ...string) int64 {
	m.sizes.mu.Lock()
	defer m.sizes.mu.Unlock()
	now := time.Now()
	if s, ok := m.sizes.all[folder]; ok && now.Sub(s.at) < sizesAge && now.Sub(s.at) >= 0 {
		return s.bytes
	}
	n := measureFolder(folder, without)
	if m.sizes.all == nil {
		m.sizes.all = make(map[string]size)
	}
	m.sizes.all[folder] = size{n, now}
	return n
}

func measureFolder(folder string, without []string) (total int64) {
	skip := make(map[string]bool)
	for _, w := range without {
		skip[filepath.Clean(w)] = true
	}
	files := 0
	_ = filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone meanwhile, or not ours to see
		case e.IsDir() && skip[name]:
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		if files++; files > maxFiles {
			return fs.SkipAll
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}

package door

import (
	"os"
	"slices"
)

// stamp is what tells whether a file has changed. Links are followed, so a
// link that points elsewhere is a change, as certbot renews.
type stamp struct {
	path string
	info os.FileInfo // nil if the file cannot be looked at
}

// stampsOf returns the stamps of all files of t.
func stampsOf(t TLS) (stamps []stamp) {
	for _, path := range []string{t.Certificate, t.Key, t.ClientCA, t.CRL} {
		if path == "" {
			continue
		}
		s := stampOf(path)
		stamps = append(stamps, s)
		if s.info != nil && s.info.IsDir() {
			inside, _ := filesOf(path) // an error is found when they are read
			for _, p := range inside {
				stamps = append(stamps, stampOf(p))
			}
		}
	}
	return stamps
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{path: path}
	}
	return stamp{path, info}
}

func sameStamps(a, b []stamp) bool { return slices.EqualFunc(a, b, stamp.same) }

func (s stamp) same(other stamp) bool {
	if s.path != other.path || s.info == nil || other.info == nil {
		return s.path == other.path && s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

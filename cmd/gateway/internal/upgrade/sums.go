package upgrade

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sums are the hashes of a release, by the name of the file.
type sums map[string][sha256.Size]byte

// parseSums reads what sha256sum writes.
func parseSums(file []byte) (sums, error) {
	s := make(sums)
	n := 0
	for line := range strings.Lines(string(file)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		digits, name, ok := strings.Cut(line, " ")
		name = strings.TrimPrefix(strings.TrimPrefix(name, " "), "*") // of a binary file
		sum, err := hex.DecodeString(digits)
		switch {
		case !ok || err != nil || len(sum) != sha256.Size || !plainName(name):
			return nil, fmt.Errorf("line %d is not a hash of 64 digits, two spaces, and the name of a file in the same folder", n)
		case s.has(name):
			return nil, fmt.Errorf("line %d names %s again", n, name)
		}
		s[name] = [sha256.Size]byte(sum)
	}
	if len(s) == 0 {
		return nil, errors.New("it names no file")
	}
	return s, nil
}

func (s sums) has(name string) bool { _, ok := s[name]; return ok }

// plainName says whether a name is one of a file in a folder, and of nothing else,
// wherever that folder is.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\?#%:`, r)
	})
}

// archive is the name of one, taken apart.
type archive struct {
	name, version, board string
}

// parseArchive reads gateway_VERSION_linux_BOARD.tar.gz.
func parseArchive(name string) (archive, bool) {
	stem, isArchive := strings.CutSuffix(name, ".tar.gz")
	parts := strings.Split(stem, "_")
	if !isArchive || len(parts) != 4 || parts[0] != "gateway" || parts[2] != "linux" || parts[1] == "" {
		return archive{}, false
	}
	return archive{name, parts[1], parts[3]}, true
}

// newest returns the archive of the newest version for the first of the boards that
// there is one for.
func (s sums) newest(boards []string) (archive, error) {
	for _, b := range boards {
		var best archive
		for _, name := range slices.Sorted(maps.Keys(s)) {
			a, ok := parseArchive(name)
			if !ok || a.board != b {
				continue
			}
			if c, err := Compare(a.version, best.version); best.name == "" || err == nil && c > 0 {
				best = a
			}
		}
		if best.name != "" {
			return best, nil
		}
	}
	return archive{}, fmt.Errorf("there is no archive for this board in it, such as gateway_VERSION_linux_%s.tar.gz", boards[0])
}

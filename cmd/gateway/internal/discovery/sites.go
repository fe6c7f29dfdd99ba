package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"gateway/bridge/statefile"
)

// sitesFile lists, in the folder of discovery, the sites that may be announced.
const sitesFile = "sites.json"

// sites are those of which something that this gateway has published may be
// retained: today's, and an earlier one until all of it is cleared. By them it knows
// its own messages from those of another gateway, which a bridge may have brought.
// They are on disk before the first message of a site is.
type sites struct {
	file string // "" if nothing outlives a restart, and so no message does
	all  []string
}

// readSites reads what there is; a damaged list is none.
func readSites(folder string, log *slog.Logger) *sites {
	s := new(sites)
	if folder == "" {
		return s
	}
	s.file = filepath.Join(folder, sitesFile)
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s
	}
	if err == nil {
		err = json.Unmarshal(text, &s.all)
	}
	if err != nil {
		s.all = nil
		log.Warn("if the site was renamed, devices of the old one stay in Home Assistant: delete them there", "file", s.file, "error", err)
	}
	return s
}

// have tells whether a node is of one of the sites.
func (s *sites) have(node string) bool {
	return slices.ContainsFunc(s.all, func(site string) bool { return isOf(node, site) })
}

// note makes the sites today's and those of others that needed tells of.
func (s *sites) note(today string, needed func(site string) bool) error {
	all := []string{today}
	for _, site := range s.all {
		if site != today && needed(site) {
			all = append(all, site)
		}
	}
	if slices.Equal(all, s.all) {
		return nil
	}
	if s.file != "" {
		text, err := json.Marshal(all)
		if err == nil {
			err = statefile.Replace(s.file, append(text, '\n'))
		}
		if err != nil {
			return fmt.Errorf("note the site that is announced: %w", err)
		}
	}
	s.all = all
	return nil
}

package backup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/config"
)

// format is the version of what a backup looks like.
const format = 1

// The parts of a backup.
const (
	manifestName = "manifest.json"
	configName   = "config/gateway.yaml"
	configPart   = "config/"
	storePart    = "store/"
	statePart    = "state/"
)

// Manifest says what is in a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the gateway that wrote it
	Host    string    `json:"host"`
	Created time.Time `json:"created"`
	Config  string    `json:"config"` // where the configuration was, "" if there was none
	History bool      `json:"history"`
	LeftOut []string  `json:"left_out"` // files that the configuration names and that are not in it
	Files   []File    `json:"files"`
}

// File is a file of a backup.
type File struct {
	Name   string      `json:"name"`           // in the archive
	Path   string      `json:"path,omitempty"` // where it is on the machine, if it is none of the state's folder
	Mode   fs.FileMode `json:"mode"`
	Size   int64       `json:"size"`
	SHA256 string      `json:"sha256"`
}

// check tells what is wrong with a manifest.
func (m *Manifest) check() error {
	if m.Format < 1 || m.Format > format {
		return fmt.Errorf("is of format %d, and this gateway knows formats up to %d; restore it with the version that wrote it, %s, or a newer one", m.Format, format, cmp.Or(m.Version, "unknown"))
	}
	for _, f := range m.Files {
		if !validName(f.Name) {
			return fmt.Errorf("names a file %q, which no backup has", f.Name)
		}
	}
	return nil
}

// validName tells whether a backup may have a file of that name: it stays in the
// folder that it is unpacked to.
func validName(name string) bool {
	inPart := slices.ContainsFunc([]string{configPart, storePart, statePart}, func(p string) bool { return strings.HasPrefix(name, p) })
	return inPart && path.Clean(name) == name && fs.ValidPath(name) && !strings.ContainsAny(name, "\\\x00")
}

// named returns the files that a configuration names: those of passwords and
// rules, which are kept, and those of certificates and keys, which are not.
func named(cfg *config.Config) (kept, left []string) {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if !f.IsExported() {
					continue
				}
				key := f.Tag.Get("yaml")
				if text := v.Field(i); text.Kind() == reflect.String && text.String() != "" {
					switch {
					case strings.HasSuffix(key, "_file"):
						kept = append(kept, text.String())
					case slices.Contains([]string{"certificate", "key", "client_ca", "crl", "ca", "pin"}, key) && filepath.IsAbs(text.String()):
						left = append(left, text.String())
					}
					continue
				}
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(cfg))
	slices.Sort(kept)
	slices.Sort(left)
	return slices.Compact(kept), slices.Compact(left)
}

// errTorn is that a backup has no end.
var errTorn = errors.New("the backup is not whole: its end is missing; copy it again")

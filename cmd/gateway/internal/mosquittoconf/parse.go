package mosquittoconf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Place is a line of a file. The zero Place is nowhere.
type Place struct {
	File string
	Line int // from 1
}

func (p Place) String() string {
	if p.File == "" {
		return "command line"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Note is something to know about a directive that was not carried over.
type Note struct {
	Place     Place
	Directive string
	Text      string
	Warning   bool // a client or a user may notice
}

func (n Note) String() string { return fmt.Sprintf("%v: %s: %s", n.Place, n.Directive, n.Text) }

// Problem is one thing that is wrong.
type Problem struct {
	Place Place
	Text  string // begins with the directive
}

// Error is everything that is wrong with a configuration.
type Error struct {
	Problems []Problem // in the order of the files
}

// Error shows each problem with its file and line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("%v: %s", p.Place, p.Text)
	}
	return strings.Join(lines, "\n")
}

// line is a directive of a file.
type line struct {
	Place
	name, rest string
	first      bool // of its file
	included   bool // by include_dir
}

// Bounds that no configuration needs to come near.
const (
	maxSize  = 1 << 20 // of a file, bytes
	maxFiles = 1000    // in an include_dir
)

// readLines returns the directives of a file, which may not be readable.
func readLines(name string) ([]line, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s: has more than %d bytes, which is no configuration", name, maxSize)
	}
	return split(name, string(data)), nil
}

// split returns the directives of a file's content.
func split(name, content string) []line {
	var lines []line
	for i, text := range strings.Split(content, "\n") {
		text = strings.Trim(text, " \t\r")
		if text == "" || text[0] == '#' {
			continue
		}
		directive, rest := text, ""
		if end := strings.IndexAny(text, " \t"); end >= 0 {
			directive, rest = text[:end], strings.TrimLeft(text[end:], " \t")
		}
		lines = append(lines, line{Place: Place{name, i + 1}, name: directive, rest: rest, first: len(lines) == 0})
	}
	return lines
}

// included returns the files of an include_dir in Mosquitto's order: that of
// the alphabet, and A before a.
func included(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s: has more than %d files", folder, maxFiles)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	for i := range names {
		names[i] = filepath.Join(folder, names[i])
	}
	return names, nil
}

// readAll returns the directives of a file and of those that it includes.
func (c *conversion) readAll(name string) ([]line, error) {
	main, err := readLines(name)
	if err != nil {
		return nil, err
	}
	var all []line
	for _, l := range main {
		if l.name != "include_dir" {
			all = append(all, l)
			continue
		}
		if l.rest == "" {
			c.wrong(l, "names no folder; write include_dir /etc/mosquitto/conf.d")
			continue
		}
		names, err := included(l.rest)
		if err != nil {
			c.wrong(l, "%v", err)
			continue
		}
		for _, n := range names {
			more, err := readLines(n)
			if err != nil {
				c.wrong(l, "%v", err)
			}
			for i := range more {
				more[i].included = true
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// wrong notes a problem of a line.
func (c *conversion) wrong(l line, format string, args ...any) {
	name := strings.ToValidUTF8(l.name, "\uFFFD")
	if utf8.RuneCountInString(name) > 60 {
		name = string([]rune(name)[:60]) + "…"
	}
	c.problems = append(c.problems, Problem{l.Place, name + ": " + fmt.Sprintf(format, args...)})
}

// err returns everything that is wrong, nil if nothing is.
func (c *conversion) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	before := c.order()
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return before(a.Place, b.Place) })
	return &Error{slices.Compact(c.problems)}
}

// sortNotes puts the notes into the order of the files.
func (c *conversion) sortNotes() {
	before := c.order()
	slices.SortStableFunc(c.out.Notes, func(a, b Note) int { return before(a.Place, b.Place) })
}

// order returns a comparison of places by the order in which they were read.
func (c *conversion) order() func(a, b Place) int {
	files := make(map[string]int)
	for _, l := range c.lines {
		if _, ok := files[l.File]; !ok {
			files[l.File] = len(files) + 1
		}
	}
	return func(a, b Place) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line))
	}
}

// errEmpty means that a directive has no value.
var errEmpty = errors.New("has no value")

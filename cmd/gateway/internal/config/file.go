package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// file is a configuration file while it is read.
type file struct {
	name     string
	lines    []string
	places   map[string]place // of each value, by its key path
	unread   []string         // key paths of values that could not be read
	problems []Problem
	broken   bool // it is not YAML, so that there is nothing to validate
}

// place is where something stands in the file; the zero place is nowhere.
type place struct{ line, column int } // both from 1, the column in characters

// Problem is one thing that is wrong.
type Problem struct {
	Line, Column int    // from 1; 0 if it is not about a place
	Text         string // begins with the key, if it is about one
	Source       string // the line
}

// Error is everything that is wrong with a file.
type Error struct {
	Name     string
	Problems []Problem // in the order of the file
}

// Error shows each problem with its line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.Line == 0 {
			fmt.Fprintf(&b, "%s: %s", e.Name, p.Text)
			continue
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s\n%5d | %s\n%5s | %s^", e.Name, p.Line, p.Column, p.Text, p.Line, p.Source, "", indent(p.Source, p.Column-1))
	}
	return b.String()
}

// indent is as wide as the first n characters of a line.
func indent(line string, n int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i == n {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\ufeff"

func newFile(name string, data []byte) *file {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	return &file{name: name, lines: lines, places: make(map[string]place)}
}

// add notes a problem at a place.
func (f *file) add(at place, format string, args ...any) {
	p := Problem{Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)}
	if at.line >= 1 && at.line <= len(f.lines) {
		p.Source = strings.ToValidUTF8(f.lines[at.line-1], "\uFFFD")
		p.Column = max(1, min(p.Column, utf8.RuneCountInString(p.Source)+1))
	} else {
		p.Line = 0
	}
	f.problems = append(f.problems, p)
}

// report notes what a part says about its configuration. Each error begins
// with a key, a colon and a space; prefix makes the key one of the file.
func (f *file) report(prefix string, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			f.report(prefix, e)
		}
		return
	}
	key, text, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		key, text = "", err.Error()
	}
	if f.isUnread(prefix + key) {
		return // it was said what is wrong there
	}
	var c interface {
		error
		Choices() (string, []string)
	}
	if errors.As(err, &c) {
		if near := Nearest(c.Choices()); near != "" {
			text += fmt.Sprintf(", did you mean %q?", near)
		}
	}
	f.add(f.placeOf(prefix+key), "%s%s: %s", prefix, key, text)
}

// isUnread tells whether the value of key, or one around it, is not what the
// file says because that could not be read.
func (f *file) isUnread(key string) bool {
	return slices.ContainsFunc(f.unread, func(u string) bool {
		rest, ok := strings.CutPrefix(key, u)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// placeOf returns where a key stands or, if the file does not have it, the
// nearest thing around it that the file has.
func (f *file) placeOf(key string) place {
	for {
		if at, ok := f.places[key]; ok {
			return at
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return place{}
		}
		key = key[:i]
	}
}

func (f *file) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{f.name, f.problems}
}

// Nearest returns the allowed word that word was probably meant to be, ""
// if none is near.
func Nearest(word string, allowed []string) string {
	best, near := "", 1+min(3, max(1, utf8.RuneCountInString(word)/3))
	for _, a := range allowed {
		if d := distance([]rune(strings.ToLower(word)), []rune(a)); d < near {
			best, near = a, d
		}
	}
	return best
}

// distance returns the number of letters to insert, remove, replace or swap
// with their neighbour that makes b of a (optimal string alignment).
func distance(a, b []rune) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	before := make([]int, len(b)+1)
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

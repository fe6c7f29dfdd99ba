package mosquittoconf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// value is what stands behind a directive.
type value struct {
	text   string
	yes    bool
	number int64
	words  []string
	extra  string // what Mosquitto passes over: the rest of the line
}

// kind reads a value out of the rest of a line.
type kind func(rest string) (value, error)

// word returns the first word of rest, and what follows it unless that is a
// comment, which Mosquitto does not have and does not mind either.
func word(rest string) (first, extra string) {
	first = rest
	if end := strings.IndexAny(rest, " \t"); end >= 0 {
		first, extra = rest[:end], strings.TrimLeft(rest[end:], " \t")
	}
	if strings.HasPrefix(extra, "#") {
		extra = ""
	}
	return first, extra
}

// yesNo is true or false.
func yesNo(rest string) (value, error) {
	first, extra := word(rest)
	switch first {
	case "":
		return value{}, errEmpty
	case "true", "1":
		return value{yes: true, extra: extra}, nil
	case "false", "0":
		return value{extra: extra}, nil
	}
	return value{}, fmt.Errorf("%q is neither true nor false", first)
}

// number is a whole number from low to high, which like C's may be written in
// base 8 or 16.
func number(low, high int64) kind {
	return func(rest string) (value, error) {
		first, extra := word(rest)
		if first == "" {
			return value{}, errEmpty
		}
		n, err := strconv.ParseInt(first, 0, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) || err == nil && (n < low || n > high):
			return value{}, fmt.Errorf("%s is out of range, %d to %d", first, low, high)
		case err != nil:
			return value{}, fmt.Errorf("%q is not a whole number", first)
		}
		return value{number: n, extra: extra}, nil
	}
}

// text is the rest of the line, spaces and all.
func text(rest string) (value, error) {
	switch {
	case rest == "":
		return value{}, errEmpty
	case !utf8.ValidString(rest):
		return value{}, errors.New("is not text in UTF-8")
	case len(rest) > 65535:
		return value{}, errors.New("is longer than 65535 bytes")
	case strings.ContainsFunc(rest, unicode.IsControl):
		return value{}, errors.New("has a tab or another control character in its value; write spaces")
	}
	return value{text: rest}, nil
}

// oneOf is one of several words.
func oneOf(allowed ...string) kind {
	return func(rest string) (value, error) {
		first, extra := word(rest)
		switch {
		case first == "":
			return value{}, errEmpty
		case !slices.Contains(allowed, first):
			return value{}, fmt.Errorf("%q is unknown; %s", first, strings.Join(allowed, ", "))
		}
		return value{text: first, extra: extra}, nil
	}
}

// words is at least one word.
func words(rest string) (value, error) {
	v, err := text(rest)
	if err != nil {
		return v, err
	}
	v.words = strings.Fields(rest)
	if i := slices.IndexFunc(v.words, func(w string) bool { return w[0] == '#' }); i > 0 {
		v.words = v.words[:i]
	}
	return v, nil
}

// anything is for directives whose value does not matter here.
func anything(rest string) (value, error) { return value{text: rest}, nil }

// duration is a number and h, d, w, m or y, as seconds.
func duration(rest string) (value, error) {
	first, extra := word(rest)
	if first == "" {
		return value{}, errEmpty
	}
	const day = 24 * 3600
	units := map[byte]int64{'s': 1, 'h': 3600, 'd': day, 'w': 7 * day, 'm': 30 * day, 'y': 365 * day}
	unit, ok := units[first[len(first)-1]]
	n, err := strconv.ParseInt(first[:len(first)-1], 10, 32)
	if !ok || err != nil || n < 0 {
		return value{}, fmt.Errorf("%q is no duration; a number followed by h, d, w, m or y, such as 14d", first)
	}
	return value{number: n * unit, extra: extra}, nil
}

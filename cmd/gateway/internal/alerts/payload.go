package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxPayload is the longest payload that is looked into, bytes.
const maxPayload = 256 << 10

// payload is a message's, read once for all rules.
type payload struct {
	plain     float64 // valid if number
	number    bool
	object    any       // of JSON; nil if it is none
	time      time.Time // of the measurement; zero if it does not say
	unsynced  bool      // time is of a clock that was not set
	simulated bool
}

// readPayload reads what was published: a plain number, a word for one of two
// states, or JSON. No bytes are too odd for it.
func readPayload(b []byte) (p payload) {
	if len(b) == 0 || len(b) > maxPayload {
		return p
	}
	text := strings.TrimSpace(string(b))
	if p.plain, p.number = plainNumber(text); p.number {
		return p
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&p.object) != nil {
		return payload{}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return payload{} // two values are none
	}
	members, _ := p.object.(map[string]any)
	if s, ok := members["time"].(string); ok {
		p.time, _ = time.Parse(time.RFC3339Nano, s)
	}
	p.unsynced = members["clock"] == "unsynced"
	p.simulated = members["simulated"] == true
	return p
}

// plainNumber reads a payload that is nothing but a number, or the word for one
// of two states.
func plainNumber(text string) (float64, bool) {
	if x, ok := word(text); ok {
		return x, true
	}
	return finite(text)
}

// word returns the state that a text is, as history has it.
func word(text string) (float64, bool) {
	switch strings.ToLower(text) {
	case "on", "true", "open":
		return 1, true
	case "off", "false", "closed":
		return 0, true
	}
	return 0, false
}

func finite(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, false
	}
	return x, true
}

// at returns the number at a key path, "" for a plain one.
func (p payload) at(key string) (float64, bool) {
	if key == "" {
		if p.object != nil {
			return leaf(p.object)
		}
		return p.plain, p.number
	}
	return find(p.object, key)
}

// find looks for a number below v. Names may have dots in them: the path a.b is
// the member b of a, or the member "a.b".
func find(v any, path string) (float64, bool) {
	switch v := v.(type) {
	case map[string]any:
		if inner, ok := v[path]; ok {
			if x, ok := leaf(inner); ok {
				return x, true
			}
		}
		for i := range len(path) {
			if path[i] != '.' {
				continue
			}
			if inner, ok := v[path[:i]]; ok {
				if x, ok := find(inner, path[i+1:]); ok {
					return x, true
				}
			}
		}
	case []any:
		name, rest, deeper := strings.Cut(path, ".")
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(v) {
			return 0, false
		}
		if !deeper {
			return leaf(v[i])
		}
		return find(v[i], rest)
	}
	return 0, false
}

// leaf returns the number that a JSON value is.
func leaf(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		return finite(v.String())
	case string:
		return word(v)
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

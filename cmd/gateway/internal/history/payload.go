package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What of one message is looked at.
const (
	maxPayload = 64 << 10 // bytes
	maxDepth   = 6        // of keys within keys
	maxLeaves  = 100      // numbers
	maxItems   = 16       // of a list
	maxKey     = 200      // bytes of all keys that lead to a number
)

// leaf is a number in a payload.
type leaf struct {
	key    string // "temperature", "ENERGY.Power.0"; "" of a payload that is a number
	value  float64
	binary bool // it was a word for one of two states
}

// message is what history reads in a payload.
type message struct {
	leaves    []leaf
	times     []stamp // what may be the time of measurement, the likeliest first
	simulated bool
	unsynced  bool   // times are of a clock that was not set
	boot      string // whose clock that was
	units     units
}

// stamp is a value that may be a time.
type stamp struct {
	rank  int
	value any // string or float64
}

// timeKeys are what the time of a measurement is called, the likeliest first.
var timeKeys = []string{"time", "timestamp", "ts", "last_seen", "lastseen", "datetime", "unixtime"}

// leaveOut are keys whose numbers say nothing of the world: they name a message
// or a device, or count messages. What is below them is left out, too.
var leaveOut = map[string]bool{
	"time": true, "timestamp": true, "ts": true, "last_seen": true, "lastseen": true, "datetime": true, "unixtime": true,
	"id": true, "uid": true, "uuid": true, "mac": true, "device_id": true, "deviceid": true, "msg_id": true, "msgid": true, "message_id": true,
	"seq": true, "sequence": true, "counter_id": true, "boot": true, "clock": true, "simulated": true,
	"version": true, "update": true, "update_available": true, "last_restart_ts": true, "cfg_rev": true,
	"elapsed": true, "device": true, "src": true, "dst": true,
}

// words are the two states of things.
var words = map[string]float64{"on": 1, "true": 1, "open": 1, "off": 0, "false": 0, "closed": 0}

// word returns the state that a text is, in any case.
func word(s string) (x float64, ok bool) {
	if len(s) > 6 {
		return 0, false
	}
	x, ok = words[strings.ToLower(s)]
	return x, ok
}

// number reads a number as JSON and people write it; no NaN, and no 0x10.
func number(s string) (x float64, ok bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsInf(x, 0) && !math.IsNaN(x)
}

// begins tells by its beginning whether a payload may have numbers, which is
// asked for every message that is published.
func begins(payload []byte) bool {
	for _, c := range payload {
		switch {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			continue
		case '0' <= c && c <= '9':
			return true
		}
		return strings.IndexByte("{[\"+-.tTfFoOcC", c) >= 0
	}
	return false
}

// read returns what there is in a payload. A payload that is nothing we know has
// no leaves.
func read(payload []byte) (m message) {
	if len(payload) > maxPayload {
		return m
	}
	text := bytes.TrimSpace(payload)
	if len(text) == 0 {
		return m
	}
	if text[0] != '{' && text[0] != '[' {
		text := strings.Trim(string(text), `"`)
		if x, ok := number(text); ok && payload[0] != '"' {
			m.leaves = []leaf{{"", x, false}}
		} else if x, ok := word(text); ok {
			m.leaves = []leaf{{"", x, true}}
		}
		return m
	}
	w := walker{dec: json.NewDecoder(bytes.NewReader(text)), m: &m}
	w.dec.UseNumber()
	err := w.value("", 0)
	if _, more := w.dec.Token(); err != nil || !errors.Is(more, io.EOF) {
		return message{} // half a payload says nothing
	}
	return m
}

// walker goes through a JSON value.
type walker struct {
	dec *json.Decoder
	m   *message
}

// value takes the next value, to which key leads.
func (w *walker) value(key string, depth int) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return w.within(t, key, depth+1)
	case json.Number:
		if x, ok := number(t.String()); ok {
			w.leaf(key, x, false)
		}
	case bool:
		x := 0.0
		if t {
			x = 1
		}
		w.leaf(key, x, true)
	case string:
		if x, ok := word(t); ok {
			w.leaf(key, x, true)
		}
	}
	return nil
}

func (w *walker) leaf(key string, x float64, binary bool) {
	if key == "linkquality" {
		w.m.units.zigbee = true
	}
	if len(w.m.leaves) < maxLeaves {
		w.m.leaves = append(w.m.leaves, leaf{key, x, binary})
	}
}

// within takes what is in an object or a list, and its end.
func (w *walker) within(open json.Delim, key string, depth int) error {
	for i := 0; w.dec.More(); i++ {
		name := strconv.Itoa(i)
		if open == '{' {
			t, err := w.dec.Token()
			if err != nil {
				return err
			}
			name, _ = t.(string)
		}
		if depth > maxDepth || open == '[' && i >= maxItems {
			if err := w.skip(); err != nil {
				return err
			}
			continue
		}
		if err := w.member(open, key, name, depth); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w *walker) skip() error {
	var raw json.RawMessage
	return w.dec.Decode(&raw)
}

// member takes one member of what key leads to.
func (w *walker) member(open json.Delim, key, name string, depth int) error {
	path := name
	if key != "" {
		path = key + "." + name
	}
	if open == '[' {
		return w.value(path, depth)
	}
	lower := strings.ToLower(name)
	if depth == 1 || key == "params" {
		if done, err := w.about(lower, depth); done || err != nil {
			return err
		}
	}
	if leaveOut[lower] || len(path) > maxKey || !printable(name) {
		return w.skip()
	}
	return w.value(path, depth)
}

// about takes what says something about the message: its time, its clock. It
// reports whether it has taken the value.
func (w *walker) about(name string, depth int) (done bool, err error) {
	rank := -1
	for i, k := range timeKeys {
		if k == name {
			rank = i + depth*len(timeKeys)
		}
	}
	unit := w.m.units.key(name)
	if rank < 0 && unit == nil && name != "clock" && name != "boot" && name != "simulated" {
		return false, nil
	}
	var raw any
	if err := w.dec.Decode(&raw); err != nil {
		return true, err
	}
	if n, ok := raw.(json.Number); ok {
		x, _ := number(n.String())
		raw = x
	}
	text, _ := raw.(string)
	switch {
	case rank >= 0:
		w.m.addTime(stamp{rank, raw})
	case unit != nil:
		*unit = text
	case depth > 1:
	case name == "clock":
		w.m.unsynced = text == "unsynced"
	case name == "boot":
		w.m.boot = text
	default:
		w.m.simulated = raw == true
	}
	return true, nil
}

// addTime keeps times by rank.
func (m *message) addTime(s stamp) {
	at := len(m.times)
	for at > 0 && m.times[at-1].rank > s.rank {
		at--
	}
	m.times = append(m.times, stamp{})
	copy(m.times[at+1:], m.times[at:])
	m.times[at] = s
}

func printable(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

package mosquittoconf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gateway/bridge"
)

// topic is a pattern, a direction, a QoS, a local and a remote prefix.
func (c *conversion) topic(v value) {
	words := quotedWords(v.text)
	if i := slices.IndexFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
		words = words[:i+1] // a comment
	}
	if len(words) > 5 {
		c.note(true, "%q is not read; the value ends before it", strings.Join(words[5:], " "))
	}
	field := func(i int, missing string) string {
		if i < len(words) {
			return words[i]
		}
		return missing
	}
	r := bridge.DefaultRoute()
	r.Filter, r.Direction, r.LocalPrefix, r.RemotePrefix = words[0], strings.ToLower(field(1, bridge.Out)), field(3, ""), field(4, "")
	var err error
	r.QoS, err = strconv.Atoi(field(2, "0"))
	switch {
	case r.Direction != bridge.In && r.Direction != bridge.Out && r.Direction != bridge.Both:
		c.wrong(c.now, "%q is no direction; in, out or both", r.Direction)
		return
	case err != nil || r.QoS < 0 || r.QoS > 2:
		c.wrong(c.now, "%q is no QoS; 0, 1 or 2", words[2])
		return
	case r.Filter == "" && (r.LocalPrefix == "" || r.RemotePrefix == ""):
		c.wrong(c.now, `an empty pattern needs a local and a remote prefix`)
		return
	}
	c.link.origins[fmt.Sprintf("topics[%d]", len(c.link.Topics))] = c.now
	c.link.Topics = append(c.link.Topics, r)
}

// quotedWords splits s, which is not empty, at spaces and tabs; a word in quotes
// may have them in it, or be empty.
func quotedWords(s string) []string {
	var words []string
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		if rest, ok := strings.CutPrefix(s, `"`); ok {
			if word, after, ok := strings.Cut(rest, `"`); ok && (after == "" || strings.ContainsAny(after[:1], " \t")) {
				words, s = append(words, word), after
				continue
			}
		}
		end := strings.IndexAny(s, " \t")
		if end < 0 {
			end = len(s)
		}
		words, s = append(words, s[:end]), s[end:]
	}
	return words
}

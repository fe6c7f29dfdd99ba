package alerts

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	maxMessage = 200 // characters of a rule's message
	maxText    = 500 // bytes of what becomes of it
)

// placeholders are what may stand in braces in a message.
func placeholders() []string {
	return []string{"name", "value", "unit", "topic", "limit", "site", "room", "sensor", "reason"}
}

// checkMessage tells whether s can be the message of a rule: text with names in
// braces, {value}, and {{ for a brace.
func checkMessage(s string) error {
	if n := utf8.RuneCountInString(s); n > maxMessage {
		return answer.Say("message.long", "has {n} characters, at most {most} are allowed", n, maxMessage)
	}
	if !utf8.ValidString(s) {
		return answer.Say("message.utf8", "is not valid UTF-8")
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return answer.Say("message.control", "contains a control character")
	}
	_, err := fill(s, nil)
	return err
}

// fill puts what names stand for into a message. Without names it only looks
// whether all of them are known.
func fill(s string, names map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "{")
		b.WriteString(before)
		if !found {
			return shorten(b.String()), nil
		}
		if after, brace := strings.CutPrefix(rest, "{"); brace {
			b.WriteByte('{')
			s = after
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", answer.Say("message.open", "a {open} has no {close}; write {twice} for the brace itself", "{", "}", "{{")
		}
		if !slices.Contains(placeholders(), name) {
			return "", answer.Say("message.unknown", "{name} is unknown; there are {names}", "{"+name+"}", "{"+strings.Join(placeholders(), "}, {")+"}")
		}
		b.WriteString(names[name])
		s = after
	}
}

// shorten cuts a text to maxText bytes, at a character.
func shorten(s string) string {
	if len(s) <= maxText {
		return s
	}
	for i := maxText; ; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i] + "…"
		}
	}
}

// says is what an alert tells of itself.
type says struct {
	rule   Rule
	topic  string
	title  string // of the value, in English
	unit   string
	reason Reason
	value  *float64
	limit  *float64
	status string // of the sensor, for Fault
}

// text is what is told of a firing alert.
func (s says) text() string {
	if s.rule.Message == "" {
		return shorten(s.plain())
	}
	levels := strings.SplitN(s.topic, "/", 4)
	names := map[string]string{
		"name": s.rule.Name, "topic": s.topic, "unit": s.unit, "value": numberText(s.value), "limit": numberText(s.limit), "reason": string(s.reason),
	}
	if s.reason == Missing {
		names["limit"] = durationText(s.rule.Missing)
	}
	if len(levels) >= 3 {
		names["site"], names["room"], names["sensor"] = levels[0], levels[1], levels[2]
	}
	text, err := fill(s.rule.Message, names)
	if err != nil {
		return shorten(s.plain()) // Validate lets no such message through
	}
	return text
}

// plain is the text of a rule that has none of its own.
func (s says) plain() string {
	switch s.reason {
	case Missing:
		return fmt.Sprintf("%s: no reading for %s", s.topic, durationText(s.rule.Missing))
	case Fault:
		return fmt.Sprintf("%s: the sensor is %s", s.topic, s.status)
	case "":
		return fmt.Sprintf("%s: ok", s.topic)
	}
	return fmt.Sprintf("%s: %s is %s, %s %s", s.topic, s.title, withUnit(s.value, s.unit), s.reason, withUnit(s.limit, s.unit))
}

// numberText writes a number as people do, with at most three digits behind the
// point.
func numberText(x *float64) string {
	if x == nil {
		return "–"
	}
	if math.Abs(*x) >= 1e15 || *x != 0 && math.Abs(*x) < 0.001 {
		return strconv.FormatFloat(*x, 'g', 4, 64)
	}
	return strconv.FormatFloat(math.Round(*x*1000)/1000, 'f', -1, 64)
}

func withUnit(x *float64, unit string) string {
	if unit == "" {
		return numberText(x)
	}
	return numberText(x) + " " + unit
}

// durationText writes 10m0s as 10m.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

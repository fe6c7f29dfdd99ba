package topic

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of a name and a filter.
const (
	maxBytes = 65535 // [MQTT-4.7.3-3]

	// MaxLevels is what Mosquitto allows too; it keeps the trees shallow.
	MaxLevels = 200
)

// SharePrefix begins the filter of a shared subscription,
// "$share/group/filter".
const SharePrefix = "$share/"

// CheckName tells whether s is a topic name, as a PUBLISH has it: at least a
// character [MQTT-4.7.3-1], no wildcards [MQTT-3.3.2-2] [MQTT-4.7.0-1], no control
// characters, of which U+0000 is one [MQTT-4.7.3-2], at most 200 levels.
func CheckName(s string) error {
	if err := check(s); err != nil {
		return err
	}
	if i := strings.IndexAny(s, "+#"); i >= 0 {
		return fmt.Errorf("topic %q: %q is a wildcard, and only allowed in a filter", s, s[i])
	}
	return nil
}

// CheckFilter tells whether s is a topic filter, as a SUBSCRIBE has it: '#'
// stands for all of the last level and is alone in it [MQTT-4.7.1-1], '+' is
// alone in its level [MQTT-4.7.1-2]. The filter of a shared subscription
// has a group of at least a character without wildcards
// [MQTT-4.8.2-1] [MQTT-4.8.2-2] and a filter behind it.
func CheckFilter(s string) error {
	if err := check(s); err != nil {
		return err
	}
	f := s
	if strings.HasPrefix(s, SharePrefix) {
		group, rest, ok := strings.Cut(s[len(SharePrefix):], "/")
		switch {
		case group == "" || !ok || rest == "":
			return fmt.Errorf("filter %q: want $share/group/filter", s)
		case strings.ContainsAny(group, "+#"):
			return fmt.Errorf("filter %q: the group %q of a shared subscription has a wildcard", s, group)
		}
		f = rest
	}
	for f, more := f, true; more; {
		var level string
		level, f, more = strings.Cut(f, "/")
		switch {
		case level == "#" && more:
			return fmt.Errorf("filter %q: '#' is only allowed as the last level", s)
		case len(level) > 1 && strings.Contains(level, "#"):
			return fmt.Errorf("filter %q: '#' stands for a whole level, as in \"a/#\"", s)
		case len(level) > 1 && strings.Contains(level, "+"):
			return fmt.Errorf("filter %q: '+' stands for a whole level, as in \"a/+/b\"", s)
		}
	}
	return nil
}

// check holds what names and filters have in common.
func check(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("topic is empty")
	case len(s) > maxBytes:
		return fmt.Errorf("topic of %d bytes: at most %d are allowed", len(s), maxBytes)
	case strings.Count(s, "/") >= MaxLevels:
		return fmt.Errorf("topic of %d levels: at most %d are allowed", strings.Count(s, "/")+1, MaxLevels)
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Errorf("topic %q: not valid UTF-8", s)
		}
		if r < ' ' || 0x7f <= r && r <= 0x9f {
			return fmt.Errorf("topic %q: contains the control character %U", s, r)
		}
		i += n
	}
	return nil
}

// SplitShare takes a shared subscription's filter apart; group is "" for a
// plain one. The filter must have passed [CheckFilter].
func SplitShare(filter string) (group, rest string) {
	if !strings.HasPrefix(filter, SharePrefix) {
		return "", filter
	}
	group, rest, _ = strings.Cut(filter[len(SharePrefix):], "/")
	return group, rest
}

// Match tells whether the filter matches the name. Wildcards in the first
// level do not match a name that begins with '$' [MQTT-4.7.2-1]; "a/#"
// matches "a" too. Both must have passed their check, and filter is without
// a share group.
func Match(filter, name string) bool {
	if name != "" && name[0] == '$' && filter != "" && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		n, nrest, nmore := strings.Cut(name, "/")
		if f != "+" && f != n {
			return false
		}
		switch {
		case !fmore && !nmore:
			return true
		case fmore && !nmore:
			return frest == "#"
		case !fmore:
			return false
		}
		filter, name = frest, nrest
	}
}

// Levels returns the number of levels of a name or a filter.
func Levels(s string) int { return strings.Count(s, "/") + 1 }

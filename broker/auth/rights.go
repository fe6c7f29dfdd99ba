package auth

import (
	"strings"

	"gateway/broker/topic"
)

// Rights are what one client may do. They are a snapshot that never changes
// and may be used by many goroutines. A nil *Rights allows everything.
type Rights struct {
	own      *list // of the client's user; shared by all clients of that user
	patterns list
}

// list holds rules, by filter. A nil *list holds none.
type list struct {
	tree   topic.Tree[access]
	rules  []rule
	levels int // of the longest filter
}

func (l *list) add(r rule) {
	l.tree.Add(r.filter, r.access)
	l.rules = append(l.rules, r)
	l.levels = max(l.levels, topic.Levels(r.filter))
}

// ask returns what the list says of a topic.
func (l *list) ask(name string, want access) (allowed, decided bool) {
	if l == nil {
		return false, false
	}
	var few [8]access // enough for most, without an allocation
	for _, a := range l.tree.Match(name, few[:0]) {
		if a == deny {
			return false, true
		}
		if a&want != 0 {
			allowed, decided = true, true
		}
	}
	return allowed, decided
}

func (r *Rights) may(name string, want access) bool {
	if r == nil {
		return true
	}
	if allowed, decided := r.own.ask(name, want); decided {
		return allowed
	}
	allowed, _ := r.patterns.ask(name, want)
	return allowed
}

// Publish tells whether the client may publish to a topic.
func (r *Rights) Publish(name string) bool { return r.may(name, write) }

// Receive tells whether the client may get messages of a topic.
func (r *Rights) Receive(name string) bool { return r.may(name, read) }

// Subscribe tells whether a subscription to a filter, without its share group,
// could bring the client any message: whether there is a name that the filter
// matches and that [Rights.Receive] allows. What it brings is asked message by
// message. It takes longer than the other two, and may allocate.
func (r *Rights) Subscribe(filter string) bool {
	if r == nil {
		return true
	}
	return r.reach(r.own, filter) || r.reach(&r.patterns, filter)
}

// reach tells whether a rule of l lets the client receive anything that filter
// matches.
func (r *Rights) reach(l *list, filter string) bool {
	if l == nil {
		return false
	}
	for _, rule := range l.rules {
		if rule.access&read == 0 {
			continue
		}
		if both, ok := meet(rule.filter, filter); ok && r.receiveAny(both) {
			return true
		}
	}
	return false
}

// other is a level that no rule names, for no filter may have it.
const other = "\x00"

// receiveAny tells whether the client may receive any name that filter, the
// meet with a rule that grants reading, matches. It is enough to try names
// with nothing but what the filter has and [other] in place of its wildcards:
// a rule that matches such a name matches every name of that many levels which
// the filter matches, so that whatever denies this one denies them all. Names
// longer than every rule are all alike.
func (r *Rights) receiveAny(filter string) bool {
	levels := strings.Split(filter, "/")
	open := levels[len(levels)-1] == "#"
	if open {
		levels = levels[:len(levels)-1]
	}
	for i := range levels {
		if levels[i] == "+" {
			levels[i] = other
		}
	}
	// "/#" matches what is before its slash too, but nothing is no name.
	if name := strings.Join(levels, "/"); name != "" && r.Receive(name) {
		return true
	}
	longest := r.patterns.levels
	if r.own != nil {
		longest = max(longest, r.own.levels)
	}
	for open && len(levels) < min(longest+1, topic.MaxLevels) {
		levels = append(levels, other)
		if r.Receive(strings.Join(levels, "/")) {
			return true
		}
	}
	return false
}

// meet returns the filter that matches the names which both filters match,
// false if there are none.
func meet(a, b string) (filter string, ok bool) {
	if dollar(a) != dollar(b) && (wild(a) || wild(b)) {
		return "", false // [MQTT-4.7.2-1]
	}
	var out strings.Builder
	for {
		la, ra, moreA := strings.Cut(a, "/")
		lb, rb, moreB := strings.Cut(b, "/")
		switch {
		case la == "#":
			out.WriteString(b)
			return out.String(), true
		case lb == "#":
			out.WriteString(a)
			return out.String(), true
		case la != lb && la != "+" && lb != "+":
			return "", false
		case la == "+":
			out.WriteString(lb)
		default:
			out.WriteString(la)
		}
		switch {
		case !moreA && !moreB:
			return out.String(), true
		case !moreA:
			return out.String(), rb == "#" // "a/#" matches "a"
		case !moreB:
			return out.String(), ra == "#"
		}
		out.WriteByte('/')
		a, b = ra, rb
	}
}

// dollar tells whether a filter matches names that begin with '$'; wild, whether
// it begins with a wildcard.
func dollar(filter string) bool { return strings.HasPrefix(filter, "$") }
func wild(filter string) bool   { return filter[0] == '+' || filter[0] == '#' }

package auth

import (
	"strings"

	"gateway/broker/topic"
)

// Rights are what one client may do. They are a snapshot that never changes
// and may be used by many goroutines. A nil *Rights allows everything.
type Rights struct {
	own, patterns list
}

// list holds the rules that apply to one client, by filter.
type list struct {
	tree  topic.Tree[access]
	rules []rule
}

func (l *list) add(r rule) {
	l.tree.Add(r.filter, r.access)
	l.rules = append(l.rules, r)
}

// ask returns what the list says of a topic.
func (l *list) ask(name string, want access) (allowed, decided bool) {
	var few [8]access
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
// could bring the client any message. What it brings is asked message by
// message.
func (r *Rights) Subscribe(filter string) bool {
	if r == nil {
		return true
	}
	for _, l := range []*list{&r.own, &r.patterns} {
		granted := false
		for _, rule := range l.rules {
			if rule.access == deny && covers(rule.filter, filter) {
				return false
			}
			granted = granted || rule.access&read != 0 && overlap(rule.filter, filter)
		}
		if granted {
			return true
		}
	}
	return false
}

// overlap tells whether a name exists that both filters match.
func overlap(a, b string) bool {
	if dollar(a) != dollar(b) && (wild(a) || wild(b)) {
		return false // [MQTT-4.7.2-1]
	}
	for {
		la, ra, moreA := strings.Cut(a, "/")
		lb, rb, moreB := strings.Cut(b, "/")
		switch {
		case la == "#" || lb == "#":
			return true
		case la != lb && la != "+" && lb != "+":
			return false
		case !moreA && !moreB:
			return true
		case !moreA:
			return rb == "#"
		case !moreB:
			return ra == "#"
		}
		a, b = ra, rb
	}
}

// covers tells whether wide matches every name that narrow matches.
func covers(wide, narrow string) bool {
	if dollar(narrow) && wild(wide) {
		return false
	}
	for {
		w, rw, moreW := strings.Cut(wide, "/")
		n, rn, moreN := strings.Cut(narrow, "/")
		switch {
		case w == "#":
			return true
		case n == "#" || w != "+" && w != n:
			return false
		case !moreW && !moreN:
			return true
		case !moreN:
			return rw == "#"
		case !moreW:
			return false
		}
		wide, narrow = rw, rn
	}
}

// dollar tells whether a filter matches names that begin with '$'; wild, whether
// it begins with a wildcard.
func dollar(filter string) bool { return strings.HasPrefix(filter, "$") }
func wild(filter string) bool   { return filter[0] == '+' || filter[0] == '#' }

package auth

import (
	"fmt"
	"strings"

	"gateway/broker/topic"
)

// access is what a rule gives. The zero access denies.
type access byte

const (
	deny      access = 0
	read      access = 1
	write     access = 2
	readwrite access = read | write
)

// parseAccess reads a word; "" is readwrite, as in Mosquitto's file.
func parseAccess(s string) (access, bool) {
	switch s {
	case "", "readwrite":
		return readwrite, true
	case "read":
		return read, true
	case "write":
		return write, true
	case "deny":
		return deny, true
	}
	return deny, false
}

// rule is one line of an ACL.
type rule struct {
	pattern bool   // for everybody, with %u and %c
	user    string // whom it is for otherwise; "" for anonymous clients
	filter  string
	access  access
}

// checkRule tells whether a rule's filter is one.
func checkRule(filter string, pattern bool) error {
	if strings.HasPrefix(filter, topic.SharePrefix) {
		return fmt.Errorf("the filter %q is one of a shared subscription; write what follows the group", filter)
	}
	if err := topic.CheckFilter(filter); err != nil {
		return err
	}
	if !pattern {
		return nil
	}
	for level := range strings.SplitSeq(filter, "/") {
		if level != "%u" && level != "%c" && (strings.Contains(level, "%u") || strings.Contains(level, "%c")) {
			return fmt.Errorf("in the pattern %q, %%u and %%c stand for a whole level", filter)
		}
	}
	return nil
}

// substitute returns a pattern for a client, false if it does not apply to it.
func substitute(pattern string, id Identity, clientID string) (filter string, ok bool) {
	var b strings.Builder
	for rest, more := pattern, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		switch level {
		case "%u":
			if id.User == "" {
				return "", false
			}
			level = id.User
		case "%c":
			if clientID == "" {
				return "", false
			}
			level = clientID
		}
		b.WriteString(level)
		if more {
			b.WriteByte('/')
		}
	}
	return b.String(), topic.CheckFilter(b.String()) == nil
}

// widens tells whether a name would make a pattern match more than one level.
func widens(name string) bool { return strings.ContainsAny(name, "+#/") }

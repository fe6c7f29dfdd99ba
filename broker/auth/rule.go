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

// checkRule tells whether a rule's filter is one. %u and %c of a pattern are
// ordinary text of a filter.
func checkRule(filter string) error {
	if strings.HasPrefix(filter, topic.SharePrefix) {
		return fmt.Errorf("the filter %q is one of a shared subscription; write what follows the group", filter)
	}
	return topic.CheckFilter(filter)
}

// substitute returns a pattern's filter for a client, false if it does not
// apply to it: the client lacks the name that the pattern has, or the name would
// make the pattern grant what its author did not mean. Neither name has a
// wildcard in it.
func (r rule) substitute(id Identity, clientID string) (filter string, ok bool) {
	if strings.Contains(r.filter, "%u") && id.User == "" || strings.Contains(r.filter, "%c") && clientID == "" {
		return "", false
	}
	if r.access != deny && (strings.Contains(r.filter, "%u") && strings.Contains(id.User, "/") ||
		strings.Contains(r.filter, "%c") && strings.Contains(clientID, "/")) {
		return "", false // it would be more levels than the pattern has
	}
	// One pass: a client id "%u" stays what it is.
	filter = strings.NewReplacer("%u", id.User, "%c", clientID).Replace(r.filter)
	if r.access != deny && filter[0] == '$' && r.filter[0] != '$' {
		// A client that calls itself $SYS would get the broker's own topics from
		// %c/#. Mosquitto 2.0 gives them.
		return "", false
	}
	return filter, topic.CheckFilter(filter) == nil
}

package topic

import "strings"

// Covers tells whether every name that matches the filter b matches the filter
// a, too. Both are valid and not shared.
func Covers(a, b string) bool {
	if a == "+/#" {
		a = "#" // a first level there always is
	}
	if hidden(a) != hidden(b) && !hidden(a) {
		return false // a wildcard at the beginning leaves out names that begin with $
	}
	return relate(a, b, func(x, y string) bool { return x == y || x == "+" && y != "#" }, false)
}

// Overlap tells whether some name matches both filters. Both are valid and not
// shared.
func Overlap(a, b string) bool {
	if hidden(a) && wild(b) || hidden(b) && wild(a) {
		return false
	}
	return relate(a, b, func(x, y string) bool { return x == y || x == "+" || y == "+" }, true)
}

// hidden tells whether a filter is for names that begin with $, which no
// wildcard at the beginning matches [MQTT-4.7.2-1].
func hidden(filter string) bool { return strings.HasPrefix(filter, "$") }

func wild(filter string) bool { return filter[0] == '+' || filter[0] == '#' }

// relate goes through the levels of both filters, of which each pair has to fit.
// # of a, and of b if both says so, fits whatever the other has left, nothing
// included.
func relate(a, b string, fit func(x, y string) bool, both bool) bool {
	for {
		x, restA, moreA := strings.Cut(a, "/")
		y, restB, moreB := strings.Cut(b, "/")
		switch {
		case x == "#", both && y == "#":
			return true
		case !fit(x, y):
			return false
		case !moreA && !moreB:
			return true
		case !moreA:
			return both && restB == "#" // "x/#" matches "x" [section 4.7.1.2]
		case !moreB:
			return restA == "#"
		}
		a, b = restA, restB
	}
}

package bridge

import (
	"cmp"
	"strings"

	"gateway/broker/topic"
)

// Directions of a route.
const (
	Out  = "out"
	In   = "in"
	Both = "both"
)

func (r Route) direction() string { return cmp.Or(r.Direction, Out) }
func (r Route) out() bool         { return r.direction() != In }
func (r Route) in() bool          { return r.direction() != Out }

// localFilter and remoteFilter choose the topics of the route on either side.
func (r Route) localFilter() string  { return r.LocalPrefix + r.Filter }
func (r Route) remoteFilter() string { return r.RemotePrefix + r.Filter }

// routes map topics between the two sides. The first route that fits counts.
type routes struct {
	all     []Route
	replace string // characters that become an underscore upstream
	noDemo  bool   // the simulated house goes out by routes only that name it
}

// demo is the first level of the topics of the simulated house.
const demo = "demo"

// leavesOut tells whether r does not forward a local topic although it matches:
// it is of the simulated house, and only a wildcard of r says so.
func (rs routes) leavesOut(r Route, local string) bool {
	if !rs.noDemo {
		return false
	}
	first, _, _ := strings.Cut(local, "/")
	chosen, _, _ := strings.Cut(r.localFilter(), "/")
	return first == demo && chosen != demo
}

// outbound returns where a message of a local topic goes; false if nowhere.
func (rs routes) outbound(local string) (r Route, remote string, ok bool) {
	for _, r := range rs.all {
		if rest, ok := rest(local, r.LocalPrefix, r.Filter); r.out() && ok && !rs.leavesOut(r, local) {
			return r, rs.written(r.RemotePrefix + rest), true
		}
	}
	return Route{}, "", false
}

// inbound is the reverse.
func (rs routes) inbound(remote string) (r Route, local string, ok bool) {
	for _, r := range rs.all {
		if rest, ok := rest(remote, r.RemotePrefix, r.Filter); r.in() && ok {
			return r, r.LocalPrefix + rest, true
		}
	}
	return Route{}, "", false
}

// rest returns what follows the prefix of a name, if it matches the filter. "a/#"
// matches "a" too, where the prefix "a/" is not: that is not mapped.
func rest(name, prefix, filter string) (string, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	return rest, rest == filter || topic.Match(prefix+filter, name)
}

// written returns a topic as it can be written upstream.
func (rs routes) written(remote string) string {
	if rs.replace == "" || !strings.ContainsAny(remote, rs.replace) {
		return remote
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(rs.replace, c) {
			return '_'
		}
		return c
	}, remote)
}

// outFilters are what is queued here; latest are those of them of which only the
// newest message is.
func (rs routes) outFilters() (filters, latest []string) {
	for _, r := range rs.all {
		if !r.out() {
			continue
		}
		filters = append(filters, r.localFilter())
		if r.LatestOnly {
			latest = append(latest, r.localFilter())
		}
	}
	return filters, latest
}

// inRoutes are those to subscribe to upstream. One whose filter another covers
// at the same QoS or a higher one is left out: some upstreams send a message
// once for each subscription that fits.
func (rs routes) inRoutes() []Route {
	var in []Route
	for i, r := range rs.all {
		if !r.in() || covered(r, i, rs.all) {
			continue
		}
		in = append(in, r)
	}
	return in
}

func covered(r Route, at int, all []Route) bool {
	for i, other := range all {
		if i == at || !other.in() || other.QoS < r.QoS || !topic.Covers(other.remoteFilter(), r.remoteFilter()) {
			continue
		}
		if other.remoteFilter() != r.remoteFilter() || other.QoS > r.QoS || i < at {
			return true
		}
	}
	return false
}

// echoes tells whether a message that goes out may come back in, if the
// upstream sends it to all who have subscribed.
func (rs routes) echoes() bool {
	for _, out := range rs.all {
		for _, in := range rs.all {
			if out.out() && in.in() && topic.Overlap(rs.written(out.remoteFilter()), in.remoteFilter()) {
				return true
			}
		}
	}
	return false
}

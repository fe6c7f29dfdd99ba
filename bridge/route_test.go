package bridge

import (
	"slices"
	"testing"
)

// The rows of the table in mosquitto.conf(5), and what its examples say.
func TestMapping(t *testing.T) {
	for _, c := range []struct {
		route         Route
		local, remote string // a topic on either side
		out, in       bool
	}{
		{Route{Filter: "#", Direction: Both}, "a/b", "a/b", true, true},
		{Route{Filter: "#", Direction: Out, RemotePrefix: "pi/"}, "a/b", "pi/a/b", true, false},
		{Route{Filter: "#", Direction: In, RemotePrefix: "pi/"}, "a/b", "pi/a/b", false, true},
		{Route{Filter: "+/x", Direction: Both, LocalPrefix: "l/", RemotePrefix: "r/"}, "l/a/x", "r/a/x", true, true},
		{Route{Filter: "x", Direction: Both, LocalPrefix: "l/"}, "l/x", "x", true, true},
		{Route{Direction: Both, LocalPrefix: "l/one", RemotePrefix: "r/two"}, "l/one", "r/two", true, true},
		{Route{Filter: "t", Direction: Out}, "t", "t", true, false},
		{Route{Filter: "t"}, "t", "t", true, false}, // out is the default
	} {
		rs := routes{all: []Route{c.route}}
		if _, got, ok := rs.outbound(c.local); ok != c.out || ok && got != c.remote {
			t.Errorf("%+v: out %s becomes %q, %t", c.route, c.local, got, ok)
		}
		if _, got, ok := rs.inbound(c.remote); ok != c.in || ok && got != c.local {
			t.Errorf("%+v: in %s becomes %q, %t", c.route, c.remote, got, ok)
		}
	}
	rs := routes{all: []Route{{Filter: "#", Direction: Both, LocalPrefix: "l/", RemotePrefix: "r/"}}}
	for _, name := range []string{"l", "lx", "x/l/a", "$SYS/l"} {
		if _, got, ok := rs.outbound(name); ok {
			t.Errorf("%s goes out as %s", name, got)
		}
	}
}

func TestReplacedCharacters(t *testing.T) {
	rs := routes{all: []Route{{Filter: "#", RemotePrefix: "pi.1/"}}, replace: ".*"}
	if _, got, _ := rs.outbound("a.b/c*d"); got != "pi_1/a_b/c_d" {
		t.Errorf("it is written %s", got)
	}
}

// What another subscription covers is not asked for twice: ActiveMQ sends a
// message once for each.
func TestSubscriptionsDoNotOverlap(t *testing.T) {
	rs := routes{all: []Route{
		{Filter: "a/b", Direction: In, QoS: 1},
		{Filter: "a/#", Direction: In, QoS: 1},
		{Filter: "a/#", Direction: Both, QoS: 1},
		{Filter: "a/c", Direction: In, QoS: 2},
		{Filter: "b", Direction: Out},
	}}
	var got []string
	for _, r := range rs.inRoutes() {
		got = append(got, r.remoteFilter())
	}
	if want := []string{"a/#", "a/c"}; !slices.Equal(got, want) {
		t.Errorf("it subscribes to %v, want %v", got, want)
	}
}

func TestEchoesArePossible(t *testing.T) {
	for _, c := range []struct {
		routes []Route
		want   bool
	}{
		{[]Route{{Filter: "#"}}, false},
		{[]Route{{Filter: "#", Direction: Both}}, true},
		{[]Route{{Filter: "#", RemotePrefix: "pi1/"}, {Filter: "cmd/#", Direction: In}}, false},
		{[]Route{{Filter: "#", RemotePrefix: "pi1/"}, {Filter: "#", Direction: In, RemotePrefix: "pi1/", LocalPrefix: "up/"}}, true},
	} {
		if got := (routes{all: c.routes}).echoes(); got != c.want {
			t.Errorf("%+v: %t", c.routes, got)
		}
	}
}

// TestDemoStaysHere: what is made up goes upstream by a route only that names it.
func TestDemoStaysHere(t *testing.T) {
	for _, c := range []struct {
		local string
		route Route
		want  bool
	}{
		{"demo/kitchen/climate", Route{Filter: "#", Direction: Out}, false},
		{"demo/kitchen/climate", Route{Filter: "+/kitchen/#", Direction: Out}, false},
		{"demo/kitchen/climate", Route{Filter: "demo/#", Direction: Out}, true},
		{"demo/kitchen/climate", Route{Filter: "#", LocalPrefix: "demo/", Direction: Both}, true},
		{"demolition/kitchen/climate", Route{Filter: "#", Direction: Out}, true},
		{"home/kitchen/climate", Route{Filter: "#", Direction: Out}, true},
	} {
		if _, _, ok := (routes{all: []Route{c.route}, noDemo: true}).outbound(c.local); ok != c.want {
			t.Errorf("%s by %s%s: %v", c.local, c.route.LocalPrefix, c.route.Filter, ok)
		}
		if _, _, ok := (routes{all: []Route{c.route}}).outbound(c.local); !ok {
			t.Errorf("%s by %s%s with demo: true is left out", c.local, c.route.LocalPrefix, c.route.Filter)
		}
	}
	// A later route may name it.
	rs := routes{noDemo: true, all: []Route{{Filter: "#", Direction: Out, RemotePrefix: "a/"}, {Filter: "demo/#", Direction: Out, RemotePrefix: "b/"}}}
	if _, remote, _ := rs.outbound("demo/x"); remote != "b/demo/x" {
		t.Error(remote)
	}
}

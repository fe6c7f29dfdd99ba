package auth

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/broker/bench/machine"
	"gateway/broker/topic"
)

// rightsOf returns the rights that an ACL file gives a client.
func rightsOf(t *testing.T, acl, user, clientID string) *Rights {
	t.Helper()
	g, err := Open(Config{ACLFile: writeFile(t, "acl", acl)})
	if err != nil {
		t.Fatal(err)
	}
	return g.Rights(Identity{User: user}, clientID)
}

const houseACL = `# anonymous clients
topic read public/#
topic deny public/secret

user ann
topic house/#
topic deny house/safe/#
topic read $SYS/#
topic write with space/a b

user bob
topic read house/+/temperature

pattern readwrite users/%u/#
pattern write devices/%c/state
pattern deny users/+/locked
pattern read for/all
`

func TestRights(t *testing.T) {
	for _, tt := range []struct {
		user, id, topic string
		publish         bool
		receive         bool
	}{
		{"", "c", "public/a", false, true},
		{"", "c", "public", false, true},
		{"", "c", "public/secret", false, false},
		{"", "c", "publicly", false, false},
		{"", "c", "house/a", false, false},
		{"", "c", "users//x", false, false}, // no name: no %u
		{"", "c", "devices/c/state", true, false},
		{"", "d", "devices/c/state", false, false},
		{"ann", "c", "house", true, true},
		{"ann", "c", "house/a/b/c", true, true},
		{"ann", "c", "house/safe", false, false},
		{"ann", "c", "house/safe/door", false, false},
		{"ann", "c", "public/a", false, false},
		{"ann", "c", "users/ann/x", true, true},
		{"ann", "c", "users/ann/locked", false, false},
		{"ann", "c", "users/bob/x", false, false},
		{"ann", "c", "$SYS/broker/uptime", false, true},
		{"ann", "c", "with space/a b", true, false},
		{"bob", "c", "house/kitchen/temperature", false, true},
		{"bob", "c", "house/kitchen/temperature/x", false, false},
		{"bob", "c", "house/temperature", false, false},
		{"+", "c", "users/ann/x", false, false},
		{"#", "c", "users/ann/x", false, false},
		{"ann/x", "c", "users/ann/x/y", false, false},
		{"nobody", "+", "devices/c/state", false, false},
		{"nobody", "a/b", "devices/a/b/state", false, false},
		{"nobody", "a/b", "for/all", false, true},
		{"nobody", "a+b", "for/all", false, false},
	} {
		r := rightsOf(t, houseACL, tt.user, tt.id)
		if got := r.Publish(tt.topic); got != tt.publish {
			t.Errorf("%q (%s) may publish to %s: %v", tt.user, tt.id, tt.topic, got)
		}
		if got := r.Receive(tt.topic); got != tt.receive {
			t.Errorf("%q (%s) may receive %s: %v", tt.user, tt.id, tt.topic, got)
		}
	}
}

func TestRightsToSubscribe(t *testing.T) {
	for _, tt := range []struct {
		user, filter string
		want         bool
	}{
		{"", "public/#", true}, {"", "#", true}, {"", "+/a", true}, {"", "house/#", false}, {"", "public/secret", false},
		{"ann", "house/safe/#", false}, {"ann", "house/safe/+", false}, {"ann", "house/+/x", true}, {"ann", "#", true},
		{"ann", "$SYS/#", true}, {"ann", "with space/#", false}, {"ann", "+", true}, {"ann", "other/+", false},
		{"bob", "house/kitchen/temperature", true}, {"bob", "house/kitchen/+", true}, {"bob", "house/#", true},
		{"bob", "house/+", false}, {"bob", "$SYS/#", false}, {"bob", "+/+/+/+", true}, {"bob", "house/+/+/#", true},
		{"", "public/secret/#", true}, {"ann", "users/ann/locked", false}, {"ann", "house/safe", false},
		{"bob", "users/bob/#", true}, {"bob", "users/ann/#", false},
	} {
		if got := rightsOf(t, houseACL, tt.user, "c").Subscribe(tt.filter); got != tt.want {
			t.Errorf("%q may subscribe to %s: %v", tt.user, tt.filter, got)
		}
	}
}

// Without an ACL everything is allowed; an empty one allows nothing.
func TestNoRules(t *testing.T) {
	g, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r := g.Rights(Identity{}, "c"); r != nil || !r.Publish("a") || !r.Receive("$SYS/x") || !r.Subscribe("#") {
		t.Error("something is denied without an ACL")
	}
	if r := rightsOf(t, "", "ann", "c"); r.Publish("a") || r.Receive("a") || r.Subscribe("#") {
		t.Error("something is allowed by an empty ACL")
	}
}

// FuzzMeet holds meet to what it is about.
func FuzzMeet(f *testing.F) {
	f.Add("a/+/#", "#", "a/b/c")
	f.Add("$SYS/#", "+/x", "$SYS/x")
	f.Add("a/#", "a", "a")
	f.Fuzz(func(t *testing.T, a, b, name string) {
		if topic.CheckFilter(a) != nil || topic.CheckFilter(b) != nil || topic.CheckName(name) != nil {
			return
		}
		if strings.HasPrefix(a, topic.SharePrefix) || strings.HasPrefix(b, topic.SharePrefix) {
			return
		}
		both, ok := meet(a, b)
		want := topic.Match(a, name) && topic.Match(b, name)
		if got := ok && topic.Match(both, name); got != want {
			t.Fatalf("meet(%q, %q) = %q, %v; matches %q: %v", a, b, both, ok, name, got)
		}
		if ok && topic.CheckFilter(both) != nil {
			t.Fatalf("meet(%q, %q) = %q", a, b, both)
		}
		if back, ok2 := meet(b, a); back != both && ok || ok2 != ok {
			t.Fatalf("meet of %q and %q depends on the order", a, b)
		}
	})
}

// TestSubscribeIsExact asks of random rules and filters of at most three levels
// whether any of all names of at most four may be received.
func TestSubscribeIsExact(t *testing.T) {
	var names []string
	var grow func(prefix string, left int)
	grow = func(prefix string, left int) {
		for _, level := range []string{"a", "b", "other", "", "$d"} {
			if name := prefix + level; name != "" {
				names = append(names, name)
			}
			if left > 1 {
				grow(prefix+level+"/", left-1)
			}
		}
	}
	grow("", 4)
	rng := rand.New(rand.NewPCG(1, 2))
	filter := func() string {
		for {
			levels := make([]string, 1+rng.IntN(3))
			for i := range levels {
				levels[i] = []string{"a", "b", "", "+", "+", "#", "$d"}[rng.IntN(7)]
			}
			if f := strings.Join(levels, "/"); topic.CheckFilter(f) == nil {
				return f
			}
		}
	}
	yes := 0
	for range 2000 {
		r := &Rights{own: new(list)}
		for range rng.IntN(6) {
			r.own.add(rule{filter: filter(), access: access(rng.IntN(4))})
		}
		for range rng.IntN(6) {
			r.patterns.add(rule{filter: filter(), access: access(rng.IntN(4))})
		}
		f := filter()
		want := slices.ContainsFunc(names, func(name string) bool { return topic.Match(f, name) && r.Receive(name) })
		if want {
			yes++
		}
		if got := r.Subscribe(f); got != want {
			t.Fatalf("%q with %v and %v: %v", f, r.own.rules, r.patterns.rules, got)
		}
	}
	if yes < 200 || yes > 1800 {
		t.Errorf("%d of 2000 are allowed: the rules are no test", yes)
	}
}

// TestPatternDeniesDollar holds a pattern that denies to do so whatever a client
// calls itself, as Mosquitto's does.
func TestPatternDeniesDollar(t *testing.T) {
	const acl = "pattern deny %c/broker/load/#\npattern read $SYS/#\n"
	if r := rightsOf(t, acl, "ann", "$SYS"); r.Receive("$SYS/broker/load/sockets") || !r.Receive("$SYS/broker/uptime") {
		t.Error("a deny that begins with the client id is lost")
	}
}

// TestPatternNames holds names that clients choose to their level, and to what
// does not belong to the broker.
func TestPatternNames(t *testing.T) {
	const acl = "pattern read %c/#\npattern write pre-%u-%c/x\npattern read $SYS/%u\n"
	for _, tt := range []struct {
		user, id, topic  string
		publish, receive bool
	}{
		{"ann", "c", "c/x", false, true},
		{"ann", "c", "pre-ann-c/x", true, false},
		{"ann", "%u", "pre-ann-%u/x", true, false},
		{"ann", "%u", "pre-ann-ann/x", false, false},
		{"%c", "c", "pre-%c-c/x", true, false},
		{"", "c", "pre--c/x", false, false},
		{"ann", "", "c/x", false, false},
		{"ann", "$SYS", "$SYS/broker/uptime", false, false},
		{"uptime", "$SYS", "$SYS/uptime", false, true},
		{"ann", "$share", "$share/g/x", false, false},
		{"ann", "a\x00b", "a\x00b/x", false, false},
		{"ann", "a+b", "c/x", false, false},
	} {
		r := rightsOf(t, acl, tt.user, tt.id)
		if r.Publish(tt.topic) != tt.publish || r.Receive(tt.topic) != tt.receive {
			t.Errorf("%q with id %q at %q: publish %v, receive %v", tt.user, tt.id, tt.topic, r.Publish(tt.topic), r.Receive(tt.topic))
		}
	}
}

// TestLikeMosquitto asks a real Mosquitto the same questions. It differs from
// us, on purpose, in two: a client id with a slash makes a pattern span more
// levels there, and one that is "$SYS" makes %c/# grant the broker's own topics.
func TestLikeMosquitto(t *testing.T) {
	for _, program := range []string{"mosquitto", "mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("GATEWAY_TEST_ALL") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	rules := houseACL + "pattern read mixed-%u/x\nuser filler\ntopic #\n\nuser bob\ntopic deny house/attic/+\n"
	topics := []string{"public/a", "public/secret", "house", "house/a", "house/safe/door", "house/kitchen/temperature",
		"house/attic/temperature", "users/ann/x", "users/ann/locked", "users/bob/x", "mixed-ann/x", "mixed-bob/x",
		"devices/c/state", "devices/d/state", "with space/a b"}
	port := runMosquitto(t, rules)
	for _, name := range topics { // retained, for those who come later
		if out, err := exec.Command("mosquitto_pub", "-p", port, "-u", "filler", "-q", "1", "-r", "-t", name, "-m", "x").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, who := range []struct{ user, id string }{{"", "c"}, {"ann", "c2"}, {"bob", "c3"}, {"x+", "c4"}, {"bob", "d"}, {"ann", "e+"}, {"nobody", "c5"}} {
		t.Run(who.user+","+who.id, func(t *testing.T) {
			t.Parallel()
			r := rightsOf(t, rules, who.user, who.id)
			args := []string{"-p", port, "-i", who.id, "-V", "5", "-q", "1"}
			if who.user != "" {
				args = append(args, "-u", who.user)
			}
			// The exit status says that it waited in vain for more.
			out, _ := exec.Command("mosquitto_sub", append(args, "-W", "3", "-F", "%t", "-t", "#")...).Output()
			for _, name := range topics {
				if got := slices.Contains(strings.Split(string(out), "\n"), name); got != r.Receive(name) {
					t.Errorf("%s: Mosquitto sends it: %v, and we do not agree", name, got)
				}
				out, _ := exec.Command("mosquitto_pub", append(args, "-t", name, "-r", "-m", "x", "-d")...).CombinedOutput()
				if denied := strings.Contains(string(out), "RC:135"); denied == r.Publish(name) {
					t.Errorf("%s: Mosquitto takes it: %v, and we do not agree\n%s", name, !denied, out)
				}
			}
		})
	}
}

// runMosquitto runs one with an ACL and returns its port.
func runMosquitto(t *testing.T, rules string) string {
	t.Helper()
	acl := writeFile(t, "acl", rules)
	if err := os.Chmod(acl, 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	conf := writeFile(t, "conf", fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\nlog_dest none\nuser root\n", port, acl))
	broker := exec.Command("mosquitto", "-c", conf)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Process.Kill(); _ = broker.Wait() })
	waitFor(t, port)
	return port
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := machine.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// waitFor waits until somebody listens on a port.
func waitFor(t *testing.T, port string) {
	t.Helper()
	for range 3000 {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			nc.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody listens")
}

// hundred are the rights that a hundred rules give.
func hundred() *Rights {
	r := &Rights{own: new(list)}
	for i := range 50 {
		r.own.add(rule{filter: fmt.Sprintf("house/room%d/+", i), access: readwrite})
		r.patterns.add(rule{filter: fmt.Sprintf("users/ann/%d/#", i), access: read})
	}
	return r
}

// TestRightsAllocateNothing holds what is asked for every message.
func TestRightsAllocateNothing(t *testing.T) {
	r := hundred()
	if n := testing.AllocsPerRun(100, func() { r.Publish("house/room7/temperature"); r.Receive("users/ann/7/x/y") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRights(b *testing.B) {
	r := hundred()
	b.Run("Publish", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Publish("house/room37/temperature")
		}
	})
	b.Run("Subscribe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Subscribe("users/+/49/#")
		}
	})
}

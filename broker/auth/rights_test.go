package auth

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"net"

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

// FuzzFilters holds overlap and covers to the names that they are about.
func FuzzFilters(f *testing.F) {
	f.Add("a/+/#", "#", "a/b/c")
	f.Add("$SYS/#", "+/x", "$SYS/x")
	f.Fuzz(func(t *testing.T, a, b, name string) {
		if topic.CheckFilter(a) != nil || topic.CheckFilter(b) != nil || topic.CheckName(name) != nil {
			return
		}
		if strings.HasPrefix(a, topic.SharePrefix) || strings.HasPrefix(b, topic.SharePrefix) {
			return
		}
		if overlap(a, b) != overlap(b, a) {
			t.Fatalf("overlap of %q and %q depends on the order", a, b)
		}
		ma, mb := topic.Match(a, name), topic.Match(b, name)
		if ma && mb && !overlap(a, b) {
			t.Fatalf("%q and %q both match %q and do not overlap", a, b, name)
		}
		if covers(a, b) && mb && !ma {
			t.Fatalf("%q covers %q, which matches %q", a, b, name)
		}
		// A name made of a filter is one that it matches.
		made := strings.NewReplacer("+", "x", "#", "x").Replace(b)
		if covers(a, b) && !topic.Match(a, made) {
			t.Fatalf("%q covers %q and does not match %q", a, b, made)
		}
	})
}

// TestLikeMosquitto asks a real Mosquitto the same questions.
func TestLikeMosquitto(t *testing.T) {
	for _, program := range []string{"mosquitto", "mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("GATEWAY_TEST_ALL") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	acl := writeFile(t, "acl", houseACL)
	if err := os.Chmod(acl, 0o644); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	conf := writeFile(t, "conf", fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\nlog_dest none\nuser root\n", port, acl))
	broker := exec.Command("mosquitto", "-c", conf)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = broker.Process.Kill(); _ = broker.Wait() }()
	waitFor(t, port)
	topics := []string{"public/a", "public/secret", "house", "house/a", "house/safe/door", "house/kitchen/temperature",
		"users/ann/x", "users/ann/locked", "users/bob/x", "devices/c/state", "devices/d/state", "with space/a b"}
	for _, user := range []string{"", "ann", "bob", "x+"} {
		r := rightsOf(t, houseACL, user, "c")
		args := []string{"-p", port, "-i", "c", "-V", "5", "-q", "1"}
		if user != "" {
			args = append(args, "-u", user)
		}
		for _, name := range topics {
			out, _ := exec.Command("mosquitto_pub", append(args, "-t", name, "-m", "x", "-d")...).CombinedOutput()
			denied := strings.Contains(string(out), "RC:135")
			if denied == r.Publish(name) {
				t.Errorf("%q publishes to %s: Mosquitto denies it: %v, and we do not agree\n%s", user, name, denied, out)
			}
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// waitFor waits until somebody listens on a port.
func waitFor(t *testing.T, port string) {
	t.Helper()
	for range 500 {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			nc.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody listens")
}

func BenchmarkRights(b *testing.B) {
	var r Rights
	for i := range 100 {
		r.own.add(rule{filter: fmt.Sprintf("house/room%d/+", i), access: readwrite})
	}
	b.ReportAllocs()
	for b.Loop() {
		if !r.Publish("house/room57/temperature") {
			b.Fatal("denied")
		}
	}
}

package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogin(t *testing.T) {
	with := Config{Users: []User{{"ann", sixty}, {"bob", "$6$c2FsdHNhbHRzYWx0$" + sum512("pencil"+"saltsaltsalt")}}}
	for _, tt := range []struct {
		name  string
		cfg   Config
		login Login
		user  string
		want  error
	}{
		{"right", with, Login{Username: "bob", HasUsername: true, Password: []byte("pencil")}, "bob", nil},
		{"wrong", with, Login{Username: "bob", HasUsername: true, Password: []byte("pen")}, "", ErrCredentials},
		{"no password", with, Login{Username: "bob", HasUsername: true, AllowAnonymous: true}, "", ErrCredentials},
		{"unknown", with, Login{Username: "eve", HasUsername: true, Password: []byte("pencil"), AllowAnonymous: true}, "", ErrCredentials},
		{"no name", with, Login{Password: []byte("pencil")}, "", ErrAnonymous},
		{"no name, allowed", with, Login{AllowAnonymous: true}, "", nil},
		{"certificate", with, Login{Certificate: "door"}, "door", nil},
		{"nobody checks", Config{}, Login{Username: "x", HasUsername: true, AllowAnonymous: true}, "x", nil},
		{"nobody checks and nobody may", Config{}, Login{Username: "x", HasUsername: true}, "", ErrAnonymous},
	} {
		g, err := Open(tt.cfg)
		if err != nil {
			t.Fatal(err)
		}
		id, err := g.Login(tt.login)
		if !errors.Is(err, tt.want) || id.User != tt.user {
			t.Errorf("%s: %+v, %v; want %q, %v", tt.name, id, err, tt.user, tt.want)
		}
	}
}

func TestReload(t *testing.T) {
	passwords, acl := writeFile(t, "passwd", "ann:"+sixty+"\n"), writeFile(t, "acl", "topic read a\n")
	g, err := Open(Config{PasswordFile: passwords, ACLFile: acl})
	if err != nil {
		t.Fatal(err)
	}
	before := g.Rights(Identity{}, "c")
	generation := g.Generation()
	if err := os.WriteFile(acl, []byte("topic read b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SetPassword(passwords, "bob", "$6$c2FsdHNhbHRzYWx0$"+sum512("pencil"+"saltsaltsalt")); err != nil {
		t.Fatal(err)
	}
	login := Login{Username: "bob", HasUsername: true, Password: []byte("pencil")}
	if _, err := g.Login(login); err == nil {
		t.Error("bob is there before the reload")
	}
	if err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Login(login); err != nil {
		t.Errorf("bob after the reload: %v", err)
	}
	after := g.Rights(Identity{}, "c")
	if !before.Receive("a") || before.Receive("b") || after.Receive("a") || !after.Receive("b") || g.Generation() <= generation {
		t.Error("the rights did not follow the reload, or old ones changed")
	}
	if err := os.WriteFile(acl, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	generation = g.Generation()
	if err := g.Reload(); err == nil || !strings.Contains(err.Error(), acl+":1") {
		t.Errorf("a wrong file: %v", err)
	}
	if !g.Rights(Identity{}, "c").Receive("b") || g.Generation() != generation {
		t.Error("a wrong file changed the rights")
	}
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailures(3)
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for range 3 {
			if !f.allow(a, time.Now()) {
				t.Fatal("refused too early")
			}
			f.note(a, time.Now())
		}
		if f.allow(a, time.Now()) || f.allow(netip.MustParseAddr("::ffff:192.0.2.1"), time.Now()) || !f.allow(b, time.Now()) {
			t.Error("the wrong address is refused")
		}
		time.Sleep(failureWindow)
		if !f.allow(a, time.Now()) {
			t.Error("refused after the window")
		}
		six := netip.MustParseAddr("2001:db8::1")
		for i := range 3 {
			f.note(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)), time.Now())
		}
		if f.allow(six, time.Now()) || !f.allow(netip.MustParseAddr("2001:db8:0:1::1"), time.Now()) {
			t.Error("IPv6 does not count by /64")
		}
		for i := range 3 * maxAddresses {
			f.note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), time.Now())
		}
		if len(f.count) > maxAddresses {
			t.Errorf("%d addresses are remembered", len(f.count))
		}
		if !newFailures(0).allow(a, time.Now()) || !f.allow(netip.Addr{}, time.Now()) {
			t.Error("refused without a limit or an address")
		}
	})
}

func TestConfigErrors(t *testing.T) {
	err := Config{
		Users: []User{{"", "x"}, {"ann", sixty}, {"ann", sixty}, {"a:b", sixty}, {"eve", "hunter2"}},
		ACL: []Rule{
			{}, {Topic: "a", Pattern: "b"}, {Topic: "a/#/b"}, {Topic: "a", Access: "reed"},
			{User: "ann", Pattern: "a/%u"}, {Pattern: "a%u"}, {User: "ann", Topic: "a", Access: "read"}, {Pattern: "a/%u", Access: "deny"},
		},
		MaxFailedLogins: -1,
	}.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		`users[0].name: "" is no user name`, "users[0].password: is no hash", `users[2].name: "ann" is users[1] already`,
		`users[3].name: "a:b" is no user name`, "users[4].password: is no hash",
		"acl[0]: has to have a topic or a pattern", "acl[1]: has to have", `acl[2]: filter "a/#/b"`, `acl[3].access: "reed" is unknown`,
		"acl[4].user: a pattern is for everybody", "acl[5]: in the pattern", "max_failed_logins: -1 is out of range",
	}
	if len(got) != len(want) {
		t.Errorf("%d errors, want %d:\n%v", len(got), len(want), err)
	}
	for i := range min(len(got), len(want)) {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a password is in the error")
	}
}

// TestFlood logs in at once from many goroutines: costly hashes are computed a
// few at a time, and everybody gets an answer.
func TestFlood(t *testing.T) {
	g, err := Open(Config{Users: []User{{"ann", HashPassword([]byte("pencil"))}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := g.Login(Login{Username: "ann", HasUsername: true, Password: []byte([]string{"pencil", "pen"}[i%2])})
			if (err == nil) != (i%2 == 0) {
				t.Error(i, err)
			}
			_ = g.Reload()
		})
	}
	wg.Wait()
}

func ExampleGuard() {
	g, err := Open(Config{
		Users: []User{{Name: "kitchen", Password: HashPassword([]byte("secret"))}},
		ACL:   []Rule{{User: "kitchen", Topic: "home/kitchen/#"}},
	})
	if err != nil {
		panic(err)
	}
	id, err := g.Login(Login{Username: "kitchen", HasUsername: true, Password: []byte("secret")})
	if err != nil {
		panic(err)
	}
	rights := g.Rights(id, "esp32-1")
	fmt.Println(rights.Publish("home/kitchen/temperature"), rights.Publish("home/door/lock"))
	// Output: true false
}

package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		{"no name, allowed and yet not", Config{RequireLogin: true}, Login{AllowAnonymous: true}, "", ErrAnonymous},
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
		note := func(a netip.Addr) { f.note(a, time.Now()) }
		refused := func(a netip.Addr) bool { return f.wait(a, time.Now()) > 0 }
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for range 3 {
			if refused(a) {
				t.Fatal("refused too early")
			}
			note(a)
		}
		if !refused(a) || !refused(netip.MustParseAddr("::ffff:192.0.2.1")) || refused(b) {
			t.Error("the wrong address is refused")
		}
		six := netip.MustParseAddr("2001:db8::1")
		for i := range 3 {
			note(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)))
		}
		if !refused(six) || refused(netip.MustParseAddr("2001:db8:0:1::1")) {
			t.Error("IPv6 does not count by /64")
		}
		for i := range 2 * maxAddresses {
			note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		if len(f.count) > maxAddresses {
			t.Errorf("%d addresses are remembered", len(f.count))
		}
		if !refused(a) || !refused(six) {
			t.Error("a flood made the guard forget whom it refuses")
		}
		if newFailures(0).wait(a, time.Now()) != 0 || refused(netip.Addr{}) {
			t.Error("refused without a limit or an address")
		}
	})
}

// TestFailureWindow fails whenever it may, for ten minutes: an address has to
// wait as long as it is told, and in no minute does it get many more than its
// tries.
func TestFailureWindow(t *testing.T) {
	for _, most := range []int{1, 3, 30} {
		synctest.Test(t, func(t *testing.T) {
			f := newFailures(most)
			a := netip.MustParseAddr("192.0.2.1")
			start := time.Now()
			var tries []time.Time
			for time.Since(start) < 10*time.Minute {
				if wait := f.wait(a, time.Now()); wait > 0 {
					time.Sleep(wait - time.Microsecond)
					if f.wait(a, time.Now()) == 0 {
						t.Fatalf("%d: told to wait %v, and that was too long", most, wait)
					}
					time.Sleep(2 * time.Microsecond)
					if wait := f.wait(a, time.Now()); wait > 0 {
						t.Fatalf("%d: told to wait %v more", most, wait)
					}
				}
				f.note(a, time.Now())
				tries = append(tries, time.Now())
			}
			for i, last := range tries {
				first, _ := slices.BinarySearchFunc(tries, last.Add(-failureWindow), time.Time.Compare)
				if n := i - first + 1; n > 2*most {
					t.Fatalf("%d: %d tries in a minute", most, n)
				}
			}
			if n := len(tries); n < 9*most || n > 11*most {
				t.Errorf("%d: %d tries in ten minutes", most, n)
			}
			time.Sleep(2 * failureWindow)
			for i := range most {
				if f.wait(a, time.Now()) > 0 {
					t.Errorf("%d: refused after %d, two quiet minutes later", most, i)
				}
				f.note(a, time.Now())
			}
		})
	}
}

// slow is a hash that takes a second.
type slow struct {
	computed *atomic.Int64
	now      *atomic.Int64 // how many are being computed
	t        *testing.T
}

func (s slow) verify(password []byte) bool {
	if s.now.Add(1) > atOnce {
		s.t.Error("more are computed at once than memory allows")
	}
	time.Sleep(time.Second)
	s.now.Add(-1)
	s.computed.Add(1)
	return string(password) == "pencil"
}

func slowGuard(t *testing.T, most int) (*Guard, slow) {
	h := slow{new(atomic.Int64), new(atomic.Int64), t}
	g, err := Open(Config{MaxFailedLogins: most, Users: []User{{"ann", sixty}}})
	if err != nil {
		t.Fatal(err)
	}
	g.now.Load().users["ann"] = h
	g.now.Load().decoy = h
	return g, h
}

// TestLoginStorm lets five hundred clients of an address guess at once: what
// is computed for them is bounded by the limit though all came before the
// first had failed.
func TestLoginStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 5
		g, h := slowGuard(t, most)
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				user := []string{"ann", "nobody"}[i%2]
				_, err := g.Login(Login{Username: user, HasUsername: true, Password: []byte("pen"), Remote: netip.MustParseAddr("192.0.2.1")})
				if !errors.Is(err, ErrCredentials) && !errors.Is(err, ErrTooMany) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := h.computed.Load(); n < most || n > most+atOnce-1 {
			t.Errorf("%d passwords were tried", n)
		}
		_, err := g.Login(Login{Username: "ann", HasUsername: true, Password: []byte("pencil"), Remote: netip.MustParseAddr("192.0.2.1")})
		if !errors.Is(err, ErrTooMany) || !strings.Contains(err.Error(), "from this address have failed; try again in ") {
			t.Error(err)
		}
	})
}

// TestReconnectStorm lets five hundred devices log in at once and again
// when they were refused for want of time, as after a power cut: all get in,
// and when it happens again they need not wait.
func TestReconnectStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, h := slowGuard(t, 30)
		for i := range 100 {
			g.now.Load().users[fmt.Sprint(i)] = slow{h.computed, h.now, t}
		}
		storm := func() time.Duration {
			start := time.Now()
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					login := Login{Username: fmt.Sprint(i), HasUsername: true, Password: []byte("pencil"), Remote: netip.MustParseAddr("192.0.2.1")}
					for {
						asked := time.Now()
						_, err := g.Login(login)
						if waited := time.Since(asked); waited > patience+time.Second {
							t.Errorf("waited %v", waited)
						}
						if err == nil {
							return
						}
						if !errors.Is(err, ErrTooMany) {
							t.Error(err)
						}
						time.Sleep(time.Second)
					}
				})
			}
			wg.Wait()
			return time.Since(start)
		}
		if took := storm(); took > 70*time.Second { // 100 of a second each, two at once
			t.Errorf("the first took %v", took)
		}
		if took := storm(); took != 0 {
			t.Errorf("the second took %v", took)
		}
		start := time.Now()
		if _, err := g.Login(Login{Username: "7", HasUsername: true, Password: []byte("pen")}); !errors.Is(err, ErrCredentials) || time.Since(start) != time.Second {
			t.Errorf("a wrong password after a right one: %v in %v", err, time.Since(start))
		}
	})
}

func TestConfigErrors(t *testing.T) {
	err := Config{
		Users: []User{{"", "x"}, {"ann", sixty}, {"ann", sixty}, {"a:b", sixty}, {"eve", "hunter2"}},
		ACL: []Rule{
			{}, {Topic: "a", Pattern: "b"}, {Topic: "a/#/b"}, {Topic: "a", Access: "reed"},
			{User: "ann", Pattern: "a/%u"}, {Pattern: "a%u#"}, {User: "ann", Topic: "a", Access: "read"}, {Pattern: "a/%u", Access: "deny"},
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
		"acl[4].user: a pattern is for everybody", `acl[5]: filter "a%u#"`, "max_failed_logins: -1 is out of range",
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

func TestRequireLogin(t *testing.T) {
	g, err := Open(Config{RequireLogin: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Login(Login{Username: "ann", HasUsername: true, AllowAnonymous: true}); !errors.Is(err, ErrCredentials) {
		t.Errorf("a user nobody knows: %v", err)
	}
	if _, err := g.Login(Login{}); !errors.Is(err, ErrAnonymous) {
		t.Errorf("nobody: %v", err)
	}
}

package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func sum512(s string) string { d := sha512.Sum512([]byte(s)); return encode(d[:]) }

// TestVector is the example of RFC 7677, section 3.
func TestVector(t *testing.T) {
	salt, err := decode("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := makeVerifier([]byte("pencil"), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	e := &scramExchange{
		g: g, v: v, known: true, user: "user",
		header: "n,,", bare: "n=user,r=rOprNGfwEbeRWgbNEkqO", nonce: nonce,
		first: "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		step:  1,
	}
	answer, done, err := e.Next([]byte("c=biws,r=" + nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	if err != nil || !done || string(answer) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" || e.Identity().User != "user" {
		t.Errorf("%q, %v, %v", answer, done, err)
	}
}

// client is the other side.
type client struct {
	user, password string
	bare, nonce    string
}

func (c *client) first() []byte {
	c.bare = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(c.user) + ",r=clientnonce"
	return []byte("n,," + c.bare)
}

func (c *client) final(server []byte) []byte {
	var salt64 string
	var iterations int
	parts := strings.Split(string(server), ",")
	c.nonce = strings.TrimPrefix(parts[0], "r=")
	salt64 = strings.TrimPrefix(parts[1], "s=")
	_, _ = fmt.Sscanf(parts[2], "i=%d", &iterations)
	salt, err := decode(salt64)
	if err != nil {
		panic(err)
	}
	without := "c=biws,r=" + c.nonce
	// RFC 5802, section 3: ClientProof = ClientKey XOR HMAC(H(ClientKey), AuthMessage).
	salted, err := pbkdf2.Key(sha256.New, c.password, salt, iterations, sha256.Size)
	if err != nil {
		panic(err)
	}
	key := mac(salted, "Client Key")
	stored := sha256.Sum256(key)
	for i, b := range mac(stored[:], c.bare+","+string(server)+","+without) {
		key[i] ^= b
	}
	return []byte(without + ",p=" + encode(key))
}

func scramGuard(t *testing.T) *Guard {
	t.Helper()
	g, err := Open(Config{MaxFailedLogins: 5, Users: []User{
		{"ann", NewVerifier([]byte("pencil"))},
		{"a,b=c", NewVerifier([]byte("pencil"))},
		{"other", HashPassword([]byte("pencil"))}, // has no verifier
	}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSCRAM(t *testing.T) {
	g := scramGuard(t)
	m, ok := g.Method("SCRAM-SHA-256")
	if !ok || m.Name() != "SCRAM-SHA-256" {
		t.Fatal("no method")
	}
	for _, tt := range []struct {
		user, password string
		right          bool
	}{{"ann", "pencil", true}, {"a,b=c", "pencil", true}, {"ann", "pen", false}, {"nobody", "pencil", false}, {"other", "pencil", false}} {
		c := &client{user: tt.user, password: tt.password}
		e := m.Begin(Login{})
		if answer, done, err := e.Next(nil); len(answer) != 0 || done || err != nil {
			t.Errorf("without data: %q, %v, %v", answer, done, err)
		}
		answer, done, err := e.Next(c.first())
		if err != nil || done {
			t.Fatalf("%s: %v, %v", tt.user, done, err)
		}
		_, done, err = e.Next(c.final(answer))
		if done != tt.right || (err == nil) != tt.right {
			t.Errorf("%s with %s: done %v, %v", tt.user, tt.password, done, err)
		}
		if want := map[bool]string{true: tt.user}[tt.right]; e.Identity().User != want {
			t.Errorf("identity %q, want %q", e.Identity().User, want)
		}
		if _, _, err := e.Next([]byte("more")); err == nil {
			t.Error("more is accepted after the end")
		}
	}
	if _, ok := g.Method("PLAIN"); ok {
		t.Error("PLAIN is a method")
	}
}

// TestSCRAMUnknownUser wants a user who does not exist to look like one who
// does: the same salt each time.
func TestSCRAMUnknownUser(t *testing.T) {
	g := scramGuard(t)
	m, _ := g.Method("SCRAM-SHA-256")
	salt := func(user string) string {
		answer, _, err := m.Begin(Login{}).Next((&client{user: user}).first())
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(answer), ",")
		return rest
	}
	if again := salt("nobody"); again != salt("nobody") || again == salt("somebody") || len(salt("nobody")) != len(salt("ann")) {
		t.Errorf("salts %q %q %q %q", salt("nobody"), salt("nobody"), salt("somebody"), salt("ann"))
	}
}

// TestSCRAMUnknownUserStays wants that, too, of a gateway that was started again,
// and whatever the others have.
func TestSCRAMUnknownUserStays(t *testing.T) {
	strong := func() User {
		v, err := makeVerifier([]byte("x"), []byte("twenty bytes of salt"), 5000)
		if err != nil {
			t.Fatal(err)
		}
		return User{rand.Text(), fmt.Sprintf("%s5000:%s$%s:%s", scramPrefix, encode(v.salt), encode(v.storedKey), encode(v.serverKey))}
	}
	cfg := Config{Users: []User{{"ann", NewVerifier([]byte("pencil"))}, strong(), strong()}}
	ask := func(user string) string {
		g, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		v, known := g.verifier(user)
		if known {
			t.Error("known")
		}
		return fmt.Sprintf("%x %d", v.salt, v.iterations)
	}
	first := ask("nobody")
	for range 10 {
		if again := ask("nobody"); again != first {
			t.Fatalf("%s, then %s", first, again)
		}
	}
	if !strings.HasSuffix(first, " 5000") || len(first) != 2*20+len(" 5000") {
		t.Errorf("%s; most have 20 bytes of salt and 5000 iterations", first)
	}
}

// TestSCRAMAs lets a client act as itself, which RFC 5802 calls authzid, and as
// nobody else.
func TestSCRAMAs(t *testing.T) {
	m, _ := scramGuard(t).Method("SCRAM-SHA-256")
	for as, right := range map[string]bool{"a=a=2Cb=3Dc": true, "a=ann": false, "a,b=c": false, "a=": false, "a==": false, "b=a": false} {
		_, _, err := m.Begin(Login{}).Next([]byte("n," + as + ",n=a=2Cb=3Dc,r=x"))
		if (err == nil) != right {
			t.Errorf("%s: %v", as, err)
		}
	}
}

func TestSCRAMMalformed(t *testing.T) {
	g := scramGuard(t)
	m, _ := g.Method("SCRAM-SHA-256")
	for _, bad := range []string{
		"", "n", "n,", "n,,", "n,,n=ann", "n,,r=x,n=ann", "n,,n=,r=x", "n,,n=ann,r=", "n,,n=ann,r=a b", "n,,n=a=b,r=x",
		"p=tls-unique,,n=ann,r=x", "z,,n=ann,r=x", "n,a=bob,n=ann,r=x", "n,,m=ext,n=ann,r=x",
	} {
		if answer, done, err := m.Begin(Login{}).Next([]byte(bad)); err == nil {
			t.Errorf("first %q: %q, %v", bad, answer, done)
		}
	}
	c := &client{user: "ann", password: "pencil"}
	for _, change := range []func(string) string{
		func(s string) string { return "" },
		func(s string) string { return strings.Replace(s, "c=biws", "c=eSws", 1) },
		func(s string) string { return strings.Replace(s, "r=client", "r=other", 1) },
		func(s string) string { return s[:strings.LastIndex(s, ",p=")] },
		func(s string) string { return s[:strings.LastIndex(s, ",p=")] + ",p=YWJj" },
		func(s string) string { return s[:strings.LastIndex(s, ",p=")] + ",p=!" },
		func(s string) string { return strings.Replace(s, ",p=", ",x=y,p=", 1) },
		func(s string) string { return "c=biws" + s[strings.LastIndex(s, ",p="):] },
	} {
		e := m.Begin(Login{})
		answer, _, err := e.Next(c.first())
		if err != nil {
			t.Fatal(err)
		}
		bad := change(string(c.final(answer)))
		if _, done, err := e.Next([]byte(bad)); err == nil || done || e.Identity().User != "" {
			t.Errorf("final %q is accepted", bad)
		}
	}
}

func TestSCRAMTooMany(t *testing.T) {
	g := scramGuard(t)
	m, _ := g.Method("SCRAM-SHA-256")
	login := Login{Remote: netip.MustParseAddr("192.0.2.1")}
	early, c := m.Begin(login), &client{user: "ann", password: "pencil"}
	answer, _, err := early.Next(c.first())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		c := &client{user: "ann", password: "wrong"}
		e := m.Begin(login)
		answer, _, err := e.Next(c.first())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.Next(c.final(answer)); !errors.Is(err, ErrCredentials) {
			t.Fatal(err)
		}
	}
	if _, _, err := m.Begin(login).Next((&client{user: "ann"}).first()); !errors.Is(err, ErrTooMany) {
		t.Errorf("the sixth: %v", err)
	}
	if _, done, err := early.Next(c.final(answer)); done || !errors.Is(err, ErrTooMany) {
		t.Errorf("one that began before: %v, %v", done, err)
	}
}

func FuzzSCRAM(f *testing.F) {
	f.Add([]byte("n,,n=ann,r=x"), []byte("c=biws,r=x,p=AAAA"))
	v := NewVerifier([]byte("pencil"))
	f.Fuzz(func(t *testing.T, first, final []byte) {
		g, err := Open(Config{Users: []User{{"ann", v}}})
		if err != nil {
			t.Fatal(err)
		}
		m, _ := g.Method("SCRAM-SHA-256")
		e := m.Begin(Login{})
		if _, _, err := e.Next(first); err != nil {
			return
		}
		if _, done, _ := e.Next(final); done {
			t.Fatal("let in by chance")
		}
	})
}

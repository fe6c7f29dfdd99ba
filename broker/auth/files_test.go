package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/broker/topic"
)

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEditPasswords(t *testing.T) {
	path := writeFile(t, "passwd", "# ours\nann:$6$old$old\n\nbob:plain\n")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := SetPassword(link, "ann", "new"); err != nil {
		t.Fatal(err)
	}
	if err := SetPassword(path, "carl", "fresh"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "# ours\nann:new\n\nbob:plain\ncarl:fresh\n" {
		t.Errorf("the file is %q", got)
	}
	if n, err := HashPlain(path); n != 3 || err != nil {
		t.Errorf("HashPlain: %d, %v", n, err)
	}
	if n, err := HashPlain(path); n != 0 || err != nil {
		t.Errorf("HashPlain again: %d, %v", n, err)
	}
	if err := DeleteUser(path, "ann"); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(got), "# ours\n\nbob:$argon2id$") {
		t.Errorf("the file is %q", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is a file now")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
	for _, err := range []error{
		DeleteUser(path, "nobody"), SetPassword(path, "", "x"), SetPassword(path, "a:b", "x"), SetPassword(path, "#a", "x"),
		DeleteUser(filepath.Join(t.TempDir(), "none"), "x"),
	} {
		if err == nil {
			t.Error("accepted")
		}
	}
	made := filepath.Join(t.TempDir(), "made")
	if err := SetPassword(made, "ann", "x"); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(made); info.Mode().Perm() != 0o600 {
		t.Errorf("a new file has mode %v", info.Mode())
	}
}

// TestEditKeepsLines wants what is not changed to stay, to the last byte.
// TestEditWithoutFolder holds the error to name the file that was asked for,
// and not one that nobody knows.
func TestEditWithoutFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "none")
	err := SetPassword(filepath.Join(folder, "users"), "ann", "x")
	if want := fmt.Sprintf("writing %s: there is no folder %s; make it first", filepath.Join(folder, "users"), folder); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestEditKeepsLines(t *testing.T) {
	const content = "  # odd\r\nann:x\r\n\r\nbob:$ecret\r\nann:y\nlast:$6$damaged"
	path := writeFile(t, "passwd", content)
	if err := SetPassword(path, "carl", "z"); err != nil {
		t.Fatal(err)
	}
	if err := SetPassword(path, "bob", "b"); err != nil {
		t.Fatal(err)
	}
	if err := DeleteUser(path, "ann"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "  # odd\r\n\r\nbob:b\r\nlast:$6$damaged\ncarl:z\n" {
		t.Errorf("the file is %q", got)
	}
	path = writeFile(t, "passwd", "bob:$ecret\r\nlast:$6$damaged")
	if n, err := HashPlain(path); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	got, _ := os.ReadFile(path)
	hash, rest, _ := strings.Cut(strings.TrimPrefix(string(got), "bob:"), "\r\n")
	if h, err := parseHash(hash); err != nil || !h.verify([]byte("$ecret")) || rest != "last:$6$damaged" {
		t.Errorf("the file is %q, %v", got, err)
	}
	// What has nothing to change is not written: its folder may be read-only.
	before, _ := os.Stat(path)
	if n, err := HashPlain(path); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("the file was replaced, and nothing has changed")
	}
}

func TestWarnings(t *testing.T) {
	path := writeFile(t, "passwd", "ann:"+sixty+"\n")
	g, err := Open(Config{PasswordFile: path})
	if err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 0 {
		t.Errorf("mode 0600: %q", w)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "password_file: ") || !strings.Contains(w[0], path+", mode 0644; chmod") {
		t.Errorf("mode 0644: %q", w)
	}
}

func TestWrongPasswordFiles(t *testing.T) {
	for content, want := range map[string]string{
		"ann":                          `passwd:1: the user "ann" has no password`,
		"# x\n\nann:plain\n":           `passwd:3: the password of "ann" is no hash`,
		":$6$YWJj$YWJj":                "passwd:1: a line without a user name",
		"ann:$6$YWJj$YWJj":             "is a damaged $6$ hash",
		"a:" + sixty + "\na:" + sixty:  `passwd:2: the user "a" is there twice`,
		strings.Repeat("x", maxLine+1): "passwd: bufio.Scanner: token too long",
	} {
		_, err := Open(Config{PasswordFile: writeFile(t, "passwd", content)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q in it", content, err, want)
		}
	}
	twice := Config{Users: []User{{"ann", sixty}}, PasswordFile: writeFile(t, "passwd", "ann:"+sixty)}
	if _, err := Open(twice); err == nil || !strings.Contains(err.Error(), `the user "ann" is one of users already`) {
		t.Errorf("in both: %v", err)
	}
	if _, err := Open(Config{PasswordFile: "/no/such/file"}); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("no file: %v", err)
	}
}

// sixty is a hash of a password that nobody remembers.
var sixty = "$6$c2FsdHNhbHRzYWx0$" + sum512("x")

func TestWrongACLFiles(t *testing.T) {
	for content, want := range map[string]string{
		"topics a/b":                `acl:1: "topics" is unknown`,
		"# x\ntopic":                "acl:2: topic without a filter",
		"user":                      "acl:1: user without a name",
		"topic reed a/b":            `acl:1: topic: "reed" is no access`,
		"topic read a/#/b":          `acl:1: filter "a/#/b"`,
		"pattern read a#%u":         `acl:1: filter "a#%u"`,
		"topic read $share/g/a":     "is one of a shared subscription",
		"pattern deny %c/ä\x01\n":   "control character",
		"\n\n\nuser bob\npattern  ": "acl:5: pattern without a filter",
	} {
		_, err := Open(Config{ACLFile: writeFile(t, "acl", content)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", content, err, want)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("ann:$6$YWJj$YWJj\n#\n", "topic read a/#\nuser bob\npattern write %c/+\n", "a/b")
	f.Fuzz(func(t *testing.T, passwords, acl, name string) {
		users := make(map[string]hash)
		_ = scanLines("p", strings.NewReader(passwords), passwordLine(users))
		var rules []rule
		if scanLines("a", strings.NewReader(acl), ruleLine(&rules)) != nil {
			return
		}
		g := &Guard{}
		g.now.Store(&snapshot{patterns: rules, restricted: true}) // all of them, so that all are substituted
		r := g.Rights(Identity{User: name}, name)
		if topic.CheckName(name) == nil && r.Receive(name) != r.Subscribe(name) {
			t.Fatalf("may receive %q: %v, subscribe to it: %v", name, r.Receive(name), r.Subscribe(name))
		}
	})
}

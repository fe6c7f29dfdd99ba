package auth

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHashVectors(t *testing.T) {
	for _, tt := range []struct{ name, stored, password string }{
		{"ours", HashPassword([]byte("correct horse")), "correct horse"},
		{"SCRAM", NewVerifier([]byte("correct horse")), "correct horse"},
		{"mosquitto_passwd 2.0.11 -H sha512", "$6$/9Zq6H9M5CY4QGMK$0j6rYTJJlDgImyOv6qZzrmmysCrUl7peA4N6UnoB9C9F4k+ouSOjSDijtT5YrcL1uOCUIi6C/vxrjdaHezsJuA==", "pencil ä"},
		{"mosquitto_passwd 2.0.11", "$7$101$dDmS18OCYeXVYIfB$R55OTJ/K85ABaYZIgehQAVdLDaaZ/sLwnZjxAac1e/WNIuFDwhu73p4pc+jLA6OWjkRHym8L3hEIaTs0Lp7mMw==", "pencil ä"},
		// The test vector of the reference implementation of argon2id.
		{"argon2id", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		{"argon2id, padded", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ=$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc=", "password"},
		{"SCRAM of RFC 7677", "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", "pencil"},
	} {
		h, err := parseHash(tt.stored)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !h.verify([]byte(tt.password)) {
			t.Errorf("%s: the right password is refused", tt.name)
		}
		for _, wrong := range []string{"", tt.password + "x", "P" + tt.password[1:]} {
			if h.verify([]byte(wrong)) {
				t.Errorf("%s: %q is accepted", tt.name, wrong)
			}
		}
	}
}

func TestDamagedHashes(t *testing.T) {
	for _, bad := range []string{
		"", "plain", "$1$abc$def", "$6$", "$6$abc", "$6$a b$c", "$6$YWJj$YWJj", "$7$", "$7$101$YWJj", "$7$x$YWJj$YWJj",
		"$7$0$YWJj$" + strings.Repeat("A", 86), "$7$99999999$YWJj$" + strings.Repeat("A", 86),
		"$argon2id$", "$argon2id$v=19$m=65536,t=2,p=1$YWJjZGVmZ2g", "$argon2id$v=16$m=65536,t=2,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=9999999,t=2,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=64,t=999,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=64,t=1,p=1,x=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=64,t=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=64,t=+1,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=64,t=1,p=256$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=7,t=1,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=64,t=1,p=1$$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=64,t=1,p=0$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=x,t=1,p=1$YWJjZGVmZ2g$YWJjZGVmZ2hpamtsbW5vcA",
		"SCRAM-SHA-256$", "SCRAM-SHA-256$4096:c2FsdA==$YWJj:YWJj", "SCRAM-SHA-256$0:c2FsdA==$" + strings.Repeat("A", 43) + ":" + strings.Repeat("A", 43),
	} {
		if _, err := parseHash(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestMosquittoPasswd reads what Mosquitto's own program writes.
func TestMosquittoPasswd(t *testing.T) {
	program, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("mosquitto_passwd is not installed")
	}
	path := filepath.Join(t.TempDir(), "passwd")
	for user, password := range map[string]string{"ann": "pencil", "bob": "ä ö:ü $", "old": "pencil"} {
		args := []string{"-b", path, user, password}
		if user == "old" {
			args = append([]string{"-H", "sha512"}, args...)
		}
		if _, err := os.Stat(path); err != nil {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	g, err := Open(Config{PasswordFile: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		user, password string
		right          bool
	}{{"ann", "pencil", true}, {"ann", "Pencil", false}, {"bob", "ä ö:ü $", true}, {"bob", "", false}, {"old", "pencil", true}, {"old", "x", false}, {"dora", "pencil", false}} {
		_, err := g.Login(Login{Username: tt.user, HasUsername: true, Password: []byte(tt.password)})
		if (err == nil) != tt.right {
			t.Errorf("%s with %q: %v", tt.user, tt.password, err)
		}
	}
}

// TestSHA512Hash reads the hashes of Mosquitto before 2.0, made by hand:
// SHA-512 of password and salt.
func TestSHA512Hash(t *testing.T) {
	h, err := parseHash("$6$c2FsdHNhbHRzYWx0$" + sum512("pencil"+"saltsaltsalt"))
	if err != nil || !h.verify([]byte("pencil")) || h.verify([]byte("Pencil")) {
		t.Errorf("%v", err)
	}
}

// FuzzParseHash wants a hash or an error of whatever stands in a file, and
// nothing that would take a board's memory to compute.
func FuzzParseHash(f *testing.F) {
	f.Add("$7$101$YWJj$YWJj")
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("SCRAM-SHA-256$4096:c2FsdA==$YWJj:YWJj")
	f.Fuzz(func(t *testing.T, stored string) {
		h, err := parseHash(stored)
		if (h == nil) != (err != nil) {
			t.Fatalf("%v, %v", h, err)
		}
		if a, ok := h.(*argon2Hash); ok && (a.memory > maxMemory || a.memory < 8 || a.threads == 0 || a.passes == 0) {
			t.Fatalf("%+v", a)
		}
	})
}

func BenchmarkHashPassword(b *testing.B) {
	for b.Loop() {
		HashPassword([]byte("correct horse"))
	}
}

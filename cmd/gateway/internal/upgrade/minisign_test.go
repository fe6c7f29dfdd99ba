package upgrade

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newKey makes a key as minisign does.
func newKey(t testing.TB) (SecretKey, Keys) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	number := keyNumber(public[:8])
	line := base64.StdEncoding.EncodeToString(append(append([]byte(algorithmWhole), number[:]...), public...))
	keys, err := ParseKeys([]byte("untrusted comment: of a test\n" + line + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return SecretKey{number, private}, keys
}

// minisign runs the real one in a folder.
func minisign(t testing.TB, dir string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("minisign")
	if err != nil {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatal("minisign is not installed: apt-get install minisign, or run make test")
		}
		t.Skip("minisign is not installed: apt-get install minisign, or run make test")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("minisign %v: %v\n%s", args, err, out)
	}
}

func readFile(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMinisign: each verifies what the other has signed, by both algorithms.
func TestMinisign(t *testing.T) {
	dir := t.TempDir()
	data := []byte("what is signed\n")
	if err := os.WriteFile(filepath.Join(dir, "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	minisign(t, dir, "-G", "-W", "-p", "key.pub", "-s", "key.sec")
	keys, err := ParseKeys(readFile(t, dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"-H", "-l"} {
		minisign(t, dir, "-S", algorithm, "-W", "-s", "key.sec", "-m", "file", "-t", "of minisign")
		comment, err := keys.Verify(data, readFile(t, dir, "file.minisig"))
		if err != nil || comment != "of minisign" {
			t.Errorf("%s: %q, %v", algorithm, comment, err)
		}
	}
	secret, err := ParseSecretKey(readFile(t, dir, "key.sec"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(secret, data, "of ours")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file.minisig"), sig, 0o600); err != nil {
		t.Fatal(err)
	}
	minisign(t, dir, "-V", "-H", "-p", "key.pub", "-m", "file")
	if comment, err := keys.Verify(data, sig); err != nil || comment != "of ours" {
		t.Errorf("%q, %v", comment, err)
	}
}

// TestVerifyRefuses changes every byte that counts, one by one.
func TestVerifyRefuses(t *testing.T) {
	secret, keys := newKey(t)
	data := []byte("data")
	sig, err := Sign(secret, data, "comment")
	if err != nil {
		t.Fatal(err)
	}
	free := bytes.IndexByte(sig, '\n') // the first line is signed by nobody
	for i := range sig {
		changed := bytes.Clone(sig)
		changed[i] ^= 1
		if _, err := keys.Verify(data, changed); err == nil && i >= free && i < len(sig)-1 {
			t.Errorf("byte %d changed from %q to %q, and good", i, sig[i], changed[i])
		}
	}
	for i := range sig[:len(sig)-1] {
		if _, err := keys.Verify(data, sig[:i]); err == nil {
			t.Errorf("cut after %d bytes, and good", i)
		}
	}
	if _, err := keys.Verify([]byte("date"), sig); err == nil || !strings.Contains(err.Error(), "has been changed") {
		t.Error(err)
	}
	_, others := newKey(t)
	if _, err := others.Verify(data, sig); err == nil || !strings.Contains(err.Error(), secret.number.String()) {
		t.Error(err)
	}
	if _, err := (Keys{}).Verify(data, sig); err == nil {
		t.Error("good without a key")
	}
	if _, err := Sign(secret, data, "a\nb"); err == nil {
		t.Error("a comment of two lines")
	}
}

// TestTwoKeys: the next key can be there before the present one ends.
func TestTwoKeys(t *testing.T) {
	var file []byte
	var secrets []SecretKey
	for range 2 {
		s, k := newKey(t)
		secrets = append(secrets, s)
		for n, key := range k.keys {
			file = append(file, base64.StdEncoding.EncodeToString(append(append([]byte(algorithmWhole), n[:]...), key...))+"\r\n"...)
		}
	}
	keys, err := ParseKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		sig, err := Sign(s, file, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Verify(file, sig); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range []string{"", "untrusted comment: x\n", "RWQ=\n", string(file[:40])} {
		if _, err := ParseKeys([]byte(wrong)); err == nil {
			t.Errorf("%q is a key", wrong)
		}
	}
}

// TestSecretKeyWithPassword says what to do about it.
func TestSecretKeyWithPassword(t *testing.T) {
	b := make([]byte, 158)
	copy(b, "EdScB2")
	_, err := ParseSecretKey([]byte("untrusted comment: x\n" + base64.StdEncoding.EncodeToString(b) + "\n"))
	if err == nil || !strings.Contains(err.Error(), "minisign -S -m FILE") {
		t.Error(err)
	}
}

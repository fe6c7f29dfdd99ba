package upgrade

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

func FuzzSignature(f *testing.F) {
	secret, keys := newKey(f)
	sig, err := Sign(secret, []byte("data"), "comment")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sig)
	f.Fuzz(func(t *testing.T, b []byte) {
		comment, err := keys.Verify([]byte("data"), b)
		if err == nil && comment != "comment" {
			t.Errorf("%q is good, and nobody has signed it", b)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("untrusted comment: minisign public key 44F24F9B75C4BC8C\nRWSMvMR1m0/yREbeWqnbGqEQFx95FxzyG1PJQ/zzKWpzbbhW6Qefvat8\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if keys, err := ParseKeys(b); err == nil {
			for _, k := range keys.keys {
				if len(k) != ed25519.PublicKeySize {
					t.Errorf("a key of %d bytes", len(k))
				}
			}
		}
		ParseSecretKey(b)
	})
}

func FuzzSums(f *testing.F) {
	f.Add(strings.Repeat("0a", 32) + "  gateway_1.0.0_linux_armv6.tar.gz\n" + strings.Repeat("0b", 32) + " *x\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSums([]byte(text))
		if err != nil {
			return
		}
		for name := range s {
			if strings.ContainsAny(name, "/\\\n") || name == ".." {
				t.Errorf("%q leaves the folder", name)
			}
		}
		s.newest([]string{"armv6"})
	})
}

func FuzzArchive(f *testing.F) {
	f.Add(pack(f, map[string][]byte{"a/gateway": []byte("binary"), "a/b/gateway": nil}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		unpack(b)
	})
}

func FuzzBinary(f *testing.F) {
	whole := tiny(f, "GOARCH=amd64")
	f.Add(whole[:4096])
	f.Add([]byte("\x7fELF\x01\x01\x01"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		boardOfBinary(b)
	})
}

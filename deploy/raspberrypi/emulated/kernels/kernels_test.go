package kernels

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	t.Setenv("GATEWAY_CACHE", t.TempDir())
	if _, err := Find("arm64"); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	boot := filepath.Join(os.Getenv("GATEWAY_CACHE"), folder, "arm64", "boot")
	if err := os.MkdirAll(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(boot, "vmlinuz-6.1.0-50-arm64"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	k, err := Find("arm64")
	if err != nil || k.Release != "6.1.0-50-arm64" || k.Image != filepath.Join(boot, "vmlinuz-6.1.0-50-arm64") {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := Find("armhf"); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

func TestMirror(t *testing.T) {
	for text, want := range map[string]string{
		"Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n":                            "http://deb.debian.org/debian",
		"deb http://ftp.de.debian.org/debian/ bookworm main\n":                                          "http://ftp.de.debian.org/debian",
		"deb [signed-by=/x.gpg] https://m.example/debian bookworm main\n":                               "https://m.example/debian",
		"URIs: http://deb.debian.org/debian-security\n# deb http://a/debian x\nURIs: http://b/debian\n": "http://b/debian",
	} {
		if m := debianMirror.FindStringSubmatch(text); m == nil || m[1] != want {
			t.Errorf("%q: %q, want %q", text, m, want)
		}
	}
}

package upgrade

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tiny builds the smallest program for a board.
func tiny(t testing.TB, env ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tiny.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "tiny", "tiny.go")
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pack makes an archive of files.
func pack(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBuildInfo: what we read of a binary is what Go's own library reads.
func TestBuildInfo(t *testing.T) {
	for _, env := range [][]string{{"GOARCH=arm", "GOARM=6"}, {"GOARCH=amd64"}} {
		b := tiny(t, env...)
		want, err := buildinfo.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		got, err := buildInfo(b)
		if err != nil || !reflect.DeepEqual(got.Settings, want.Settings) {
			t.Errorf("%v: %v, %v, want %v", env, got, err, want)
		}
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := boardOfBinary(b); err != nil || got != runtime.GOARCH {
		t.Errorf("of this test: %q, %v", got, err)
	}
}

// TestFetchForTheBoard: of a release of all boards each takes its own, and none
// what it cannot run, even if asked for by name.
func TestFetchForTheBoard(t *testing.T) {
	release := map[string][]byte{}
	for board, env := range map[string][]string{"armv6": {"GOARCH=arm", "GOARM=6"}, "armv7": {"GOARCH=arm", "GOARM=7"}, "amd64": {"GOARCH=amd64"}} {
		name := "gateway_1.1.0_linux_" + board
		release[name+".tar.gz"] = pack(t, map[string][]byte{name + "/gateway": tiny(t, env...)})
	}
	release["gateway_1.0.0_linux_armv6.tar.gz"] = []byte("an older one")
	release["gateway_1.1.0_linux_arm64.tar.gz"] = release["gateway_1.1.0_linux_armv7.tar.gz"] // by mistake
	secret, keys := newKey(t)
	dir := t.TempDir()
	writeRelease(t, dir, secret, release)
	for _, tt := range []struct{ machine, own, ask, want, wrong string }{
		{"armv6l", "armv6", "", "gateway_1.1.0_linux_armv6.tar.gz", ""},
		{"armv7l", "armv6", "", "gateway_1.1.0_linux_armv6.tar.gz", ""}, // as somebody has chosen it
		{"armv7l", "armv7", "", "gateway_1.1.0_linux_armv7.tar.gz", ""},
		{"aarch64", "armv6", "", "gateway_1.1.0_linux_armv6.tar.gz", ""},
		{"x86_64", "amd64", "", "gateway_1.1.0_linux_amd64.tar.gz", ""},
		{"armv7l", "armv6", "gateway_1.1.0_linux_armv7.tar.gz", "gateway_1.1.0_linux_armv7.tar.gz", ""},
		{"armv6l", "armv6", "gateway_1.1.0_linux_armv7.tar.gz", "", "it is for armv7, and this board (armv6l) runs [armv6 armv5]"},
		{"x86_64", "amd64", "gateway_1.1.0_linux_armv6.tar.gz", "", "it is for armv6, and this board (x86_64) runs"},
		{"riscv64", "riscv64", "", "", "there is no archive for this board"},
	} {
		from := dir
		if tt.ask != "" {
			from = filepath.Join(dir, tt.ask)
		}
		r, err := Fetch(t.Context(), from, keys, boardOf(tt.machine, tt.own))
		switch {
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%+v: %v", tt, err)
		case tt.wrong == "" && err != nil:
			t.Errorf("%+v: %v", tt, err)
		case tt.wrong == "" && r.Archive != tt.want:
			t.Errorf("%+v: %s", tt, r.Archive)
		}
	}
	if err := boardOf("aarch64", "arm64").takes(tiny(t, "GOARCH=arm64")); err != nil {
		t.Error(err)
	}
}

// writeRelease writes and signs a release.
func writeRelease(t testing.TB, dir string, secret SecretKey, files map[string][]byte) {
	t.Helper()
	var list strings.Builder
	for name, data := range files {
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), name)
	}
	sig, err := Sign(secret, []byte(list.String()), "a release")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{sumsName: []byte(list.String()), signatureName: sig}
	for name, data := range files {
		all[name] = data
	}
	for name, data := range all {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct{ arg, sums, want, wrong string }{
		{"https://example.org/gateway", "https://example.org/gateway/SHA256SUMS", "", ""},
		{"https://example.org/gateway/", "https://example.org/gateway/SHA256SUMS", "", ""},
		{"https://example.org/x/gateway_1.0.0_linux_armv6.tar.gz?a=b", "https://example.org/x/SHA256SUMS?a=b", "gateway_1.0.0_linux_armv6.tar.gz", ""},
		{"https://u:secret@example.org/a/", "https://u:xxxxx@example.org/a/SHA256SUMS", "", ""},
		{"http://[::1]:8000/", "http://[::1]:8000/SHA256SUMS", "", ""},
		{"http://example.org/", "", "", "want https://"},
		{"http://127.0.0.1.example.org/", "", "", "want https://"},
		{"ftp://example.org/", "", "", "want https://"},
		{"file:///etc/", "", "", "want https://"},
		{"https:///x", "", "", "want https://"},
		{"http://u:secret@example.org/", "", "", "u:xxxxx@"},
	} {
		s, err := parseSource(tt.arg)
		switch {
		case tt.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tt.wrong) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", tt.arg, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.arg, err)
		case s.name(sumsName) != tt.sums || s.want != tt.want:
			t.Errorf("%s: %s and %q", tt.arg, s.name(sumsName), s.want)
		}
	}
}

// TestServer: what a server says counts no more than what it signs, and it
// cannot fill the memory or send us elsewhere.
func TestServer(t *testing.T) {
	var elsewhere http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gone/SHA256SUMS":
			http.NotFound(w, r)
		case "/away/SHA256SUMS":
			http.Redirect(w, r, "http://192.0.2.1/SHA256SUMS", http.StatusFound)
		case "/circle/SHA256SUMS":
			http.Redirect(w, r, "/circle/SHA256SUMS", http.StatusFound)
		case "/endless/SHA256SUMS":
			for block := make([]byte, 1<<16); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}
	}
	server := httptest.NewServer(elsewhere)
	defer server.Close()
	for path, want := range map[string]string{"gone": "404", "away": "want https://", "circle": "ten times", "endless": "more than 1048576 bytes"} {
		if _, err := Fetch(t.Context(), server.URL+"/"+path, Keys{}, boardOf("x86_64", "amd64")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := safe(&url.URL{Scheme: "http", Host: "localhost:1"}); err != nil {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	rising := []string{"0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "v1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"} // semver.org's, item 11
	for i, a := range rising {
		for j, b := range rising {
			c, err := Compare(a, b)
			if err != nil || (c < 0) != (i < j) || (c > 0) != (i > j) {
				t.Errorf("Compare(%s, %s) = %d, %v", a, b, c, err)
			}
		}
	}
	if c, err := Compare("1.0.0+a", "1.0.0+b"); c != 0 || err != nil {
		t.Errorf("what stands after + counts: %d, %v", c, err)
	}
	for _, v := range []string{"devel", "", "1", "1.0", "01.0.0", "unknown", "1.0.0 "} {
		if _, err := Compare(v, "1.0.0"); err == nil {
			t.Errorf("%q is a version", v)
		}
	}
}

// TestInstall looks, while binaries are put in place and back, whether there is a
// whole one at every moment.
func TestInstall(t *testing.T) {
	b := Binary(filepath.Join(t.TempDir(), "gateway"))
	is := func() string {
		got, err := os.ReadFile(string(b))
		if err != nil {
			t.Errorf("no binary: %v", err)
		}
		return string(got)
	}
	if err := os.WriteFile(string(b), []byte("0"), 0o750); err != nil {
		t.Fatal(err)
	}
	stop, looked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looked)
		for {
			select {
			case <-stop:
				return
			default:
				if len(is()) != 1 {
					t.Error("not a whole binary")
				}
			}
		}
	}()
	for i := 1; i < 10; i++ {
		staged, remove, err := b.Stage(fmt.Append(nil, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Install(staged); err != nil {
			t.Fatal(err)
		}
		remove()
		for _, want := range []int{i - 1, i} {
			if err := b.Rollback(); err != nil {
				t.Fatal(err)
			}
			if is() != fmt.Sprint(want) {
				t.Errorf("%s after going back, want %d", is(), want)
			}
		}
	}
	close(stop)
	<-looked
	if info, err := os.Stat(string(b)); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if names := readNames(t, filepath.Dir(string(b))); !slices.Equal(names, []string{"gateway", "gateway.old"}) {
		t.Errorf("left: %v", names)
	}
}

func readNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

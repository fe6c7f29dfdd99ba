package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSameBytes makes everything for a board once more, from a copy in another folder,
// and wants the same bytes.
func TestSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	first := made(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	copyRepository(t, first.root, elsewhere)
	out := t.TempDir()
	makeDist(t, elsewhere, out)
	sums := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := sums(first.out), sums(out); a != b || strings.Count(a, "\n") != 4 {
		t.Errorf("%s\nand from elsewhere\n%s", a, b)
	}
	check := exec.Command("sha256sum", "-c", "SHA256SUMS")
	check.Dir = first.out
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := exec.Command("ldd", first.binary(first.boards[0])).CombinedOutput(); err == nil {
		t.Errorf("it is not static: %s", out)
	}
}

// copyRepository copies what is in the repository, changes that are not committed
// included. git finds its history where it was.
func copyRepository(t *testing.T, from, to string) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "files")
	if err := os.WriteFile(list, []byte(run(t, "git", "-C", from, "ls-files", "-co", "--exclude-standard", "-z")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "sh", "-c", `tar -C "$1" --null --ignore-failed-read -T "$3" -cf - | tar -C "$2" -xf -`, "sh", from, to, list)
	history := run(t, "git", "-C", from, "rev-parse", "--absolute-git-dir")
	if err := os.WriteFile(filepath.Join(to, ".git"), []byte("gitdir: "+history), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpackImage takes the image apart as a container engine does, checks every digest,
// and returns a folder with its file system, and what it says of itself.
func unpackImage(t *testing.T, r *release) (root string, config imageConfig) {
	t.Helper()
	files := untar(t, r.file("oci.tar"))
	blob := func(digest string) []byte {
		b, ok := files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")]
		if !ok || fmt.Sprintf("sha256:%x", sha256.Sum256(b)) != digest {
			t.Fatalf("%s is not there, or has another digest", digest)
		}
		return b
	}
	var top, index, one manifest
	decode(t, files["index.json"], &top)
	decode(t, blob(top.Manifests[0].Digest), &index)
	if p := index.Manifests[0].Platform; p.Architecture != "amd64" || p.OS != "linux" {
		t.Errorf("%+v", p)
	}
	decode(t, blob(index.Manifests[0].Digest), &one)
	decode(t, blob(one.Config.Digest), &config)
	z, err := gzip.NewReader(bytes.NewReader(blob(one.Layers[0].Digest)))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(z)
	if err != nil || fmt.Sprintf("sha256:%x", sha256.Sum256(layer)) != config.RootFS.DiffIDs[0] {
		t.Fatalf("the layer is not what its diff id says: %v", err)
	}
	root = filepath.Join(t.TempDir(), "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	unpack := exec.Command("tar", "-C", root, "--numeric-owner", "--same-owner", "-xpf", "-")
	unpack.Stdin = bytes.NewReader(layer)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root, config
}

// TestImage runs what is in the image for this machine in its file system, as its
// user: a client publishes through a port, as with docker run -p.
func TestImage(t *testing.T) {
	need(t, "chroot", "coreutils")
	r, out := made(t), t.TempDir()
	root, config := unpackImage(t, r)
	argv := append(config.Config.Entrypoint, "version")
	if got := run(t, "chroot", append([]string{"--userspec=" + config.Config.User, root}, argv...)...); !strings.HasPrefix(got, "gateway "+r.version+"\n") {
		t.Errorf("%s", got)
	}
	// A namespace of its own stands in for the container's network.
	script := `ip link set lo up && exec chroot --userspec="$1" "$2" "$3" run -c /etc/gateway/gateway.yaml`
	c := exec.Command("unshare", "--net", "--fork", "--kill-child", "sh", "-c", `(`+script+`) >"$4" 2>&1 & gw=$!; ip link set lo up
i=0; while [ $i -lt 300 ] && ! "$2/gateway" pub -h 127.0.0.1 -p 1883 -t a/b -r -q 1 -m 21 2>/dev/null; do i=$((i+1)); sleep 0.1; done
"$2/gateway" sub -h 127.0.0.1 -p 1883 -t a/b -C 1 -W 20 || exit 1
kill -TERM $gw; wait $gw`, "sh", config.Config.User, root, "/gateway", filepath.Join(out, "log"))
	c.Env = append(config.Config.Env, "PATH="+os.Getenv("PATH"))
	got, err := c.CombinedOutput()
	if log, _ := os.ReadFile(filepath.Join(out, "log")); err != nil || !strings.Contains(string(got), "21") {
		t.Errorf("%v: %s\n%s", err, got, log)
	}
	if e, err := os.ReadDir(filepath.Join(root, "var/lib/gateway")); err != nil || len(e) == 0 {
		t.Errorf("nothing was kept in the volume: %v", err)
	}
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

func untar(t *testing.T, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(map[string][]byte)
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if all[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVersions(t *testing.T) {
	r := &release{version: "0.0.0-20261129010203.abcdef0"}
	if got := r.debianVersion(); got != "0.0.0~20261129010203.abcdef0" {
		t.Errorf("%s", got)
	}
	if dpkg, err := exec.LookPath("dpkg"); err == nil {
		run(t, dpkg, "--compare-versions", r.debianVersion(), "lt", "0.0.0")
	}
	for _, wrong := range []string{"v1.0.0", "1.0/0", "1_0"} {
		if _, err := newRelease(t.TempDir(), wrong, nil); err == nil || !strings.Contains(err.Error(), "-version "+wrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if _, err := newRelease(t.TempDir(), "1.0.0", []string{"mips"}); err == nil || !strings.Contains(err.Error(), "armv6") {
		t.Errorf("%v", err)
	}
}

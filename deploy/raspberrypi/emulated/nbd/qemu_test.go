//go:build linux

package nbd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serveUnix serves d until the test ends, and returns how QEMU names it.
func serveUnix(t *testing.T, d *Disk) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	ok(t, err)
	ended := make(chan error)
	go func() { ended <- Serve(t.Context(), l, d) }()
	t.Cleanup(func() { // t.Context() has ended
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "nbd+unix:///?socket=" + path
}

// program runs a program of Debian's package, and returns what it printed.
func program(t *testing.T, pkg, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatalf("%s is not installed: apt-get install %s", name, pkg)
		}
		t.Skipf("%s is not installed: apt-get install %s", name, pkg)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

// QEMU itself takes the disk for one of its size, writes, flushes, and is
// killed.
func TestQEMU(t *testing.T) {
	d, file := newDisk(t, 2048) // 1 MiB
	uri := serveUnix(t, d)
	out, err := program(t, "qemu-utils", "qemu-img", "info", uri)
	if err != nil || !strings.Contains(out, "virtual size: 1 MiB (1048576 bytes)") {
		t.Fatalf("qemu-img info: %v\n%s", err, out)
	}
	// abort is a crash: what was not flushed is never flushed, nor is what it prints.
	_, err = program(t, "qemu-utils", "qemu-io", "-f", "raw", "-t", "writeback", "-c", "write -P 1 0 64k", "-c", "flush",
		"-c", "write -P 2 4k 8k", "-c", "write -f -P 3 32k 512", "-c", "write -z 16k 4k", "-c", "discard 20k 4k", "-c", "abort", uri)
	if err == nil || err.Error() != "signal: aborted" {
		t.Fatalf("qemu-io: %v", err)
	}
	if s := d.Stats(); s.Flushes == 0 || s.Writes != 3 || s.Trimmed != 8<<10 {
		t.Errorf("QEMU has made %+v", s)
	}
	if got := read(t, d); got[8] != 2 || got[32] != 0 || got[40] != 0 || got[48] != 1 {
		t.Errorf("the disk before the cut has % x", got[:64])
	}
	_, err = d.Cut(LoseAll, nil)
	ok(t, err)
	want := fill(1, 1)[:128]
	want[64] = 3
	equal(t, "the image after the cut", content(t, file)[:128], want)
	// The next machine sees the same.
	out, err = program(t, "qemu-utils", "qemu-io", "-f", "raw", "-c", "read -P 1 4k 24k", "-c", "read -P 3 32k 512", "-c", "read -P 0 64k 64k", uri)
	if err != nil || strings.Contains(out, "failed") {
		t.Errorf("qemu-io after the cut: %v\n%s", err, out)
	}
}

// A whole file system goes through it.
func TestFileSystemThroughQEMU(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	ok(t, os.WriteFile(from, nil, 0o600))
	ok(t, os.Truncate(from, 16<<20))
	if out, err := program(t, "e2fsprogs", "mkfs.ext4", "-q", from); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	d, file := newDisk(t, 16<<20/Sector)
	if out, err := program(t, "qemu-utils", "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", from, serveUnix(t, d)); err != nil {
		t.Fatalf("qemu-img convert: %v\n%s", err, out)
	}
	_, err := d.Cut(LoseAll, nil) // it has flushed
	ok(t, err)
	if out, err := program(t, "e2fsprogs", "e2fsck", "-fn", file); err != nil {
		t.Errorf("e2fsck: %v\n%s", err, out)
	}
}

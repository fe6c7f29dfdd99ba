package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The two versions that are upgraded between. They are as long as each other, so that
// the second is made of the first without building it.
const version1, version2 = "7.7.1-upgrade.test", "7.7.2-upgrade.test"

// firstVersion builds the first version once for all tests.
var firstVersion = sync.OnceValues(func() ([]byte, error) {
	file, err := buildBinary(filepath.Join(buildDir, "gateway-"+version1), "GOFLAGS=-ldflags=-X=main.releaseVersion="+version1)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// upgrading is a gateway that is installed in a folder, and a signed release of the
// next version.
type upgrading struct {
	binary, release, key string
	home                 string // where its commands run
}

func newUpgrading(t *testing.T) *upgrading {
	t.Helper()
	u := &upgrading{home: t.TempDir(), release: t.TempDir(), binary: filepath.Join(t.TempDir(), "gateway")}
	u.key = filepath.Join(u.home, "key.pub")
	built, err := firstVersion()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(u.binary, built, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, need(t, "minisign", "minisign"), "-G", "-W", "-p", u.key, "-s", u.secret())
	u.publish(t, runtime.GOARCH, bytes.ReplaceAll(u.installed(t), []byte(version1), []byte(version2)))
	return u
}

func (u *upgrading) secret() string { return filepath.Join(u.home, "key.sec") }

func (u *upgrading) installed(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(u.binary)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publish makes an archive the release, signed by the real minisign.
func (u *upgrading) publish(t *testing.T, board string, binary []byte) {
	t.Helper()
	name := "gateway_" + version2 + "_linux_" + board
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name + "/gateway", Mode: 0o755, Size: int64(len(binary))})
	if err == nil {
		_, err = w.Write(binary)
	}
	for _, c := range []func() error{w.Close, z.Close} {
		if err == nil {
			err = c()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	u.put(t, name+".tar.gz", b.Bytes())
	u.put(t, "SHA256SUMS", fmt.Appendf(nil, "%x  %s.tar.gz\n", sha256.Sum256(b.Bytes()), name))
	command(t, need(t, "minisign", "minisign"), "-S", "-s", u.secret(), "-m", filepath.Join(u.release, "SHA256SUMS"), "-t", "the release of a test")
}

func (u *upgrading) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.release, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the installed gateway and returns what it prints, and its exit status.
func (u *upgrading) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), u.binary, args...)
	cmd.Dir = u.home
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// wantRun is run with what it has to print, and its exit status.
func (u *upgrading) wantRun(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	if out, code := u.run(t, args...); code != status || !strings.Contains(out, want) {
		t.Errorf("gateway %s: exit status %d, want %d, and to say %q:\n%s", strings.Join(args, " "), code, status, want, out)
	}
}

// TestUpgrade upgrades from a folder and from a server, goes back, and signs.
func TestUpgrade(t *testing.T) {
	t.Parallel() // it waits more than it works
	u := newUpgrading(t)
	server := httptest.NewServer(http.FileServer(http.Dir(u.release)))
	defer server.Close()
	config := writeConfig(t, "sensors: []\n")

	u.wantRun(t, 0, "it can be installed", "upgrade", "--check", "--key", u.key, "-c", config, server.URL)
	u.wantRun(t, 0, "gateway "+version1, "version")
	u.wantRun(t, 0, "sudo systemctl restart gateway", "upgrade", "--key", u.key, "-c", config, u.release)
	u.wantRun(t, 0, "gateway "+version2, "version")
	u.wantRun(t, exitCurrent, "is not newer than "+version2, "upgrade", "--key", u.key, u.release)
	u.wantRun(t, 0, "back ", "upgrade", "--rollback", "-c", config)
	u.wantRun(t, 0, "gateway "+version1, "version")
	u.wantRun(t, 0, "installed", "upgrade", "--key", u.key, server.URL+"/gateway_"+version2+"_linux_"+runtime.GOARCH+".tar.gz")
	u.wantRun(t, 0, "gateway "+version2, "version")
	if got := command(t, u.binary+".old", "version"); !strings.Contains(got, version1) {
		t.Errorf("kept: %s", got)
	}

	list := filepath.Join(u.release, "SHA256SUMS")
	u.wantRun(t, 0, "", "upgrade", "--sign", u.secret(), list)
	command(t, need(t, "minisign", "minisign"), "-V", "-H", "-p", u.key, "-m", list)
	u.wantRun(t, 0, "signed: file:SHA256SUMS", "upgrade", "--check", "--force", "--key", u.key, u.release)
	u.wantNothingElse(t)
}

// wantNothingElse finds what an upgrade has left beside the binary.
func (u *upgrading) wantNothingElse(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(u.binary))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "gateway" && e.Name() != "gateway.old" {
			t.Errorf("%s was left beside the binary", e.Name())
		}
	}
}

// TestUpgradeRefuses: whatever is wrong, the binary stays, and nothing is left.
func TestUpgradeRefuses(t *testing.T) {
	t.Parallel() // it waits more than it works
	u := newUpgrading(t)
	before, home := u.installed(t), u.home
	other := filepath.Join(home, "other.pub")
	command(t, need(t, "minisign", "minisign"), "-G", "-W", "-p", other, "-s", filepath.Join(home, "other.sec"))
	good, wrong := writeConfig(t, "sensors: []\n"), writeConfig(t, "sensors: 7\n")
	key := func(args ...string) []string { return append([]string{"upgrade", "--key", u.key, "-c", good}, args...) }
	archive := "gateway_" + version2 + "_linux_" + runtime.GOARCH + ".tar.gz"

	if _, err := os.Stat(upgradeKeys); err != nil {
		u.wantRun(t, exitFailure, "there is no key to tell whose release it is", "upgrade", u.release)
	}
	u.wantRun(t, exitFailure, "which is none of those that you trust", "upgrade", "--key", other, u.release)
	u.wantRun(t, exitFailure, "does not take the configuration", "upgrade", "--key", u.key, "-c", wrong, u.release)
	u.wantRun(t, exitFailure, "want https://", key("http://192.0.2.1/")...)
	u.wantRun(t, exitUsage, "name an archive", "upgrade")
	u.wantRun(t, exitUsage, "stand alone", "upgrade", "--rollback", u.release)
	u.wantRun(t, exitFailure, "nothing to go back to", "upgrade", "--rollback")
	u.wantRun(t, exitFailure, "does not name other.tar.gz", key(filepath.Join(touch(t, u.release, "other.tar.gz")))...)

	whole, err := os.ReadFile(filepath.Join(u.release, archive))
	if err != nil {
		t.Fatal(err)
	}
	u.put(t, archive, whole[:len(whole)-1])
	u.wantRun(t, exitFailure, "it is damaged or not whole", key(u.release)...)
	u.put(t, "SHA256SUMS", fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(whole[:len(whole)-1]), archive))
	u.wantRun(t, exitFailure, "it has been changed", key(u.release)...)
	u.publish(t, runtime.GOARCH, []byte("#!/bin/sh\necho gateway 9.9.9\n"))
	u.wantRun(t, exitFailure, "not a program for Linux", key(u.release)...)
	if !bytes.Equal(u.installed(t), before) {
		t.Error("the binary has changed")
	}
	u.wantNothingElse(t)
}

func touch(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestUpgradeOfAPackage leaves what dpkg has installed to dpkg, by a database of the
// test's own.
func TestUpgradeOfAPackage(t *testing.T) {
	need(t, "dpkg-query", "dpkg")
	u := newUpgrading(t)
	admin := t.TempDir()
	for name, text := range map[string]string{
		"status":            "Package: gateway\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: 7.7.1\nDescription: x\n",
		"info/format":       "1\n",
		"info/gateway.list": u.binary + "\n",
	} {
		file := filepath.Join(admin, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DPKG_ADMINDIR", admin)
	u.wantRun(t, exitFailure, "belongs to the Debian package gateway: sudo apt install ./gateway_", "upgrade", "--key", u.key, u.release)
	u.wantRun(t, exitFailure, "belongs to the Debian package gateway", "upgrade", "--rollback")
	u.wantRun(t, 0, "it can be installed", "upgrade", "--check", "--key", u.key, u.release)
}

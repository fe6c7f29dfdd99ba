package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var everything = flag.Bool("all", false, "test the packages of all architectures, not only that of this machine")

// need skips the test unless this is root with a program of a Debian package; under
// make test nothing is skipped.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
	path, err := exec.LookPath(program)
	if err == nil && os.Getuid() != 0 {
		err = errors.New("only root can make a Debian of its own")
	}
	switch {
	case err == nil:
		return path
	case os.Getenv("GATEWAY_TEST_ALL") != "":
		t.Fatalf("%s, of Debian's package %s: %v", program, debian, err)
	default:
		t.Skipf("needs %s, of Debian's package %s: %v", program, debian, err)
	}
	return ""
}

// debian is a Debian in a folder.
type debian struct {
	t    *testing.T
	root string
}

// cache is the folder that tests of all clones share.
func cache(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GATEWAY_CACHE")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache", "gateway-test")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newDebian unpacks a Debian 12 that has little but systemd. It is fetched once.
func newDebian(t *testing.T) *debian {
	t.Helper()
	debootstrap := need(t, "debootstrap", "debootstrap")
	base := filepath.Join(cache(t), "debian-bookworm-systemd-procps-amd64.tar")
	if _, err := os.Stat(base); err != nil {
		dir := t.TempDir()
		run(t, debootstrap, "--variant=minbase", "--include=systemd,systemd-sysv,dbus,procps", "--arch=amd64", "bookworm", dir, mirror(t))
		part := base + fmt.Sprintf(".%d", os.Getpid())
		run(t, "tar", "-C", dir, "--one-file-system", "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*", "--exclude=./dev/*", "-cf", part, ".")
		if err := os.Rename(part, base); err != nil {
			t.Fatal(err)
		}
	}
	d := &debian{t, filepath.Join(t.TempDir(), "debian")}
	if err := os.Mkdir(d.root, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "tar", "-C", d.root, "-xf", base)
	return d
}

// mirror is where this machine has its own packages from.
func mirror(t *testing.T) string {
	t.Helper()
	var all []byte
	for _, pattern := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/*.sources", "/etc/apt/sources.list.d/*.list"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(append(all, b...), '\n')
		}
	}
	m := regexp.MustCompile(`(?m)^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+/debian/?)(?:\s|$)`).FindSubmatch(all)
	if m == nil {
		t.Fatal("apt knows no mirror of Debian on this machine")
	}
	return string(m[1])
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	b, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, b)
	}
	return string(b)
}

// try runs a command in the Debian.
func (d *debian) try(args ...string) (string, error) {
	c := exec.Command("chroot", append([]string{d.root}, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "HOME=/root"}
	b, err := c.CombinedOutput()
	return string(b), err
}

func (d *debian) run(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// has wants files to be there as "mode owner:group path".
func (d *debian) has(lines ...string) {
	d.t.Helper()
	for _, want := range lines {
		path := want[strings.LastIndex(want, " ")+1:]
		out, err := d.try("stat", "-c", "%a %U:%G %n", path)
		if got := strings.TrimSpace(out); err != nil || got != want {
			d.t.Errorf("%s, want %s", got, want)
		}
	}
}

func (d *debian) hasNot(paths ...string) {
	d.t.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(d.root, p)); err == nil {
			d.t.Errorf("%s is there", p)
		}
	}
}

func (d *debian) write(path, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.root, path), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *debian) read(path string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.root, path))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// install puts a package into the Debian's /tmp and has dpkg install it.
func (d *debian) install(file string, flags ...string) string {
	d.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("/tmp/gateway.deb", string(b))
	return d.run(append(append([]string{"dpkg"}, flags...), "-i", "/tmp/gateway.deb")...)
}

const enabled = "/etc/systemd/system/multi-user.target.wants/gateway.service"

// TestPackage lives through what a package lives through, for real, in a Debian of
// its own: installed, changed by its owner, upgraded, removed, installed again, purged.
func TestPackage(t *testing.T) {
	d := newDebian(t)
	one, two := made(t), testRelease(t, t.TempDir(), "99.1.0", "amd64")
	run(t, "cp", one.binary(one.boards[0]), two.binary(two.boards[0])) // the same in both
	if err := two.packages(); err != nil {
		t.Fatal(err)
	}
	d.install(one.file("amd64.deb"))
	d.has("755 root:root /usr/bin/gateway", "644 root:root /etc/default/gateway", "644 root:root /usr/lib/systemd/system/gateway.service",
		"644 root:root /usr/lib/udev/rules.d/60-gateway.rules", "644 root:root /usr/share/man/man1/gateway.1.gz", "644 root:root /usr/share/bash-completion/completions/gateway", "644 root:root /usr/share/gateway/gateway.yaml",
		"750 gateway:gateway /etc/gateway", "640 gateway:gateway /etc/gateway/gateway.yaml", "640 gateway:gateway /etc/gateway/users",
		"750 gateway:gateway /var/lib/gateway")
	if got := d.run("id", "-nG", "gateway"); !sameWords(got, "gateway dialout i2c spi gpio") {
		t.Errorf("groups: %s", got)
	}
	if _, err := os.Lstat(filepath.Join(d.root, enabled)); err != nil {
		t.Errorf("not enabled: %v", err)
	}
	if got := d.run("gateway", "version"); !strings.HasPrefix(got, "gateway "+one.version+"\ncommit  "+one.commit) {
		t.Errorf("%s", got)
	}
	if got := d.run("gateway", "check", "/etc/gateway/gateway.yaml"); strings.Contains(got, "wrong") {
		t.Errorf("%s", got)
	}
	d.serves()

	// What its owner changes is kept, by an upgrade that brings another default, too.
	mine := d.read("/etc/gateway/gateway.yaml") + "site: mine\n"
	d.write("/etc/gateway/gateway.yaml", mine)
	d.write("/etc/default/gateway", "GATEWAY_FLAGS=\"--demo\"\n")
	d.write("/var/lib/gateway/kept", "x")
	d.write("/usr/share/gateway/gateway.yaml", "changed")
	out2 := d.install(two.file("amd64.deb"), "--force-confold")
	if got := d.run("dpkg-query", "-W", "-f", "${Version} ${Status}", "gateway"); got != "99.1.0 install ok installed" {
		t.Errorf("%s\n%s", got, out2)
	}
	if d.read("/etc/gateway/gateway.yaml") != mine || d.read("/etc/default/gateway") != "GATEWAY_FLAGS=\"--demo\"\n" {
		t.Error("an upgrade has changed what its owner has written")
	}
	if !strings.Contains(d.read("/usr/share/gateway/gateway.yaml"), "password_file") {
		t.Error("the upgrade has not brought its files")
	}

	d.run("dpkg", "-r", "gateway")
	d.hasNot("/usr/bin/gateway", "/usr/lib/systemd/system/gateway.service")
	if d.read("/etc/gateway/gateway.yaml") != mine || d.read("/var/lib/gateway/kept") != "x" {
		t.Error("removed, and something of its owner is gone")
	}
	d.install(one.file("amd64.deb"))
	if d.read("/etc/gateway/gateway.yaml") != mine {
		t.Error("installed again, and the configuration is another")
	}
	if _, err := os.Lstat(filepath.Join(d.root, enabled)); err != nil {
		t.Errorf("installed again, and not enabled: %v", err)
	}
	d.run("dpkg", "-P", "gateway")
	d.hasNot("/usr/bin/gateway", "/etc/gateway", "/var/lib/gateway", "/etc/default/gateway", "/usr/share/gateway", enabled)
	if out, err := d.try("getent", "passwd", "gateway"); err == nil {
		t.Errorf("purged, and there is still %s", out)
	}
}

// serves starts the gateway as the service does, as its user, and wants the page and a
// reading of this machine.
func (d *debian) serves() {
	d.t.Helper()
	d.write("/tmp/try.yaml", "broker: {listeners: [{protocol: tcp, address: \"127.0.0.1:0\"}]}\ndashboard: {address: \"\"}\n")
	c := exec.Command("chroot", "--userspec=gateway:gateway", d.root, "/usr/bin/gateway", "run", "-c", "/tmp/try.yaml")
	c.Env = []string{"PATH=/usr/bin:/bin", "STATE_DIRECTORY=/var/lib/gateway"}
	var out bytes.Buffer
	log, err := os.Create(filepath.Join(d.t.TempDir(), "log"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	where := regexp.MustCompile(`(?m)^MQTT +127\.0\.0\.1:(\d+)`)
	var port string
	for deadline := time.Now().Add(30 * time.Second); port == "" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(log.Name())
		if m := where.FindSubmatch(b); m != nil {
			port = string(m[1])
		}
	}
	got := ""
	if port != "" {
		got, err = d.try("gateway", "sub", "-h", "127.0.0.1", "-p", port, "-t", "+/gateway/host", "-C", "1", "-W", "30")
	}
	if err != nil || !strings.Contains(got, `"time":"`) {
		b, _ := os.ReadFile(log.Name())
		d.t.Errorf("no reading: %v %s\n%s", err, got, b)
	}
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil {
		d.t.Errorf("it ended with %v: %s", err, out.String())
	}
	run(d.t, "rm", "-rf", filepath.Join(d.root, "var/lib/gateway/store"), filepath.Join(d.root, "var/lib/gateway/history"))
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) != len(y) {
		return false
	}
	for _, w := range x {
		if !strings.Contains(" "+b+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

// TestPackageARM installs Debian's packages for ARM into the same Debian, scripts and
// all, and runs their binaries on an emulated processor: armhf's on the oldest one,
// which a Raspberry Pi Zero has.
func TestPackageARM(t *testing.T) {
	if !*everything {
		t.Skip("without -all")
	}
	d := newDebian(t)
	out := t.TempDir()
	r := testRelease(t, out, "1.0.0", "armv6", "arm64")
	if err := errors.Join(r.binaries(), r.packages()); err != nil {
		t.Fatal(err)
	}
	for arch, processor := range map[string][]string{"armhf": {need(t, "qemu-arm-static", "qemu-user-static"), "-cpu", "arm1176"}, "arm64": {need(t, "qemu-aarch64-static", "qemu-user-static")}} {
		d.run("dpkg", "--add-architecture", arch)
		file := filepath.Join(out, "gateway_1.0.0_"+arch+".deb")
		if got := run(t, "dpkg-deb", "-f", file, "Architecture"); strings.TrimSpace(got) != arch {
			t.Errorf("architecture %s", got)
		}
		d.install(file, "--force-depends")
		if got := run(t, processor[0], append(processor[1:], filepath.Join(d.root, "usr/bin/gateway"), "version")...); !strings.HasPrefix(got, "gateway 1.0.0\n") {
			t.Errorf("%s: %s", arch, got)
		}
		d.run("dpkg", "-P", "gateway:"+arch)
	}
}

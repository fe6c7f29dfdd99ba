package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallScript installs into a folder from the archive, twice, upgrades, and
// takes everything back.
func TestInstallScript(t *testing.T) {
	d := newDebian(t)
	r := made(t)
	run(t, "tar", "-C", filepath.Join(d.root, "tmp"), "-xzf", r.file("linux_amd64.tar.gz"))
	unpacked := "/tmp/gateway_" + r.version + "_linux_amd64"
	script := unpacked + "/install.sh"
	host := filepath.Join(d.root, script)

	// Without systemd nothing is half done.
	hide(t, filepath.Join(d.root, "bin/systemctl"))
	if got, err := d.try(script); err == nil || !strings.Contains(got, "there is no systemd here") {
		t.Errorf("%v: %s", err, got)
	}
	d.hasNot("/usr/local/bin/gateway", "/etc/gateway")
	for _, x := range []struct{ args, says string }{
		{"--purge", "--purge goes with --uninstall"}, {"--what", "--what is not known"}, {"--root /nowhere", "there is no such folder"}, {"--root", "needs a folder"},
	} {
		if got, err := d.try(append([]string{script}, strings.Fields(x.args)...)...); err == nil || !strings.Contains(got, x.says) {
			t.Errorf("%s: %v: %s", x.args, err, got)
		}
	}
	if got := d.run(script, "--help"); !strings.Contains(got, "--uninstall [--purge]") || strings.Contains(got, "set -eu") {
		t.Errorf("%s", got)
	}

	// Into an image.
	for range 2 {
		run(t, "sh", host, "--root", d.root)
	}
	d.has("755 root:root /usr/local/bin/gateway", "644 root:root /etc/systemd/system/gateway.service", "644 root:root /usr/lib/sysusers.d/gateway.conf",
		"644 root:root /usr/lib/tmpfiles.d/gateway.conf", "644 root:root /etc/default/gateway", "644 root:root /etc/udev/rules.d/60-gateway.rules")
	if unit := d.read("/etc/systemd/system/gateway.service"); !strings.Contains(unit, "ExecStart=/usr/local/bin/gateway run") {
		t.Errorf("%s", unit)
	}
	if to, err := os.Readlink(filepath.Join(d.root, enabled)); err != nil || to != "../gateway.service" {
		t.Errorf("%s, %v", to, err)
	}
	d.write("/etc/default/gateway", "GATEWAY_FLAGS=--demo\n")
	b, err := os.ReadFile(filepath.Join(d.root, unpacked, "gateway"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.root, unpacked, "gateway"), append(b, "another"...), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "sh", host, "--root", d.root)
	d.has("755 root:root /usr/local/bin/gateway.old")
	if d.read("/etc/default/gateway") != "GATEWAY_FLAGS=--demo\n" {
		t.Error("an upgrade has changed what its owner has written")
	}

	// User, groups and configuration, as on a system that runs, and again.
	for range 2 {
		run(t, "mkdir", "-p", filepath.Join(d.root, "usr/share/gateway"))
		d.run("sh", unpacked+"/postinst", "setup")
		d.has("750 gateway:gateway /etc/gateway", "640 gateway:gateway /etc/gateway/gateway.yaml", "640 gateway:gateway /etc/gateway/users")
	}
	run(t, "sh", host, "--uninstall", "--root", d.root)
	d.hasNot("/usr/local/bin/gateway", "/usr/local/bin/gateway.old", "/etc/systemd/system/gateway.service", enabled, "/usr/share/gateway", "/etc/udev/rules.d/60-gateway.rules")
	d.has("640 gateway:gateway /etc/gateway/gateway.yaml")
	run(t, "sh", host, "--uninstall", "--purge", "--root", d.root)
	d.hasNot("/etc/gateway", "/var/lib/gateway", "/etc/default/gateway")
	run(t, "sh", host, "--uninstall", "--root", d.root) // nothing is there, and that is fine
}

// TestUnit holds what systemd says of the unit: how exposed it is, and whether it
// understands every line.
func TestUnit(t *testing.T) {
	analyze := need(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	rt, err := root()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(rt, folder, "gateway.service"))
	if err != nil {
		t.Fatal(err)
	}
	// Nobody has it installed here, nor its page of the manual.
	text := strings.ReplaceAll(string(b), "/usr/bin/gateway", "/bin/true")
	text = strings.ReplaceAll(text, "Documentation=man:gateway(1)\n", "")
	unit := filepath.Join(dir, "gateway.service")
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(got), "gateway.service") {
		t.Errorf("%v: %s", err, got)
	}
	// 20 is 2.0 of 10.
	if got, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput(); err != nil {
		t.Errorf("more exposed than 2.0: %v\n%s", err, got)
	}
	for _, script := range []string{"install.sh", "postinst", "prerm", "postrm"} {
		run(t, "sh", "-n", filepath.Join(rt, folder, script))
	}
	if shellcheck, err := exec.LookPath("shellcheck"); err == nil {
		run(t, shellcheck, filepath.Join(rt, folder, "install.sh"), filepath.Join(rt, folder, "postinst"), filepath.Join(rt, folder, "prerm"), filepath.Join(rt, folder, "postrm"))
	}
}

// hide takes a program away.
func hide(t *testing.T, file string) {
	t.Helper()
	if err := os.Rename(file, file+".hidden"); err != nil {
		t.Fatal(err)
	}
}

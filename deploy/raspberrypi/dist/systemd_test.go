package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// boot is what makes a Debian in a folder boot: namespaces in which its systemd is
// process 1, with the devices of a container.
const boot = `
set -e
cd "$1"
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for d in null zero full random urandom tty; do : >"dev/$d"; mount --bind "/dev/$d" "dev/$d"; done
mkdir dev/shm
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
export container=other
exec chroot . /lib/systemd/systemd --log-target=null --unit=multi-user.target
`

// booted is a Debian that runs.
type booted struct {
	*debian
	pid string // of its systemd, here
}

// bootDebian boots it until the test ends. It skips where the kernel does not let
// another systemd be.
func bootDebian(t *testing.T, d *debian) *booted {
	t.Helper()
	c := exec.Command("unshare", "--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", "-c", boot, "sh", d.root)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // unshare's child goes with it
		_ = c.Wait()
	})
	b := &booted{debian: d}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		children, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.Process.Pid), "task", strconv.Itoa(c.Process.Pid), "children"))
		if b.pid = strings.TrimSpace(string(children)); b.pid != "" {
			if out, _ := b.enter("systemctl", "is-system-running"); strings.HasPrefix(out, "running") || strings.HasPrefix(out, "degraded") {
				return b
			}
		}
		if time.Now().After(deadline) {
			t.Skipf("no systemd of its own can run on this machine: %s", said.String())
		}
	}
}

// enter runs a command in the Debian that runs.
func (b *booted) enter(args ...string) (string, error) {
	c := exec.Command("nsenter", append([]string{"-t", b.pid, "-a", "-r", "-w", "timeout", "60"}, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}
	out, err := c.CombinedOutput()
	return string(out), err
}

func (b *booted) want(what string, args ...string) {
	b.t.Helper()
	out, err := b.enter(args...)
	if !strings.Contains(out, what) || what == "" && err != nil {
		log, _ := b.enter("journalctl", "-u", "gateway", "--no-pager")
		b.t.Fatalf("%s: %v: %s, want %s\n%s", strings.Join(args, " "), err, out, what, log)
	}
}

// TestUnitUnderSystemd has a systemd of its own start the package's unit as it is:
// ready when it is, as its user, reloaded with a new user of MQTT, started again by the
// watchdog when it hangs and when it crashes, not for a wrong configuration, and
// stopped.
func TestUnitUnderSystemd(t *testing.T) {
	d := newDebian(t)
	d.install(made(t).file("amd64.deb"))
	drop := filepath.Join(d.root, "etc/systemd/system/gateway.service.d")
	if err := os.MkdirAll(drop, 0o755); err != nil {
		t.Fatal(err)
	}
	d.write("/etc/systemd/system/gateway.service.d/hurry.conf", "[Service]\nWatchdogSec=4\nRestartSec=1\n")
	b := bootDebian(t, d)
	b.want("ActiveState=active", "systemctl", "show", "gateway", "-p", "ActiveState")
	b.want("StatusText=page http://", "systemctl", "show", "gateway", "-p", "StatusText")
	b.want("gateway\n", "sh", "-c", `stat -c %U /proc/$(systemctl show -p MainPID --value gateway)`)
	b.want("CapEff:\t0000000000000000", "sh", "-c", `cat /proc/$(systemctl show -p MainPID --value gateway)/status`)

	b.want("", "sh", "-c", `printf 'secret\nsecret\n' | gateway passwd /etc/gateway/users ann`)
	b.want("", "systemctl", "reload", "gateway")
	// systemd 252 does not wait for a reload to be done.
	b.want(`"time":"`, "sh", "-c", "i=0; until gateway sub -h 127.0.0.1 -u ann -P secret -t +/gateway/host -C 1 -W 20 2>/dev/null || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done")
	// The page's wizard writes there, as the service's user under the unit.
	b.want("written", "sh", "-c", `nsenter -t $(systemctl show -p MainPID --value gateway) -m -r setpriv --reuid gateway --regid gateway --clear-groups sh -c 'touch /etc/gateway/x && rm /etc/gateway/x && ! touch /etc/x 2>/dev/null && echo written'`)

	for i, signal := range []string{"STOP", "ABRT", "KILL"} {
		b.want("", "sh", "-c", "kill -"+signal+" $(systemctl show -p MainPID --value gateway)")
		n := strconv.Itoa(i + 1)
		b.want("NRestarts="+n+" active", "sh", "-c", `i=0; until [ "$(systemctl show gateway -p NRestarts --value) $(systemctl is-active gateway)" = "`+n+` active" ] || [ $i = 300 ]; do i=$((i+1)); sleep 0.1; done; echo "NRestarts=$(systemctl show gateway -p NRestarts --value) $(systemctl is-active gateway)"`)
	}
	b.want("", "sh", "-c", "echo 'nonsense: 1' >>/etc/gateway/gateway.yaml")
	b.want("", "sh", "-c", "systemctl restart gateway || true")
	b.want("failed 3", "sh", "-c", `i=0; until [ "$(systemctl is-active gateway)" = failed ] || [ $i = 100 ]; do i=$((i+1)); sleep 0.1; done; echo "$(systemctl is-active gateway) $(systemctl show gateway -p ExecMainStatus --value)"`)
	b.want("", "sh", "-c", "sed -i '$d' /etc/gateway/gateway.yaml; systemctl start gateway; systemctl stop gateway")
	b.want("Result=success", "systemctl", "show", "gateway", "-p", "Result")
}

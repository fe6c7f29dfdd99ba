package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadOnlyRoot runs the gateway where nothing can be written but one folder, as
// deploy/raspberrypi/READONLY.md has it: everything is kept in that. Without any, it
// runs all the same, and says that it forgets.
func TestReadOnlyRoot(t *testing.T) {
	t.Parallel() // it waits more than it works
	unshare := need(t, "unshare", "util-linux")
	if os.Getuid() != 0 {
		skipOrFail(t, "only root can have a file system that is read-only for itself")
	}
	pub, sub := need(t, "mosquitto_pub", "mosquitto-clients"), need(t, "mosquitto_sub", "mosquitto-clients")
	data := t.TempDir()
	config := filepath.Join(data, "gateway.yaml")
	if err := os.WriteFile(config, []byte("sensors: []\n"+freePorts), 0o600); err != nil {
		t.Fatal(err)
	}
	// What is bound onto itself stays writable when all else is not.
	const oneFolder = `set -e; for m in $(cut -d' ' -f2 /proc/mounts); do mount -o remount,bind,ro "$m" 2>/dev/null || true; done
		! touch "$2" 2>/dev/null
		case $3 in rw) mount --bind "$1" "$1" && mount -o remount,bind,rw "$1" ;; esac
		STATE_DIRECTORY=$1 exec "$4" run -c "$1/gateway.yaml"`
	start := func(how string) *gatewayProcess {
		return awaitGateway(spawn(t, unshare, "--mount", "--propagation", "private", "sh", "-c", oneFolder, "sh", data, filepath.Join(t.TempDir(), "x"), how, needBinary(t)))
	}

	g := start("rw")
	command(t, pub, append(hostPort(t, g.mqtt), "-r", "-q", "1", "-t", "kept", "-m", "yes")...)
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	g = start("rw")
	if got := command(t, sub, append(hostPort(t, g.mqtt), "-t", "kept", "-C", "1", "-W", "30")...); strings.TrimSpace(got) != "yes" {
		t.Errorf("after a restart: %q", got)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}

	g = start("ro")
	command(t, pub, append(hostPort(t, g.mqtt), "-r", "-t", "now", "-m", "yes")...)
	if got := command(t, sub, append(hostPort(t, g.mqtt), "-t", "+", "-C", "2", "-W", "30")...); !strings.Contains(got, "yes") {
		t.Errorf("nothing can be stored: %q", got)
	}
	g.await(`level=ERROR msg="the store cannot be written`)
	_ = g.stop() // what it says then is of what is lost
}

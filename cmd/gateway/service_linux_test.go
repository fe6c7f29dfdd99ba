package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/broker/store"
)

// keepStore makes a store with a retained message for each topic.
func keepStore(t *testing.T, dir string, topics ...string) {
	t.Helper()
	d, err := store.Open(dir, store.Options{Log: slog.New(slog.DiscardHandler), MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if _, err := d.Append(store.Now, store.Change{Op: store.Publish, Retain: true, Message: &store.Message{Topic: topic, Payload: []byte("x"), Retain: true}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCommandsFindTheService: who is not the service, and may have run a gateway
// before, is told of that of the service, and which one that is.
func TestCommandsFindTheService(t *testing.T) {
	unshare := need(t, "unshare", "util-linux")
	if os.Getuid() != 0 {
		skipOrFail(t, "only root can have an /etc of its own")
	}
	state, here := t.TempDir(), t.TempDir()
	keepStore(t, filepath.Join(state, "store"), "a", "b")
	keepStore(t, filepath.Join(here, "gateway", "store"), "c")
	config := writeConfig(t, "sensors: []\n")
	// An /etc and a /var/lib as the package makes them, which nobody else sees.
	const service = `set -e; mount -t tmpfs none /etc; mount -t tmpfs none /var/lib; mkdir /etc/gateway /var/lib/gateway
		mount --bind "$1" /var/lib/gateway; cp "$2" /etc/gateway/gateway.yaml; cd "$3"; shift 3; XDG_STATE_HOME=$PWD exec "$@"`
	gateway := func(args ...string) string {
		t.Helper()
		return command(t, unshare, append([]string{"--mount", "--propagation", "private", "sh", "-c", service, "sh", state, config, here, needBinary(t)}, args...)...)
	}
	says(t, gateway("store", "inspect"), `^/var/lib/gateway/store$`, `2 retained messages$`)
	says(t, gateway("store", "inspect", "-c", "/etc/gateway/gateway.yaml"), `^/var/lib/gateway/store$`)
	says(t, gateway("doctor"), `^ok +configuration +/etc/gateway/gateway.yaml$`, `^ok +persistence +/var/lib/gateway/store, that of the service$`)

	writeFile(t, filepath.Join(here, "gateway.yaml"), "sensors: []\n")
	own := filepath.Join(here, "gateway", "store")
	says(t, gateway("store", "inspect"), "^"+own+"$", `1 retained message$`)
	says(t, gateway("doctor"), `^ok +configuration +gateway.yaml, which is in this folder; that of the service is /etc/gateway/gateway.yaml: gateway doctor -c `, `^ok +persistence +`+own+`$`)
}

// TestNothingKeptYet: a gateway that runs and had nothing to keep has no store yet,
// which is said, and not that the store is somebody else's.
func TestNothingKeptYet(t *testing.T) {
	config := "sensors: []\npersistence: {path: " + filepath.Join(t.TempDir(), "store") + "}\n"
	startGateway(t, config)
	_, errs, status := run(t, "store", "inspect", "-c", writeConfig(t, config))
	if status != exitFailure || strings.Contains(errs, "--dir") {
		t.Errorf("status %d: %s", status, errs)
	}
	says(t, errs, `there is no store in .*/store: .*nothing had to be kept so far: the first session or retained message makes the first file`)
}

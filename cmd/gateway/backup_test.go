package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBackupAndRestore: a gateway is kept in a file while it runs, changed, and is
// what it was after the next start, whenever that was killed.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel() // it waits more than it works
	state := t.TempDir()
	file := writeConfig(t, "# before\nsensors: []\npersistence: {path: "+state+", interval: 0s}\n"+freePorts)
	g := awaitGateway(spawn(t, needBinary(t), "run", "-c", file))
	pub := func(payload string) {
		command(t, need(t, "mosquitto_pub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-r", "-q", "1", "-t", "house/word", "-m", payload)...)
	}
	word := func() string {
		return strings.TrimSpace(command(t, need(t, "mosquitto_sub", "mosquitto-clients"), append(hostPort(t, g.mqtt), "-C", "1", "-W", "30", "-t", "house/word")...))
	}
	gateway := func(args ...string) string { return command(t, needBinary(t), args...) }
	pub("before")
	kept := filepath.Join(t.TempDir(), "kept.tar.gz")
	if out := gateway("backup", "-c", file, kept); !strings.Contains(out, "secrets") {
		t.Errorf("backup says %s", out)
	}
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v", info, err)
	}
	pub("after")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "# before", "# after", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	// While it runs nothing happens but that it is staged.
	if out := gateway("restore", "-c", file, kept); !strings.Contains(out, "when that starts next") {
		t.Errorf("restore says %s", out)
	}
	if got := word(); got != "after" {
		t.Errorf("while it runs the word is %q", got)
	}
	g.kill()
	for range 5 { // starts that somebody ends at once
		spawn(t, needBinary(t), "run", "-c", file).kill()
	}
	g = awaitGateway(spawn(t, needBinary(t), "run", "-c", file))
	if got := word(); got != "before" {
		t.Errorf("after the restart the word is %q", got)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "# before") {
		t.Errorf("the configuration is %s, %v", text, err)
	}
	was, _ := filepath.Glob(filepath.Join(state, "before-*", "config", "gateway.yaml"))
	if len(was) != 1 {
		t.Fatalf("what was: %v", was)
	}
	if text, err := os.ReadFile(was[0]); err != nil || !strings.HasPrefix(string(text), "# after") {
		t.Errorf("what was is %s, %v", text, err)
	}

	// While it does not run, at once.
	pub("later")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if out := gateway("restore", "-c", file, kept); !strings.Contains(out, "restored; what was") {
		t.Errorf("restore says %s", out)
	}
	g = awaitGateway(spawn(t, needBinary(t), "run", "-c", file))
	if got := word(); got != "before" {
		t.Errorf("restored at once, the word is %q", got)
	}
}

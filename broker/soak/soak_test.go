//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSoak is the short form of make soak: each scenario once, with the store
// torn.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for 20 s")
	}
	binary := filepath.Join(t.TempDir(), "gateway")
	if out, err := exec.Command("go", "build", "-o", binary, "gateway/cmd/gateway").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := variants("gateway")
	if err != nil {
		t.Fatal(err)
	}
	o := options{rounds: 8, gateway: binary, seed: seed(t)}
	var said strings.Builder
	dir, err := os.MkdirTemp("", "gateway-soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("kept:", dir)
			return
		}
		os.RemoveAll(dir)
	})
	c, err := one(t.Context(), o, all[0], true, dir, &said)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(said.String())
	if c.verdict.failed() {
		t.Error("it has forgotten something")
	}
	if v := c.verdict; v.rounds != 8 || v.torn != 8 || v.wills == 0 {
		t.Errorf("%d rounds, %d torn, %d wills", v.rounds, v.torn, v.wills)
	}
}

// TestUpgrade replaces the binary of a broker under load and stops it as systemd does:
// clients with sessions notice a reconnect and nothing else. QoS 2 comes once.
func TestUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 15 s")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "gateway.bin")
	if out, err := exec.Command("go", "build", "-o", binary, "gateway/cmd/gateway").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := variants("gateway")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	c, err := one(t.Context(), options{rounds: 7, gateway: binary, seed: seed(t), upgrade: true}, all[0], false, dir, &said)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(said.String())
	if c.verdict.failed() {
		t.Errorf("it has forgotten something:\n%s", c.verdict.evidence())
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAConfigurationOfAnother asks about a configuration that is not one's own to
// read, as that of the service is not: what to type is said.
func TestAConfigurationOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // nobody has to reach the binary
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := os.ReadFile(needBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gateway"), bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte("site: home\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ command, want string }{
		{"check", "gateway.yaml: permission denied; put sudo in front, or let the gateway's user read it (sudo chgrp gateway gateway.yaml && sudo chmod 640 gateway.yaml)"},
		{"doctor", "BAD   configuration  gateway.yaml may not be read by you\n                     → sudo -u gateway gateway doctor"},
	} {
		cmd := exec.Command(filepath.Join(dir, "gateway"), tt.command)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("gateway %s: %v\n%s", tt.command, err, out)
		}
	}
}

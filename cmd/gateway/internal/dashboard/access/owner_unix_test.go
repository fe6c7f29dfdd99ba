//go:build unix

package access

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRootGivesAway: what root makes for a gateway is the gateway's.
func TestRootGivesAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	store := t.TempDir()
	if err := os.Chown(store, nobody, nobody); err != nil {
		t.Skip(err) // in some containers root cannot either
	}
	folder := filepath.Join(store, "dashboard")
	for range 2 { // what is there stays whose it was
		if err := SetPassword(folder, secret); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{folder, filepath.Join(folder, passwordFile)} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if s := info.Sys().(*syscall.Stat_t); s.Uid != nobody || s.Gid != nobody {
				t.Errorf("%s is of %d:%d", name, s.Uid, s.Gid)
			}
		}
	}
}

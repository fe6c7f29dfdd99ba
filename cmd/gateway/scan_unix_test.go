//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Who scans is root perhaps, and the gateway is not.
func TestScanKeepsOwnerAndLink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a file of somebody else")
	}
	dir := t.TempDir()
	file, link := filepath.Join(dir, "house.yaml"), filepath.Join(dir, "gateway.yaml")
	if err := errors.Join(os.WriteFile(file, []byte("site: home\n"), 0o640), os.Chown(file, 1234, 5678), os.Symlink("house.yaml", link)); err != nil {
		t.Fatal(err)
	}
	if out, err := scanFake(t, scanCommand{Write: true, configFlag: configFlag{Config: link}}); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	if info, _ := os.Lstat(link); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link has become a file")
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 5678 {
		t.Errorf("its owner has become %d, its group %d", st.Uid, st.Gid)
	}
}

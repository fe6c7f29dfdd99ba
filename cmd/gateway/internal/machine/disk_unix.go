//go:build linux || darwin || freebsd

package machine

import (
	"fmt"
	"syscall"
)

// diskSize asks the kernel. Block counts have other types on other systems, so
// all of it is counted in floating point.
func diskSize(folder string) (total, free float64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", folder, err)
	}
	block := float64(s.Bsize)
	return float64(s.Blocks) * block, float64(s.Bavail) * block, nil
}

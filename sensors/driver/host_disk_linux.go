package driver

import (
	"fmt"
	"syscall"
)

// statfs asks the kernel. Block counts have other types on other processors,
// so all of it is counted in floating point.
func statfs(path string) (total, free float64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	size := float64(s.Bsize)
	return float64(s.Blocks) * size, float64(s.Bavail) * size, nil
}

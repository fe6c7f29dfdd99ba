// Package kernels has Debian's own kernels for emulated boards. They are kept
// outside of the repository, shared between clones:
//
//	${GATEWAY_CACHE:-$HOME/.cache/gateway-test}/kernels-bookworm-1/{arm64,armhf}
//
// and fetched through an apt whose state is a folder of its own, so that the
// system's is not touched and nothing is installed. To have newer ones, delete
// that folder.
package kernels

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Kernel is the package of a kernel, unpacked.
type Kernel struct {
	Image   string // file of the kernel
	Modules string // folder that has lib/modules/<release>
	Release string // such as 6.1.0-50-arm64
}

// folder is keyed by the release of Debian and by what is in it.
const folder = "kernels-bookworm-1"

// ErrMissing is the error of Find when nothing was fetched yet.
var ErrMissing = errors.New("the kernels of emulated boards are not here; run make emulated-kernels")

// cache returns the folder of what clones share.
func cache() (string, error) {
	if dir := os.Getenv("GATEWAY_CACHE"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("where to keep kernels: %w; set GATEWAY_CACHE to a folder", err)
	}
	return filepath.Join(home, ".cache", "gateway-test"), nil
}

// Find returns the kernel for an architecture of Debian, arm64 or armhf.
func Find(arch string) (Kernel, error) {
	dir, err := cache()
	if err != nil {
		return Kernel{}, err
	}
	dir = filepath.Join(dir, folder, arch)
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) == 0 {
		return Kernel{}, errors.Join(ErrMissing, err)
	}
	image := images[len(images)-1]
	return Kernel{Image: image, Modules: dir, Release: filepath.Base(image)[len("vmlinuz-"):]}, nil
}

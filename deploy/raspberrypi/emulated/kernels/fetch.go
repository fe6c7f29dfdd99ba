package kernels

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// packages are the kernels by architecture; each of them depends on the newest.
var packages = map[string]string{"arm64": "linux-image-arm64", "armhf": "linux-image-armmp"}

// unneeded are folders of modules that no emulated board has the hardware of,
// and most of what there is.
var unneeded = []string{"drivers/gpu", "drivers/media", "drivers/net/wireless", "drivers/net/ethernet", "drivers/infiniband", "sound"}

// Fetch fetches the kernels if they are not here, whole or not at all: 100 MB.
// It says on out what it does.
func Fetch(ctx context.Context, out io.Writer) error {
	base, err := cache()
	if err != nil {
		return err
	}
	to := filepath.Join(base, folder)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(base, "kernels-work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fmt.Fprintln(out, "fetching Debian's kernels for emulated boards to", to)
	apt, err := privateApt(ctx, filepath.Join(work, "apt"))
	if err != nil {
		return err
	}
	whole := filepath.Join(work, "whole")
	for arch, meta := range packages {
		if err := apt.unpack(ctx, meta, arch, filepath.Join(whole, arch)); err != nil {
			return fmt.Errorf("kernel %s for %s: %w", meta, arch, err)
		}
	}
	if err := os.Chmod(whole, 0o755); err != nil {
		return err
	}
	err = os.Rename(whole, to)
	if _, there := os.Stat(to); there == nil {
		return nil // another clone was faster
	}
	return err
}

// apt is apt with a root of its own.
type apt struct{ root string }

// privateApt makes the root and reads the lists of packages. The mirror is the
// system's.
func privateApt(ctx context.Context, root string) (apt, error) {
	for _, dir := range []string{"etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return apt{}, err
		}
	}
	conf := fmt.Sprintf(`Dir::Etc "%[1]s/etc"; Dir::State::Lists "%[1]s/lists"; Dir::State::status "%[1]s/status"; Dir::Cache "%[1]s/cache";
APT::Architecture "arm64"; APT::Architectures { "arm64"; "armhf"; };
Acquire::Languages "none"; APT::Sandbox::User "";
`, root)
	sources := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm main\n", mirror())
	for name, text := range map[string]string{"apt.conf": conf, "status": "", "etc/sources.list": sources} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return apt{}, err
		}
	}
	a := apt{root}
	_, err := a.run(ctx, root, "apt-get", "-q", "update")
	return a, err
}

// mirror returns the system's mirror of Debian, the first that it has.
func mirror() string {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, name := range append([]string{"/etc/apt/sources.list"}, files...) {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if m := debianMirror.FindSubmatch(b); m != nil {
			return string(m[1])
		}
	}
	return "http://deb.debian.org/debian"
}

// debianMirror is an address in either form of apt's sources.
var debianMirror = regexp.MustCompile(`(?m)^(?:URIs:|deb(?: \[[^]]*\])?)\s+(https?://\S+/debian)/?\s`)

func (a apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.root, "apt.conf"), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// newestKernel is the package that the one for "the newest" depends on.
var newestKernel = regexp.MustCompile(`Depends: (linux-image-[0-9][^:\s]*)`)

// unpack downloads the kernel that meta depends on and unpacks it to a folder,
// without the modules that nobody needs.
func (a apt) unpack(ctx context.Context, meta, arch, to string) error {
	depends, err := a.run(ctx, a.root, "apt-cache", "depends", "--important", meta+":"+arch)
	if err != nil {
		return err
	}
	m := newestKernel.FindStringSubmatch(depends)
	if m == nil {
		return fmt.Errorf("%s depends on no kernel: %q", meta, depends)
	}
	if _, err := a.run(ctx, a.root, "apt-get", "-q", "download", m[1]+":"+arch); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(a.root, m[1]+"_*_"+arch+".deb"))
	if err != nil || len(debs) != 1 {
		return errors.Join(fmt.Errorf("apt-get download %s left %v", m[1], debs), err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if _, err := a.run(ctx, a.root, "dpkg-deb", "-x", debs[0], to); err != nil {
		return err
	}
	for _, name := range unneeded {
		dirs, err := filepath.Glob(filepath.Join(to, "lib/modules/*/kernel", name))
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

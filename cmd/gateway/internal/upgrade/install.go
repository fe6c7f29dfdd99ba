package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// maxRun is how long a binary may take to say what it is, on a slow board.
const maxRun = time.Minute

// Binary is the file that is replaced.
type Binary string

// Old is where what it was is kept.
func (b Binary) Old() string { return string(b) + ".old" }

// Stage writes a new binary beside the present one, so that it can be tried. It is
// removed by the returned function, unless it was installed.
func (b Binary) Stage(binary []byte) (staged string, remove func(), err error) {
	return stage(filepath.Dir(string(b)), string(b), binary)
}

// StageElsewhere is Stage for who may not write there: for trying only.
func StageElsewhere(binary []byte) (staged string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "gateway-upgrade-")
	if err != nil {
		return "", nil, err
	}
	staged, _, err = stage(dir, "", binary)
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return staged, func() { os.RemoveAll(dir) }, nil
}

// stagedPattern is of the names of staged binaries; one may stay if the power goes.
const stagedPattern = ".gateway.new-*"

func stage(dir, like string, binary []byte) (string, func(), error) {
	removeLeftovers(dir)
	f, err := os.CreateTemp(dir, stagedPattern)
	if err != nil {
		return "", nil, err
	}
	remove := func() { os.Remove(f.Name()) }
	if err := write(f, like, binary); err != nil {
		remove()
		return "", nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f.Name(), remove, nil
}

// write writes it whole and on the disk, with the rights and the owner of the present
// one.
func write(f *os.File, like string, binary []byte) error {
	_, err := f.Write(binary)
	mode := fs.FileMode(0o755)
	if info, statErr := os.Stat(like); statErr == nil {
		mode = info.Mode().Perm()
		err = errors.Join(err, sameOwner(f, info))
	}
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

// removeLeftovers removes what an upgrade left that was interrupted long ago.
func removeLeftovers(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, stagedPattern)) // a pattern of ours is never wrong
	for _, f := range old {
		if info, err := os.Lstat(f); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(f)
		}
	}
}

// Install puts a staged binary in place, and keeps the present one as [Binary.Old]. At
// any moment there is a whole binary, whenever the power goes.
func (b Binary) Install(staged string) error {
	if err := b.keep(); err != nil {
		return fmt.Errorf("keep the present binary as %s: %w", b.Old(), err)
	}
	if err := os.Rename(staged, string(b)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(string(b)))
}

// keep makes Old what the present binary is.
func (b Binary) keep() error {
	name, err := b.second()
	if err != nil {
		return err
	}
	// Renaming one name of a file to another name of it does nothing and leaves both.
	defer os.Remove(name)
	return os.Rename(name, b.Old())
}

// second gives the present binary a second name for a while; where files cannot have
// two it copies it.
func (b Binary) second() (string, error) {
	f, err := os.CreateTemp(filepath.Dir(string(b)), stagedPattern)
	if err != nil {
		return "", err
	}
	name := f.Name()
	if err := errors.Join(f.Close(), os.Remove(name)); err != nil {
		return "", err
	}
	if os.Link(string(b), name) == nil {
		return name, nil
	}
	binary, err := os.ReadFile(string(b))
	if err != nil {
		return "", err
	}
	name, _, err = stage(filepath.Dir(string(b)), string(b), binary)
	return name, err
}

// Rollback puts back what was before the last [Binary.Install]; what is now is kept as
// [Binary.Old], so that it can be undone.
func (b Binary) Rollback() error {
	name, err := b.second()
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Rename(b.Old(), string(b)); err != nil {
		return err
	}
	if err := os.Rename(name, b.Old()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(string(b)))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Version runs a binary to learn which version it is; what does not run is no upgrade.
func Version(ctx context.Context, binary string) (string, error) {
	out, err := output(ctx, binary, "version")
	if err != nil {
		return "", fmt.Errorf("it does not run here: %w", err)
	}
	first, _, _ := strings.Cut(out, "\n")
	version, ok := strings.CutPrefix(first, "gateway ")
	if !ok {
		return "", fmt.Errorf("it is no gateway: its version command prints %q", first)
	}
	return version, nil
}

// Accepts has a binary check the configuration that it would run.
func Accepts(ctx context.Context, binary string, args ...string) error {
	_, err := output(ctx, binary, append([]string{"check"}, args...)...)
	return err
}

// output runs a program; an error has what it printed.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("gateway %s: %w\n%s", strings.Join(args, " "), err, strings.TrimRight(string(out), "\n"))
	}
	return string(out), nil
}

// Package returns the Debian package that the binary belongs to, "" if none or if this
// is no Debian.
func (b Binary) Package(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dpkg-query", "-S", string(b)).Output()
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(string(out), ":")
	return name
}

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	product = "gateway"
	// maxBinary is how large a binary may be, bytes: cards are slow and modems have
	// prices.
	maxBinary = 20_000_000
)

// board is what a binary is for.
type board struct {
	name         string // as in the names of files
	goarch, goos string
	goarm        string
	debian       string // architecture of the package, "" for none
	oci, variant string // of the image
}

// boards: ARMv6 runs on every Raspberry Pi, the first one and the Zero included,
// which is why Debian's armhf, ARMv7 otherwise, gets it, too.
var boards = []board{
	{name: "armv6", goos: "linux", goarch: "arm", goarm: "6", debian: "armhf", oci: "arm", variant: "v6"},
	{name: "armv7", goos: "linux", goarch: "arm", goarm: "7", oci: "arm", variant: "v7"},
	{name: "arm64", goos: "linux", goarch: "arm64", debian: "arm64", oci: "arm64", variant: "v8"},
	{name: "amd64", goos: "linux", goarch: "amd64", debian: "amd64", oci: "amd64"},
}

// release is one version of everything.
type release struct {
	root, out string
	version   string // 1.2.3, or 0.0.0-20261129.1a2b3c4
	commit    string
	time      time.Time // of the commit, UTC
	boards    []board
	// compression is that of Debian packages, as nfpm names it.
	compression string
	// work is a folder for what is made on the way, until done.
	work string
	// printed is what manual has made, nil before.
	printed map[string]string
}

// newRelease is of a version, or of that of the commit if it is "", for boards, or
// all of them. Whoever makes it calls done.
func newRelease(out, version string, only []string) (*release, error) {
	root, err := root()
	if err != nil {
		return nil, err
	}
	r := &release{root: root, out: out, version: version}
	for _, b := range boards {
		if len(only) == 0 || slices.Contains(only, b.name) {
			r.boards = append(r.boards, b)
		}
	}
	if len(r.boards) == 0 {
		return nil, fmt.Errorf("-boards %s: none of them is known; armv6, armv7, arm64, amd64", strings.Join(only, ","))
	}
	seconds, err := r.git("log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the time of the commit: %w", err)
	}
	r.time = time.Unix(n, 0).UTC()
	if r.commit, err = r.git("rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	if r.version == "" {
		r.version = r.versionOfCommit()
	}
	if strings.ContainsAny(r.version, "/ \t\n_") || r.version[0] < '0' || r.version[0] > '9' {
		return nil, fmt.Errorf("-version %s: write it as 1.2.3", r.version)
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(r.out, "bin"), 0o755); err != nil {
		return nil, err
	}
	r.work, err = os.MkdirTemp("", "gateway-dist-")
	return r, err
}

// done removes what was made on the way.
func (r *release) done() error { return os.RemoveAll(r.work) }

// versionOfCommit is that of its tag, or one that sorts before every release.
func (r *release) versionOfCommit() string {
	if tag, err := r.git("describe", "--tags", "--exact-match", "--match", "v[0-9]*"); err == nil {
		return strings.TrimPrefix(tag, "v")
	}
	return "0.0.0-" + r.time.Format("20060102150405") + "." + r.commit[:7]
}

// debianVersion sorts as the version does: what follows a minus there comes before
// the version without.
func (r *release) debianVersion() string { return strings.Replace(r.version, "-", "~", 1) }

func (r *release) git(args ...string) (string, error) {
	b, err := r.command("git", args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(b)), nil
}

// command runs a program in the repository, with the time of the commit for those
// that ask for one.
func (r *release) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = r.root
	c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.time.Unix(), 10))
	return c
}

// must runs a program and says what it printed if it fails.
func must(c *exec.Cmd) error {
	if b, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, b)
	}
	return nil
}

// binary is the file of a board's binary.
func (r *release) binary(b board) string {
	return filepath.Join(r.out, "bin", product+"-"+b.goos+"-"+b.name)
}

// binaries builds all of them.
func (r *release) binaries() error {
	for _, b := range r.boards {
		if err := r.build(b, r.binary(b)); err != nil {
			return err
		}
	}
	return nil
}

// build builds one. What it says of itself is of the flags, not of the state of the
// folder that it was built in.
func (r *release) build(b board, to string) error {
	flags := fmt.Sprintf("-s -w -buildid= -X main.releaseVersion=%s -X main.releaseCommit=%s", r.version, r.commit)
	c := r.command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", to, "./cmd/gateway")
	c.Env = append(c.Env, "CGO_ENABLED=0", "GOOS="+b.goos, "GOARCH="+b.goarch, "GOARM="+b.goarm, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	if err := must(c); err != nil {
		return err
	}
	info, err := os.Stat(to)
	if err != nil {
		return err
	}
	if info.Size() > maxBinary {
		return fmt.Errorf("%s has %d bytes, more than the %d that it may have", to, info.Size(), maxBinary)
	}
	return nil
}

// sums writes the checksums of all that is meant for people, as sha256sum does.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), "SHA256SUMS") || !strings.Contains(e.Name(), r.version) && !strings.Contains(e.Name(), r.debianVersion()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(b), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

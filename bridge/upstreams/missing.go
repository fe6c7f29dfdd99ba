package upstreams

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Missing is the error for a program that is not on this machine. A test that
// gets one skips, or fails if GATEWAY_TEST_ALL says that nothing may skip.
type Missing struct {
	What string // a program or a file
	From string // "Debian's package mosquitto", "npm's package aedes"
}

func (m *Missing) Error() string {
	return fmt.Sprintf("%s is not installed: it is in %s, make setup installs it", m.What, m.From)
}

// program returns the path of a program. Debian keeps daemons in folders that
// are not in everybody's PATH.
func program(name, debianPackage string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p, nil
		}
	}
	return "", &Missing{name, "Debian's package " + debianPackage}
}

// debianFile returns the only or last file that matches a pattern.
func debianFile(pattern, debianPackage string) (string, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", &Missing{pattern, "Debian's package " + debianPackage}
	}
	return slices.Max(files), nil
}

// npmPackages returns the node_modules folder, which GATEWAY_NPM names or make
// setup made, after a look whether all these packages are in it.
func npmPackages(names ...string) (string, error) {
	dir := os.Getenv("GATEWAY_NPM")
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".cache", "npm", "node_modules")
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", &Missing{filepath.Join(dir, name), "npm's package " + name}
		}
	}
	return dir, nil
}

// moduleRoot returns the folder with go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.mod in %q or above: set GATEWAY_NPM to a node_modules folder", dir)
		}
	}
}

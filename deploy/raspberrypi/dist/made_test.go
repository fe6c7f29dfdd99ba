package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// scratch is a folder for what all tests use, until they end.
var scratch string

func TestMain(m *testing.M) {
	code := func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "gateway-dist-test-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}()
	os.Exit(code)
}

// madeOnce is everything as the command makes it, or what the command printed.
var madeOnce = sync.OnceValues(func() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	return scratch, dist(root, scratch)
})

// dist runs the command in a repository, as make does, for the machine that the tests
// run on. It is a process of its own, because the race detector, which finds nothing
// in one goroutine, makes compressing ten times as slow.
func dist(root, out string) error {
	c := exec.Command("go", "run", "./"+folder+"dist", "-out", out, "-boards", "amd64", "-compression", "gzip")
	c.Dir = root
	return must(c)
}

// makeDist does so in the middle of a test.
func makeDist(t *testing.T, root, out string) {
	t.Helper()
	if err := dist(root, out); err != nil {
		t.Fatal(err)
	}
}

// made is a release that is made: everything, by the command, once for all tests. No
// test changes what is in it.
func made(t *testing.T) *release {
	t.Helper()
	out, err := madeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return testRelease(t, out, "", "amd64")
}

// testRelease is a release of a version in a folder of the test's own.
func testRelease(t *testing.T, out, version string, boards ...string) *release {
	t.Helper()
	r, err := newRelease(out, version, boards)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.done(); err != nil {
			t.Error(err)
		}
	})
	r.compression = "gzip"
	return r
}

// file is one of what was made, by the end of its name.
func (r *release) file(end string) string {
	version := r.version
	if filepath.Ext(end) == ".deb" {
		version = r.debianVersion()
	}
	return filepath.Join(r.out, product+"_"+version+"_"+end)
}

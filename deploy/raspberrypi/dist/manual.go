package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// manual has the gateway print its manual pages and what completes its command line
// in shells, and returns the files, by name. It says the same on every board, and is
// asked once.
func (r *release) manual() (map[string]string, error) {
	if r.printed != nil {
		return r.printed, nil
	}
	bin, err := r.host()
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for name, args := range map[string][]string{
		"gateway.1": {"man", "--section=1"}, "gateway.yaml.5": {"man", "--section=5"},
		"bash": {"completion", "bash"}, "zsh": {"completion", "zsh"}, "fish": {"completion", "fish"},
	} {
		c := r.command(bin, args...)
		b, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
		}
		if files[name], err = r.keep(name, b); err != nil {
			return nil, err
		}
	}
	r.printed = files
	return files, nil
}

// host returns a gateway that runs on this machine.
func (r *release) host() (string, error) {
	for _, b := range r.boards {
		if b.goos == runtime.GOOS && b.goarch == runtime.GOARCH {
			return r.binary(b), nil
		}
	}
	to := filepath.Join(r.work, "gateway")
	return to, r.build(board{goos: runtime.GOOS, goarch: runtime.GOARCH, goarm: "6"}, to)
}

// keep writes a file that something is made of, which goes when the release is done.
func (r *release) keep(name string, data []byte) (string, error) {
	file := filepath.Join(r.work, name)
	return file, os.WriteFile(file, data, 0o644)
}

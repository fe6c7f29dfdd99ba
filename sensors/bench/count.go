//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

//go:embed plugin/insn.c
var pluginSource []byte

// buildPlugin compiles the plugin of QEMU that counts instructions.
func buildPlugin(ctx context.Context, dir string) (string, error) {
	source, library := filepath.Join(dir, "insn.c"), filepath.Join(dir, "insn.so")
	if err := os.WriteFile(source, pluginSource, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling the plugin (Debian's packages gcc and libc6-dev): %w\n%s", err, out)
	}
	for _, m := range machines {
		if m.qemu == nil {
			continue
		}
		if _, err := exec.LookPath(m.qemu[0]); err != nil {
			return "", fmt.Errorf("%w (Debian's package qemu-user; qemu-user-static has no plugins)", err)
		}
	}
	return library, nil
}

// readCount reads what the plugin has counted so far.
func readCount(name string) (sum uint64, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for ; len(b) >= 8; b = b[8:] {
		sum += binary.NativeEndian.Uint64(b)
	}
	return sum, nil
}

// allocated is what a reading allocates on its way.
type allocated struct{ bytes, times float64 }

var benchmarkLine = regexp.MustCompile(`(?m)^BenchmarkReading\b.*\s([\d.]+) B/op\s+([\d.]+) allocs/op`)

// allocations runs the benchmark of package main of the gateway.
func allocations(ctx context.Context) (allocated, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "./cmd/gateway", "-run", "^$", "-bench", "^BenchmarkReading$", "-benchtime", "100000x").CombinedOutput()
	if err != nil {
		return allocated{}, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	return parseAllocations(string(out))
}

func parseAllocations(out string) (a allocated, err error) {
	found := benchmarkLine.FindStringSubmatch(out)
	if found == nil {
		return a, fmt.Errorf("no figures of BenchmarkReading in %q", out)
	}
	if a.bytes, err = strconv.ParseFloat(found[1], 64); err != nil {
		return a, err
	}
	a.times, err = strconv.ParseFloat(found[2], 64)
	return a, err
}

//go:build linux

package emulated_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// page looks at the gateway's page in a real browser, while a temperature
// changes.
func (h *house) page(t *testing.T) {
	h.in(t)
	modules, chromium, missing := browser()
	if missing != "" {
		if os.Getenv("GATEWAY_TEST_ALL") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	h.bus.Between(func() { h.climate.Set(20, 50, 1000) })
	h.value("kitchen/climate", "temperature", 20, 0.02)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("testdata", "look.mjs"), h.Page)
	cmd.Env = append(os.Environ(), "GATEWAY_NPM="+modules, "CHROMIUM="+chromium)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	passed := false
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); line {
		case "do set 27.5":
			h.bus.Between(func() { h.climate.Set(27.5, 50, 1000) })
			if _, err := io.WriteString(stdin, "done\n"); err != nil {
				t.Error(err)
			}
		case "passed":
			passed = true
		default:
			t.Log(strings.TrimSpace(line))
		}
	}
	if err := cmd.Wait(); err != nil || !passed {
		t.Errorf("look.mjs fails in the browser: %v", err)
	}
}

// browser returns npm's folder with what drives a browser, and that, or what is
// missing.
func browser() (modules, chromium, missing string) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", "", "node is not installed: run make setup"
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return "", "", "chromium is not installed: run make setup"
	}
	if modules = os.Getenv("GATEWAY_NPM"); modules == "" {
		modules = filepath.Join("..", "..", "..", ".cache", "npm", "node_modules")
	}
	if modules, err = filepath.Abs(modules); err != nil {
		return "", "", err.Error()
	}
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		return "", "", "npm's playwright-core is not installed: run make setup"
	}
	return modules, chromium, ""
}

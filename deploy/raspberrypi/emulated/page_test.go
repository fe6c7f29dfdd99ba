//go:build linux

package emulated_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gateway/cmd/gateway/pagetest"
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
	pagetest.Converse(t, cmd, func(what string) string {
		if what != "set 27.5" {
			t.Errorf("look.mjs wants %q", what)
		}
		h.bus.Between(func() { h.climate.Set(27.5, 50, 1000) })
		return ""
	})
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

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gateway/cmd/gateway/pagetest"
)

// The tests of the page, page_*_test.go, drive a real Chromium at a real
// gateway. Each has a script in testdata/page; package pagetest says how it asks
// for what is done outside of the browser.

// browserPatience is how long a script may take; it is never waited for when all
// is well.
const browserPatience = 8 * time.Minute

// browse runs testdata/page/<script>.mjs against the gateway at url. do does what
// the script asks for, and returns the answer; nil if it asks for nothing.
func browse(t *testing.T, script, url string, do func(what string) string) {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser")
	}
	node := needNode(t, "playwright-core")
	needNode(t, "axe-core")
	chromium := need(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "page", script+".mjs"), url)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium)
	pagetest.Converse(t, cmd, do)
}

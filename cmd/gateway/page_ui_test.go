package main

import "testing"

// TestPageUI: the pieces that every page uses, in a browser.
func TestPageUI(t *testing.T) {
	g := startGateway(t, "sensors: []\n")
	browse(t, "ui", g.page, func(what string) string {
		t.Errorf("the script asks for %q", what)
		return ""
	})
}

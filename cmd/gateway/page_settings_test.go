package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPageSettings: what is changed of the gateway, and that it survives.
func TestPageSettings(t *testing.T) {
	state := t.TempDir()
	file := writeConfig(t, "# mine\nsensors: []\nlog: {level: info} # quiet\npersistence: {path: "+state+", interval: 0s}\n"+freePorts)
	g := awaitGateway(spawn(t, needBinary(t), "run", "-c", file))
	downloads := t.TempDir()
	browse(t, "settings", g.page, func(what string) string {
		switch what {
		case "file":
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			return strings.ReplaceAll(string(text), "\n", "⏎")
		case "downloads":
			return downloads
		case "broken":
			name := filepath.Join(downloads, "broken.tar.gz")
			kept, err := os.ReadFile(filepath.Join(downloads, "kept.tar.gz"))
			if err == nil {
				err = os.WriteFile(name, kept[:len(kept)-20], 0o600)
			}
			if err != nil {
				t.Error(err)
			}
			return name
		case "staged":
			if _, err := os.Stat(filepath.Join(state, "restore", "plan.json")); err != nil {
				return "no"
			}
			return "yes"
		default:
			t.Errorf("the script asks for %q", what)
		}
		return ""
	})
}

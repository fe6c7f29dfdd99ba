package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sensor that is compensated by another is read alone, after that one; one
// that is named twice is read once.
func TestReadOneThatIsCompensated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "house.yaml")
	config := `
site: home
sensors:
  - {driver: sim, room: hall, name: door, compensate_from: hall/climate, derive: [dew_point], options: {profile: door}}
  - {driver: sim, room: hall, name: climate, options: {profile: climate}}
  - {driver: sim, room: attic, name: other}
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for names, want := range map[string]string{
		"door":                           "home/hall/door, home/hall/climate",
		"home/hall/door hall climate":    "home/hall/door, home/hall/climate",
		"hall/climate":                   "home/hall/climate",
		"sim":                            "home/hall/door, home/hall/climate, home/attic/other",
		"attic/other home/hall/climate ": "home/hall/climate, home/attic/other",
	} {
		var out strings.Builder
		code := execute(t.Context(), append([]string{"read", "-c", file}, strings.Fields(names)...), streams{out: &out, err: &out})
		var topics []string
		for line := range strings.Lines(out.String()) {
			topic, _, _ := strings.Cut(line, " ")
			topics = append(topics, topic)
			if topic == "home/hall/door" && !strings.Contains(line, "dew_point") {
				t.Errorf("read %s: it was not compensated: %s", names, line)
			}
		}
		if got := strings.Join(topics, ", "); code != 0 || got != want {
			t.Errorf("read %s: %d, %s, want %s\n%s", names, code, got, want, &out)
		}
	}
}

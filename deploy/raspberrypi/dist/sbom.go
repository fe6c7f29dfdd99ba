package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// cyclonedx lists the modules that are in a binary, with hashes and licences.
const cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0"

// sbom writes the list of what is in a binary, in CycloneDX. It is the same for all
// boards, and read from the binary itself.
func (r *release) sbom() error {
	to := filepath.Join(r.out, fmt.Sprintf("%s_%s.cdx.json", product, r.version))
	c := r.command("go", "run", cyclonedx, "bin", "-json", "-licenses", "-noserial", "-version", "v"+r.version, "-output", to, r.binary(r.boards[0]))
	c.Env = append(c.Env, "GOFLAGS=")
	if err := must(c); err != nil {
		return err
	}
	return r.settle(to)
}

// settle takes out what would be another each time: the moment, and the tool's own
// hash.
func (r *release) settle(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if m, ok := all["metadata"].(map[string]any); ok {
		m["timestamp"] = r.time.Format("2006-01-02T15:04:05Z")
		if c, ok := m["component"].(map[string]any); ok {
			c["version"] = r.version
			delete(c, "purl")
		}
		tools, _ := m["tools"].([]any)
		for _, t := range tools {
			if tool, ok := t.(map[string]any); ok {
				delete(tool, "hashes")
			}
		}
	}
	if b, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

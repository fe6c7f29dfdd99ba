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
// boards: modules are read from the binary itself, and what the page is made of
// besides comes from where that is listed.
func (r *release) sbom() error {
	to := filepath.Join(r.out, fmt.Sprintf("%s_%s.cdx.json", product, r.version))
	c := r.command("go", "run", cyclonedx, "bin", "-json", "-licenses", "-noserial", "-version", "v"+r.version, "-output", to, r.binary(r.boards[0]))
	c.Env = append(c.Env, "GOFLAGS=")
	if err := must(c); err != nil {
		return err
	}
	b, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	var list map[string]any
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	r.settle(list)
	if err := r.addVendored(list); err != nil {
		return err
	}
	if b, err = json.MarshalIndent(list, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(to, append(b, '\n'), 0o644)
}

// settle takes out what would be another each time: the moment, and the tool's own
// hash.
func (r *release) settle(list map[string]any) {
	m, ok := list["metadata"].(map[string]any)
	if !ok {
		return
	}
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

package main

import (
	"slices"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

// TestTheAPIIsDescribed: what is served below /api/, and nothing else, is in the
// description that the gateway serves.
func TestTheAPIIsDescribed(t *testing.T) {
	g, _, _ := runHere(t, freePorts+"persistence: {path: "+t.TempDir()+"}\n")
	description, err := dashboard.OpenAPI("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	described := openapitest.LoadValue(t, description).Operations()
	var served []string
	for _, r := range g.dashboard.Routes() {
		_, path, _ := strings.Cut(r.Pattern, " ")
		if strings.HasPrefix(path, "/static/") || path == "/{$}" {
			continue
		}
		served = append(served, strings.ReplaceAll(r.Pattern, "...}", "}"))
	}
	for _, s := range served {
		if !slices.Contains(described, s) {
			t.Errorf("%s is served, and not described in internal/dashboard/openapi", s)
		}
	}
	for _, d := range described {
		if !slices.Contains(served, d) {
			t.Errorf("%s is described, and not served", d)
		}
	}
}

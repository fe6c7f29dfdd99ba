package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// vendorFolder has what the page is made of besides our own files, and vendorList
// there says of each whose it is. In the binary they are files, so that no tool for
// modules finds them.
const (
	vendorFolder = "cmd/gateway/internal/dashboard/static/vendor"
	vendorList   = vendorFolder + "/VERSIONS"
)

// vendored is a file of an npm package, maybe with edits.
type vendored struct {
	name          string // in vendorFolder
	pkg           string // htm, or @preact/signals
	version, path string // of the package; where the file is in it
	licence       string // by its name in SPDX
	sum           string // SHA-256 of the file as it is here, hexadecimal
	edits         []string
}

var fileLine = regexp.MustCompile(`^(\S+) from (@?[^@\s]+)@([^/\s]+)/(\S+), (\S+), \S+$`)

// parseVendored takes vendorList apart.
func parseVendored(text string) ([]vendored, error) {
	var all []vendored
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		value = strings.TrimSpace(value)
		m := fileLine.FindStringSubmatch(value)
		switch {
		case key == "file" && m != nil:
			all = append(all, vendored{name: m[1], pkg: m[2], version: m[3], path: m[4], licence: m[5]})
		case key == "npm" && len(all) > 0: // it is that of the package, and not ours
		case key == "here" && len(all) > 0:
			all[len(all)-1].sum = value
		case key == "edit" && len(all) > 0:
			all[len(all)-1].edits = append(all[len(all)-1].edits, value)
		default:
			return nil, fmt.Errorf("line %d: %q is none of what its head describes", i+1, line)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no file is in it")
	}
	return all, nil
}

// purl is the package URL of the file, which names its package and, behind #, which
// file of it this is.
func (v vendored) purl() string {
	return "pkg:npm/" + strings.Replace(v.pkg, "@", "%40", 1) + "@" + v.version + "#" + v.path
}

// component is the file in CycloneDX.
func (v vendored) component() map[string]any {
	c := map[string]any{
		"type": "library", "scope": "required", "bom-ref": v.purl(), "purl": v.purl(), "name": v.pkg, "version": v.version,
		"hashes":   []any{map[string]any{"alg": "SHA-256", "content": v.sum}},
		"licenses": []any{map[string]any{"license": map[string]any{"id": v.licence}}},
		"evidence": map[string]any{"occurrences": []any{map[string]any{"location": vendorFolder + "/" + v.name}}},
	}
	if group, name, ok := strings.Cut(v.pkg, "/"); ok {
		c["group"], c["name"] = group, name
	}
	if len(v.edits) > 0 {
		c["pedigree"] = map[string]any{"notes": "Not as in the package: " + strings.Join(v.edits, "; ") + "."}
	}
	return c
}

// addVendored adds the files of others that are in the page to the list of what is in
// the gateway, if they are what vendorList says.
func (r *release) addVendored(list map[string]any) error {
	text, err := os.ReadFile(filepath.Join(r.root, vendorList))
	if err != nil {
		return err
	}
	files, err := parseVendored(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", vendorList, err)
	}
	components, _ := list["components"].([]any)
	depends, _ := list["dependencies"].([]any)
	gateway := dependenciesOf(list)
	if gateway == nil {
		return errors.New("the list of the binary does not say what the gateway depends on")
	}
	on, _ := gateway["dependsOn"].([]any)
	for _, v := range files {
		b, err := os.ReadFile(filepath.Join(r.root, vendorFolder, v.name))
		if err != nil {
			return err
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(b)); sum != v.sum {
			return fmt.Errorf("%s: the SHA-256 of %s is %s, and not %s; write what it is now", vendorList, v.name, sum, v.sum)
		}
		components = append(components, v.component())
		depends = append(depends, map[string]any{"ref": v.purl()})
		on = append(on, v.purl())
	}
	gateway["dependsOn"], list["components"], list["dependencies"] = on, components, depends
	return nil
}

// dependenciesOf returns what a list in CycloneDX has on the dependencies of what it
// is of, or nil.
func dependenciesOf(list map[string]any) map[string]any {
	metadata, _ := list["metadata"].(map[string]any)
	subject, _ := metadata["component"].(map[string]any)
	all, _ := list["dependencies"].([]any)
	for _, one := range all {
		if d, ok := one.(map[string]any); ok && subject != nil && d["ref"] == subject["bom-ref"] {
			return d
		}
	}
	return nil
}

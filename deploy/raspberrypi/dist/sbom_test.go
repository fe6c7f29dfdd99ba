package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// TestSBOM reads the list of what is in the gateway: the modules of the binary, and
// every script and style sheet of others, with what it is in truth.
func TestSBOM(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	r := made(t)
	b, err := os.ReadFile(filepath.Join(r.out, product+"_"+r.version+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Components []struct {
			Type, Name, Version, PURL string
			Ref                       string `json:"bom-ref"`
			Hashes                    []struct{ Alg, Content string }
			Licenses                  []struct{ License struct{ ID string } }
			Evidence                  struct{ Occurrences []struct{ Location string } }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	decode(t, b, &list)
	refs := make(map[string]bool)
	hashes := make(map[string]string) // by file
	for _, c := range list.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = true
		if strings.Contains(c.PURL, "x509roots") {
			t.Errorf("%s, which is for the image, is in the binary", c.PURL)
		}
		if !strings.HasPrefix(c.PURL, "pkg:npm/") {
			continue
		}
		if len(c.Hashes) != 1 || len(c.Licenses) != 1 || len(c.Evidence.Occurrences) != 1 {
			t.Fatalf("%+v", c)
		}
		if c.Type != "library" || !strings.Contains(c.PURL, c.Name+"@"+c.Version+"#") || c.Version == "" || c.Licenses[0].License.ID == "" || c.Hashes[0].Alg != "SHA-256" {
			t.Errorf("%+v", c)
		}
		hashes[c.Evidence.Occurrences[0].Location] = c.Hashes[0].Content
	}
	if !strings.Contains(string(b), `"pkg:golang/github.com/goccy/go-yaml@`) {
		t.Error("the modules of the binary are not there")
	}
	if on := list.Dependencies[0].DependsOn; len(on) != len(refs) {
		t.Errorf("%d things are in the gateway, and it depends on %d", len(refs), len(on))
	}
	for _, d := range list.Dependencies {
		for _, ref := range d.DependsOn {
			if !refs[ref] {
				t.Errorf("%s depends on %s, which is not there", d.Ref, ref)
			}
		}
	}
	files, err := os.ReadDir(filepath.Join(r.root, vendorFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if ext := path.Ext(f.Name()); ext != ".js" && ext != ".css" {
			continue
		}
		location := path.Join(vendorFolder, f.Name())
		b, err := os.ReadFile(filepath.Join(r.root, location))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x", sha256.Sum256(b)); hashes[location] != want {
			t.Errorf("%s has the SHA-256 %q in the list, and is %s", location, hashes[location], want)
		}
		delete(hashes, location)
	}
	if len(hashes) > 0 {
		t.Errorf("not in the page: %v", hashes)
	}
}

// TestVendoredWrong: a list that is not understood is no list with less in it.
func TestVendoredWrong(t *testing.T) {
	for text, says := range map[string]string{
		"": "no file is in it",
		"# nothing\n\nfile: a.js from a@1.0.0, MIT, LICENSE.txt\n": `line 3: "file: a.js from a@1.0.0, MIT, LICENSE.txt"`,
		"here: 12\n": "line 1",
		"file: a.js from @b/a@1.0.0/dist/a.mjs, MIT, LICENSE.txt\nthere: x\nhere: 12\n": `line 2: "there: x"`,
	} {
		if all, err := parseVendored(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
	r, list := testRelease(t, t.TempDir(), "1.0.0"), make(map[string]any)
	if err := r.addVendored(list); err == nil || !strings.Contains(err.Error(), "does not say what the gateway depends on") {
		t.Errorf("%v", err)
	}
	r.root = t.TempDir()
	if err := os.MkdirAll(filepath.Join(r.root, vendorFolder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{vendorList: "file: a.js from a@1.0.0/a.mjs, MIT, LICENSE.txt\nhere: 12\n", vendorFolder + "/a.js": "x"} {
		if err := os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list["metadata"] = map[string]any{"component": map[string]any{"bom-ref": "us"}}
	list["dependencies"] = []any{map[string]any{"ref": "us"}}
	if err := r.addVendored(list); err == nil || !strings.Contains(err.Error(), "the SHA-256 of a.js is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, and not 12") {
		t.Errorf("%v", err)
	}
	if len(list["dependencies"].([]any)) != 1 || list["components"] != nil {
		t.Errorf("half of it is in the list: %v", list)
	}
}

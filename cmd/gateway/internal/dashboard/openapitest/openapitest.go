// Package openapitest holds answers of the API against its description, for
// tests. It knows the description only, not who serves it.
//
//	api := openapitest.Load(t, description)   // of GET /api/v1/openapi.json
//	api.Check(t, "GET", "/api/v1/sensors", resp.StatusCode, body)
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6" // JSON Schema 2020-12, which OpenAPI 3.1 has
)

// API is a description of the API.
type API struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

const document = "openapi.json"

// Load reads a description, and fails the test if it is none.
func Load(t testing.TB, description []byte) *API {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(description))
	if err != nil {
		t.Fatalf("the description is no JSON: %v", err)
	}
	top, ok := doc.(map[string]any)
	if !ok || top["paths"] == nil {
		t.Fatal("the description has no paths")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(document, doc); err != nil {
		t.Fatal(err)
	}
	return &API{top, c}
}

// LoadValue reads a description that is a value of Go.
func LoadValue(t testing.TB, description any) *API {
	t.Helper()
	b, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	return Load(t, b)
}

// LoadFrom reads the description that a running gateway serves at url.
func LoadFrom(t testing.TB, url string) *API {
	t.Helper()
	resp, err := http.Get(url + "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the description: %v, %v", resp.Status, err)
	}
	return Load(t, body)
}

// Operations returns what is described, "GET /api/v1/sensors", ordered.
func (a *API) Operations() (all []string) {
	paths, _ := a.doc["paths"].(map[string]any)
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for m := range methods {
			if m != "parameters" && m != "summary" && m != "description" {
				all = append(all, strings.ToUpper(m)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

// Check holds an answer against what is described for a method, a path as the
// description has it ("/api/v1/tokens/{id}"), and a status.
func (a *API) Check(t testing.TB, method, path string, status int, body []byte) {
	t.Helper()
	if err := a.check(method, path, status, body); err != nil {
		t.Errorf("%s %s answered %d with %.400s\nwhich is not as described: %v", method, path, status, body, err)
	}
}

func (a *API) check(method, path string, status int, body []byte) error {
	at := []string{"paths", path, strings.ToLower(method), "responses"}
	responses, ok := a.at(at...).(map[string]any)
	if !ok {
		return fmt.Errorf("the method and path are not described")
	}
	code := strconv.Itoa(status)
	response, ok := responses[code].(map[string]any)
	if !ok && status >= 400 {
		return a.validate([]string{"components", "schemas", "Failure"}, body) // the form of every error
	}
	if !ok {
		return fmt.Errorf("the status is not described")
	}
	at = append(at, code)
	if ref, ok := response["$ref"].(string); ok {
		at = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		response, _ = a.at(at...).(map[string]any)
	}
	content, _ := response["content"].(map[string]any)
	media, ok := content["application/json"].(map[string]any)
	if !ok || media["schema"] == nil {
		return nil // no JSON, or of any form
	}
	return a.validate(append(at, "content", "application/json", "schema"), body)
}

// at returns what is at a place in the description, nil if nothing is.
func (a *API) at(place ...string) any {
	var v any = a.doc
	for _, name := range place {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// validate holds JSON against the schema at a place.
func (a *API) validate(place []string, body []byte) error {
	var pointer strings.Builder
	for _, name := range place {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
		name = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(name)
		pointer.WriteString("/" + name)
	}
	schema, err := a.compiler.Compile(document + "#" + pointer.String())
	if err != nil {
		return fmt.Errorf("the schema is wrong: %w", err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return schema.Validate(v)
}

// CheckJSON is Check for a value of Go.
func (a *API) CheckJSON(t testing.TB, method, path string, status int, v any) {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	a.Check(t, method, path, status, body)
}

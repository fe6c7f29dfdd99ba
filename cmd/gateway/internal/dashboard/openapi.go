package dashboard

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// The description of the API is in parts, one for each that serves something,
// so that who changes an answer finds its description beside it.
//
//go:embed openapi
var describing embed.FS

// apiPart is one file of openapi/.
type apiPart struct {
	Paths   map[string]json.RawMessage `json:"paths"`
	Schemas map[string]json.RawMessage `json:"schemas"`
}

// OpenAPI returns the description of the API, OpenAPI 3.1.
func OpenAPI(version string) (map[string]any, error) {
	paths, schemas := make(map[string]json.RawMessage), make(map[string]json.RawMessage)
	files, err := fs.Glob(describing, "openapi/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		data, err := describing.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var p apiPart
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := join(paths, p.Paths); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := join(schemas, p.Schemas); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "gateway", "version": version, "license": map[string]string{"name": "Apache 2.0", "identifier": "Apache-2.0"},
			"description": "What the page knows and does, for programs. Errors are {\"error\":\"text\"}, with a code where a page may say it in another language. Times are milliseconds since 1970 UTC, or RFC 3339. " +
				"Without a session, send Authorization: Bearer with a token made on the page.",
		},
		"servers":    []any{map[string]string{"url": "/"}},
		"paths":      paths,
		"components": map[string]any{"schemas": schemas, "responses": map[string]any{"Failure": failureResponse}},
	}, nil
}

// join puts what is in from into to, and fails if it is there already.
func join(to, from map[string]json.RawMessage) error {
	for name := range from {
		if _, taken := to[name]; taken {
			return fmt.Errorf("%s is described twice", name)
		}
	}
	maps.Copy(to, from)
	return nil
}

// openAPI answers with the description of the API.
func (d *Dashboard) openAPI(w http.ResponseWriter, _ *http.Request) {
	description, err := OpenAPI(d.about().Version)
	if err != nil {
		panic(err) // of files in this binary, which a test holds
	}
	answer.JSON(w, description)
}

// failureResponse is what every request may be answered with.
var failureResponse = json.RawMessage(`{"description":"what is wrong, in words","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Failure"}}}}`)

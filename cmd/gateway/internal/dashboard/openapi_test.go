package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

func describedAPI(t *testing.T) *openapitest.API {
	t.Helper()
	description, err := OpenAPI("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	return openapitest.Load(t, b)
}

// TestAnswersAreAsDescribed holds what this package serves against openapi/.
func TestAnswersAreAsDescribed(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:8080"})
	d.model.take(msg("home/kitchen/climate", `{"time":"2026-11-23T04:05:06.789Z","temperature":21.53,"humidity":43.7}`), time.Now())
	api := describedAPI(t)
	for _, r := range d.own() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if !strings.HasPrefix(path, "/api/") || path == "/api/v1/stream" {
			continue
		}
		w := requestBy(d, method, path)
		api.Check(t, method, path, w.Code, w.Body.Bytes())
	}
	w := request(d, "/api/v1/stream?feed=nothing")
	api.Check(t, "GET", "/api/v1/stream", w.Code, w.Body.Bytes())
	if w.Code != http.StatusBadRequest {
		t.Errorf("an unknown feed is answered with %d", w.Code)
	}
}

// TestEverythingIsDescribed: what is served without a description is a mistake.
func TestEverythingIsDescribed(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:8080"})
	described := strings.Join(describedAPI(t).Operations(), "\n")
	for _, r := range d.own() {
		if strings.Contains(r.pattern, " /api/") && !strings.Contains(described, r.pattern) {
			t.Errorf("%s is not described in openapi/", r.pattern)
		}
	}
}

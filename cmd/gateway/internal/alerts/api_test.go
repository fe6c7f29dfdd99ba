package alerts

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

// described is the description of this part of the API.
func described(t *testing.T) *openapitest.API {
	t.Helper()
	schemas := map[string]json.RawMessage{}
	doc := map[string]any{"paths": map[string]json.RawMessage{}, "components": map[string]any{"schemas": schemas, "responses": map[string]any{"Failure": map[string]any{
		"content": map[string]any{"application/json": map[string]any{"schema": map[string]string{"$ref": "#/components/schemas/Failure"}}},
	}}}}
	for _, name := range []string{"core", "alerts"} {
		b, err := os.ReadFile("../dashboard/openapi/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var part struct{ Paths, Schemas map[string]json.RawMessage }
		if err := json.Unmarshal(b, &part); err != nil {
			t.Fatal(err)
		}
		for k, v := range part.Paths {
			doc["paths"].(map[string]json.RawMessage)[k] = v
		}
		for k, v := range part.Schemas {
			schemas[k] = v
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return openapitest.Load(t, b)
}

// TestAPI holds what is answered against what is described.
func TestAPI(t *testing.T) {
	api := described(t)
	inHouse(t, []Rule{ruleOf("file", "home/+/climate#humidity", above(60), missing(time.Hour), message("{sensor}: {value}"))}, func(h *house) {
		mux := http.NewServeMux()
		operations := strings.Join(api.Operations(), "\n")
		for _, r := range h.a.Routes() {
			mux.Handle(r.Pattern, r.Handler)
			if !strings.Contains(operations, r.Pattern) {
				t.Errorf("%s is not described", r.Pattern)
			}
		}
		do := func(method, path, described, body string, status int, says string) {
			t.Helper()
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != status || !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s %s %s: %d %s; want %d and %q", method, path, body, w.Code, w.Body, status, says)
			}
			api.Check(t, method, described, w.Code, w.Body.Bytes())
			synctest.Wait()
		}
		const list, rules, one = "/api/v1/alerts", "/api/v1/alerts/rules", "/api/v1/alerts/rules/{name}"
		do("GET", list, list, "", 200, `"alerts":[]`)
		do("POST", rules, rules, `{"name":"so warm","value":"home/kitchen/climate#temperature","above":30,"for_ms":60000,"hysteresis":1}`, 201, `"severity":"warning"`)
		do("POST", rules, rules, `{"name":"so warm","value":"x","above":30}`, 409, "so warm")
		do("POST", rules, rules, `{"name":"x","value":"x"}`, 400, "above: the rule never fires")
		do("POST", rules, rules, `{"name":"","value":"","above":1}`, 400, "name: is empty; value: is empty")
		do("POST", rules, rules, `{"nme":"x"}`, 400, "nme")
		do("PUT", rules+"/none", one, `{"name":"none","value":"x","above":1}`, 404, "none")
		do("PUT", rules+"/file", one, `{"name":"file","value":"x","above":1}`, 409, "gateway.yaml")
		do("PUT", rules+"/so%20warm", one, `{"name":"hot","value":"home/kitchen/climate#temperature","above":30}`, 200, `"for_ms":0`)
		h.a.deps.Past = album{"home/room00/climate#humidity": aDay(time.Now().Add(-48*time.Hour), func(m int) (float64, float64, bool) { return 70, 70, m < 10 })}
		do("POST", "/api/v1/alerts/test", "/api/v1/alerts/test", `{"name":"x","value":"home/+/climate#humidity","above":60,"missing_ms":3600000}`, 200, `"times":1`)
		do("POST", "/api/v1/alerts/test", "/api/v1/alerts/test", `{"name":"x","value":"x"}`, 400, "above")
		h.measure(kitchen, "temperature", 31)
		h.measure(kitchen, "humidity", 70)
		h.measure("home/bath/climate", "humidity", 70)
		do("GET", list, list, "", 200, `"firing":3`)
		id := ""
		for _, a := range h.a.Everything().Alerts {
			if a.Rule == "hot" {
				id = a.ID
			}
		}
		const ack, unack = "/api/v1/alerts/{id}/ack", "/api/v1/alerts/{id}/unack"
		do("POST", list+"/"+id+"/ack", ack, "", 200, `"acknowledged":true`)
		do("POST", list+"/"+id+"/unack", unack, "", 200, `"acknowledged":false`)
		do("POST", list+"/0123/ack", ack, "", 404, "0123")
		h.measure(kitchen, "temperature", 20)
		do("POST", list+"/"+id+"/ack", ack, "", 409, "hot")
		h.wait(2 * time.Hour)
		do("GET", list, list, "", 200, `"reason":"missing"`)
		do("DELETE", rules+"/hot", one, "", 204, "")
		do("DELETE", rules+"/hot", one, "", 404, "hot")
		do("GET", list, list, "", 200, `"what":"fired"`)
	})
}

// TestStateThatCannotBeWritten is said until it can.
func TestStateThatCannotBeWritten(t *testing.T) {
	inHouse(t, []Rule{ruleOf("hot", kitchen+"#temperature", above(30))}, func(h *house) {
		h.wait(saveInterval)
		folder := h.deps.Folder
		if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		h.measure(kitchen, "temperature", 31)
		if all := h.a.Alarms(); len(all) != 1 || !strings.Contains(all[0].Error(), folder) {
			t.Errorf("alarms: %q", all)
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		h.wait(saveInterval)
		if all := h.a.Alarms(); len(all) != 0 {
			t.Errorf("alarms: %q", all)
		}
		h.crash()
		h.start()
		h.wantEvents("fired hot above")
	})
}

// TestRulesThatCannotBeWritten do not count.
func TestRulesThatCannotBeWritten(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.a.deps.Folder = "/proc/no/such"
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"name":"x","value":"x","above":1}`))
		r.Header.Set("Content-Type", "application/json")
		h.a.AddRule(w, r)
		if w.Code != http.StatusInsufficientStorage || len(h.a.Everything().Rules) != 0 {
			t.Errorf("%d %s, and %d rules", w.Code, w.Body, len(h.a.Everything().Rules))
		}
	})
}

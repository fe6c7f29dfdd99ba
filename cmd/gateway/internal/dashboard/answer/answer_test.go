package answer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		says                    string
	}{
		{"what is wanted", "application/json", `{"name":"x"}`, 200, ""},
		{"with a character set", "application/json; charset=utf-8", `{"name":"x"}`, 200, ""},
		{"as another site's form sends it", "text/plain", `{"name":"x"}`, 415, "Content-Type: application/json"},
		{"without a type", "", `{"name":"x"}`, 415, "Content-Type: application/json"},
		{"a wrong member", "application/json", `{"nam":"x"}`, 400, `unknown field \"nam\"`},
		{"a wrong type", "application/json", `{"name":1}`, 400, "name"},
		{"nothing", "application/json", ``, 400, "empty"},
		{"two values", "application/json", `{"name":"x"} {}`, 400, "follows"},
		{"too long", "application/json", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, "longer than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			w := httptest.NewRecorder()
			var v struct {
				Name string `json:"name"`
			}
			if ok := Decode(w, r, &v); ok != (tt.status == 200) {
				t.Fatalf("Decode = %v, wanted status %d", ok, tt.status)
			}
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("answered %d %s, want %d and %q", w.Code, w.Body, tt.status, tt.says)
			}
			if tt.status != 200 && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("an error that is not JSON: %v", w.Header())
			}
		})
	}
}

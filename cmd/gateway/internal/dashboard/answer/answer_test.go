package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// TestTexts: what has words for the page travels with its code and its values, and
// what is not only a field's name around it with neither.
func TestTexts(t *testing.T) {
	short := Say("password.short", "has {n} characters; at least {least} are needed, not {n}", 3, 8)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a text", short, `{"error":"has 3 characters; at least 8 are needed, not 3","code":"password.short","values":{"least":8,"n":3}}`},
		{"behind a field", fmt.Errorf("user[0]: %w", short), `{"error":"user[0]: has 3 characters; at least 8 are needed, not 3","code":"password.short","values":{"least":8,"n":3},"before":"user[0]: "}`},
		{"in other words", fmt.Errorf("what you wrote: %w", short), `{"error":"what you wrote: has 3 characters; at least 8 are needed, not 3"}`},
		{"before other words", fmt.Errorf("%w, too", short), `{"error":"has 3 characters; at least 8 are needed, not 3, too"}`},
		{"in another text", Say("x", "line {n}: {why}", 2, Say("y", "is empty")), `{"error":"line 2: is empty","code":"x","values":{"n":2,"why":{"error":"is empty","code":"y"}}}`},
		{"around what has no words", Say("x", "not kept: {why}", fs.ErrExist), `{"error":"not kept: file already exists","code":"x","values":{"why":"file already exists"}}`},
		{"a value in braces", Say("x", "{open} {why}", "{why}", "is open"), `{"error":"{why} is open","code":"x","values":{"open":"{why}","why":"is open"}}`},
		{"nothing of ours", fs.ErrExist, `{"error":"file already exists"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := json.Marshal(FailureOf(tt.err)); err != nil || string(b) != tt.want {
				t.Errorf("%s, %v; want %s", b, err, tt.want)
			}
		})
	}
	if err := Say("x", "not kept: {why}", fs.ErrExist); !errors.Is(err, fs.ErrExist) {
		t.Error("a text hides the error in it")
	}
	if s := Sentence(errors.New("it is empty")); s.Error != "It is empty." {
		t.Errorf("a sentence is %q", s.Error)
	}
}

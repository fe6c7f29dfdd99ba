package health

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func get(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestHealth(t *testing.T) {
	wrong := map[string]string{}
	check := func(name string, alive, minor bool) Check {
		return Check{name, alive, minor, func(context.Context) string { return wrong[name] }}
	}
	for _, tt := range []struct {
		name         string
		wrong        map[string]string
		ready, alive int
		want         string
	}{
		{"all is well", nil, 200, 200, `{"status":"ok","checks":[{"name":"broker","status":"ok"},{"name":"store","status":"ok"},{"name":"history","status":"ok"}]}`},
		{"what matters less", map[string]string{"history": "x"}, 200, 200, `{"status":"degraded","checks":[{"name":"broker","status":"ok"},{"name":"store","status":"ok"},{"name":"history","status":"degraded","reason":"x"}]}`},
		{"what no restart mends", map[string]string{"store": "full", "history": "x"}, 503, 200, `{"status":"failing","checks":[{"name":"broker","status":"ok"},{"name":"store","status":"failing","reason":"full"},{"name":"history","status":"degraded","reason":"x"}]}`},
		{"what one may mend", map[string]string{"broker": "hangs"}, 503, 503, `{"status":"failing","checks":[{"name":"broker","status":"failing","reason":"hangs"},{"name":"store","status":"ok"},{"name":"history","status":"ok"}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wrong = tt.wrong
			h := NewHealth(check("broker", true, false), check("store", false, false), check("history", false, true))
			if code, body := get(h.Ready()); code != tt.ready || body != tt.want {
				t.Errorf("%d %s, want %d %s", code, body, tt.ready, tt.want)
			}
			if code, body := get(h.Alive()); code != tt.alive || strings.Contains(body, "store") {
				t.Errorf("alive: %d %s, want %d", code, body, tt.alive)
			}
		})
	}
}

// Whoever asks often gets what was found a moment ago, and what hangs ends.
func TestHealthAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		h := NewHealth(Check{Name: "broker", Look: func(ctx context.Context) string {
			n++
			<-ctx.Done()
			return "hangs"
		}})
		for range 100 {
			if code, _ := get(h.Ready()); code != 503 {
				t.Fatal(code)
			}
		}
		if n != 1 {
			t.Errorf("looked %d times", n)
		}
		time.Sleep(lookAgain)
		get(h.Ready())
		if n != 2 {
			t.Errorf("looked %d times", n)
		}
	})
}

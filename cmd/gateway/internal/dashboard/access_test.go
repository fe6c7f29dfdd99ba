package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAccessIsAsDescribed holds every answer of the first run, the login and the
// tokens against openapi/access.json.
func TestAccessIsAsDescribed(t *testing.T) {
	d, api := testDashboard(Config{Address: "127.0.0.1:8080"}), describedAPI(t)
	h := d.handler()
	cookie := ""
	say := func(status int, method, path, described, body string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:50000"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookie = c.Name + "=" + c.Value
		}
		if w.Code != status {
			t.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
		}
		if w.Body.Len() > 0 {
			api.Check(t, method, described, w.Code, w.Body.Bytes())
		}
		return w
	}
	post := func(status int, name, body string) *httptest.ResponseRecorder {
		t.Helper()
		return say(status, "POST", "/api/v1/"+name, "/api/v1/"+name, body)
	}
	get := func(status int, name string) {
		t.Helper()
		say(status, "GET", "/api/v1/"+name, "/api/v1/"+name, "")
	}
	get(http.StatusOK, "session")
	post(http.StatusForbidden, "tokens", `{"name":"x","role":"viewer"}`)
	post(http.StatusConflict, "login", `{"password":"correct horse"}`)
	post(http.StatusBadRequest, "setup", `{"password":"short"}`)
	post(http.StatusBadRequest, "setup", `{"passwort":"correct horse"}`)
	post(http.StatusOK, "setup", `{"password":"correct horse"}`)
	post(http.StatusConflict, "setup", `{"password":"correct horse"}`)
	get(http.StatusOK, "session")
	get(http.StatusOK, "tokens")
	w := post(http.StatusCreated, "tokens", `{"name":"display","role":"viewer"}`)
	post(http.StatusConflict, "tokens", `{"name":"display","role":"viewer"}`)
	post(http.StatusBadRequest, "tokens", `{"name":"","role":"viewer"}`)
	get(http.StatusOK, "tokens")
	var made struct{ ID, Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusNoContent, http.StatusNotFound} {
		say(status, "DELETE", "/api/v1/tokens/"+made.ID, "/api/v1/tokens/{id}", "")
	}
	post(http.StatusForbidden, "password", `{"old":"wrong horse","new":"another horse"}`)
	post(http.StatusNoContent, "password", `{"old":"correct horse","new":"another horse"}`)
	post(http.StatusNoContent, "logout", `{}`)
	get(http.StatusUnauthorized, "tokens")
	post(http.StatusOK, "login", `{"password":"another horse"}`)
	post(http.StatusNoContent, "logout", `{"everywhere":true}`)
	post(http.StatusForbidden, "logout", `{"everywhere":true}`)
	for range 5 {
		post(http.StatusForbidden, "login", `{"password":"wrong horse"}`)
	}
	if w := post(http.StatusTooManyRequests, "login", `{"password":"wrong horse"}`); w.Header().Get("Retry-After") == "" {
		t.Errorf("%v", w.Header())
	}
}

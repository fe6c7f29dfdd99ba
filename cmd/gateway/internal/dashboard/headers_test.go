package dashboard

import (
	"net/http"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	local, open := testDashboard(Default()), testDashboard(Config{Address: ":8080", AllowAnonymous: true})
	for host, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "localhost": true, "[::1]:8080": true, "[::1]": true, "127.1.2.3": true, "LOCALHOST:80": true, "[0:0::1]:80": true,
		"evil.example": false, "evil.example:8080": false, "192.168.1.5:8080": false, "": false, "localhost.evil.example": false,
		"[": false, "[]": false, ":8080": false, "0.0.0.0": false, "2130706433": false, "127.0.0.1.evil.example": false, "localhost@evil.example": false,
	} {
		want := http.StatusOK
		if !allowed {
			want = http.StatusMisdirectedRequest
		}
		if w := request(local, "/api/v1/sensors", "Host", host); w.Code != want {
			t.Errorf("for this machine only, host %q: %d, want %d", host, w.Code, want)
		} else if !allowed && (!strings.Contains(w.Body.String(), "http://localhost") || w.Header().Get("Content-Security-Policy") == "") {
			t.Errorf("host %q: %v\n%s", host, w.Header(), w.Body)
		}
		if w := request(open, "/", "Host", host); w.Code != http.StatusOK {
			t.Errorf("for everybody, host %q: %d", host, w.Code)
		}
	}
}

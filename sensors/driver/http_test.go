package driver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gateway/sensors/bus"
)

// A vector is the option values, a line's end, and the page.
var _ = vectors("http", 1e-9, extractVector,
	vector{in: "switch:0.apower=power,switch:0.voltage=voltage,temperature:0.tC=temperature\n" +
		`{"switch:0":{"id":0,"output":true,"apower":8.9,"voltage":237.5},"temperature:0":{"id":0,"tC":43.3,"tF":110.0}}`,
		want: []float64{8.9, 237.5, 43.3}, source: "Shelly API documentation, Gen2 Shelly.GetStatus, from memory"},
	vector{in: "meters.0.power=power,tmp.tC=temperature,!relays.0.ison=state\n" +
		`{"relays":[{"ison":true}],"meters":[{"power":12.5,"is_valid":true}],"tmp":{"tC":31.2,"is_valid":"true"}}`,
		want: []float64{12.5, 31.2, 0}, source: "Shelly API documentation, Gen1 /status, from memory"},
	vector{in: "StatusSNS.ENERGY.Power=power,StatusSNS.AM2301.Temperature=temperature\n" +
		`{"StatusSNS":{"Time":"2026-11-28T14:00:00","AM2301":{"Temperature":19.5,"Humidity":61.1},"ENERGY":{"Total":1.234,"Power":42}}}`,
		want: []float64{42, 19.5}, source: "Tasmota documentation, Status 8, from memory"},
	vector{in: "value=temperature\n" + `{"id":"sensor-outside","value":20.34,"state":"20.34 °C"}`,
		want: []float64{20.34}, source: "ESPHome documentation, web_server API, from memory"},
	vector{in: "value=temperature\n" + `{"id":"sensor-outside","value":"nan","state":"NA"}`, source: "ESPHome documentation, web_server API, from memory"},
)

func httpSlot(url string, more map[string]string) *bus.Slot {
	o := map[string]string{"url": url, "timeout": "10s", "headers_file": "", "values": "temperature"}
	for k, v := range more {
		o[k] = v
	}
	return &bus.Slot{Options: o, Root: fstest.MapFS{
		"etc/token":   {Data: []byte("# of the router\nabc.def\nX-Key: 1: 2\n")},
		"etc/badline": {Data: []byte("Au thorization: secret\n")},
	}}
}

func measureHTTP(t *testing.T, slot *bus.Slot) ([]float64, error) {
	t.Helper()
	s, err := openHTTP(t.Context(), slot)
	if err != nil {
		return nil, err
	}
	out := slices.Repeat([]float64{-1}, len(s.(Channeler).Channels()))
	if err := s.Measure(t.Context(), out); err != nil {
		if slices.ContainsFunc(out, func(x float64) bool { return x != -1 }) {
			t.Errorf("out was written: %v", out)
		}
		return nil, err
	}
	return out, nil
}

func TestHTTPMeasures(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		switch r.URL.Path {
		case "/json":
			fmt.Fprint(w, `{"temperature":21.5,"humidity":40}`)
		case "/moved":
			http.Redirect(w, r, "/json", http.StatusFound)
		case "/auth":
			name, password, _ := r.BasicAuth()
			fmt.Fprintf(w, `{"temperature":%d}`, len(name)+len(password))
		case "/headers":
			if r.Header.Get("Authorization") != "Bearer abc.def" || r.Header.Get("X-Key") != "1: 2" || r.Header.Get("User-Agent") != "gateway" {
				t.Errorf("headers %v", r.Header)
			}
			fmt.Fprint(w, "7")
		}
	}))
	defer server.Close()
	for _, test := range []struct {
		path string
		more map[string]string
		want []float64
	}{
		{"/json?x=y", nil, []float64{21.5}},
		{"/json", map[string]string{"values": ""}, []float64{40, 21.5}},
		{"/moved", nil, []float64{21.5}},
		{"/headers", map[string]string{"headers_file": "/etc/token"}, []float64{7}},
	} {
		if got, err := measureHTTP(t, httpSlot(server.URL+test.path, test.more)); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v; want %v", test.path, got, err, test.want)
		}
	}
	if got, err := measureHTTP(t, httpSlot(strings.Replace(server.URL, "://", "://ab:cde@", 1)+"/auth", nil)); err != nil || got[0] != 5 {
		t.Errorf("with a password: %v, %v", got, err)
	}
	if requests != 6 { // what Open has asked for to see what there is is measured
		t.Errorf("%d requests", requests)
	}
}

func TestHTTPFails(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/secret":
			w.WriteHeader(http.StatusUnauthorized)
		case "/api/geheim/lights":
			w.WriteHeader(http.StatusNotFound)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/slow":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/long":
			for range maxDocument/100 + 2 {
				if _, err := w.Write(make([]byte, 100)); err != nil {
					return
				}
			}
		case "/html":
			fmt.Fprint(w, "<html>")
		case "/short":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{}")
		}
	}))
	defer server.Close()
	defer close(stop)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, test := range []struct {
		url  string
		more map[string]string
		want string
	}{
		{"", nil, "option url: is missing"},
		{"ftp://host/", nil, "neither http://"},
		{"http:///x", nil, "neither http://"},
		{"http://a:geheim@ho st/", nil, "it is no url"},
		{"http://a:geheim#@host/", nil, "# as %23"},
		{"a:geheim@host/x", nil, "neither http://"},
		{"file:///etc/passwd", nil, "neither http://"},
		{gone.URL, nil, "connection refused"},
		{server.URL + "/secret?key=geheim", nil, "/…: it answers 401 Unauthorized; put"},
		{server.URL + "/api/geheim/lights", nil, "/…: it answers 404 Not Found"},
		{server.URL + "/broken", nil, "500"},
		{server.URL + "/away", nil, "which is another host"},
		{server.URL + "/round", nil, "more than 3 times"},
		{server.URL + "/file", nil, "another host"},
		{server.URL + "/slow", map[string]string{"timeout": "100ms"}, "no answer within the option timeout, 100ms"},
		{server.URL + "/long", nil, "longer than 256 KiB"},
		{server.URL + "/html", nil, "neither JSON"},
		{server.URL + "/short", nil, "unexpected EOF"},
		{server.URL, map[string]string{"values": "x=y"}, "option values"},
		{server.URL, map[string]string{"headers_file": "token"}, "is no path of a file"},
		{server.URL, map[string]string{"headers_file": "/etc/absent"}, "option headers_file: read /etc/absent"},
		{server.URL, map[string]string{"headers_file": "/etc/badline"}, "line 1 is no header"},
	} {
		_, err := measureHTTP(t, httpSlot(test.url, test.more))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("%s: error %v, want %q in it", test.url, err, test.want)
		}
	}
	s, err := openHTTP(t.Context(), httpSlot(server.URL+"/slow", nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Measure(ctx, make([]float64, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopping: %v", err)
	}
}

func TestSamePlace(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"http://a/x", "http://a:80/y", true},
		{"http://a/x", "http://A/y", true},
		{"http://a/x", "https://a/y", true},
		{"http://a:8080/x", "https://a/y", false},
		{"https://a/x", "http://a/y", false},
		{"http://a/x", "http://b/y", false},
		{"http://a/x", "http://a:81/y", false},
		{"http://a/x", "http://a.evil/y", false},
	} {
		from, _ := url.Parse(test.from)
		to, _ := url.Parse(test.to)
		if got := samePlace(from, to); got != test.want {
			t.Errorf("%s to %s: %v", test.from, test.to, got)
		}
	}
}

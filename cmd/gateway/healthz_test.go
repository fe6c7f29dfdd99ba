package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

// health asks /healthz or /livez, as anybody.
func (g *gatewayProcess) health(path string) (int, string) {
	g.t.Helper()
	resp, err := http.Get(g.page + path)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(bodyOf(g.t.(*testing.T), resp))
}

// TestHealth: who has no password learns whether the gateway works, and no more; so
// does gateway health, by its configuration.
func TestHealth(t *testing.T) {
	description, err := dashboard.OpenAPI("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	api := openapitest.LoadValue(t, description)
	for name, tls := range map[string]string{"http": "", "https": "certificate"} {
		t.Run(name, func(t *testing.T) {
			config := fmt.Sprintf("sensors: []\nbroker: {listeners: [{protocol: tcp, address: '127.0.0.1:0'}]}\ndashboard:\n  address: ':%s'\n", freePort(t))
			if tls != "" {
				cert, key := newAuthority(t).issue("gateway.example.org")
				config += fmt.Sprintf("  tls: {certificate: %s, key: %s}\n", cert, key)
			}
			file := writeConfig(t, config)
			ask := func(args ...string) (string, error) {
				out, err := exec.Command(needBinary(t), append([]string{"health", "-c", file}, args...)...).CombinedOutput()
				return string(out), err
			}
			if out, err := ask(); err == nil || !strings.Contains(out, "no gateway answers at "+name+"://127.0.0.1:") {
				t.Errorf("without a gateway: %v, %s", err, out)
			}
			p := spawn(t, needBinary(t), "run", "-c", file)
			p.await(`(?m)^page\s`)
			if out, err := ask(); err != nil || out != "broker    ok\nwriting   ok\nstore     ok\nhistory   ok\n" {
				t.Errorf("%v, %s", err, out)
			}
			if out, err := ask("--live"); err != nil || out != "broker    ok\nwriting   ok\n" {
				t.Errorf("%v, %s", err, out)
			}
			if tls != "" {
				return
			}
			g := &gatewayProcess{process: p, page: "http://127.0.0.1:" + p.await(`(?m)^page\s+http://\S+:(\d+)$`)[1]}
			for _, path := range []string{"/healthz", "/healthz?verbose", "/livez"} {
				status, body := g.health(path)
				if status != http.StatusOK || !strings.HasPrefix(body, `{"status":"ok","checks":[{"name":"broker"`) {
					t.Errorf("%s: %d %s", path, status, body)
				}
				plain, _, _ := strings.Cut(path, "?")
				api.Check(t, "GET", plain, status, []byte(body))
			}
		})
	}
}

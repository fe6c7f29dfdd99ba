package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestPageOverTLS: the page is at https://, its cookies are for such lines only,
// and a certificate that is wrong is said by its key.
func TestPageOverTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("localhost")
	config := fmt.Sprintf("%s\n  tls: {certificate: %s, key: %s}\n", strings.TrimSpace(freePorts), cert, key)
	g := spawn(t, needBinary(t), "run", "-c", writeConfig(t, "sensors: []\n"+config))
	page := g.await(`(?m)^page\s+(https://\S+)$`)[1]
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool, ServerName: "localhost"}}}
	defer client.CloseIdleConnections()

	r, err := http.NewRequest(http.MethodPost, page+"/api/v1/setup", strings.NewReader(`{"password":"correct horse battery"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", page)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent || len(cookies) == 0 || !cookies[0].Secure || !cookies[0].HttpOnly {
		t.Errorf("%s %s, cookies %v", resp.Status, body, cookies)
	}

	// A broken certificate is found by gateway check, too.
	if err := os.WriteFile(cert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := spawn(t, needBinary(t), "check", writeConfig(t, "sensors: []\n"+config))
	p.await(`dashboard\.tls\.certificate: .*`)
}

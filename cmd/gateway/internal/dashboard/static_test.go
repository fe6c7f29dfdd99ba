package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestStaticFiles(t *testing.T) {
	d := testDashboard(Default())
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/static/main.js": "text/javascript; charset=utf-8", "/static/vendor/preact.js": "text/javascript; charset=utf-8",
		"/static/app.css": "text/css; charset=utf-8", "/static/icon.svg": "image/svg+xml",
	} {
		w := request(d, path)
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType || w.Body.Len() == 0 {
			t.Errorf("%s: %d %s, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
		for header, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if w.Header().Get(header) != want {
				t.Errorf("%s: %s is %q", path, header, w.Header().Get(header))
			}
		}
		z := request(d, path, "Accept-Encoding", "gzip, br")
		r, err := gzip.NewReader(z.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, w.Body.Bytes()) || z.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s compressed is something else: %v", path, err)
		}
		if z.Header().Get("ETag") == w.Header().Get("ETag") || z.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v, compressed %v", path, w.Header(), z.Header())
		}
		if other := request(d, path, "If-None-Match", z.Header().Get("ETag")); other.Code != http.StatusOK {
			t.Errorf("%s: plain is not what a browser has compressed", path)
		}
		if again := request(d, path, "If-None-Match", `"old", W/`+w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s again: %d", path, again.Code)
		}
	}
	for _, path := range []string{"/static/", "/static/nothing.js", "/other", "/static/../server.go"} {
		if w := request(d, path); w.Code != 404 && w.Code != 307 && w.Code != 301 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	d.handler().ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// TestStartCompressesNothing: the files are compressed when a browser asks, not
// while the gateway starts.
func TestStartCompressesNothing(t *testing.T) {
	for name, a := range testDashboard(Default()).assets {
		if a.zipped.bytes != nil {
			t.Errorf("%s is compressed at the start", name)
		}
	}
}

// TestFirstLoad: what a phone loads at first is small.
func TestFirstLoad(t *testing.T) {
	d := testDashboard(Default())
	modules, err := firstModules(d.assets)
	if err != nil {
		t.Fatal(err)
	}
	index := string(d.assets["index.html"].plain.bytes)
	for _, m := range modules {
		if !strings.Contains(index, `href="static/`+m+`"`) {
			t.Errorf("index.html does not name %s", m)
		}
	}
	total := 0
	others := []string{"index.html", "app.css", "icon.svg", "icons.svg", "manifest.json"}
	for _, words := range []string{"shell", "units", "home"} { // of a language that is not English, with English to fall back to
		others = append(others, "i18n/en/"+words+".json", "i18n/ko/"+words+".json")
	}
	for _, name := range append(modules, others...) {
		total += len(d.assets[name].gzip().bytes)
	}
	if total > 120<<10 {
		t.Errorf("the first load has %d kB compressed, want at most 120", total>>10)
	}
	t.Logf("the first load has %d bytes compressed, in %d modules", total, len(modules))
}

// TestNothingFromElsewhere: every file of the page is ours.
func TestNothingFromElsewhere(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?i)(src|href|from|import|url)[ (=]*["'(]?//|(import|fetch|src|href|url)[ (=]*["'` + "`" + `]?(https?|wss?):/*[^/"' ]*`)
	for name, a := range testDashboard(Default()).assets {
		if strings.HasSuffix(name, ".txt") || name == "vendor/VERSIONS" {
			continue
		}
		for _, found := range elsewhere.FindAllString(string(a.plain.bytes), -1) {
			t.Errorf("%s names a place elsewhere: %s", name, found)
		}
	}
}

// TestImports: what a module imports is there, lest a page does not open.
func TestImports(t *testing.T) {
	assets := testDashboard(Default()).assets
	for name, a := range assets {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, m := range imports.FindAllSubmatch(a.plain.bytes, -1) {
			if file := path.Join(path.Dir(name), string(m[1])); assets[file] == nil {
				t.Errorf("%s imports %s, which is not there", name, file)
			}
		}
	}
}

// TestVendored holds the files of others to the checksums in VERSIONS.
func TestVendored(t *testing.T) {
	versions, err := os.ReadFile("static/vendor/VERSIONS")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`(?m)^file: (\S+) .*\n(?:npm: .*\n)here: ([0-9a-f]{64})$`).FindAllStringSubmatch(string(versions), -1)
	seen := map[string]bool{}
	for _, l := range listed {
		b, err := os.ReadFile("static/vendor/" + l[1])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != l[2] {
			t.Errorf("%s is not what VERSIONS says", l[1])
		}
		seen[l[1]] = true
	}
	files, err := os.ReadDir("static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".txt") && f.Name() != "VERSIONS" && !seen[f.Name()] {
			t.Errorf("%s is not in VERSIONS", f.Name())
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d files in VERSIONS, want 7", len(seen))
	}
}

func TestAcceptsGzip(t *testing.T) {
	for accept, want := range map[string]bool{
		"gzip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, GZIP ;q=0.5": true, "gzip; q=1": true, "gzip;x": true, "gzip;q=x": true,
		"": false, "br": false, "gzip;q=0": false, "br, gzip; q=0.000": false, "xgzip": false, "x-gzip-not": false, "*": false,
	} {
		if got := acceptsGzip(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

// TestContentTypes: a file of a kind we did not think of would be sent as
// text, and do nothing in the page.
func TestContentTypes(t *testing.T) {
	for name, a := range testDashboard(Default()).assets {
		text := strings.HasSuffix(name, ".txt") || name == "vendor/VERSIONS"
		if (a.contentType == "text/plain; charset=utf-8") != text {
			t.Errorf("%s is sent as %s", name, a.contentType)
		}
	}
}

// TestServeFrom: whoever works on the page sees what is in the folder now.
func TestServeFrom(t *testing.T) {
	folder := t.TempDir()
	if err := os.CopyFS(folder, inBinary()); err != nil {
		t.Fatal(err)
	}
	d := testDashboard(Default())
	if err := d.ServeFrom(folder); err != nil {
		t.Fatal(err)
	}
	if w := request(d, "/"); w.Code != 200 || !strings.Contains(w.Body.String(), `href="static/main.js"`) {
		t.Errorf("/: %d %s", w.Code, w.Body)
	}
	if err := os.WriteFile(path.Join(folder, "theme.js"), []byte("export const other = 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w := request(d, "/static/theme.js"); w.Code != 200 || !strings.Contains(w.Body.String(), "other") {
		t.Errorf("a changed file: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/static/none.js", "/static/../server.go"} {
		if w := request(d, path); w.Code != 404 && w.Code != 301 && w.Code != 307 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := request(d, "/api/v1/session"); w.Code != http.StatusOK {
		t.Errorf("the page cannot log in: %d %s", w.Code, w.Body)
	}
	if err := testDashboard(Default()).ServeFrom(t.TempDir()); err == nil || !strings.Contains(err.Error(), "index.html") {
		t.Errorf("an empty folder: %v", err)
	}
}

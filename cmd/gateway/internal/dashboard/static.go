package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

//go:embed static
var embedded embed.FS

// contentType is set by hand: a machine's own table may say otherwise, and a
// browser runs no module that is not called JavaScript.
func contentType(file string) string {
	switch path.Ext(file) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	}
	return "text/plain; charset=utf-8" // licences
}

// asset is one static file, ready to be sent.
type asset struct {
	contentType string
	plain       body

	once   sync.Once
	zipped body // after once
}

// gzip returns the file compressed. That is done when somebody asks for it: for
// all files at the start it took half of a start, seconds on a Pi Zero.
func (a *asset) gzip() body {
	a.once.Do(func() { a.zipped = newBody(compress(a.plain.bytes)) })
	return a.zipped
}

// body is one form of an asset. Each has an ETag of its own, as what is
// called strong must differ when the bytes do.
type body struct {
	bytes []byte
	etag  string
}

func newBody(b []byte) body {
	sum := sha256.Sum256(b)
	return body{b, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// inBinary are the static files of this binary.
func inBinary() fs.FS {
	files, err := fs.Sub(embedded, "static")
	if err != nil {
		panic(err) // of a constant
	}
	return files
}

// loadAssets reads static files, by their path.
func loadAssets(files fs.FS) (map[string]*asset, error) {
	assets := make(map[string]*asset)
	err := fs.WalkDir(files, ".", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		assets[file] = &asset{contentType: contentType(file), plain: newBody(b)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := preload(assets); err != nil {
		return nil, err
	}
	return assets, nil
}

const (
	// firstLoadMark stands in index.html where what is loaded first is to be named.
	firstLoadMark = "<!-- first load:"
	preloadLink   = `<link rel="modulepreload" href="static/%s">` + "\n"
)

// preload names in index.html all modules that the first page needs, so that a
// browser asks for them at once and not one after the other.
func preload(assets map[string]*asset) error {
	index := assets["index.html"]
	if index == nil {
		return errors.New("there is no index.html")
	}
	before, after, ok := bytes.Cut(index.plain.bytes, []byte(firstLoadMark))
	if !ok {
		return errors.New("index.html does not say where modules are to be named")
	}
	_, after, _ = bytes.Cut(after, []byte("-->\n"))
	modules, err := firstModules(assets)
	if err != nil {
		return err
	}
	text := bytes.Clone(before)
	for _, m := range modules {
		text = fmt.Appendf(text, preloadLink, m)
	}
	index.plain = newBody(append(text, after...))
	return nil
}

// imports finds what a module needs before it runs: import … from "./x.js".
var imports = regexp.MustCompile(`(?m)(?:^|[;}])(?:import|export)\s*(?:[\w{}\s,*$]*?from\s*)?"(\.{1,2}/[^"]+)"`)

// firstModules are the modules of the first page, home, in the order in which
// they are found.
func firstModules(assets map[string]*asset) ([]string, error) {
	all := []string{"main.js", "pages/home.js"}
	for i := 0; i < len(all); i++ {
		a := assets[all[i]]
		if a == nil {
			return nil, fmt.Errorf("%s is imported, and not there", all[i])
		}
		for _, m := range imports.FindAllSubmatch(a.plain.bytes, -1) {
			if name := path.Join(path.Dir(all[i]), string(m[1])); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

func compress(b []byte) []byte {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		panic(err) // there is such a level
	}
	_, err = w.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return z.Bytes()
}

// ServeFrom serves the static files of a folder, read again at each request, in
// place of those in the binary: to work on the page without building. It is called
// before Run. It fails if the page cannot be in that folder.
func (d *Dashboard) ServeFrom(folder string) error {
	files := os.DirFS(folder)
	if _, err := loadAssets(files); err != nil {
		return fmt.Errorf("the page in %s: %w", folder, err)
	}
	d.files = files
	return nil
}

// fromFolder serves one file of the folder as it is now.
func (d *Dashboard) fromFolder(w http.ResponseWriter, r *http.Request) {
	assets, err := loadAssets(d.files)
	if err != nil {
		answer.Error(w, http.StatusInternalServerError, "%v", err)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/static/")
	if r.URL.Path == "/" {
		name = "index.html"
	}
	if a := assets[name]; a != nil {
		a.serve(w, r)
		return
	}
	http.NotFound(w, r)
}

// serve sends the file, or says that the browser has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache") // ask each time; the answer is short
	h.Set("Vary", "Accept-Encoding")
	b := a.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		b = a.gzip()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", b.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.bytes))
}

// acceptsGzip tells whether an Accept-Encoding names gzip, and not with a
// quality of 0.
func acceptsGzip(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		coding, parameter, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		quality, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q=")
		q, err := strconv.ParseFloat(quality, 64)
		return !ok || err != nil || q > 0
	}
	return false
}

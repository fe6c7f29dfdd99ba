package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
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
	}
	return "text/plain; charset=utf-8" // licences
}

// asset is one static file, ready to be sent.
type asset struct {
	contentType string
	plain, gzip body
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

// loadAssets reads and compresses the static files, by their path below
// static.
func loadAssets() (map[string]*asset, error) {
	assets := make(map[string]*asset)
	err := fs.WalkDir(embedded, "static", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(file)
		if err != nil {
			return err
		}
		z, err := compress(b)
		if err != nil {
			return err
		}
		assets[strings.TrimPrefix(file, "static/")] = &asset{contentType(file), newBody(b), newBody(z)}
		return nil
	})
	return assets, err
}

func compress(b []byte) ([]byte, error) {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return z.Bytes(), err
}

// serve sends the file, or says that the browser has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache") // ask each time; the answer is short
	h.Set("Vary", "Accept-Encoding")
	b := a.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		b = a.gzip
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

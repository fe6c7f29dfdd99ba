package history

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// takesGzip tells whether who asks can read gzip.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// packed has f answer, compressed if who asks can read that.
func packed(w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter)) {
	w.Header().Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		f(w)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	f(packing{w, z})
	_ = z.Close() // the reader may be gone
}

// packing is a ResponseWriter whose body is compressed.
type packing struct {
	http.ResponseWriter
	z io.Writer
}

func (p packing) Write(b []byte) (int, error) { return p.z.Write(b) }

package backup

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/history/tsdb"
)

// onceWriter calls a function once when a megabyte has come.
type onceWriter struct {
	io.Writer
	n     int
	first func()
}

func (w *onceWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	if f := w.first; f != nil && w.n > 1<<20 {
		w.first = nil
		f()
	}
	return w.Writer.Write(b)
}

// TestHistoryGoesOn seals the history while its first file goes over the line:
// what was in its journal is in a new file of pages then.
func TestHistoryGoesOn(t *testing.T) {
	old := newHouse(t, "old")
	dir := filepath.Join(old.state, "history")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	db, err := tsdb.Open(tsdb.Options{Folder: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC).UnixMilli()
	for i := range int64(100) {
		if err := db.Append("a", tsdb.Sample{Time: at + 1000*i, Value: float64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 4<<20) // nothing makes it smaller, and it is the first
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(large)
	old.write(filepath.Join(dir, "15m-00000000.damaged"), string(large))

	var b bytes.Buffer
	w := &onceWriter{Writer: &b, first: func() {
		// Moving something seals what there is.
		if err := db.Shift("a", at-10_000, at, 1); err != nil {
			t.Error(err)
		}
	}}
	if err := Write(w, Source{State: old.state, History: true}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	other := newHouse(t, "new")
	if _, err := Stage(&b, other.target()); err != nil {
		t.Fatal(err)
	}
	if applied, err := Apply(other.state, quiet); err != nil || !applied {
		t.Fatalf("applied %t: %v", applied, err)
	}
	db, err = tsdb.Open(tsdb.Options{Folder: filepath.Join(other.state, "history"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := 0
	for _, err := range db.Samples("a", at, at+1_000_000) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 100 {
		t.Errorf("the backup has %d samples of 100", n)
	}
}

//go:build linux

package emulated_test

import (
	"bytes"
	_ "embed"
	"flag"
	"os"
	"slices"
	"strconv"
	"sync"
	"text/template"
	"time"

	"gateway/broker/bench/machine"
	"gateway/deploy/raspberrypi/emulated/board"
)

var out = flag.String("out", "", "write what was measured to this file, deploy/raspberrypi/EMULATED.md; make emulated")

// report is what was measured, for EMULATED.md. Its methods may be called
// concurrently.
type report struct {
	mu      sync.Mutex
	rows    []*row
	kernels map[string]string // release by board
}

// row is one figure of each board.
type row struct {
	What, Unit, Target string
	values             map[string]string // by board
}

// measured is filled by the tests, and written when all have passed.
var measured = &report{kernels: make(map[string]string)}

// add notes a figure of a board; target says what it has to be, "" if nothing.
// Rows are in the order in which they are first noted. Of a figure that is noted
// twice the last one counts.
func (r *report) add(a board.Arch, what, unit, target string, value float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.rows, func(w *row) bool { return w.What == what })
	if i < 0 {
		i = len(r.rows)
		r.rows = append(r.rows, &row{what, unit, target, make(map[string]string)})
	}
	r.rows[i].values[a.Name] = short(value)
}

// kernel notes which kernel a board ran.
func (r *report) kernel(a board.Arch, release string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kernels[a.Name] = release
}

// short writes a figure with three digits that count, and a count as it is.
func short(v float64) string {
	if v == float64(int(v)) {
		return strconv.Itoa(int(v))
	}
	return machine.Number(v)
}

// Value is the figure of a board, – if there is none.
func (r row) Value(board string) string {
	if v, ok := r.values[board]; ok {
		return v
	}
	return "–"
}

//go:embed testdata/EMULATED.md.tmpl
var reportText string

// write writes the document.
func (r *report) write(file string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, err := template.New("EMULATED.md").Parse(reportText)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Date": time.Now().Format(time.DateOnly), "Rows": r.rows, "Kernels": r.kernels,
		"Machine": machine.Describe(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

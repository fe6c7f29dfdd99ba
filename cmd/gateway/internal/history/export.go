package history

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard/answer"
)

// Export writes any number of samples, and takes as much memory as a few hours of
// each of its series. Rows go by time; a series that has nothing at a time has an
// empty cell there. If reading breaks in between, the last line says so and the
// connection is cut: half of it never passes for all.

const (
	// maxColumns is how many series stand beside each other. In line protocol
	// they come one after the other, any number.
	maxColumns = 100
	// writeTimeout is how long a reader may take nothing.
	writeTimeout = time.Minute
	// lookEvery is after how many rows it is looked whether the reader is there.
	lookEvery = 1000
)

// exportForm is a way to write rows.
type exportForm struct {
	name, contentType, extension string
	columns                      int // at most, 0 for any
	new                          func(out *bufio.Writer, e *export) rowWriter
}

func exportForms() []exportForm {
	return []exportForm{
		{"csv", "text/csv; charset=utf-8; header=present", "csv", maxColumns, newCSV},
		{"json", "application/json", "json", maxColumns, newJSON},
		{"line", "text/plain; charset=utf-8", "lp", 0, newLine},
	}
}

// rowWriter writes what is exported.
type rowWriter interface {
	begin()
	// row has cells of the series from first on, of which some are there.
	row(t int64, first int, cells []cell)
	// end is called with what broke, nil for nothing.
	end(err error)
}

// cell is a value of a series at a time: a sample, or a point.
type cell struct {
	there              bool
	min, avg, max, val float64 // val is the sample, and the last one of a point
	n                  uint64
}

// export is what is asked for.
type export struct {
	form     exportForm
	series   []Meta
	from, to int64
	points   int // 0: samples as they are
}

// ServeExport streams what is asked for:
// ?series=S&from=&to=&format=csv|json|line&points=, or ?filter=home/%23.
func (h *History) ServeExport(w http.ResponseWriter, r *http.Request) {
	e, status, err := h.exportOf(r.URL.Query())
	if err != nil {
		f := answer.FailureOf(err)
		f.Error += "."
		answer.Status(w, status, f)
		return
	}
	head := w.Header()
	head.Set("Content-Type", e.form.contentType)
	head.Set("Cache-Control", "no-store")
	head.Set("Vary", "Accept-Encoding")
	head.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="history-%s.%s"`, time.UnixMilli(e.from).UTC().Format("2006-01-02"), e.form.extension))
	lasting := &patient{w: w, c: http.NewResponseController(w)}
	var to io.Writer = lasting
	closeAll := func() error { return nil }
	if takesGzip(r) {
		head.Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(lasting, gzip.BestSpeed)
		to, closeAll = z, z.Close
	}
	out := bufio.NewWriterSize(to, 32<<10)
	err = h.write(r.Context(), e, out)
	if err := errors.Join(out.Flush(), closeAll()); err != nil {
		return // the reader is gone
	}
	if err != nil {
		h.log.Warn("an export broke off", "series", len(e.series), "error", err)
		panic(http.ErrAbortHandler) // so that no program takes it for complete
	}
}

// exportOf reads what is asked for.
func (h *History) exportOf(q url.Values) (e *export, status int, err error) {
	err = known(q, "series", "filter", "from", "to", "format", "points")
	e = &export{}
	if e.from, e.to, e.points, err = rangeOf(q, err, 0); err != nil {
		return nil, http.StatusBadRequest, err
	}
	if e.form, err = formOf(q.Get("format")); err != nil {
		return nil, http.StatusBadRequest, err
	}
	filter, err := filterOf(q)
	asked := distinct(q["series"])
	if err == nil && filter == "" && len(asked) == 0 {
		err = errors.New("series is missing: which ones? GET /api/v1/series lists them, and filter=%23 is all")
	}
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	var missing string
	names, missing := h.find(asked, filter)
	switch {
	case missing != "":
		return nil, http.StatusNotFound, answer.Say("export.none", "there is no series {series}; GET /api/v1/series lists them", fmt.Sprintf("%.200q", missing))
	case len(names) == 0:
		return nil, http.StatusNotFound, answer.Say("export.nomatch", "no series matches the filter {filter}; GET /api/v1/series lists them", fmt.Sprintf("%.200q", filter))
	case e.form.columns > 0 && len(names) > e.form.columns:
		return nil, http.StatusBadRequest, answer.Say("export.many", "{n} series are more than the {most} that can stand beside each other; export fewer, or format=line", len(names), e.form.columns)
	}
	for _, name := range names {
		e.series = append(e.series, h.describe(name))
	}
	return e, http.StatusOK, nil
}

// find returns the series that are asked for by name, and those of a filter; and
// one that there is none of.
func (h *History) find(asked []string, filter string) (names []string, missing string) {
	there := h.db.Series()
	for _, name := range asked {
		if !slices.ContainsFunc(there, func(s seriesInfo) bool { return s.Name == name }) {
			return nil, name
		}
	}
	names = asked
	for _, s := range there {
		if filter != "" && chosen(s.Name, filter) && !slices.Contains(asked, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names, ""
}

func formOf(name string) (exportForm, error) {
	if name == "" {
		name = "csv"
	}
	var names []string
	for _, f := range exportForms() {
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	return exportForm{}, fmt.Errorf("format: there is no %.40q; there are %s", name, strings.Join(names, ", "))
}

// write writes it all. The error is what broke in between, and is in what was
// written.
func (h *History) write(ctx context.Context, e *export, out *bufio.Writer) error {
	w := e.form.new(out, e)
	w.begin()
	err := h.rows(ctx, e, w, out)
	w.end(err)
	return err
}

// rows writes all rows.
func (h *History) rows(ctx context.Context, e *export, w rowWriter, out *bufio.Writer) error {
	step := len(e.series)
	if e.form.columns == 0 {
		step = 1
	}
	n := 0
	for at := 0; at < len(e.series); at += step {
		sources := make([]iter.Seq2[timed, error], step)
		for i := range sources {
			source, err := h.source(e, e.series[at+i].Series)
			if err != nil {
				return err
			}
			sources[i] = source
		}
		for row, err := range merge(sources) {
			if err != nil {
				return err
			}
			w.row(row.t, at, row.cells)
			if n++; n%lookEvery != 0 {
				continue
			}
			if ctx.Err() != nil {
				return errors.New("the gateway stops, or nobody reads any more")
			}
			if _, err := out.Write(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// patient is who writes to a reader that may be slow, but takes something now
// and then.
type patient struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's has none
	return p.w.Write(b)
}

package history

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/history/tsdb"
)

// quiet is a history that does not run, for what only reads it.
func quiet(t *testing.T) *History {
	t.Helper()
	h, err := Open(Default(), Deps{Broker: broker.New(broker.Default(), slog.New(slog.DiscardHandler)), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

var morning = time.Date(2026, 11, 28, 10, 12, 0, 0, time.UTC).UnixMilli()

func (h *History) fill(t *testing.T, series string, every int64, values ...float64) {
	t.Helper()
	for i, v := range values {
		if err := h.db.Append(series, tsdb.Sample{Time: morning + int64(i)*every, Value: v}); err != nil {
			t.Fatal(err)
		}
	}
}

// ask has a handler answer a query.
func ask(h *History, path string, q url.Values, headers ...string) *httptest.ResponseRecorder {
	method, at := "GET", path
	if path == "DELETE" {
		method, at = path, "/api/v1/history"
	}
	r := httptest.NewRequest(method, at+"?"+q.Encode(), nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	switch path {
	case "/api/v1/series":
		h.ServeSeries(w, r)
	case "/api/v1/history":
		h.ServeHistory(w, r)
	case "/api/v1/export":
		h.ServeExport(w, r)
	case "DELETE":
		h.ServeDelete(w, r)
	}
	return w
}

func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}

func TestExportCSV(t *testing.T) {
	h := quiet(t)
	h.fill(t, "home/kitchen/climate#temperature", 10_000, 21.5, 22, -0.25)
	h.fill(t, `a,"b"/c#x`, 20_000, 1e-9, 1e21)
	h.fill(t, "=cmd()/x", 60_000, 7)
	got := ask(h, "/api/v1/export", query("series", "home/kitchen/climate#temperature", "series", `a,"b"/c#x`, "series", "=cmd()/x", "from", strconv.FormatInt(morning, 10), "to", "2026-11-28T10:13:00Z"))
	want := "time,epoch_ms,home/kitchen/climate#temperature (°C),\"a,\"\"b\"\"/c#x\",'=cmd()/x\r\n" +
		"2026-11-28T10:12:00.000Z,1795860720000,21.5,0.000000001,7\r\n" +
		"2026-11-28T10:12:10.000Z,1795860730000,22,,\r\n" +
		"2026-11-28T10:12:20.000Z,1795860740000,-0.25,1000000000000000000000,\r\n"
	if got.Body.String() != want || got.Code != 200 {
		t.Errorf("%d\n%s\nwant\n%s", got.Code, got.Body, want)
	}
	if d := got.Header().Get("Content-Disposition"); d != `attachment; filename="history-2026-11-28.csv"` {
		t.Error(d)
	}
}

// TestExportIsTheChart: what is exported with points is what a chart has, number
// by number.
func TestExportIsTheChart(t *testing.T) {
	h := quiet(t)
	var a, b []float64
	for i := range 5000 {
		a = append(a, float64(i%97)/7)
		b = append(b, float64(i*i%1013)/3)
	}
	h.fill(t, "a#x", 1000, a...)
	h.fill(t, "b#y", 1700, b...)
	q := query("series", "a#x", "series", "b#y", "from", fmt.Sprint(morning-12_345), "to", fmt.Sprint(morning+3_600_001), "points", "333")
	var c Chart
	if err := json.Unmarshal(ask(h, "/api/v1/history", q).Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	q.Set("format", "csv")
	rows, err := csv.NewReader(ask(h, "/api/v1/export", q).Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"time", "epoch_ms", "a#x min", "a#x avg", "a#x max", "a#x last", "a#x n", "b#y min", "b#y avg", "b#y max", "b#y last", "b#y n"}; !slices.Equal(rows[0], want) {
		t.Errorf("%q", rows[0])
	}
	for s, l := range c.Series {
		i := 0
		for _, r := range rows[1:] {
			cells := r[2+5*s : 7+5*s]
			if cells[0] == "" {
				continue
			}
			ms, _ := strconv.ParseInt(r[1], 10, 64)
			for k, want := range []float64{l.Min[i], l.Avg[i], l.Max[i], l.Last[i], float64(l.N[i])} {
				if x, err := strconv.ParseFloat(cells[k], 64); err != nil || x != want || ms != l.T[i] {
					t.Fatalf("point %d of %s is %q at %d, the chart has %v at %d", i, l.Series, cells, ms, want, l.T[i])
				}
			}
			i++
		}
		if i != len(l.T) || i == 0 {
			t.Errorf("%d points of %s, the chart has %d", i, l.Series, len(l.T))
		}
	}
	q.Set("format", "json")
	var j struct {
		Complete bool                `json:"complete"`
		Rows     [][]json.RawMessage `json:"rows"`
	}
	if err := json.Unmarshal(ask(h, "/api/v1/export", q).Body.Bytes(), &j); err != nil || !j.Complete || len(j.Rows) != len(rows)-1 {
		t.Errorf("JSON: %v, %v, %d rows", err, j.Complete, len(j.Rows))
	}
	if l := c.Series[0]; string(j.Rows[0][1]) != fmt.Sprintf("[%v,%v,%v,%v,%d]", l.Min[0], l.Avg[0], l.Max[0], l.Last[0], l.N[0]) {
		t.Errorf("%s", j.Rows[0][1])
	}
}

func TestExportJSON(t *testing.T) {
	h := quiet(t)
	h.fill(t, "a#x", 1000, 1, 2.5)
	h.fill(t, "b", 1000, 3)
	got := ask(h, "/api/v1/export", query("filter", "#", "from", fmt.Sprint(morning), "format", "json")).Body.String()
	if !strings.Contains(got, "\"columns\":[\"t\",\"a#x\",\"b\"],\n\"rows\":[\n[1795860720000,1,3],\n[1795860721000,2.5,null]\n],\"complete\":true}\n") || !json.Valid([]byte(got)) {
		t.Error(got)
	}
}

func TestExportLine(t *testing.T) {
	h := quiet(t)
	h.fill(t, "home/kitchen/climate#temperature", 500, 21.5, 22)
	h.fill(t, `a b,c=d/x\`, 1000, 3)
	q := query("filter", "#", "from", fmt.Sprint(morning), "format", "line")
	got := ask(h, "/api/v1/export", q).Body.String()
	want := `gateway,topic=a\ b\,c\=d/x value=3 1795860720000000000
gateway,room=kitchen,sensor=climate,site=home,topic=home/kitchen/climate temperature=21.5 1795860720000000000
gateway,room=kitchen,sensor=climate,site=home,topic=home/kitchen/climate temperature=22 1795860720500000000
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	// One point over a range without an end begins where the width of all time since falls.
	q.Set("points", "1")
	q.Set("to", fmt.Sprint(morning+60_000))
	if got := ask(h, "/api/v1/export", q).Body.String(); !strings.Contains(got, " temperature_min=21.5,temperature_avg=21.75,temperature_max=22,temperature_last=22,temperature_n=2i 17958") {
		t.Error(got)
	}
}

// The simulated house is not mixed into what is exported by a wildcard.
func TestExportWithoutDemo(t *testing.T) {
	h := quiet(t)
	h.fill(t, "demo/kitchen/climate#x", 1000, 1)
	h.fill(t, "home/kitchen/climate#x", 1000, 2)
	for filter, want := range map[string]string{"#": "home", "+/kitchen/#": "home", "demo/#": "demo"} {
		got := ask(h, "/api/v1/export", query("filter", filter, "from", fmt.Sprint(morning))).Body.String()
		if first, _, _ := strings.Cut(got, "\n"); first != "time,epoch_ms,"+want+"/kitchen/climate#x\r" {
			t.Errorf("%s gives %q", filter, first)
		}
	}
	if got := ask(h, "/api/v1/export", query("series", "demo/kitchen/climate#x", "from", fmt.Sprint(morning))); got.Code != 200 {
		t.Errorf("asked by name: %d", got.Code)
	}
}

func TestExportGzip(t *testing.T) {
	h := quiet(t)
	h.fill(t, "a#x", 1000, make([]float64, 5000)...)
	q := query("series", "a#x", "from", fmt.Sprint(morning))
	plain := ask(h, "/api/v1/export", q)
	packed := ask(h, "/api/v1/export", q, "Accept-Encoding", "br, gzip;q=0.8")
	if packed.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" {
		t.Fatalf("%v", packed.Header())
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(b, plain.Body.Bytes()) {
		t.Errorf("%v, %d bytes, want %d", err, len(b), plain.Body.Len())
	}
	if got := ask(h, "/api/v1/export", q, "Accept-Encoding", "gzip; q=0"); got.Header().Get("Content-Encoding") != "" {
		t.Error("who refuses gzip gets it")
	}
}

// TestExportThatBreaks: half an export says so, and the connection is cut.
func TestExportThatBreaks(t *testing.T) {
	h := quiet(t)
	h.fill(t, "a#x", 1000, make([]float64, 5*lookEvery)...)
	for format, end := range map[string]string{
		"csv":  `,0` + "\r\n" + `"error: this is not all: the gateway stops, or nobody reads any more"` + "\r\n",
		"json": `],"error":"this is not all: the gateway stops, or nobody reads any more"}` + "\n",
		"line": "\n# error: this is not all: the gateway stops, or nobody reads any more\n",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the connection stays", format)
				}
			}()
			h.ServeExport(w, httptest.NewRequestWithContext(ctx, "GET", "/?series=a%23x&format="+format+"&from="+fmt.Sprint(morning), nil))
		}()
		if got := w.Body.String(); !strings.HasSuffix(got, end) || format == "json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s ends with %q", format, got[max(0, len(got)-200):])
		}
	}
}

func TestMerge(t *testing.T) {
	of := func(err error, times ...int64) iter.Seq2[timed, error] {
		return func(yield func(timed, error) bool) {
			for _, at := range times {
				if !yield(timed{at, cell{there: true, val: float64(at)}}, nil) {
					return
				}
			}
			if err != nil {
				yield(timed{}, err)
			}
		}
	}
	var got []string
	for r, err := range merge([]iter.Seq2[timed, error]{of(nil, 1, 3, 5), of(nil), of(nil, 1, 2, 5, 6)}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(r.t, r.cells[0].there, r.cells[1].there, r.cells[2].there))
	}
	if want := []string{"1 true false true", "2 false false true", "3 true false false", "5 true false true", "6 false false true"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	broken := errors.New("broken")
	var last error
	n := 0
	for _, err := range merge([]iter.Seq2[timed, error]{of(nil, 1, 2, 3), of(broken, 1)}) {
		last = err
		n++
	}
	if last != broken || n != 2 {
		t.Errorf("%d rows, %v", n, last)
	}
}

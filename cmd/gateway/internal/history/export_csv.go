package history

import (
	"bufio"
	"strconv"
	"strings"
	"time"

	"gateway/sensors/reading"
)

// csvWriter writes RFC 4180: the time twice, as ISO 8601 in UTC and as ms since
// 1970, then a column for each series with its unit in the header; of points five
// columns each.
//
//	time,epoch_ms,home/kitchen/climate#temperature (°C)
//	2026-11-28T10:12:00.000Z,1795860720000,21.5
type csvWriter struct {
	out  *bufio.Writer
	e    *export
	line []byte
}

func newCSV(out *bufio.Writer, e *export) rowWriter { return &csvWriter{out: out, e: e} }

// csvTime is ISO 8601, as spreadsheets and programs read it.
const csvTime = "2006-01-02T15:04:05.000Z07:00"

func (w *csvWriter) begin() {
	w.out.WriteString("time,epoch_ms")
	for _, m := range w.e.series {
		unit := ""
		if m.Unit != "" {
			unit = " (" + m.Unit + ")"
		}
		kinds := []string{""}
		if w.e.points > 0 {
			kinds = []string{" min", " avg", " max", " last", " n"}
		}
		for _, k := range kinds {
			w.out.WriteByte(',')
			if k == " n" {
				unit = ""
			}
			w.out.WriteString(quoted(m.Series + k + unit))
		}
	}
	w.out.WriteString("\r\n")
}

// quoted is a text for a cell. Spreadsheets take what begins with one of these for
// a formula, and topics are anybody's.
func quoted(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		s = "'" + s
	}
	if strings.ContainsAny(s, ",\"\r\n") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func (w *csvWriter) row(t int64, _ int, cells []cell) {
	b := time.UnixMilli(t).UTC().AppendFormat(w.line[:0], csvTime)
	b = append(b, ',')
	b = strconv.AppendInt(b, t, 10)
	for _, c := range cells {
		switch {
		case !c.there && w.e.points > 0:
			b = append(b, ",,,,,"...)
		case !c.there:
			b = append(b, ',')
		case w.e.points > 0:
			for _, x := range [...]float64{c.min, c.avg, c.max, c.val} {
				b = append(b, ',')
				b = reading.AppendNumber(b, x)
			}
			b = append(b, ',')
			b = strconv.AppendUint(b, c.n, 10)
		default:
			b = append(b, ',')
			b = reading.AppendNumber(b, c.val)
		}
	}
	w.line = append(b, '\r', '\n')
	w.out.Write(w.line)
}

func (w *csvWriter) end(err error) {
	if err != nil {
		w.out.WriteString(quoted("error: this is not all: "+err.Error()) + "\r\n")
	}
}

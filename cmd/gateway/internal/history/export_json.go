package history

import (
	"bufio"
	"encoding/json"
	"strconv"
)

// jsonWriter writes one object, a row a line:
//
//	{"from":…,"to":…,"series":[{"series":"…","unit":"°C",…}],
//	"columns":["t","home/kitchen/climate#temperature"],
//	"rows":[
//	[1795860720000,21.5],
//	[1795860730000,null]
//	],"complete":true}
//
// A point is [min,avg,max,last,n] in place of a number. What broke off has
// "error" in place of "complete".
type jsonWriter struct {
	out  *bufio.Writer
	e    *export
	line []byte
	some bool
}

func newJSON(out *bufio.Writer, e *export) rowWriter { return &jsonWriter{out: out, e: e} }

func (w *jsonWriter) begin() {
	columns := []string{"t"}
	for _, m := range w.e.series {
		columns = append(columns, m.Series)
	}
	head, err := json.Marshal(struct {
		From    int64    `json:"from"`
		To      int64    `json:"to"`
		Series  []Meta   `json:"series"`
		Columns []string `json:"columns"`
	}{w.e.from, w.e.to, w.e.series, columns})
	if err != nil {
		panic(err) // texts and numbers can be encoded
	}
	w.out.Write(head[:len(head)-1])
	w.out.WriteString(",\n\"rows\":[")
}

func (w *jsonWriter) row(t int64, _ int, cells []cell) {
	b := w.line[:0]
	if w.some {
		b = append(b, ',')
	}
	w.some = true
	b = append(b, '\n', '[')
	b = strconv.AppendInt(b, t, 10)
	for _, c := range cells {
		b = append(b, ',')
		switch {
		case !c.there:
			b = append(b, "null"...)
		case w.e.points > 0:
			b = append(b, '[')
			for _, x := range [...]float64{c.min, c.avg, c.max, c.val} {
				b = append(appendJSON(b, x), ',')
			}
			b = append(strconv.AppendUint(b, c.n, 10), ']')
		default:
			b = appendJSON(b, c.val)
		}
	}
	w.line = append(b, ']')
	w.out.Write(w.line)
}

// appendJSON writes a number as encoding/json does, so that an export has the
// very text of GET /api/v1/history.
func appendJSON(b []byte, x float64) []byte {
	text, err := json.Marshal(x)
	if err != nil {
		panic(err) // history has finite numbers only
	}
	return append(b, text...)
}

func (w *jsonWriter) end(err error) {
	if err == nil {
		w.out.WriteString("\n],\"complete\":true}\n")
		return
	}
	text, _ := json.Marshal("this is not all: " + err.Error())
	w.out.WriteString("\n],\"error\":")
	w.out.Write(text)
	w.out.WriteString("}\n")
}

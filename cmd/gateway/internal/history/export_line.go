package history

import (
	"bufio"
	"strconv"
	"strings"

	"gateway/sensors/reading"
)

// lineWriter writes InfluxDB's line protocol, with times in ns, as every version
// takes it without being told:
//
//	gateway,room=kitchen,sensor=climate,site=home,topic=home/kitchen/climate temperature=21.5 1795860720000000000
//
// The measurement is gateway; tags are the topic, and site, room and sensor if it
// has those; the field is the key, or value where a payload is a number. A point
// has the fields temperature_min, _avg, _max, _last and _n.
type lineWriter struct {
	out   *bufio.Writer
	e     *export
	heads []lineHead // by series
	line  []byte
}

// lineHead is what stands before the values of a series, and the key of its field.
type lineHead struct{ tags, key string }

func newLine(out *bufio.Writer, e *export) rowWriter {
	return &lineWriter{out: out, e: e, heads: make([]lineHead, len(e.series))}
}

// lineText writes what a tag or its key, and a field's key may hold: a
// comma, = and space have a backslash before them. There is no way to write a line
// feed in a tag, nor a backslash at its end.
var lineText = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `, "\n", `\ `, "\r", `\ `, "\t", `\ `)

func lineEscape(s string) string {
	s = strings.TrimRight(lineText.Replace(s), `\`)
	if s == "" {
		return "_"
	}
	return s
}

func (w *lineWriter) begin() {
	for i, m := range w.e.series {
		tags := "gateway"
		if path, err := reading.ParsePath(m.Path); err == nil {
			tags += ",room=" + lineEscape(path.Room()) + ",sensor=" + lineEscape(path.Sensor()) + ",site=" + lineEscape(path.Site())
		}
		key := m.Key
		if key == "" {
			key = "value"
		}
		w.heads[i] = lineHead{tags + ",topic=" + lineEscape(m.Topic) + " ", lineEscape(key)}
	}
}

func (w *lineWriter) row(t int64, first int, cells []cell) {
	for i, c := range cells {
		if !c.there {
			continue
		}
		key := w.heads[first+i].key
		b := append(append(w.line[:0], w.heads[first+i].tags...), key...)
		if w.e.points == 0 {
			b = append(b, '=')
			b = reading.AppendNumber(b, c.val)
		} else {
			for k, x := range [...]float64{c.min, c.avg, c.max, c.val} {
				if k > 0 {
					b = append(append(b, ','), key...)
				}
				b = append(append(b, [...]string{"_min", "_avg", "_max", "_last"}[k]...), '=')
				b = reading.AppendNumber(b, x)
			}
			b = append(append(append(b, ','), key...), "_n="...)
			b = append(strconv.AppendUint(b, c.n, 10), 'i')
		}
		b = append(b, ' ')
		b = strconv.AppendInt(b, t, 10)
		w.line = append(b, "000000\n"...) // ns
		w.out.Write(w.line)
	}
}

func (w *lineWriter) end(err error) {
	if err != nil { // a comment
		w.out.WriteString("# error: this is not all: " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n")
	}
}

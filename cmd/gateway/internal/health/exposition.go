package health

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Figure is one that a part says of itself.
type Figure struct {
	Name, Type, Help string // Type is gauge or counter; figures of one Name have the same three
	Value            float64
	Labels           []string // name after name and value; no two figures of one Name have the same
}

// Source gives the figures of this moment. It is called with each request.
type Source func() []Figure

// Metrics answers with the figures of this moment, in Prometheus' text format 0.0.4.
func Metrics(sources ...Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var e exposition
		for _, s := range sources {
			e.add(s())
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, e.text()) // the reader may be gone
	})
}

// exposition is a page of metrics that is being made: the figures by name, in the
// order in which names came first. The samples of a name have to stand together,
// whoever gives them.
type exposition struct {
	names  []string
	byName map[string][]Figure
}

func (e *exposition) add(all []Figure) {
	if e.byName == nil {
		e.byName = make(map[string][]Figure)
	}
	for _, f := range all {
		if e.byName[f.Name] == nil {
			e.names = append(e.names, f.Name)
		}
		e.byName[f.Name] = append(e.byName[f.Name], f)
	}
}

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (e *exposition) text() string {
	var b strings.Builder
	for _, name := range e.names {
		all := e.byName[name]
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, escapeHelp.Replace(all[0].Help), name, all[0].Type)
		for _, f := range all {
			b.WriteString(name)
			writeLabels(&b, f.Labels)
			b.WriteString(" " + strconv.FormatFloat(f.Value, 'g', -1, 64) + "\n")
		}
	}
	return b.String()
}

// writeLabels writes labels, of which those with the value "" are the same as none.
func writeLabels(b *strings.Builder, labels []string) {
	sep := "{"
	for pair := range slices.Chunk(labels, 2) {
		if pair[1] == "" {
			continue
		}
		b.WriteString(sep + pair[0] + `="`)
		_, _ = escapeLabel.WriteString(b, strings.ToValidUTF8(pair[1], "\uFFFD")) // a Builder never fails
		b.WriteString(`"`)
		sep = ","
	}
	if sep == "," {
		b.WriteString("}")
	}
}

// gauge and counter make figures.
func gauge(name, help string, v float64, labels ...string) Figure {
	return Figure{name, "gauge", help, v, labels}
}

func counter(name, help string, v float64, labels ...string) Figure {
	return Figure{name, "counter", help, v, labels}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

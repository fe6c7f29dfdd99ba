package logs

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// partKey is the attribute that names the part of the gateway.
const partKey = "part"

// Handler returns a handler that hands every record to next and keeps it, without
// secrets. What next is not interested in is not kept either.
func (r *Ring) Handler(next slog.Handler) slog.Handler { return &handler{ring: r, next: next} }

// handler keeps records. It is never changed: With… make new ones.
type handler struct {
	ring   *Ring
	next   slog.Handler
	part   string
	attrs  []Attr
	prefix string // of groups: "a.b."
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	e := &Entry{Time: record.Time, Level: record.Level, Part: h.part, Message: h.ring.clean(record.Message)}
	e.Attrs = slices.Clip(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		h.put(&e.Attrs, &e.Part, h.prefix, a)
		return len(e.Attrs) < maxAttrs
	})
	if strings.Contains(record.Message, "code") { // a code that opens the page, once
		e.Attrs = slices.Clone(e.Attrs)
		for i := range e.Attrs {
			if e.Attrs[i].Key == "code" {
				e.Attrs[i].Value = "***"
			}
		}
	}
	h.ring.add(e)
	return h.next.Handle(ctx, record)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	w := *h
	w.next = h.next.WithAttrs(attrs)
	w.attrs = slices.Clip(slices.Clone(h.attrs))
	for _, a := range attrs {
		w.put(&w.attrs, &w.part, w.prefix, a)
	}
	return &w
}

func (h *handler) WithGroup(name string) slog.Handler {
	w := *h
	w.next = h.next.WithGroup(name)
	if name != "" {
		w.prefix += name + "."
	}
	return &w
}

// put adds an attribute as text to attrs, or makes it the part.
func (h *handler) put(attrs *[]Attr, part *string, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		inner := prefix
		if a.Key != "" {
			inner += a.Key + "."
		}
		for _, x := range v.Group() {
			h.put(attrs, part, inner, x)
		}
		return
	}
	switch {
	case a.Key == "":
	case prefix == "" && a.Key == partKey:
		*part = v.String()
	case len(*attrs) < maxAttrs:
		*attrs = append(*attrs, Attr{prefix + a.Key, h.ring.cleanNamed(a.Key, text(v))})
	}
}

func text(v slog.Value) string {
	if err, ok := v.Any().(error); ok && v.Kind() == slog.KindAny {
		return err.Error()
	}
	return v.String()
}

// clean returns as much of a text as is kept, without secrets. Twice as much is
// looked at, so that a secret at the end is not cut before it is seen.
func (r *Ring) clean(s string) string {
	return clip(r.secrets.Text(s[:min(len(s), 2*maxText)]))
}

func (r *Ring) cleanNamed(name, s string) string {
	return clip(r.secrets.Named(name, s[:min(len(s), 2*maxText)]))
}

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

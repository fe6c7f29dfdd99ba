package answer

import (
	"errors"
	"fmt"
	"strings"
)

// Text is what the gateway says to a person, and an error. Beside its English it
// has a code that stays, by which a page says the same in another language: its
// words are in static/i18n, in the catalogue "said".
type Text struct {
	code    string
	english string
	values  []any
}

// Say makes a Text. English has a {name} where a value stands; the values are in
// the order in which their names appear first. Code and English are literals: a
// test finds every Say in the source, and holds that the page has words for it.
func Say(code, english string, values ...any) *Text { return &Text{code, english, values} }

// Error returns the English.
func (t *Text) Error() string {
	names := placeholders(t.english)
	pairs := make([]string, 0, 2*len(names))
	for i, name := range names[:min(len(names), len(t.values))] {
		pairs = append(pairs, "{"+name+"}", fmt.Sprint(t.values[i]))
	}
	return strings.NewReplacer(pairs...).Replace(t.english)
}

// Unwrap returns those values that are errors.
func (t *Text) Unwrap() (all []error) {
	for _, v := range t.values {
		if err, ok := v.(error); ok {
			all = append(all, err)
		}
	}
	return all
}

// placeholders are the names in braces, each once.
func placeholders(english string) (names []string) {
	seen := make(map[string]bool)
	for rest := english; ; {
		_, after, found := strings.Cut(rest, "{")
		name, next, closed := strings.Cut(after, "}")
		if !found || !closed {
			return names
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		rest = next
	}
}

// FailureOf returns the form of an error. It has a code if there is a Text in err,
// and before that nothing, or what is the same in every language: the name of a
// field, as in "topic: is empty".
func FailureOf(err error) Failure {
	f := Failure{Error: err.Error()}
	var t *Text
	if !errors.As(err, &t) {
		return f
	}
	before, whole := strings.CutSuffix(f.Error, t.Error())
	if !whole || before != "" && !strings.HasSuffix(before, ": ") || strings.Contains(strings.TrimSuffix(before, ": "), " ") {
		return f // other words are around it
	}
	f.Code, f.Before = t.code, before
	for i, name := range placeholders(t.english)[:len(t.values)] {
		if f.Values == nil {
			f.Values = make(map[string]any)
		}
		f.Values[name] = valueOf(t.values[i])
	}
	return f
}

// valueOf is a value as it travels: a number, a text, or a Failure that has words
// of its own.
func valueOf(v any) any {
	switch v := v.(type) {
	case int:
		return v
	case error:
		if f := FailureOf(v); f.Code != "" {
			return f
		}
	}
	return fmt.Sprint(v)
}

// Sentence returns the form of an error, its English as a sentence.
func Sentence(err error) Failure {
	f := FailureOf(err)
	f.Error = strings.ToUpper(f.Error[:1]) + f.Error[1:] + "."
	return f
}

// Texts returns errors in English, and in their form for a page.
func Texts(errs []error) (english []string, forms []Failure) {
	english = make([]string, len(errs))
	for i, err := range errs {
		f := FailureOf(err)
		english[i], forms = f.Error, append(forms, f)
	}
	return english, forms
}

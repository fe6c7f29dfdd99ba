package history

import (
	"reflect"
	"strings"
	"testing"

	"gateway/cmd/gateway/internal/history/tsdb"
)

// A topic that is longer than the name of a series can be is left out, and is no
// reason to say that there are too many series.
func TestLongTopic(t *testing.T) {
	bubble(t, func(t *testing.T, h *testHistory) {
		h.publish(strings.Repeat("long", 300), "1")
		h.publish("short", "1")
		if a := h.Alarms(); len(a) != 0 {
			t.Errorf("alarms %q", a)
		}
		if f := h.Figures(); f.Series != 1 || f.Recorded != 1 || f.Rejected != 0 {
			t.Errorf("%+v", f)
		}
	})
}

// The key that the engine's error names is one.
func TestTooManyNamesAKey(t *testing.T) {
	_, name, _ := strings.Cut(tsdb.ErrTooMany.Error(), "history.")
	name, _, _ = strings.Cut(name, " ")
	c := reflect.TypeFor[Config]()
	for i := range c.NumField() {
		if key, _, _ := strings.Cut(c.Field(i).Tag.Get("yaml"), ","); key == name {
			return
		}
	}
	t.Errorf("%v: there is no key %q", tsdb.ErrTooMany, name)
}

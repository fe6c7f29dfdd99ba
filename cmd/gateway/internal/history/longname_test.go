package history

import (
	"strings"
	"testing"
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

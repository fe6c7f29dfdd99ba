package bustest

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gateway/sensors/bus"
)

const ms = time.Millisecond

func mustInput(t *testing.T, l *Lines, line string, o bus.InputOptions) bus.Input {
	t.Helper()
	in, err := l.Input(line, o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Edges come when they happen, as the options ask for them.
func TestLinesEdges(t *testing.T) {
	type edge struct {
		at   time.Duration
		high bool
	}
	for _, tt := range []struct {
		name string
		o    bus.InputOptions
		want []edge
	}{
		{"both", bus.InputOptions{Rising: true, Falling: true}, []edge{{10 * ms, true}, {12 * ms, false}, {20 * ms, true}, {40 * ms, false}}},
		{"rising", bus.InputOptions{Rising: true}, []edge{{10 * ms, true}, {20 * ms, true}}},
		{"falling", bus.InputOptions{Falling: true}, []edge{{12 * ms, false}, {40 * ms, false}}},
		{"active low", bus.InputOptions{ActiveLow: true, Rising: true}, []edge{{12 * ms, true}, {40 * ms, true}}},
		{"debounced", bus.InputOptions{Rising: true, Falling: true, Debounce: 5 * ms}, []edge{{25 * ms, true}, {45 * ms, false}}},
		{"debounced too long", bus.InputOptions{Rising: true, Falling: true, Debounce: 21 * ms}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, start := NewLines(), time.Now()
				in := mustInput(t, l, "17", tt.o)
				for i, at := range []time.Duration{40 * ms, 10 * ms, 12 * ms, 20 * ms} { // in any order
					l.SetLevel("GPIO17", i == 1 || i == 3, start.Add(at))
				}
				for _, want := range tt.want {
					e, err := in.Edge(t.Context(), time.Second)
					if err != nil || e.Time.Sub(start) != want.at || e.High != want.high || e.Lost != 0 {
						t.Fatalf("edge %v %v, %v, want %v", e.Time.Sub(start), e, err, want)
					}
					if now := time.Since(start); now != want.at {
						t.Errorf("the edge of %v came at %v", want.at, now)
					}
				}
				from := time.Now()
				if e, err := in.Edge(t.Context(), time.Second); !errors.Is(err, bus.ErrNoEdge) || time.Since(from) != time.Second {
					t.Errorf("one more edge: %v, %v after %v", e, err, time.Since(from))
				}
			})
		})
	}
}

func TestLinesLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLines()
		for _, tt := range []struct {
			line string
			o    bus.InputOptions
			want bool
		}{
			{"1", bus.InputOptions{}, false},
			{"2", bus.InputOptions{PullUp: true}, true},
			{"3", bus.InputOptions{PullDown: true}, false},
			{"4", bus.InputOptions{PullUp: true, ActiveLow: true}, false},
			{"5", bus.InputOptions{ActiveLow: true}, true},
		} {
			if got, err := mustInput(t, l, tt.line, tt.o).High(); got != tt.want || err != nil {
				t.Errorf("%+v: %v, %v, want %v", tt.o, got, err, tt.want)
			}
		}
		in := mustInput(t, l, "6", bus.InputOptions{Rising: true, Debounce: 10 * ms})
		l.SetLevel("6", true, time.Time{})
		if high, _ := in.High(); high || !l.High("6") {
			t.Error("a level counts before it is debounced, or the voltage is not there")
		}
		time.Sleep(10 * ms)
		if high, _ := in.High(); !high {
			t.Error("a level that lasted does not count")
		}
		if _, err := mustInput(t, l, "7", bus.InputOptions{}).Edge(t.Context(), 0); err == nil || errors.Is(err, bus.ErrNoEdge) {
			t.Errorf("Edge of a line without edges: %v", err)
		}
	})
}

// An Edge that waits ends with the context, with Close and with a fault; and
// one that does not wait does not.
func TestLinesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLines()
		in := mustInput(t, l, "GPIO4", bus.InputOptions{Rising: true})
		start := time.Now()
		if _, err := in.Edge(t.Context(), 0); !errors.Is(err, bus.ErrNoEdge) || time.Since(start) != 0 {
			t.Errorf("without waiting: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*ms)
		defer cancel()
		if _, err := in.Edge(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*ms {
			t.Errorf("with a context: %v after %v", err, time.Since(start))
		}
		time.AfterFunc(ms, func() { l.Fail("4", syscall.ENODEV) })
		if _, err := in.Edge(t.Context(), time.Hour); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("with a fault: %v", err)
		}
		if _, err := in.High(); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("High with a fault: %v", err)
		}
		l.Fail("4", nil)
		time.AfterFunc(ms, func() { in.Close() })
		if _, err := in.Edge(t.Context(), time.Hour); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("closed meanwhile: %v", err)
		}
		if in.Close() == nil {
			t.Error("it can be closed twice")
		}
	})
}

func TestLinesLoseTheOldestEdges(t *testing.T) {
	l, start := NewLines(), time.Now().Add(-time.Second)
	l.Buffer(2)
	in := mustInput(t, l, "17", bus.InputOptions{Rising: true})
	for i := range 5 {
		l.SetLevel("17", true, start.Add(time.Duration(2*i)*ms))
		l.SetLevel("17", false, start.Add(time.Duration(2*i+1)*ms))
	}
	for i, want := range []uint32{3, 0} {
		e, err := in.Edge(t.Context(), 0)
		if err != nil || e.Lost != want || e.Time.Sub(start) != time.Duration(6+2*i)*ms {
			t.Errorf("edge %d: %+v, %v, want %d lost before it", i, e, err, want)
		}
	}
}

// What is wired to an output reacts.
func TestLinesOnSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLines()
		l.OnSet("23", func(high bool) {
			if !high {
				l.SetLevel("24", true, time.Now().Add(200*time.Microsecond))
				l.SetLevel("24", false, time.Now().Add(3*ms))
			}
		})
		echo := mustInput(t, l, "24", bus.InputOptions{Rising: true, Falling: true})
		trigger, err := l.Output("23", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := echo.Edge(t.Context(), ms); !errors.Is(err, bus.ErrNoEdge) {
			t.Errorf("an echo of nothing: %v", err)
		}
		for _, high := range []bool{true, false} {
			if err := trigger.Set(high); err != nil {
				t.Fatal(err)
			}
		}
		up, _ := echo.Edge(t.Context(), time.Second)
		down, err := echo.Edge(t.Context(), time.Second)
		if err != nil || down.Time.Sub(up.Time) != 2800*time.Microsecond {
			t.Errorf("a pulse of %v, %v", down.Time.Sub(up.Time), err)
		}
		var sets []bool
		for _, s := range l.Sets("GPIO23") {
			sets = append(sets, s.High)
		}
		if !slices.Equal(sets, []bool{false, true, false}) {
			t.Errorf("set to %v", sets)
		}
		if got := l.Open(); !slices.Equal(got, []string{"GPIO23", "GPIO24"}) {
			t.Errorf("open: %v", got)
		}
		l.Fail("23", syscall.EIO)
		if err := trigger.Set(true); !errors.Is(err, syscall.EIO) || l.High("23") {
			t.Errorf("Set with a fault: %v", err)
		}
		if trigger.Close() != nil || echo.Close() != nil || len(l.Open()) != 0 {
			t.Errorf("open after closing: %v", l.Open())
		}
		if trigger.Set(true) == nil || trigger.Close() == nil {
			t.Error("a closed output works")
		}
	})
}

func TestLinesThatCannotBeOpened(t *testing.T) {
	l := NewLines()
	l.Take("4", "onewire@0")
	l.Fail("5", fs.ErrNotExist)
	mustInput(t, l, "6", bus.InputOptions{})
	for line, says := range map[string]string{"4": "onewire@0", "5": "not exist", "GPIO6": "open already"} {
		_, inErr := l.Input(line, bus.InputOptions{})
		_, outErr := l.Output(line, true)
		for _, err := range []error{inErr, outErr} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("line %s: %v, want %q", line, err, says)
			}
		}
	}
	if _, err := l.Input("7", bus.InputOptions{PullUp: true, PullDown: true}); err == nil {
		t.Error("a line is pulled up and down")
	}
	l.Take("4", "")
	mustInput(t, l, "4", bus.InputOptions{})
}

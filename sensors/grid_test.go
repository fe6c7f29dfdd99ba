package sensors

import (
	"testing"
	"time"
)

func TestGrid(t *testing.T) {
	origin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	g := grid{origin, 10 * time.Second}
	for _, test := range []struct{ at, want time.Duration }{
		{-time.Hour, 0}, {-1, 0}, {0, 10 * time.Second}, {1, 10 * time.Second}, {10*time.Second - 1, 10 * time.Second},
		{10 * time.Second, 20 * time.Second}, {25 * time.Second, 30 * time.Second}, {240 * time.Hour, 240*time.Hour + 10*time.Second},
	} {
		if got := g.after(origin.Add(test.at)).Sub(origin); got != test.want {
			t.Errorf("after %v comes %v, want %v", test.at, got, test.want)
		}
	}
}

func TestBackoffGrowsToItsMaximum(t *testing.T) {
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, w := range want {
		if got := backoff(i + 1); got != w*time.Second {
			t.Errorf("after %d failures %v, want %v", i+1, got, w*time.Second)
		}
	}
	if got := backoff(1 << 30); got != maxBackoff {
		t.Errorf("after very many failures %v", got)
	}
}

package driver

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// Which ranges are tried, for a light in which others would suit better.
func TestAutorange(t *testing.T) {
	fault := errors.New("fault")
	for _, tt := range []struct {
		name   string
		at     int
		better func(at, n int) int // by the range, and how many were tried before
		tried  []int
		err    error
	}{
		{"suits", 1, func(int, int) int { return 0 }, []int{1}, nil},
		{"dark", 2, func(int, int) int { return -1 }, []int{2, 1, 0}, nil},
		{"bright", 0, func(int, int) int { return 1 }, []int{0, 1, 2}, errTooBright},
		{"flicker", 1, func(at, _ int) int { return 1 - 2*(at%2) }, []int{1, 0, 1, 0}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tried []int
			at, err := autorange(tt.at, 3, func(at int) (int, error) {
				tried = append(tried, at)
				return tt.better(at, len(tried)), nil
			})
			if !slices.Equal(tried, tt.tried) || at != tried[len(tried)-1] && tt.name != "flicker" {
				t.Errorf("tried %v and ended with %d, want %v", tried, at, tt.tried)
			}
			if (err == nil) != (tt.err == nil && tt.name != "flicker") || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
		})
	}
	if at, err := autorange(2, 3, func(int) (int, error) { return -1, fault }); at != 2 || !errors.Is(err, fault) {
		t.Errorf("with a fault: %d, %v", at, err)
	}
	for count, want := range map[int]int{9: -1, 10: 0, 99: 0, 100: 1} {
		if got := betterRange(count, 10, 100); got != want {
			t.Errorf("betterRange(%s) = %d, want %d", fmt.Sprint(count), got, want)
		}
	}
}

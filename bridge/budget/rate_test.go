package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRate(t *testing.T) {
	for _, test := range []struct {
		perSecond float64
		messages  int
		took      time.Duration // until the last one goes
	}{
		{50, 50, 0},
		{50, 51, 20 * time.Millisecond},
		{50, 1050, 20 * time.Second},
		{0.5, 1, 0},
		{0.5, 3, 4 * time.Second},
		{1.0 / 3600, 2, time.Hour},
		{0, 10_000, 0},
	} {
		t.Run(fmt.Sprint(test.perSecond, test.messages), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := NewRate(test.perSecond)
				began := time.Now()
				for range test.messages {
					if err := r.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(began).Round(time.Microsecond); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestAPauseSavesOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(10)
		for range 10 {
			_ = r.Wait(t.Context())
		}
		time.Sleep(time.Hour)
		began := time.Now()
		for range 20 {
			_ = r.Wait(t.Context())
		}
		if took := time.Since(began).Round(time.Microsecond); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
	})
}

// Who gives up costs the others nothing.
func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(1)
		_ = r.Wait(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for range 3 {
			if err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		}
		began := time.Now()
		_ = r.Wait(t.Context())
		if took := time.Since(began).Round(time.Microsecond); took != 500*time.Millisecond {
			t.Errorf("took %v, want 500ms", took)
		}
		if err := NewRate(0).Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v without a bound", err)
		}
	})
}

func TestManyShareARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(20)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 7 {
			wg.Go(func() {
				for r.Wait(ctx) == nil {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if n != 20+200 {
			t.Errorf("%d went in 10 s, want 220", n)
		}
	})
}

func TestConfigValidate(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Config{MaxRate: 50, DailyBytes: 20_000_000}, ""},
		{Config{MaxRate: 0.01, DailyBytes: 10_000}, ""},
		{Config{MaxRate: -1}, "max_rate: -1 is not possible"},
		{Config{MaxRate: 1e-9}, "max_rate: 1e-09 is not possible"},
		{Config{MaxRate: math.NaN()}, "max_rate: NaN is not possible"},
		{Config{MaxRate: math.Inf(1)}, "max_rate: +Inf is not possible"},
		{Config{DailyBytes: -1}, "daily_bytes: -1 is too few; at least 10000"},
		{Config{DailyBytes: 100}, "daily_bytes: 100 is too few"},
	} {
		err := test.cfg.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%+v: error %v, want %s", test.cfg, err, test.want)
		}
	}
}

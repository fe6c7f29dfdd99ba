package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunParts(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	var order []string
	note := func(s string) {
		mu.Lock()
		order = append(order, s)
		mu.Unlock()
	}
	good := func(name string) part {
		return part{name, func(ctx context.Context) error {
			<-ctx.Done()
			note(name)
			return nil
		}}
	}

	t.Run("stops in reverse", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			order = nil
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if err := runParts(ctx, quiet, time.Second, []part{good("broker"), good("page"), good("sensors")}); err != nil {
				t.Error(err)
			}
			if want := []string{"sensors", "page", "broker"}; !slices.Equal(order, want) {
				t.Errorf("stopped in the order %v, want %v", order, want)
			}
		})
	})
	t.Run("a failure stops all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			order = nil
			boom := errors.New("boom")
			err := runParts(t.Context(), quiet, time.Second, []part{good("broker"), {"page", func(context.Context) error { return boom }}})
			if !errors.Is(err, boom) || !strings.Contains(err.Error(), "page: boom") {
				t.Errorf("error %v", err)
			}
			if want := []string{"broker"}; !slices.Equal(order, want) {
				t.Errorf("stopped %v, want %v", order, want)
			}
		})
	})
	t.Run("names what hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			release := make(chan struct{})
			order = nil
			hangs := part{"sensors", func(context.Context) error { <-release; return nil }}
			began := time.Now()
			err := runParts(ctx, quiet, 10*time.Second, []part{good("broker"), good("page"), hangs})
			if took := time.Since(began); took != 70*time.Second {
				t.Errorf("it took %v", took)
			}
			close(release)
			if err == nil || err.Error() != "did not stop within 10s: sensors" {
				t.Errorf("error %v", err)
			}
			if want := []string{"page", "broker"}; !slices.Equal(order, want) {
				t.Errorf("stopped in the order %v, want %v", order, want)
			}
			synctest.Wait()
		})
	})
}

package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// play books what script says: "p1" published, "a1" acknowledged, "r1" arrived,
// all of topic t.
func play(p Promise, script string) *Ledger {
	l := New(p)
	for _, word := range strings.Fields(script) {
		n := uint64(word[1] - '0')
		switch word[0] {
		case 'p':
			l.Published("t", n)
		case 'a':
			l.Acknowledged("t", n)
		case 'r':
			l.Arrived("t", n)
		}
	}
	return l
}

func TestPromises(t *testing.T) {
	tests := map[string]struct {
		script string
		want   [3]string // part of the error under each promise, "" for kept
	}{
		"all well":                     {"p1 a1 p2 a2 r1 r2", [3]string{}},
		"arrived before acknowledged":  {"p1 r1 a1", [3]string{}},
		"never acknowledged, lost":     {"p1 p2 a2 r2", [3]string{}},
		"lost":                         {"p1 a1 p2 a2 r2", [3]string{"", "1 lost: [1]", "1 lost: [1]"}},
		"twice":                        {"p1 a1 r1 r1", [3]string{"1 duplicated: [1]", "", "1 duplicated: [1]"}},
		"published twice, came twice":  {"p1 p1 a1 r1 r1", [3]string{}},
		"published twice, came thrice": {"p1 p1 a1 r1 r1 r1", [3]string{"duplicated", "", "duplicated"}},
		"out of order":                 {"p1 p2 p3 r1 r3 r2", [3]string{"out of order: [2]", "out of order: [2]", "out of order: [2]"}},
		"a window sent again":          {"p1 p2 p3 r1 r2 r1 r2 r3", [3]string{"duplicated: [1 2]", "", "duplicated: [1 2]"}},
		"order is that of publishing":  {"p2 p1 a1 a2 r2 r1", [3]string{}},
		"a gap is no disorder":         {"p1 p2 p3 r1 r3", [3]string{}},
		"never published":              {"p1 r1 r7", [3]string{"never published: [7]", "never published: [7]", "never published: [7]"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for p, want := range test.want {
				err := play(Promise(p), test.script).Report().Err()
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("QoS %d: %v, want %q", p, err, want)
				}
			}
		})
	}
}

func TestTopicsAreApart(t *testing.T) {
	l := New(ExactlyOnce)
	l.Published("b", 1)
	l.Published("a", 2)
	l.Acknowledged("b", 1)
	l.Arrived("a", 2)
	r := l.Report()
	if len(r.Topics) != 2 || r.Topics[0].Name != "a" || !slices.Equal(r.Topics[1].Lost, []uint64{1}) {
		t.Errorf("%+v", r)
	}
	if err := r.Err(); err == nil || err.Error() != `topic "b": 1 lost: [1]` {
		t.Errorf("%v", err)
	}
	if want := "2 published, 1 acknowledged, 1 arrived; 1 lost, 0 duplicated, 0 out of order, 0 unknown"; r.String() != want {
		t.Errorf("%s", r)
	}
}

func TestErrorNamesOnlyTheFirstFew(t *testing.T) {
	l := New(AtLeastOnce)
	for n := range uint64(1000) {
		l.Published("t", n)
		l.Acknowledged("t", n)
	}
	want := `topic "t": 1000 lost: [0 1 2 3 4 5 6 7 8 9] and 990 more`
	if err := l.Report().Err(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestReportIsACopy(t *testing.T) {
	l := play(AtLeastOnce, "p1 p2 r2 r1")
	r := l.Report()
	l.Published("t", 3)
	l.Published("t", 4)
	l.Arrived("t", 4)
	l.Arrived("t", 3)
	if !slices.Equal(r.Topics[0].Reordered, []uint64{1}) || r.Topics[0].Published != 2 {
		t.Errorf("%+v", r)
	}
}

func TestAcknowledgedWithoutPublishedPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(AtLeastOnce).Acknowledged("t", 1)
}

func TestWaitReturnsWhenNothingIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := play(AtLeastOnce, "p1 a1 a1 p2 a2 p3 r1")
		if l.Missing() != 1 {
			t.Errorf("%d missing, want 1", l.Missing())
		}
		done := make(chan error, 1)
		go func() { done <- l.Wait(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("returned with %d missing: %v", l.Missing(), err)
		default:
		}
		l.Arrived("t", 2)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitSaysHowMuchIsMissing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := play(AtLeastOnce, "p1 a1 p2 a2").Wait(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 acknowledged") {
		t.Error(err)
	}
}

func TestConcurrentUse(t *testing.T) {
	l := New(ExactlyOnce)
	arrivals := make(chan uint64, 16)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(arrivals)
		for n := range uint64(1000) {
			l.Published("t", n)
			arrivals <- n
			l.Acknowledged("t", n)
		}
	})
	all.Go(func() {
		for n := range arrivals {
			l.Arrived("t", n)
		}
	})
	all.Go(func() {
		for range 100 {
			if topics := l.Report().Topics; len(topics) > 1 {
				t.Errorf("%v", topics)
			}
		}
	})
	all.Wait()
	if err := l.Report().Err(); err != nil || l.Missing() != 0 {
		t.Errorf("%v, %d missing", err, l.Missing())
	}
}

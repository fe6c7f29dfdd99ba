package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Report is how the books stand, with the topics in order of their names.
type Report struct {
	Promise Promise
	Topics  []Topic
}

// Topic is how one topic stands. The numbers of Reordered and Unknown are in
// the order of arrival, those of Lost and Duplicated in that of publishing.
type Topic struct {
	Name         string
	Published    int      // messages, each number once
	Acknowledged int      // of Published
	Arrived      int      // of Published, each number once
	Lost         []uint64 // acknowledged, did not arrive
	Duplicated   []uint64 // arrived more often than published
	Reordered    []uint64 // arrived first after one that was published later
	Unknown      []uint64 // arrived, were never published
}

// Report closes the books as they are now.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Promise: l.promise}
	for _, name := range slices.Sorted(maps.Keys(l.topics)) {
		r.Topics = append(r.Topics, l.topics[name].topic(name))
	}
	return r
}

func (a *account) topic(name string) Topic {
	t := Topic{Name: name, Published: len(a.entries), Reordered: slices.Clone(a.late), Unknown: slices.Clone(a.strange)}
	numbers := slices.SortedFunc(maps.Keys(a.entries), func(x, y uint64) int {
		return a.entries[x].place - a.entries[y].place
	})
	for _, n := range numbers {
		e := a.entries[n]
		if e.acknowledged {
			t.Acknowledged++
		}
		if e.arrived > 0 {
			t.Arrived++
		}
		if e.acknowledged && e.arrived == 0 {
			t.Lost = append(t.Lost, n)
		}
		if e.arrived > e.published {
			t.Duplicated = append(t.Duplicated, n)
		}
	}
	return t
}

// Err returns nil if the promise was kept, else an error that names every topic
// and what happened in it, the first few numbers of each kind included.
func (r Report) Err() error {
	var errs []error
	for _, t := range r.Topics {
		errs = append(errs, t.breaches(r.Promise)...)
	}
	return errors.Join(errs...)
}

func (t Topic) breaches(p Promise) (errs []error) {
	for _, b := range []struct {
		what    string
		numbers []uint64
		allowed bool
	}{
		{"lost", t.Lost, p == AtMostOnce},
		{"duplicated", t.Duplicated, p == AtLeastOnce},
		{"out of order", t.Reordered, false},
		{"never published", t.Unknown, false},
	} {
		if len(b.numbers) > 0 && !b.allowed {
			errs = append(errs, fmt.Errorf("topic %q: %d %s: %s", t.Name, len(b.numbers), b.what, few(b.numbers)))
		}
	}
	return errs
}

// String returns the sums over all topics in one line, for a test's log.
func (r Report) String() string {
	var s Topic
	var lost, duplicated, reordered, unknown int
	for _, t := range r.Topics {
		s.Published += t.Published
		s.Acknowledged += t.Acknowledged
		s.Arrived += t.Arrived
		lost += len(t.Lost)
		duplicated += len(t.Duplicated)
		reordered += len(t.Reordered)
		unknown += len(t.Unknown)
	}
	return fmt.Sprintf("%d published, %d acknowledged, %d arrived; %d lost, %d duplicated, %d out of order, %d unknown",
		s.Published, s.Acknowledged, s.Arrived, lost, duplicated, reordered, unknown)
}

// few writes the first ten numbers.
func few(numbers []uint64) string {
	const most = 10
	if len(numbers) <= most {
		return fmt.Sprint(numbers)
	}
	return fmt.Sprintf("%v and %d more", numbers[:most], len(numbers)-most)
}

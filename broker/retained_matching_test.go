package broker

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetainedMatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Default(), slog.New(slog.DiscardHandler))
		for _, m := range []*Message{
			{Topic: "a/b", Payload: []byte("1"), Retain: true},
			{Topic: "a/c", Payload: []byte("2"), Retain: true},
			{Topic: "a/d", Payload: []byte("3")},
			{Topic: "a/e", Payload: []byte("4"), Retain: true, Expires: time.Now().Add(time.Second)},
			{Topic: "x", Payload: []byte("5"), Retain: true},
		} {
			if err := b.Publish(m); err != nil {
				t.Fatal(err)
			}
		}
		topics := func(filter string) (all []string) {
			for _, m := range b.RetainedMatching(filter) {
				all = append(all, m.Topic)
			}
			slices.Sort(all)
			return all
		}
		if got := topics("a/+"); !slices.Equal(got, []string{"a/b", "a/c", "a/e"}) {
			t.Errorf("a/+: %v", got)
		}
		time.Sleep(2 * time.Second)
		if got := topics("#"); !slices.Equal(got, []string{"a/b", "a/c", "x"}) {
			t.Errorf("#, after one has expired: %v", got)
		}
	})
}

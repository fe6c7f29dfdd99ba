package broker

import (
	"strings"
	"testing"
)

func TestLikeText(t *testing.T) {
	for _, x := range []struct {
		s, pattern string
		want       bool
	}{
		{"", "", true}, {"a", "", false}, {"", "*", true}, {"abc", "*", true}, {"abc", "abc", true}, {"abc", "ab", false},
		{"abc", "a*", true}, {"abc", "*c", true}, {"abc", "*b*", true}, {"abc", "a*c", true}, {"abc", "a*b", false},
		{"aa", "a*a", true}, {"a", "a*a", false}, {"abcabc", "a*bc", true}, {"abcab", "a*bc*b", true}, {"abc", "a**c", true},
		{"x*y", "x*y", true}, {"abc", "*d*", false},
	} {
		if got := likeText(x.s, x.pattern); got != x.want {
			t.Errorf("%q like %q: %v", x.s, x.pattern, got)
		}
	}
}

func TestQueueBoundsValidate(t *testing.T) {
	bad, worse := -1, int64(-1)
	cfg := Default()
	cfg.Queues = []QueueBounds{{}, {ClientID: "a"}, {ClientID: "b", MaxQueuedMessages: &bad, MaxQueuedBytes: &worse, QueueFull: "drop"}}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"queues[0].client_id: is missing; a client id in which * stands for any text",
		"queues[1]: says nothing about a; max_queued_messages, max_queued_bytes or queue_full",
		"queues[2].max_queued_messages: -1 is out of range",
		"queues[2].max_queued_bytes: -1 is out of range",
		`queues[2].queue_full: "drop" is unknown; drop_newest or drop_oldest or refuse`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}

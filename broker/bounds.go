package broker

import (
	"fmt"
	"strings"
)

// What happens when a client's queue is full.
const (
	dropNewest = "drop_newest"
	dropOldest = "drop_oldest"
	refuseNew  = "refuse"
)

// CheckQueueFull returns an error about key unless word is one that says what
// happens when a queue is full.
func CheckQueueFull(key, word string) error {
	return oneOf(key, word, dropNewest, dropOldest, refuseNew)
}

// QueueBounds bound what waits for some clients, in place of the broker's
// bounds. What they leave out is the broker's.
type QueueBounds struct {
	// ClientID says whose: a client id in which * stands for any text.
	ClientID          string `yaml:"client_id"`
	MaxQueuedMessages *int   `yaml:"max_queued_messages"`
	MaxQueuedBytes    *int64 `yaml:"max_queued_bytes"`
	QueueFull         string `yaml:"queue_full"`
}

func (q QueueBounds) validate(key string) (errs []error) {
	switch {
	case q.ClientID == "":
		errs = append(errs, fmt.Errorf("%s.client_id: is missing; a client id in which * stands for any text", key))
	case q.MaxQueuedMessages == nil && q.MaxQueuedBytes == nil && q.QueueFull == "":
		errs = append(errs, fmt.Errorf("%s: says nothing about %s; max_queued_messages, max_queued_bytes or queue_full", key, q.ClientID))
	}
	if q.MaxQueuedMessages != nil {
		errs = append(errs, between(key+".max_queued_messages", *q.MaxQueuedMessages, 0, 100_000_000, "messages, 0 for any number"))
	}
	if q.MaxQueuedBytes != nil {
		errs = append(errs, between(key+".max_queued_bytes", *q.MaxQueuedBytes, 0, 1<<40, "bytes, 0 for any number"))
	}
	if q.QueueFull != "" {
		errs = append(errs, CheckQueueFull(key+".queue_full", q.QueueFull))
	}
	return errs
}

// bounds are what may wait for one client.
type bounds struct {
	messages int
	bytes    int64
	full     string
}

// boundsOf returns the bounds of a client, which many share.
func (b *Broker) boundsOf(clientID string) *bounds {
	c := b.cfg()
	for i, q := range c.Queues {
		if likeText(clientID, q.ClientID) {
			return &c.bounds[i+1]
		}
	}
	return &c.bounds[0]
}

// allBounds returns the broker's bounds, and then those of each of its Queues.
func allBounds(cfg *Config) []bounds {
	all := []bounds{{messages: cfg.MaxQueuedMessages, bytes: cfg.MaxQueuedBytes, full: cfg.QueueFull}}
	for _, q := range cfg.Queues {
		x := all[0]
		if q.MaxQueuedMessages != nil {
			x.messages = *q.MaxQueuedMessages
		}
		if q.MaxQueuedBytes != nil {
			x.bytes = *q.MaxQueuedBytes
		}
		if q.QueueFull != "" {
			x.full = q.QueueFull
		}
		all = append(all, x)
	}
	return all
}

// likeText tells whether s is pattern, in which * stands for any text.
func likeText(s, pattern string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		var part string
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
}

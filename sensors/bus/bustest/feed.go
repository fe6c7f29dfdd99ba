package bustest

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"gateway/sensors/bus"
)

// Feed is a [bus.Feed] of what a test sends. It takes no notice of filters: it
// is up to the test to look at them. It may be used concurrently.
type Feed struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at the next change; a new one then
	filters  []string
	messages []bus.FeedMessage
	err      error
	closed   bool
}

var _ bus.Feed = (*Feed)(nil)

// NewFeed returns a feed without messages.
func NewFeed() *Feed { return &Feed{changed: make(chan struct{})} }

// Subscribe returns the feed, open. It is a Slot's Subscribe.
func (f *Feed) Subscribe(filter string) (bus.Feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	f.filters = append(f.filters, filter)
	f.closed = false
	return f, nil
}

// Filters returns what was subscribed to.
func (f *Feed) Filters() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.filters)
}

// Closed tells whether the feed is closed.
func (f *Feed) Closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// Send appends a message, that of now if it has no time. The payload is the
// feed's.
func (f *Feed) Send(m bus.FeedMessage) {
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	f.change(func() { f.messages = append(f.messages, m) })
}

// SendText sends a message that is not retained.
func (f *Feed) SendText(topic, payload string) {
	f.Send(bus.FeedMessage{Topic: topic, Payload: []byte(payload)})
}

// Fail makes Next and Subscribe fail with err, until it is nil.
func (f *Feed) Fail(err error) { f.change(func() { f.err = err }) }

// Next implements [bus.Feed].
func (f *Feed) Next(ctx context.Context) (bus.FeedMessage, error) {
	for {
		m, wait, err := f.take()
		if wait == nil {
			return m, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return bus.FeedMessage{}, ctx.Err()
		}
	}
}

// take returns the next message or an error, or what to wait for.
func (f *Feed) take() (bus.FeedMessage, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return bus.FeedMessage{}, nil, fmt.Errorf("fake feed: %w", fs.ErrClosed)
	case f.err != nil:
		return bus.FeedMessage{}, nil, f.err
	case len(f.messages) == 0:
		return bus.FeedMessage{}, f.changed, nil
	}
	m := f.messages[0]
	f.messages = f.messages[1:]
	return m, nil, nil
}

// Close implements [bus.Feed]. A Next that waits returns.
func (f *Feed) Close() { f.change(func() { f.closed = true }) }

func (f *Feed) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

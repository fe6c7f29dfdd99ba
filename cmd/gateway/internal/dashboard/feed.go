package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gateway/cmd/gateway/internal/dashboard/access"
)

// Feed is what another part adds to the stream of a page that asks for it, with
// ?feed=<name>: a tab has one stream, since a browser has few connections.
type Feed interface {
	// Follow begins for one reader; query is the request's. It is closed when the
	// reader is gone, or ctx ends. An error is the reader's: it is answered with 400.
	Follow(ctx context.Context, query url.Values) (Follower, error)
}

// Follower is one reader of a Feed.
type Follower interface {
	// News returns a channel from which can be received when Events has
	// something, and which stays the same until then.
	News() <-chan struct{}
	// Events returns what there is to say since it was called last, in order. It is
	// called at most four times a second, must not block, and is to be bounded: what
	// changes often is to be joined.
	Events() []Event
	Close()
}

// Event is one server-sent event.
type Event struct {
	Name string // of one line
	Data any    // becomes JSON
}

// AddFeed lets pages ask for a feed that whoever may look may have. It is called
// before Run.
func (d *Dashboard) AddFeed(name string, f Feed) { d.AddFeedFor(access.Read, name, f) }

// AddFeedFor is AddFeed for a feed that needs another right.
func (d *Dashboard) AddFeedFor(right access.Right, name string, f Feed) {
	d.feeds[name] = f
	if right > access.Read {
		d.guarded[name] = right
	}
}

// followers are the feeds that one reader has asked for.
type followers []Follower

// followFeeds begins what a request asks for, each feed once.
func (d *Dashboard) followFeeds(r *http.Request) (all followers, err error) {
	query := r.URL.Query()
	for i, name := range query["feed"] {
		if slices.Contains(query["feed"][:i], name) {
			continue
		}
		f, ok := d.feeds[name]
		if !ok {
			all.close()
			return nil, &unknownFeedError{name, d.feeds}
		}
		if !d.access.May(max(access.Read, d.guarded[name]), r) {
			all.close()
			return nil, fmt.Errorf("the feed %s is for who may change something: log in with the password", name)
		}
		one, err := f.Follow(r.Context(), query)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (all followers) close() {
	for _, f := range all {
		f.Close()
	}
}

// wait returns a channel that is closed when one of them has news, and a
// function that ends waiting for it.
func (all followers) wait() (news <-chan struct{}, stop func()) {
	if len(all) == 0 {
		return nil, func() {}
	}
	if len(all) == 1 {
		return all[0].News(), func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, len(all))
	for _, f := range all {
		go func() {
			select {
			case <-f.News():
				cancel()
			case <-ctx.Done():
			}
			done <- struct{}{}
		}()
	}
	return ctx.Done(), func() {
		cancel()
		for range all {
			<-done
		}
	}
}

// events are those of all of them.
func (all followers) events() (e []Event) {
	for _, f := range all {
		e = append(e, f.Events()...)
	}
	return e
}

// unknownFeedError is the error about a feed that there is none of.
type unknownFeedError struct {
	name  string
	feeds map[string]Feed
}

func (e *unknownFeedError) Error() string {
	var names []string
	for name := range e.feeds {
		names = append(names, name)
	}
	return "there is no feed " + e.name + "; there are: " + strings.Join(names, ", ")
}

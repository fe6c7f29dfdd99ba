package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/cmd/gateway/internal/dashboard/access"
)

// tick is a feed that says what is put into it.
type tick struct {
	news   chan struct{}
	say    []Event
	closed bool
}

func (f *tick) Follow(context.Context, url.Values) (Follower, error) { return f, nil }
func (f *tick) News() <-chan struct{}                                { return f.news }
func (f *tick) Close()                                               { f.closed = true }
func (f *tick) Events() (e []Event) {
	e, f.say = f.say, nil
	return e
}

// TestFeeds: what other parts have to say comes in the stream of a page that asks.
func TestFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Config{Address: "127.0.0.1:8080"})
		one, two := &tick{news: make(chan struct{}, 1), say: []Event{{"one", 1}}}, &tick{news: make(chan struct{}, 1)}
		d.AddFeed("one", one)
		d.AddFeed("two", two)
		events, end := streamOfPath(t, d, "/api/v1/stream?feed=one&feed=two")
		expect := func(name, data string) {
			t.Helper()
			if e := <-events; e.name != name || !strings.HasPrefix(e.data, data) {
				t.Fatalf("%s %s, want %s %s", e.name, e.data, name, data)
			}
		}
		expect("snapshot", "{")
		expect("one", "1")
		synctest.Wait()
		two.say = []Event{{"two", "x"}, {"two", "y"}}
		two.news <- struct{}{}
		expect("two", `"x"`)
		expect("two", `"y"`)
		began := time.Now()
		expect("beat", "{") // silence, and no update, as nothing has changed
		if passed := time.Since(began); passed < beatInterval {
			t.Errorf("beat after %v", passed)
		}
		end()
		if !one.closed || !two.closed {
			t.Error("a follower was not closed")
		}
	})
}

// TestUnknownFeed: it is named, and those begun before it are closed.
func TestUnknownFeed(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:8080"})
	one := &tick{news: make(chan struct{}, 1)}
	d.AddFeed("one", one)
	w := request(d, "/api/v1/stream?feed=one&feed=none")
	if w.Code != 400 || !strings.Contains(w.Body.String(), "there is no feed none; there are: one") || !one.closed {
		t.Errorf("%d %s, closed %v", w.Code, w.Body, one.closed)
	}
}

func streamOfPath(t *testing.T, d *Dashboard, path string) (events chan event, end func()) {
	t.Helper()
	return streamOfRequest(t, d, httptest.NewRequest("GET", "http://localhost"+path, nil))
}

// TestFeedsHaveRights: what not everybody may see who may look.
func TestFeedsHaveRights(t *testing.T) {
	d := testDashboard(Config{Address: "127.0.0.1:8080"})
	d.AddFeedFor(access.Admin, "logs", &tick{})
	w := request(d, "/api/v1/stream?feed=logs")
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "log in with the password") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestFeedThatNeverRests: what feeds say does not keep the gateway from saying how
// it is itself.
func TestFeedThatNeverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Config{Address: "127.0.0.1:8080"})
		busy := &tick{news: make(chan struct{})}
		d.AddFeed("busy", busy)
		close(busy.news) // always
		events, end := streamOfPath(t, d, "/api/v1/stream?feed=busy")
		defer end()
		time.Sleep(time.Minute + time.Second)
		beats := 0
		for range len(events) {
			if e := <-events; e.name == "beat" {
				beats++
			}
		}
		if beats != 6 {
			t.Errorf("%d beats in a minute", beats)
		}
	})
}

// TestFeedTwice: a feed that is asked for twice is followed once.
func TestFeedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Config{Address: "127.0.0.1:8080"})
		f := &counted{}
		d.AddFeed("one", f)
		_, end := streamOfPath(t, d, "/api/v1/stream?feed=one&feed=one&feed=one")
		synctest.Wait()
		end()
		if f.followed != 1 || f.closed != 1 {
			t.Errorf("followed %d times, closed %d times", f.followed, f.closed)
		}
	})
}

// counted is a feed that has nothing to say.
type counted struct{ followed, closed int }

func (f *counted) Follow(context.Context, url.Values) (Follower, error) {
	f.followed++
	return f, nil
}
func (f *counted) News() <-chan struct{} { return nil }
func (f *counted) Events() []Event       { return nil }
func (f *counted) Close()                { f.closed++ }

// TestNewsBesideABeat: what one of several feeds says at the moment of a beat is
// not kept until it says something else.
func TestNewsBesideABeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := testDashboard(Config{Address: "127.0.0.1:8080"})
		one := &locked{news: make(chan struct{}, 1)}
		d.AddFeed("one", one)
		d.AddFeed("two", &counted{})
		for range 50 { // which of two comes first is by chance
			events, end := streamOfPath(t, d, "/api/v1/stream?feed=one&feed=two")
			time.AfterFunc(beatInterval, one.speak)
			time.Sleep(beatInterval + time.Second)
			said := false
			for range len(events) {
				said = said || (<-events).name == "one"
			}
			end()
			if !said {
				t.Fatal("it did not come")
			}
		}
	})
}

// locked is a feed that speaks at any moment.
type locked struct {
	news chan struct{}
	mu   sync.Mutex
	say  []Event
}

func (f *locked) speak() {
	f.mu.Lock()
	f.say = []Event{{"one", 1}}
	f.mu.Unlock()
	f.news <- struct{}{}
}
func (f *locked) Follow(context.Context, url.Values) (Follower, error) { return f, nil }
func (f *locked) News() <-chan struct{}                                { return f.news }
func (f *locked) Close()                                               {}
func (f *locked) Events() (e []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, f.say = f.say, nil
	return e
}

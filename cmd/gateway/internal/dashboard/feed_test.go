package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

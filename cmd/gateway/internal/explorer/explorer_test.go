package explorer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/broker"
	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/access"
	"gateway/cmd/gateway/internal/dashboard/openapitest"
)

func newExplorer(t *testing.T) (*Explorer, *broker.Broker) {
	t.Helper()
	b := broker.New(broker.Default(), slog.New(slog.DiscardHandler))
	return New(b, slog.New(slog.DiscardHandler)), b
}

func publish(t *testing.T, b *broker.Broker, topic, payload string, retain bool) {
	t.Helper()
	if err := b.Publish(&broker.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}); err != nil {
		t.Fatal(err)
	}
}

// mirror is what a page makes of the events.
type mirror struct {
	f      dashboard.Follower
	topics map[string]string
	events int
	more   bool
}

func follow(t *testing.T, x *Explorer, filter string) *mirror {
	t.Helper()
	f, err := x.Follow(t.Context(), url.Values{"topics": {filter}})
	if err != nil {
		t.Fatal(err)
	}
	return &mirror{f: f, topics: make(map[string]string)}
}

// catchUp takes all there is.
func (m *mirror) catchUp(t *testing.T) {
	t.Helper()
	for {
		synctest.Wait()
		events := m.f.Events()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			m.events++
			m.more = e.Data.(update).More
			u := e.Data.(update)
			if u.Reset {
				clear(m.topics)
			}
			if len(u.Topics) > perEvent {
				t.Errorf("%d topics in an event", len(u.Topics))
			}
			for _, l := range u.Topics {
				m.topics[l[0].(string)] = fmt.Sprint(l[1])
			}
			for _, gone := range u.Removed {
				delete(m.topics, gone)
			}
		}
	}
}

// TestMirror: a page that follows has what is there, however it came about.
func TestMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, b := newExplorer(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- x.Run(ctx) }()

		for i := range 2500 {
			publish(t, b, fmt.Sprintf("home/room%d/temp", i), "1", true)
		}
		m := follow(t, x, "")
		m.catchUp(t)
		if len(m.topics) != 2500 || m.events < 3 || m.more {
			t.Errorf("%d topics in %d events, more is %v", len(m.topics), m.events, m.more)
		}
		one := follow(t, x, "home/room1/+")
		one.catchUp(t)
		if len(one.topics) != 1 {
			t.Errorf("a filter brings %v", one.topics)
		}
		events := m.events
		for i := range 100 { // a busy topic is told once
			publish(t, b, "home/busy", fmt.Sprint(i), false)
		}
		publish(t, b, "home/room7/temp", "", true)
		m.catchUp(t)
		if m.topics["home/busy"] != "99" || m.topics["home/room7/temp"] != "" || len(m.topics) != 2500 || m.events != events+1 {
			t.Errorf("busy %q, gone %q, %d topics, %d events", m.topics["home/busy"], m.topics["home/room7/temp"], len(m.topics), m.events-events)
		}

		// Nobody looks: all is forgotten, and comes again with the next one.
		m.f.Close()
		one.f.Close()
		time.Sleep(2 * linger)
		synctest.Wait()
		if x.current() != nil {
			t.Error("it is held though nobody looks")
		}
		m = follow(t, x, "")
		m.catchUp(t)
		if len(m.topics) != 2499 {
			t.Errorf("the next one sees %d topics", len(m.topics))
		}
		// A page that is loaded again finds what was not retained.
		publish(t, b, "home/event", "x", false)
		m.catchUp(t)
		m.f.Close()
		again := follow(t, x, "")
		again.catchUp(t)
		if again.topics["home/event"] != "x" {
			t.Error("what was not retained is lost when the page is loaded again")
		}
		again.f.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestMore: a page that looks before anything could be taken in is told that it
// comes, lest it says that there is nothing.
func TestMore(t *testing.T) {
	x, _ := newExplorer(t)
	f, err := x.Follow(t.Context(), url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if u := f.Events()[0].Data.(update); !u.More || !u.Reset {
		t.Errorf("%+v", u)
	}
}

func TestFollowWrongFilter(t *testing.T) {
	x, _ := newExplorer(t)
	if _, err := x.Follow(t.Context(), url.Values{"topics": {"a/#/b"}}); err == nil || !strings.Contains(err.Error(), "#") {
		t.Errorf("error %v", err)
	}
	if x.current() != nil {
		t.Error("it looks all the same")
	}
}

// TestBounds: neither many topics nor large payloads fill the memory.
func TestBounds(t *testing.T) {
	tr := newTree()
	now := time.Now()
	take := func(topic string, size int) {
		tr.take(broker.Delivery{Message: &broker.Message{Topic: topic, Payload: make([]byte, size)}}, now)
	}
	for i := range maxTopics + 10 {
		take(fmt.Sprint("t/", i), 1)
	}
	if len(tr.entries) != maxTopics || tr.leftOut != 10 {
		t.Errorf("%d topics, %d left out", len(tr.entries), tr.leftOut)
	}
	for i := range 100 {
		take(fmt.Sprint("t/", i), 1<<20)
	}
	if tr.held > maxHeld+maxTopics*2*beginning {
		t.Errorf("%d bytes are held", tr.held)
	}
	d := details{Topic: "t/99"}
	tr.details(&d, now)
	if !d.Last.Cut || d.Last.Size != 1<<20 {
		t.Errorf("cut %v, size %d", d.Last.Cut, d.Last.Size)
	}
	// Histories are bounded, and what is counted as held goes when they do.
	for i := range 2 * maxWatched {
		d := details{Topic: fmt.Sprint("t/", i)}
		tr.details(&d, now)
	}
	if tr.watched != maxWatched {
		t.Errorf("%d histories", tr.watched)
	}
	for range 3 * maxHistory {
		take("t/99", 10)
	}
	if n := len(tr.entries["t/99"].history); n != maxHistory {
		t.Errorf("a history of %d", n)
	}
	for _, e := range tr.entries {
		tr.remove(e)
	}
	if tr.held != 0 || tr.oldest != nil || tr.newest != nil || tr.watched != 0 {
		t.Errorf("nothing is there, and %d bytes are held, %d histories", tr.held, tr.watched)
	}
	u, _ := tr.since(told{1, 1}, "", 10, now)
	if !u.Reset {
		t.Error("a page that missed what is forgotten is not told to begin again")
	}
}

// server serves x as the dashboard does, with every right.
func server(t *testing.T, x *Explorer) (do func(method, path, body string) (int, string)) {
	t.Helper()
	description, err := dashboard.OpenAPI("v1")
	if err != nil {
		t.Fatal(err)
	}
	api := openapitest.LoadValue(t, description)
	mux := http.NewServeMux()
	x.Mount(func(_ access.Right, pattern string, h http.Handler) { mux.Handle(pattern, h) }, func(string, dashboard.Feed) {})
	return func(method, path, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		bare, _, _ := strings.Cut(path, "?")
		api.Check(t, method, bare, w.Code, w.Body.Bytes())
		return w.Code, w.Body.String()
	}
}

func TestPublish(t *testing.T) {
	x, b := newExplorer(t)
	do := server(t, x)
	sub, err := b.Subscribe(broker.SubscribeOptions{}, "#")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	status, said := do("POST", "/api/v1/publish", `{"topic":"a/b","text":"héllo","qos":2,"retain":true,"properties":{"payload_format":1,"content_type":"text/plain",
		"response_topic":"r/t","correlation_data":"AQI=","message_expiry":60,"user":[["k","v"],["k","w"]]}}`)
	if status != 200 {
		t.Fatal(status, said)
	}
	m, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := m.Properties
	if m.Topic != "a/b" || string(m.Payload) != "héllo" || m.QoS != 2 || !m.Retain || p.ContentType.V != "text/plain" || p.ResponseTopic.V != "r/t" ||
		!slices.Equal(p.CorrelationData, []byte{1, 2}) || len(p.User) != 2 || p.User[1].Value != "w" || m.Expires.IsZero() {
		t.Errorf("%+v %+v", m.Message, p)
	}
	for body, want := range map[string]string{
		`{"topic":"a/+","text":"x"}`:                                                       "topic: ",
		`{"topic":"","text":"x"}`:                                                          "topic: ",
		`{"topic":"$SYS/x","text":"x"}`:                                                    "begins with $",
		`{"topic":"a","text":"x","qos":3}`:                                                 "qos: 3",
		`{"topic":"a","text":"x","base64":"eA=="}`:                                         "base64: ",
		`{"topic":"a","base64":"x"}`:                                                       "base64: is none",
		`{"topic":"a","base64":"gA==","properties":{"payload_format":1}}`:                  "payload_format: 1",
		`{"topic":"a","properties":{"payload_format":2}}`:                                  "payload_format: 2",
		`{"topic":"a","properties":{"message_expiry":-1}}`:                                 "message_expiry: -1",
		`{"topic":"a","properties":{"response_topic":"a/#"}}`:                              "response_topic: ",
		`{"topic":"a","properties":{"user":[["k","\u0000"]]}}`:                             "user[0]: ",
		`{"topic":"a","properties":{"content_type":"` + strings.Repeat("x", 65536) + `"}}`: "content_type: has more than",
		`{"topic":"a","text":"` + strings.Repeat("x", maxPayload+1) + `"}`:                 "text: has more than 1,048,576 bytes",
		`{"topick":"a"}`: "topick",
	} {
		if status, said := do("POST", "/api/v1/publish", body); status != 400 || !strings.Contains(said, want) {
			t.Errorf("%.80s: %d %.200s, want %q", body, status, said, want)
		}
	}
}

func TestTopic(t *testing.T) {
	x, b := newExplorer(t)
	do := server(t, x)
	publish(t, b, "home/kitchen/climate", `{"temperature":21.5}`, true)
	publish(t, b, "home/picture", "\x89PNG\x00\xff", true)
	var d details
	_, said := do("GET", "/api/v1/topic?topic=home/kitchen/climate", "")
	if err := json.Unmarshal([]byte(said), &d); err != nil || d.Last == nil || *d.Last.Text != `{"temperature":21.5}` || !d.Last.Retain {
		t.Errorf("nobody looks, and it is retained: %s", said)
	}
	if _, said := do("GET", "/api/v1/topic?topic=home/picture", ""); !strings.Contains(said, `"text":null,"base64":"iVBORwD/"`) {
		t.Errorf("binary: %s", said)
	}
	if status, said := do("GET", "/api/v1/topic?topic=none", ""); status != 200 || !strings.Contains(said, `"last":null`) {
		t.Errorf("nothing known: %d %s", status, said)
	}
	if status, _ := do("GET", "/api/v1/topic?topic=a/%23", ""); status != 400 {
		t.Errorf("a filter: %d", status)
	}
}

// TestRetained: what is to be deleted is shown, all of it goes at once, and comes
// back from the file.
func TestRetained(t *testing.T) {
	x, b := newExplorer(t)
	do := server(t, x)
	for i := range 1000 {
		m := &broker.Message{Topic: fmt.Sprint("old/", i), Payload: fmt.Append(nil, "value ", i, "\x00"), QoS: broker.QoS(i % 3), Retain: true}
		if err := b.Publish(m); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, b, "new/1", "x", true)
	var p preview
	_, said := do("GET", "/api/v1/retained?filter=old/%23", "")
	if err := json.Unmarshal([]byte(said), &p); err != nil || p.Count != 1000 || len(p.Topics) != previewed || p.Topics[1].Topic != "old/1" {
		t.Errorf("preview: %.300s", said)
	}
	_, file := do("GET", "/api/v1/retained/export?filter=old/%23", "")
	if strings.Count(file, "\n") != 1000 {
		t.Errorf("the file has %d lines", strings.Count(file, "\n"))
	}
	if status, said := do("POST", "/api/v1/retained/delete", `{"filter":"old/#","count":999}`); status != 409 || !strings.Contains(said, "1,000 retained messages now") {
		t.Errorf("more than the preview: %d %s", status, said)
	}
	if status, _ := do("POST", "/api/v1/retained/delete", `{"filter":"old/#"}`); status != 400 {
		t.Errorf("without a preview: %d", status)
	}
	if _, said := do("POST", "/api/v1/retained/delete", `{"filter":"old/#","count":1000}`); !strings.Contains(said, `{"deleted":1000}`) {
		t.Errorf("deleted: %s", said)
	}
	if left := b.RetainedMatching("#"); len(left) != 1 || left[0].Topic != "new/1" {
		t.Errorf("%d are left", len(left))
	}
	if _, said := do("POST", "/api/v1/retained/import", file); !strings.Contains(said, `{"published":1000}`) {
		t.Errorf("undone: %s", said)
	}
	if m := b.Retained("old/998"); m == nil || string(m.Payload) != "value 998\x00" || m.QoS != 998%3 {
		t.Errorf("back is %+v", m)
	}
	for body, want := range map[string]string{
		`{"topic":"a","base64":"eA=="}` + "\n{": "line 2: ",
		`{"topic":"$SYS/a","base64":"eA=="}`:    "line 1: topic: ",
		`{"topic":"a","base64":"eA==","x":1}`:   `unknown field \"x\"`,
	} {
		if status, said := do("POST", "/api/v1/retained/import", body); status != 400 || !strings.Contains(said, want) || b.Retained("a") != nil {
			t.Errorf("%s: %d %s, want %q", body, status, said, want)
		}
	}
	for _, filter := range []string{"a/%23/b", "%24SYS/%23", "%24share/g/a", ""} {
		if status, _ := do("GET", "/api/v1/retained?filter="+filter, ""); status != 400 {
			t.Errorf("filter %s: %d", filter, status)
		}
	}
}

func TestShortened(t *testing.T) {
	long := strings.Repeat("x", beginning-1) + "é"
	for payload, want := range map[string]string{"": "", "short": "short", long: strings.Repeat("x", beginning-1), strings.Repeat("é", 100): strings.Repeat("é", beginning/2)} {
		if got, ok := shortened([]byte(payload)); !ok || got != want {
			t.Errorf("%q: %q %v", payload, got, ok)
		}
	}
	for _, payload := range []string{"\xff\xfe", "a\x00b"} {
		if got, ok := shortened([]byte(payload)); ok {
			t.Errorf("%q is text: %q", payload, got)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(`{"topic":"a","base64":"eA==","qos":1,"properties":{"user":[["a","b"]]}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := readRecords(strings.NewReader(string(data)), time.Now())
		if err != nil && all != nil {
			t.Error("an error, and messages")
		}
		for _, m := range all {
			if mayPublish(m.Topic) != nil || m.QoS > 2 || !m.Retain {
				t.Errorf("%+v", m)
			}
		}
	})
}

// TestTreeAfterManyHaveGone: who comes later gets all of a large tree, though more
// topics have gone meanwhile than are remembered.
func TestTreeAfterManyHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, b := newExplorer(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go x.Run(ctx)
		first := follow(t, x, "")
		defer first.f.Close()
		first.catchUp(t)
		const many = 3*perEvent + 1
		for i := range many {
			publish(t, b, fmt.Sprintf("stays/%d", i), "1", false)
		}
		for i := range maxTombstones + 2 {
			name := fmt.Sprintf("goes/%d", i)
			publish(t, b, name, "1", true)
			publish(t, b, name, "", true)
			if i%1000 == 0 {
				synctest.Wait() // lest some of it is lost
			}
		}
		second := follow(t, x, "")
		defer second.f.Close()
		synctest.Wait()
		for range 10 {
			for _, e := range second.f.Events() {
				u := e.Data.(update)
				if u.Reset {
					clear(second.topics)
				}
				for _, l := range u.Topics {
					second.topics[l[0].(string)] = ""
				}
			}
		}
		if n := len(second.topics); n < many {
			t.Errorf("%d topics, want %d and some of the broker's own", n, many)
		}
	})
}

// TestExpiredMeanwhile: what is written into a file is what it can be read from.
func TestExpiredMeanwhile(t *testing.T) {
	now := time.Now()
	p := propertiesOf(&broker.Message{Topic: "a", Expires: now.Add(-time.Hour)}, now)
	if p == nil || *p.MessageExpiry != 0 {
		t.Errorf("%+v", p)
	}
}

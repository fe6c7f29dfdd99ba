package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/cmd/gateway/internal/redact"
)

func newTest(lines, size int) (*Ring, *slog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	r := New(lines, size, new(redact.Redactor))
	return r, slog.New(r.Handler(slog.NewTextHandler(&out, nil))), &out
}

func texts(all []*Entry) (s []string) {
	for _, e := range all {
		s = append(s, e.Message)
	}
	return s
}

func TestRing(t *testing.T) {
	r, log, out := newTest(3, 0)
	log.Debug("not logged, not kept")
	for i := range 5 {
		log.With("part", "broker").Info(fmt.Sprint("line ", i), "n", i)
	}
	all, more := r.Entries(Query{}, 10)
	if got := fmt.Sprint(texts(all)); got != "[line 2 line 3 line 4]" || more {
		t.Errorf("%s, more %v", got, more)
	}
	if all, more = r.Entries(Query{}, 2); fmt.Sprint(texts(all)) != "[line 3 line 4]" || !more {
		t.Errorf("%v, more %v", texts(all), more)
	}
	if e := all[0]; e.ID != 4 || e.Part != "broker" || e.Level != slog.LevelInfo || len(e.Attrs) != 1 || e.Attrs[0] != (Attr{"n", "3"}) {
		t.Errorf("%+v", e)
	}
	if n := strings.Count(out.String(), "\n"); n != 5 || !strings.Contains(out.String(), "part=broker n=3") {
		t.Errorf("the log itself has %d lines:\n%s", n, out)
	}
}

func TestBytes(t *testing.T) {
	r, log, _ := newTest(0, 10_000)
	for range 100 {
		log.Info(strings.Repeat("x", 1000))
	}
	if st := r.Stats(); st.Bytes > 10_000 || st.Lines < 8 || st.Total != 100 {
		t.Errorf("%+v", st)
	}
	log.Info(strings.Repeat("y", 1<<20))
	if st := r.Stats(); st.Bytes > 10_000 {
		t.Errorf("after a very long line: %+v", st)
	}
}

func TestQuery(t *testing.T) {
	r, log, _ := newTest(0, 0)
	log.Info("client connected", "client", "Kitchen-1")
	log.Warn("login refused", "remote", "10.0.0.7")
	log.With("part", "bridge").Error("upstream not connected", "error", errors.New("no route to host"))
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{Query{}, "[client connected login refused upstream not connected]"},
		{Query{Level: slog.LevelWarn}, "[login refused upstream not connected]"},
		{Query{Text: "kitchen"}, "[client connected]"},
		{Query{Text: "BRIDGE"}, "[upstream not connected]"},
		{Query{Text: "no route"}, "[upstream not connected]"},
		{Query{After: 1, Before: 3}, "[login refused]"},
		{Query{Text: "nothing"}, "[]"},
	} {
		all, _ := r.Entries(tt.q, 10)
		if got := fmt.Sprint(texts(all)); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.q, got, tt.want)
		}
	}
}

func TestSecrets(t *testing.T) {
	r, log, out := newTest(0, 0)
	r.secrets.Add("hunter2hunter2")
	log.With("password", "abc123").WithGroup("up").Warn("connect to mqtt://me:s3cret@host failed",
		"url", "wss://a:b4dpass@h", "token", "t0ken", slog.Group("tls", "key_file", "/etc/key.pem", "passphrase", "phr4se"),
		"error", fmt.Errorf("login: %w", errors.New("password=hunter2hunter2 refused")))
	log.Warn("the page has no password yet; whoever sets one needs this code", "code", "XK4P-9T2Q")
	log.Info("exit", "code", 3)
	all, _ := r.Entries(Query{}, 10)
	var kept strings.Builder
	for _, e := range all {
		kept.WriteString(e.Text() + "\n")
	}
	for _, secret := range []string{"abc123", "s3cret", "b4dpass", "t0ken", "phr4se", "hunter2", "XK4P"} {
		if strings.Contains(kept.String(), secret) {
			t.Errorf("%s is in\n%s", secret, kept.String())
		}
		if !strings.Contains(out.String(), secret) {
			t.Errorf("the log itself lost %s", secret)
		}
	}
	for _, open := range []string{"up.tls.key_file=/etc/key.pem", "me:***@host", "code=3", "up.token=***"} {
		if !strings.Contains(kept.String(), open) {
			t.Errorf("%s is not in\n%s", open, kept.String())
		}
	}
}

func TestTail(t *testing.T) {
	r, log, _ := newTest(10, 0)
	log.Info("before")
	tail := r.Follow(Query{Level: slog.LevelWarn})
	defer tail.Close()
	if all, missed := tail.Next(10); len(all) != 0 || missed != 0 {
		t.Errorf("%v, %d missed", texts(all), missed)
	}
	log.Info("not wanted")
	log.Warn("wanted")
	<-tail.News()
	if all, missed := tail.Next(10); fmt.Sprint(texts(all)) != "[wanted]" || missed != 0 {
		t.Errorf("%v, %d missed", texts(all), missed)
	}
	for i := range 25 {
		log.Warn(fmt.Sprint(i))
	}
	if all, missed := tail.Next(4); fmt.Sprint(texts(all)) != "[21 22 23 24]" || missed != 21 {
		t.Errorf("%v, %d missed", texts(all), missed)
	}
	again := r.Follow(Query{After: tail.seen - 2})
	defer again.Close()
	<-again.News()
	if all, missed := again.Next(10); fmt.Sprint(texts(all)) != "[23 24]" || missed != 0 {
		t.Errorf("from a known place: %v, %d missed", texts(all), missed)
	}
	restarted := r.Follow(Query{After: 1000}) // an ID of before the gateway was restarted
	defer restarted.Close()
	log.Warn("first")
	if all, _ := restarted.Next(10); fmt.Sprint(texts(all)) != "[first]" {
		t.Errorf("after a restart: %v", texts(all))
	}
}

func TestManyAtOnce(t *testing.T) {
	r, log, _ := newTest(100, 0)
	tail := r.Follow(Query{})
	defer tail.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				log.With("i", i).Info("x")
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			tail.Next(10)
			r.Entries(Query{Text: "7"}, 5)
		}
	})
	wg.Wait()
	if st := r.Stats(); st.Total != 1600 || st.Lines != 100 {
		t.Errorf("%+v", st)
	}
}

func TestText(t *testing.T) {
	e := Entry{Time: time.Date(2026, 11, 28, 1, 2, 3, 4e6, time.UTC), Level: slog.LevelWarn, Part: "bridge", Message: "upstream not connected",
		Attrs: []Attr{{"error", "no route\nto \"host\""}, {"n", "3"}, {"help", ""}}}
	const want = `2026-11-28T01:02:03.004Z WARN  bridge: upstream not connected error="no route\nto \"host\"" n=3 help=""`
	if got := e.Text(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func BenchmarkHandler(b *testing.B) {
	r := New(0, 0, new(redact.Redactor))
	log := slog.New(r.Handler(quiet{})).With("part", "broker")
	for b.Loop() {
		log.Info("client connected", "remote", "192.168.0.17:54321", "client", "kitchen", "version", "5.0")
	}
}

// quiet is a handler that wants everything and writes nothing.
type quiet struct{}

func (quiet) Enabled(context.Context, slog.Level) bool  { return true }
func (quiet) Handle(context.Context, slog.Record) error { return nil }
func (q quiet) WithAttrs([]slog.Attr) slog.Handler      { return q }
func (q quiet) WithGroup(string) slog.Handler           { return q }

package system

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gateway/cmd/gateway/internal/dashboard"
	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/logs"
)

const (
	defaultLines = 200
	// linesAtOnce is how many lines an event of the stream has at most.
	linesAtOnce = 200
)

// Line is one line of the log.
type Line struct {
	ID      uint64      `json:"id"`
	TimeMS  int64       `json:"time_ms"`
	Level   string      `json:"level"` // debug, info, warn or error
	Part    string      `json:"part"`
	Message string      `json:"message"`
	Attrs   [][2]string `json:"attrs"`
}

// Lines is a part of the log.
type Lines struct {
	Lines []Line `json:"lines"` // the oldest first
	More  bool   `json:"more"`  // there are older ones
	Total uint64 `json:"total"` // since the start
}

func lineOf(e *logs.Entry) Line {
	l := Line{ID: e.ID, TimeMS: e.Time.UnixMilli(), Level: levelName(e.Level), Part: e.Part, Message: e.Message, Attrs: make([][2]string, 0, len(e.Attrs))}
	for _, a := range e.Attrs {
		l.Attrs = append(l.Attrs, [2]string{a.Key, a.Value})
	}
	return l
}

func linesOf(all []*logs.Entry) []Line {
	lines := make([]Line, 0, len(all))
	for _, e := range all {
		lines = append(lines, lineOf(e))
	}
	return lines
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}

var levels = map[string]slog.Level{"debug": logs.Everything, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// logQuery reads what lines are wanted; names begin with prefix.
func logQuery(q url.Values, prefix string) (want logs.Query, err error) {
	level := cmp.Or(q.Get(prefix+"level"), "debug")
	l, ok := levels[level]
	if !ok {
		return want, fmt.Errorf("%slevel=%.20s is not known; debug, info, warn or error", prefix, level)
	}
	want = logs.Query{Level: l, Text: q.Get(prefix + "text")}
	for name, to := range map[string]*uint64{"after": &want.After, "before": &want.Before} {
		if text := q.Get(prefix + name); text != "" {
			if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
				return want, fmt.Errorf("%s%s=%.40s is not the id of a line", prefix, name, text)
			}
		}
	}
	return want, nil
}

func (s *System) logs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	want, err := logQuery(q, "")
	if err != nil {
		answer.Error(w, http.StatusBadRequest, "%v.", err)
		return
	}
	if q.Get("format") == "text" {
		all, _ := s.Ring.Entries(want, logs.DefaultLines)
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Disposition", `attachment; filename="gateway-`+time.Now().UTC().Format("20060102-150405")+`.log"`)
		_, _ = w.Write(logText(all)) // the reader may be gone
		return
	}
	limit, ok := number(w, q.Get("limit"), "limit", defaultLines, 1, logs.DefaultLines)
	if !ok {
		return
	}
	all, more := s.Ring.Entries(want, limit)
	answer.JSON(w, Lines{linesOf(all), more, s.Ring.Stats().Total})
}

func logText(all []*logs.Entry) []byte {
	var b strings.Builder
	for _, e := range all {
		b.WriteString(e.Text() + "\n")
	}
	return []byte(b.String())
}

// logFeed tells pages of new lines: ?feed=logs&log_level=warn&log_text=…, and
// log_after the id of the last line that the page has.
type logFeed struct{ ring *logs.Ring }

// Follow begins for one reader.
func (f logFeed) Follow(_ context.Context, q url.Values) (dashboard.Follower, error) {
	want, err := logQuery(q, "log_")
	if err != nil {
		return nil, err
	}
	return logFollower{f.ring.Follow(want)}, nil
}

type logFollower struct{ *logs.Tail }

// News is what is in an event of the stream.
type News struct {
	Lines  []Line `json:"lines"`
	Missed uint64 `json:"missed"` // lines before them that were too many
}

// Events returns the lines that came.
func (f logFollower) Events() []dashboard.Event {
	all, missed := f.Next(linesAtOnce)
	if len(all) == 0 && missed == 0 {
		return nil
	}
	return []dashboard.Event{{Name: "logs", Data: News{linesOf(all), missed}}}
}

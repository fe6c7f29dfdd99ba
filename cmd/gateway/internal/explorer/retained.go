package explorer

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"gateway/broker"
	"gateway/broker/topic"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

const (
	// previewed is how many topics a preview names.
	previewed = 100
	// maxImport is the largest file that is taken back, bytes.
	maxImport = 64 << 20
	// slowLine is how long a file may take from or to somebody far away.
	slowLine = 10 * time.Minute
)

// preview is what a filter stands for.
type preview struct {
	Filter string    `json:"filter"`
	Count  int       `json:"count"` // retained messages
	Bytes  int64     `json:"bytes"` // of their payloads
	Topics []glimpse `json:"topics"`
}

// glimpse is one of them.
type glimpse struct {
	Topic string  `json:"topic"`
	Text  *string `json:"text"` // beginning of the payload, null if it is no text
	Size  int     `json:"size"`
}

// matching returns what is retained for a filter, by topic. What is below $ is the
// broker's own, and is left out. It reports false and has answered if the filter is
// none.
func (x *Explorer) matching(w http.ResponseWriter, filter string) (all []*broker.Message, ok bool) {
	if err := topic.CheckFilter(filter); err != nil {
		answer.Fail(w, http.StatusBadRequest, fmt.Errorf("filter: %w", wrongTopic(err)))
		return nil, false
	}
	if group, _ := topic.SplitShare(filter); group != "" || strings.HasPrefix(filter, "$") {
		answer.Fail(w, http.StatusBadRequest, answer.Say("retained.own", "filter: \"{filter}\" is the broker's own; name topics that do not begin with $", filter))
		return nil, false
	}
	all = x.b.RetainedMatching(filter)
	slices.SortFunc(all, func(a, b *broker.Message) int { return cmp.Compare(a.Topic, b.Topic) })
	return all, true
}

// retained answers with what a filter stands for.
func (x *Explorer) retained(w http.ResponseWriter, r *http.Request) {
	filter := r.URL.Query().Get("filter")
	all, ok := x.matching(w, filter)
	if !ok {
		return
	}
	p := preview{Filter: filter, Count: len(all), Topics: []glimpse{}}
	for i, m := range all {
		p.Bytes += int64(len(m.Payload))
		if i >= previewed {
			continue
		}
		g := glimpse{Topic: m.Topic, Size: len(m.Payload)}
		if text, ok := shortened(m.Payload); ok {
			g.Text = &text
		}
		p.Topics = append(p.Topics, g)
	}
	answer.JSON(w, p)
}

// toDelete is what somebody wants cleared, having seen a preview.
type toDelete struct {
	Filter string `json:"filter"`
	Count  *int   `json:"count"` // of the preview
}

// deleteRetained clears all that is retained for a filter, in one go. It refuses
// if that is more than the preview showed: nobody has agreed to it.
func (x *Explorer) deleteRetained(w http.ResponseWriter, r *http.Request) {
	var d toDelete
	if !answer.Decode(w, r, &d) {
		return
	}
	if d.Count == nil {
		answer.Error(w, http.StatusBadRequest, "count: is missing; how many the preview, GET /api/v1/retained, has shown")
		return
	}
	all, ok := x.matching(w, d.Filter)
	if !ok {
		return
	}
	if len(all) > *d.Count {
		answer.Fail(w, http.StatusConflict, answer.Say("retained.more", "There are {n} retained messages now, and {agreed} were to be deleted. Nothing was; look again.", countIn(len(all)), countIn(*d.Count)))
		return
	}
	for _, m := range all {
		if err := x.b.Publish(&broker.Message{Topic: m.Topic, QoS: 1, Retain: true}); err != nil {
			answer.Fail(w, http.StatusServiceUnavailable, err)
			return
		}
	}
	x.log.Info("retained messages deleted from the page", "filter", d.Filter, "count", len(all))
	answer.JSON(w, deleted{len(all)})
}

type deleted struct {
	Deleted int `json:"deleted"`
}

// record is a line of a file of retained messages.
type record struct {
	Topic      string      `json:"topic"`
	Base64     string      `json:"base64"`
	QoS        int         `json:"qos"`
	Properties *properties `json:"properties,omitempty"`
}

// exportRetained sends what is retained for a filter as a file, JSON lines, from
// which importRetained makes it again.
func (x *Explorer) exportRetained(w http.ResponseWriter, r *http.Request) {
	all, ok := x.matching(w, r.URL.Query().Get("filter"))
	if !ok {
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slowLine)) // a writer in a test has none
	h := w.Header()
	h.Set("Content-Type", "application/jsonl")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="retained.jsonl"`)
	now := time.Now()
	out := json.NewEncoder(w)
	for _, m := range all {
		line := record{m.Topic, base64.StdEncoding.EncodeToString(m.Payload), int(m.QoS), propertiesOf(m, now)}
		if out.Encode(line) != nil {
			return // the reader is gone
		}
	}
}

// importRetained publishes what is in a file that exportRetained has made. A file
// that is wrong anywhere is refused as a whole.
func (x *Explorer) importRetained(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(slowLine))
	_ = control.SetWriteDeadline(time.Now().Add(slowLine))
	all, err := readRecords(http.MaxBytesReader(w, r.Body, maxImport), time.Now())
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		answer.Fail(w, http.StatusRequestEntityTooLarge, answer.Say("retained.long", "The file is longer than {n} bytes.", countIn(maxImport)))
		return
	case err != nil:
		answer.Fail(w, http.StatusBadRequest, answer.Say("retained.unpublished", "{why}; nothing was published", err))
		return
	}
	for _, m := range all {
		if err := x.b.Publish(m); err != nil {
			answer.Fail(w, http.StatusServiceUnavailable, err)
			return
		}
	}
	x.log.Info("retained messages published from a file", "count", len(all))
	answer.JSON(w, struct {
		Published int `json:"published"`
	}{len(all)})
}

// readRecords reads a file of retained messages.
func readRecords(r io.Reader, now time.Time) (all []*broker.Message, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRequest)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var l record
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			return nil, answer.Say("retained.none", "line {n}: is no retained message: {why}", n, err)
		}
		m, err := toPublish{Topic: l.Topic, Base64: &l.Base64, QoS: l.QoS, Retain: true, Properties: l.Properties}.message(now)
		if err != nil {
			return nil, answer.Say("retained.line", "line {n}: {why}", n, err)
		}
		all = append(all, m)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, answer.Say("retained.longline", "a line is longer than any message")
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, nil
}
